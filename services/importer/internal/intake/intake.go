// Package intake accepts uploaded workbooks: it stores the file, checks that it matches its schema, and creates the
// import and its job.
package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/governor"
	"headway/internal/messages"
	"headway/internal/quota"
	"headway/internal/rpcerr"
	"headway/services/importer/internal/files"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/mapping"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/workbooks"
)

// DefaultSchema is the schema of an upload that does not name one.
const DefaultSchema = "workforce"

// Errors of an upload, in addition to those of the packages that it uses.
var (
	// ErrFileEmpty means that the upload has no bytes.
	ErrFileEmpty = errors.New("the file has no bytes")
	// ErrInterrupted means that the upload has fewer bytes than it declared.
	ErrInterrupted = errors.New("the upload ended before the file was complete")
)

// TooLargeError means that the file has more bytes than the server accepts.
type TooLargeError struct {
	// Limit is the maximum, in bytes.
	Limit int64
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the file is larger than the limit of %d bytes", e.Limit)
}

// Intake accepts uploads. All fields but Limits and MaxDuration are required.
type Intake struct {
	Store   imports.Store
	Files   *files.Store
	Schemas *schema.Registry
	// Jobs is called with the importer's own identity.
	Jobs jobsv1.JobServiceClient
	// MaxBytes is the maximum size of a workbook.
	MaxBytes int64
	// Quota limits the bytes of a user's stored workbooks.
	Quota *quota.Quota
	// Workbooks opens what was received.
	Workbooks *workbooks.Reader
	// WritesAtEnd reports whether the rows of a schema are written after all of them were read. It can be nil.
	WritesAtEnd func(schema string) bool
	// MaxDuration is how long an import can take, with the time for a decision. 0 means no limit.
	MaxDuration time.Duration
}

// Request is an upload.
type Request struct {
	Owner string
	// Schema defaults to DefaultSchema. FileName can have a path, which is dropped.
	Schema, FileName string
	// RequestID makes the upload safe to repeat. It can be empty.
	RequestID string
	// Policy defaults to Abort and Upsert.
	Policy  imports.Policy
	Mapping []imports.SheetMapping
	// ConfirmMapping refuses a file with columns that could be missing columns of the schema.
	ConfirmMapping bool
	// Text has the parts of a text file's format that the user has set. If there are several files, it is for all, and Texts is for
	// those of some, by their names.
	Text  source.TextFormat
	Texts map[string]source.TextFormat
	// SizeBytes is the declared size; 0 means unknown.
	SizeBytes int64
	// Body holds the bytes of the workbook, or of several text files. See Parts. Its errors are returned unchanged.
	Body io.Reader
}

// Accept stores the workbook, checks whether it matches the schema, and creates the import and its job. If the owner
// used the request ID before for the same upload, it returns the earlier import, and replayed is true. After an error,
// nothing is stored, unless several importers share the store, and it is not known whether the job of a repeatable request exists.
//
// Errors: ErrFileEmpty, ErrInterrupted, *TooLargeError, *mapping.Error, *source.Error, schema.ErrNotFound,
// imports.ErrRequestIDReused, *quota.ExceededError, those of the store, the files, and the jobs service, and those of the body.
func (in *Intake) Accept(ctx context.Context, r Request) (im imports.Import, replayed bool, err error) {
	return in.accept(ctx, r, in.receive)
}

