package intake

import (
	"context"

	"headway/internal/messages"
	"headway/internal/quota"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
)

// unpack replaces the stored archive of an import with the workbook that is inside.
func (in *Intake) unpack(ctx context.Context, im *imports.Import, inside *source.InsideError, hold *quota.Hold) error {
	share, err := in.Workbooks.Memory.Acquire(ctx, in.Files.ReceiveBytes()+source.OpenBytes)
	if err != nil {
		return err
	}
	defer share.Release()
	upload, err := in.Files.Receive(ctx, im.ID, in.MaxBytes)
	if err != nil {
		return err
	}
	defer upload.Discard()
	reserved := im.SizeBytes // the archive's room is that of the workbook
	room := func(size int64) error {
		more := size - reserved
		reserved = max(reserved, size)
		return hold.Grow(ctx, more)
	}
	if err := in.Workbooks.Unpack(ctx, im.ID, inside, share, metered{upload, room}); err != nil {
		return tooLarge(err, in.MaxBytes)
	}
	im.SizeBytes, im.FileName = upload.Size(), fileName(inside.Name)
	if im.SHA256, err = upload.Keep(); err != nil {
		return err
	}
	im.Notices = append(im.Notices, ignoredFiles(inside.Ignored)...)
	return nil
}

// ignoredFiles returns the notice about files of an archive that were not read.
func ignoredFiles(paths []string) []imports.Notice {
	if len(paths) == 0 {
		return nil
	}
	n := imports.NewNotice(imports.FilesIgnored, messages.New("notice.files_ignored", messages.Count("count", len(paths)),
		messages.List("files", messages.And, messages.Clipped(messages.Texts(paths...), maxDescribed)...)))
	n.Count = uint32(len(paths))
	return []imports.Notice{n}
}
