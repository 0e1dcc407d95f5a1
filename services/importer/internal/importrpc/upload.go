package importrpc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/rpcerr"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/mapping"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/xlsx"
)

// defaultSchema is the one that an upload without a schema is for.
const defaultSchema = "workforce"

// UploadWorkbook implements headway.imports.v1.ImportService.
func (s *Service) UploadWorkbook(stream grpc.ClientStreamingServer[importsv1.UploadWorkbookRequest, importsv1.UploadWorkbookResponse]) error {
	im, replayed, err := s.upload(stream)
	if err != nil {
		return toStatus(err)
	}
	job, err := s.job(stream.Context(), im.ID)
	if err != nil {
		return toStatus(err)
	}
	out, err := s.snapshot(stream.Context(), im, job)
	if err != nil {
		return toStatus(err)
	}
	if replayed {
		out.Notices = append(out.Notices, &importsv1.Notice{Reason: rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_REQUEST_REPLAYED),
			Message: "This upload was made before under the same request_id; this is its import, and nothing was stored twice."})
	}
	return stream.SendAndClose(&importsv1.UploadWorkbookResponse{Import: out, Replayed: replayed})
}

// upload stores the workbook, looks whether it fits the schema, and creates the import and its job. Whatever it fails
// with, nothing is kept.
func (s *Service) upload(stream grpc.ClientStreamingServer[importsv1.UploadWorkbookRequest, importsv1.UploadWorkbookResponse]) (im imports.Import, replayed bool, err error) {
	ctx := stream.Context()
	options, err := s.receiveOptions(stream)
	if err != nil {
		return im, false, err
	}
	spec, err := s.Schemas.Get(options.GetSchema())
	if err != nil {
		return im, false, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return im, false, fmt.Errorf("make an import id: %w", err)
	}
	im = imports.Import{
		ID: id.String(), Owner: caller(ctx).Subject, Schema: spec.Name, SchemaDigest: spec.Digest(), FileName: fileName(options.GetFileName()), RequestID: options.GetRequestId(),
		Policy:    imports.Policy{OnIssues: imports.OnIssues(options.GetOnIssues()), Mode: imports.Mode(options.GetMode()), DryRun: options.GetDryRun()},
		CreatedAt: time.Now().UTC(),
	}
	if im.Policy.OnIssues == 0 {
		im.Policy.OnIssues = imports.Abort
	}
	if im.Policy.Mode == 0 {
		im.Policy.Mode = imports.Upsert
	}
	if err := s.receive(stream, options, &im); err != nil {
		return im, false, err
	}
	// From here on the workbook is stored; it goes again unless its import is kept.
	kept, stored := false, im.ID
	defer func() {
		if !kept {
			err = errors.Join(err, s.Workbooks.Delete(context.WithoutCancel(ctx), stored))
		}
	}()
	columns := mappingOf(options.GetMapping())
	im.Fingerprint = fingerprint(im, columns)
	if im.RequestID != "" {
		earlier, err := s.Books.ByRequestID(ctx, im.Owner, im.RequestID)
		if err == nil {
			return s.replay(ctx, earlier, im.Fingerprint)
		}
		if !errors.Is(err, imports.ErrNotFound) {
			return im, false, err
		}
	}
	if im.Sheets, err = s.preflight(ctx, im.ID, spec, columns); err != nil {
		return im, false, err
	}
	if err := s.tellOfSameBytes(ctx, &im); err != nil {
		return im, false, err
	}
	booked, replayed, err := s.Books.Create(ctx, im)
	if err != nil {
		return im, false, err
	}
	if replayed {
		return s.replay(ctx, booked, im.Fingerprint)
	}
	if err := s.Schedule(ctx, im); err != nil {
		return im, false, errors.Join(err, s.Books.Remove(context.WithoutCancel(ctx), im.ID))
	}
	kept = true
	return im, false, nil
}