// accept is Accept with a function that stores the file of the request, and describes it in im.
func (in *Intake) accept(ctx context.Context, r Request, store func(ctx context.Context, r Request, im *imports.Import, hold *quota.Hold) error) (im imports.Import, replayed bool, err error) {
	if r.Schema == "" {
		r.Schema = DefaultSchema
	}
	if r.SizeBytes > in.MaxBytes {
		return im, false, &TooLargeError{in.MaxBytes}
	}
	spec, err := in.Schemas.Get(r.Schema)
	if err != nil {
		return im, false, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return im, false, fmt.Errorf("create an import ID: %w", err)
	}
	im = imports.Import{
		ID: id.String(), Owner: r.Owner, Schema: spec.Name, SchemaDigest: spec.Digest(), FileName: fileName(r.FileName),
		RequestID: r.RequestID, Policy: r.Policy, Mapping: r.Mapping, CreatedAt: time.Now().UTC(),
	}
	if im.Policy.OnIssues == 0 {
		im.Policy.OnIssues = imports.Abort
	}
	if im.Policy.Mode == 0 {
		im.Policy.Mode = imports.Upsert
	}
	kept, stored := false, im.ID
	hold := in.Quota.Hold(im.Owner)
	defer func() { hold.End(kept) }()
	if err := store(ctx, r, &im, hold); err != nil {
		return im, false, err
	}
	// The workbook is stored now. It is deleted again unless its import is stored.
	defer func() {
		if !kept {
			err = errors.Join(err, in.Files.Delete(context.WithoutCancel(ctx), stored))
		}
	}()
	im.Fingerprint = fingerprint(im, r)
	if im.RequestID != "" {
		earlier, err := in.Store.ByRequestID(ctx, im.Owner, im.RequestID)
		if err == nil {
			return in.replay(ctx, earlier, im.Fingerprint)
		}
		if !errors.Is(err, imports.ErrNotFound) {
			return im, false, err
		}
	}
	if err := in.findSheets(ctx, &im, spec, r, hold); err != nil {
		return im, false, err
	}
	if err := in.noticeSameFile(ctx, &im); err != nil {
		return im, false, err
	}
	created, replayed, err := in.Store.Create(ctx, im)
	if err != nil {
		kept = errors.Is(err, imports.ErrCreateUncertain) // if the import is not stored, maintenance deletes the file
		return im, false, err
	}
	if replayed {
		return in.replay(ctx, created, im.Fingerprint)
	}
	if err := in.CreateJob(ctx, im); err != nil {
		if _, shared := in.Store.(imports.Shared); shared && im.RequestID != "" && uncertain(err) {
			// The job might exist. The repeated request gets this import. Otherwise, maintenance creates the job in some seconds.
			kept = true
			return im, false, err
		}
		scheduled, failed := in.Store.Withdraw(context.WithoutCancel(ctx), im.ID)
		kept = scheduled || failed != nil
		return im, false, errors.Join(err, failed)
	}
	kept = true
	return im, false, nil
}

// receiveBytes is the number of bytes of the body that are read at a time.
const receiveBytes = 256 << 10

// reserve makes room for the file in the user's quota. A file that was not declared gets room as it arrives. A repeated request
// needs none, because its file is stored already.
func (in *Intake) reserve(ctx context.Context, r Request, hold *quota.Hold) (room func(size int64) error, err error) {
	if r.RequestID != "" {
		switch _, err := in.Store.ByRequestID(ctx, r.Owner, r.RequestID); {
		case err == nil:
			return func(int64) error { return nil }, nil
		case !errors.Is(err, imports.ErrNotFound):
			return nil, err
		}
	}
	reserved := r.SizeBytes
	return func(size int64) error {
		more := size - reserved
		reserved = max(reserved, size)
		return hold.Grow(ctx, more)
	}, hold.Grow(ctx, reserved)
}

// metered is an upload that needs room before it grows.
type metered struct {
	*files.Upload
	room func(size int64) error
}

// Write implements io.Writer.
func (m metered) Write(data []byte) (int, error) {
	if err := m.room(m.Size() + int64(len(data))); err != nil {
		return 0, err
	}
	return m.Upload.Write(data)
}

