package importrpc

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/governor"
	"headway/internal/rpcerr"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/intake"
	"headway/services/importer/internal/mapping"
	"headway/services/importer/internal/sample"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// errNoSample means that a schema has no sample workbook.
var errNoSample = errors.New("this schema has no sample workbook")

// toStatus turns every error of the service into what the caller gets.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	var known *rpcerr.Error
	if errors.As(err, &known) {
		return err
	}
	var unfit *mapping.Error
	if errors.As(err, &unfit) {
		code, reason := layoutReason(unfit.Problem)
		return rpcerr.New(code, reason, unfit.Message)
	}
	var large *intake.TooLargeError
	if errors.As(err, &large) {
		return rpcerr.Newf(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_TOO_LARGE,
			"The file is larger than %d MiB, the maximum for this server. Split it into smaller files.", large.Limit>>20)
	}
	var refused *source.Error
	if errors.As(err, &refused) {
		return rpcerr.New(codes.InvalidArgument, workbookReason(refused.Reason), refused.Error())
	}
	var overloaded *governor.OverloadedError
	switch {
	case errors.Is(err, governor.ErrTooLarge):
		return rpcerr.Wrap(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_WORKBOOK_LIMIT,
			"The file needs more memory than this server has for one file. Split it into smaller files, or ask the operator to raise HEADWAY_MEMORY.", err)
	case errors.As(err, &overloaded):
		return rpcerr.Wrap(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_OVERLOADED,
			"The server has no memory left to read this file at present. Try again in a few seconds.", err)
	case errors.Is(err, imports.ErrNotFound):
		return rpcerr.New(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_IMPORT_NOT_FOUND,
			"There is no import with this id among yours; list them to see which there are.")
	case errors.Is(err, schema.ErrNotFound):
		return rpcerr.Wrap(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_SCHEMA_NOT_FOUND,
			"There is no schema with this name; list the schemas to see which there are.", err)
	case errors.Is(err, imports.ErrRequestIDReused):
		return rpcerr.New(codes.AlreadyExists, errorsv1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED,
			"This request_id was used before, for another workbook or other options; use a new one.")
	case errors.Is(err, imports.ErrNotWaiting):
		return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_IMPORT_NOT_WAITING,
			"The import is not waiting for confirmation; look at its status.")
	case errors.Is(err, imports.ErrReportNotReady):
		return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_REPORT_NOT_READY,
			"The report exists once the import has ended or waits for confirmation; watch the import and ask again then.")
	case errors.Is(err, imports.ErrNotCommittedYet):
		return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_REPORT_NOT_READY,
			"The imported rows can be had once the import has committed; watch the import and ask again then.")
	case errors.Is(err, imports.ErrNotConfirmed):
		return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_NOTHING_COMMITTED,
			"Nothing is imported yet: the import waits for confirmation; confirm it, and ask again once it has ended.")
	case errors.Is(err, imports.ErrNothingCommitted):
		return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_NOTHING_COMMITTED,
			"This import wrote nothing, so there are no imported rows; its report says what to mend before the workbook is uploaded again. A dry run never writes.")
	case errors.Is(err, imports.ErrRowResultsGone):
		return rpcerr.Wrap(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_NOTHING_COMMITTED,
			"This import ran before the server kept what became of each row; upload the workbook again, and its rows count as unchanged.", err)
	case errors.Is(err, imports.ErrWorkbookGone):
		return rpcerr.Wrap(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_WORKBOOK_GONE,
			"The stored workbook is gone, so no report can be made of it; the list of issues is still there.", err)
	case errors.Is(err, imports.ErrStoreUnavailable), errors.Is(err, imports.ErrFilesUnavailable):
		return rpcerr.Wrap(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE,
			"The importer cannot keep or read anything for the moment, its disk may be full; try again.", err)
	case errors.Is(err, intake.ErrFileEmpty):
		return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_FILE_EMPTY,
			"The file is empty; look that it was saved and copied whole, and upload it again.")
	case errors.Is(err, intake.ErrInterrupted):
		return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INTERRUPTED,
			"The upload ended before the file was complete, and nothing was kept; upload it again.")
	case errors.Is(err, errNoSample), errors.Is(err, sample.ErrOptions):
		return rpcerr.Wrap(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_SAMPLE_NOT_AVAILABLE,
			"There is a sample of the schema workforce only, with at most half of its rows at fault.", err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
		return rpcerr.Wrap(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE,
			"The jobs service cannot be reached for the moment; try again.", err)
	}
	return rpcerr.Internal(err)
}

func layoutReason(p mapping.Problem) (codes.Code, errorsv1.ErrorReason) {
	switch p {
	case mapping.SheetMissing:
		return codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_SHEET_MISSING
	case mapping.SheetDuplicated:
		return codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_SHEET_DUPLICATED
	case mapping.HeaderMissing:
		return codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_HEADER_MISSING
	case mapping.HeaderDuplicated:
		return codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_HEADER_DUPLICATED
	}
	return codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_MAPPING_INVALID
}

// workbookReason is the reason that clients get for a workbook that the reader refuses: the reader's own word.
func workbookReason(reason source.Reason) errorsv1.ErrorReason {
	known, ok := errorsv1.ErrorReason_value["ERROR_REASON_"+string(reason)]
	if !ok {
		return errorsv1.ErrorReason_ERROR_REASON_NOT_A_WORKBOOK
	}
	return errorsv1.ErrorReason(known)
}