// replay gives the earlier import of the same request, whose job may not have been created yet.
func (s *Service) replay(ctx context.Context, earlier imports.Import, fingerprint string) (imports.Import, bool, error) {
	if earlier.Fingerprint != fingerprint {
		return earlier, false, imports.ErrRequestIDReused
	}
	if !earlier.Scheduled {
		if err := s.Schedule(ctx, earlier); err != nil {
			return earlier, false, err
		}
	}
	return earlier, true, nil
}

func (s *Service) receiveOptions(stream grpc.ClientStreamingServer[importsv1.UploadWorkbookRequest, importsv1.UploadWorkbookResponse]) (*importsv1.UploadOptions, error) {
	first, err := stream.Recv()
	if errors.Is(err, io.EOF) {
		return nil, rpcerr.Invalid("options", "the first message must hold the options")
	}
	if err != nil {
		return nil, err
	}
	options := first.GetOptions()
	if options == nil {
		return nil, rpcerr.Invalid("options", "the first message must hold the options, the following ones the workbook's bytes")
	}
	if options.GetSchema() == "" {
		options.Schema = defaultSchema
	}
	if options.GetSizeBytes() > s.MaxUploadBytes {
		return nil, tooLarge(s.MaxUploadBytes)
	}
	return options, nil
}

// receive stores the bytes as they come.
func (s *Service) receive(stream grpc.ClientStreamingServer[importsv1.UploadWorkbookRequest, importsv1.UploadWorkbookResponse], options *importsv1.UploadOptions, im *imports.Import) error {
	upload, err := s.Workbooks.Receive(stream.Context(), im.ID, s.MaxUploadBytes)
	if err != nil {
		return err
	}
	defer upload.Discard()
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if piece.GetOptions() != nil {
			return rpcerr.Invalid("options", "only the first message may hold options")
		}
		if _, err := upload.Write(piece.GetData()); err != nil {
			return uploadError(err, s.MaxUploadBytes)
		}
	}
	switch declared := options.GetSizeBytes(); {
	case declared != 0 && upload.Size() != declared:
		return errInterrupted
	case upload.Size() == 0:
		return errFileEmpty
	}
	im.SizeBytes = upload.Size()
	im.SHA256, err = upload.Keep()
	return err
}

// preflight looks whether the workbook can be read, and has the schema's sheets and headers.
func (s *Service) preflight(ctx context.Context, id string, spec *schema.Schema, columns []mapping.Mapping) ([]imports.Sheet, error) {
	file, err := s.Workbooks.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	book, err := xlsx.Open(ctx, file, file.Size(), s.Limits)
	if err != nil {
		return nil, err
	}
	defer book.Close()
	return mapping.Find(ctx, book, spec, columns)
}

func (s *Service) tellOfSameBytes(ctx context.Context, im *imports.Import) error {
	earlier, err := s.Books.CommittedWithHash(ctx, im.Owner, im.Schema, im.SHA256)
	if errors.Is(err, imports.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	im.Notices = append(im.Notices, imports.Notice{
		Reason: rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_SAME_FILE),
		Message: fmt.Sprintf("These bytes were imported before, on %s as “%s”; rows that have not changed since will count as unchanged.",
			earlier.CreatedAt.Format("2 January 2006 15:04 MST"), earlier.FileName),
	})
	return nil
}

// fileName drops the path that some browsers send, and what no file name holds.
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

func mappingOf(list []*importsv1.SheetMapping) []mapping.Mapping {
	out := make([]mapping.Mapping, 0, len(list))
	for _, m := range list {
		out = append(out, mapping.Mapping{Sheet: m.GetSheet(), WorkbookSheet: m.GetWorkbookSheet(), Columns: m.GetColumns()})
	}
	return out
}

// fingerprint is equal for uploads of the same bytes with the same options.
func fingerprint(im imports.Import, columns []mapping.Mapping) string {
	h := sha256.New()
	// Maps are encoded in the order of their keys, so equal options are equal bytes.
	_ = json.NewEncoder(h).Encode([]any{im.SHA256, im.Schema, im.Policy, columns})
	return hex.EncodeToString(h.Sum(nil))
}