// receive stores the bytes as they arrive.
func (in *Intake) receive(ctx context.Context, r Request, im *imports.Import, hold *quota.Hold) (err error) {
	room, err := in.reserve(ctx, r, hold)
	if err != nil {
		return err
	}
	if need := in.Files.ReceiveBytes(); need > 0 { // and not for a folder, which takes the bytes as they come
		share, err := in.Workbooks.Memory.Acquire(ctx, need)
		if err != nil {
			return err
		}
		defer share.Release()
	}
	upload, err := in.Files.Receive(ctx, im.ID, in.MaxBytes)
	if err != nil {
		return err
	}
	defer func() { upload.Discard() }()
	head := make([]byte, source.RefuseBytes)
	n, err := io.ReadFull(r.Body, head)
	switch {
	case err == nil:
		if err := in.Workbooks.Openers.Refuse(head); err != nil { // before the sender has sent the rest
			return err
		}
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	if _, err := io.CopyBuffer(metered{upload, room}, io.MultiReader(bytes.NewReader(head[:n]), r.Body), make([]byte, receiveBytes)); err != nil {
		return tooLarge(err, in.MaxBytes)
	}
	size := upload.Size()
	switch next, failed := nextFile(r.Body); {
	case failed == nil:
		defer func() {
			if err != nil { // the first file can be stored
				err = errors.Join(err, in.Files.Delete(context.WithoutCancel(ctx), im.ID))
			}
		}()
		if upload, size, err = in.collect(ctx, r, im, upload, next, room); err != nil {
			return tooLarge(err, in.MaxBytes)
		}
	case !errors.Is(failed, io.EOF):
		return failed
	}
	switch {
	case r.SizeBytes != 0 && size != r.SizeBytes:
		return ErrInterrupted
	case upload.Size() == 0:
		return ErrFileEmpty
	}
	im.SizeBytes, im.FileStored = upload.Size(), true
	im.SHA256, err = upload.Keep()
	return err
}

func tooLarge(err error, limit int64) error {
	if errors.Is(err, files.ErrTooLarge) {
		return &TooLargeError{limit}
	}
	return err
}

// findSheets checks whether the workbook can be read, and finds the schema's sheets and columns in it.
func (in *Intake) findSheets(ctx context.Context, im *imports.Import, spec *schema.Schema, r Request, hold *quota.Hold) error {
	return in.read(ctx, im, r, hold, func(book source.Workbook, share *governor.Share) error {
		return in.findIn(ctx, book, share, im, spec, r)
	})
}

// read opens the stored file, and notes its format if it is a text file. The workbook is valid until do returns. An archive with one
// workbook is replaced with it.
func (in *Intake) read(ctx context.Context, im *imports.Import, r Request, hold *quota.Hold, do func(source.Workbook, *governor.Share) error) error {
	hints := source.Hints{FileName: im.FileName, Text: r.Text, Texts: r.Texts}
	book, err := in.Workbooks.Open(ctx, im.ID, hints, 0)
	var inside *source.InsideError
	if errors.As(err, &inside) {
		if err := in.unpack(ctx, im, inside, hold); err != nil {
			return err
		}
		hints.FileName = im.FileName
		book, err = in.Workbooks.Open(ctx, im.ID, hints, 0)
	}
	if err != nil {
		return err
	}
	defer book.Close()
	if err := describeText(ctx, book.Workbook, im); err != nil {
		return err
	}
	return do(book.Workbook, book.Share)
}

func (in *Intake) findIn(ctx context.Context, book source.Workbook, share *governor.Share, im *imports.Import, spec *schema.Schema, r Request) (err error) {
	if book, err = mapping.Unstack(ctx, book, spec); err != nil {
		return err
	}
	find := mapping.Find
	if im.Policy.Mode == imports.UpdateOnly {
		find = mapping.FindForUpdate
	}
	if im.Sheets, err = find(ctx, book, spec, r.Mapping); err != nil {
		return err
	}
	if err := in.settleMapping(ctx, book, im, spec, r); err != nil {
		return err
	}
	// A report reads the workbook again, and needs more. A workbook whose rows could not be returned is not accepted.
	const comments = imports.KeptPerSheet * imports.CommentBytes
	if err := share.Grow(comments); errors.Is(err, governor.ErrTooLarge) {
		return err
	} else if err == nil {
		share.Shrink(comments)
	}
	for i := range im.Sheets {
		// These notices are about the choice of the sheet, not about a run.
		im.Notices = append(im.Notices, im.Sheets[i].Notices...)
		im.Sheets[i].Notices = nil
	}
	im.Unused = unused(book.Sheets(), im.Sheets)
	im.Notices = append(im.Notices, mapping.Locate(book, im.Sheets)...)
	return nil
}

// unused returns the sheets of a workbook that don't match a sheet of the schema.
func unused(all []source.Sheet, found []imports.Sheet) []imports.UnusedSheet {
	var rest []imports.UnusedSheet
	for _, sheet := range all {
		if sheet.Of == "" && !slices.ContainsFunc(found, func(f imports.Sheet) bool { return f.WorkbookSheet == sheet.Name }) {
			rest = append(rest, imports.UnusedSheet{Name: sheet.Name, Hidden: sheet.State != source.Visible})
		}
	}
	return rest
}

func (in *Intake) noticeSameFile(ctx context.Context, im *imports.Import) error {
	earlier, err := in.Store.CommittedWithHash(ctx, im.Owner, im.Schema, im.SHA256)
	if errors.Is(err, imports.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	im.Notices = append(im.Notices, imports.NewNotice(rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_SAME_FILE), messages.New("notice.same_file",
		messages.Date("time", earlier.CreatedAt.UTC().Format("2006-01-02 15:04")), messages.Text("file", earlier.FileName))))
	return nil
}

// fileName returns the name without the path that some browsers send, and without control characters.
func fileName(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, name)
	if name == "" || name == "." || name == "/" || name == ".." {
		return "workbook.xlsx"
	}
	return name
}

// fingerprint is equal for uploads of the same bytes with the same options.
func fingerprint(im imports.Import, r Request) string {
	columns := r.Mapping
	if columns == nil {
		columns = []imports.SheetMapping{}
	}
	options := []any{im.SHA256, im.Schema, im.Policy, columns}
	if r.Text != (source.TextFormat{}) {
		options = append(options, r.Text)
	}
	if len(r.Texts) > 0 {
		options = append(options, r.Texts)
	}
	h := sha256.New()
	// Maps are encoded in the order of their keys, so equal options have equal bytes.
	_ = json.NewEncoder(h).Encode(options)
	return hex.EncodeToString(h.Sum(nil))
}
