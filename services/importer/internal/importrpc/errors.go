package importrpc

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/governor"
	"headway/internal/messages"
	"headway/internal/quota"
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

// toStatus translates errors for the caller.
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
		return rpcerr.Say(code, reason, unfit.Says)
	}
	var large *intake.TooLargeError
	if errors.As(err, &large) {
		return rpcerr.UploadTooLarge(large.Limit)
	}
	var full *quota.ExceededError
	if errors.As(err, &full) {
		return rpcerr.Say(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_QUOTA_EXCEEDED,
			messages.New("call.quota_files", messages.Number("bytes", strconv.FormatInt(full.Limit, 10))))
	}
	var refused *source.Error
	if errors.As(err, &refused) {
		return rpcerr.SayAs(codes.InvalidArgument, workbookReason(refused.Reason), refused.Error(), refused.Says())
	}
	var overloaded *governor.OverloadedError
	var rejected *schema.RejectedError
	switch {
	case errors.Is(err, source.ErrTextFormat):
		return rpcerr.Invalid("text_format", err.Error())
	case errors.Is(err, governor.ErrTooLarge):
		return rpcerr.WrapSaid(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_WORKBOOK_LIMIT,
			messages.New("call.file_needs_memory"), err)
	case errors.As(err, &overloaded):
		return rpcerr.Overloaded("The server currently doesn't have enough memory to read this file. Try again in a few seconds.", overloaded.RetryAfter, err)
	case errors.Is(err, imports.ErrNotFound):
		return rpcerr.ImportNotFound()
	case errors.As(err, &rejected):
		first, _, _ := strings.Cut(rejected.Cause.Error(), "\n")
		return rpcerr.WrapSaid(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_SCHEMA_NOT_FOUND,
			messages.New("call.schema_rejected", messages.Text("schema", rejected.Name), messages.Text("why", first)), err)
	case errors.Is(err, schema.ErrNotFound):
		return rpcerr.Wrap(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_SCHEMA_NOT_FOUND,
			"There is no schema with this name. ListSchemas returns the names.", err)
	case errors.Is(err, imports.ErrRequestIDReused):
		return rpcerr.Say(codes.AlreadyExists, errorsv1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED,
			messages.New("call.request_id_reused"))
	case errors.Is(err, imports.ErrMappingTooLarge):
		return rpcerr.Say(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_MAPPING_INVALID,
			messages.New("call.mapping_too_large", messages.Count("size", imports.MaxMappingBytes>>10)))
	case errors.Is(err, imports.ErrTooManyMappings):
		return rpcerr.Say(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_QUOTA_EXCEEDED,
			messages.New("call.too_many_mappings", messages.Count("n", imports.MaxSavedMappings)))
	case errors.Is(err, imports.ErrNotWaiting):
		return rpcerr.Say(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_IMPORT_NOT_WAITING,
			messages.New("call.import_not_waiting"))
	case errors.Is(err, imports.ErrInProgress):
		return rpcerr.Say(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_FINISHED,
			messages.New("call.import_in_progress"))
	case errors.Is(err, imports.ErrReportNotReady):
		return rpcerr.Say(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_REPORT_NOT_READY,
			messages.New("call.report_not_ready"))
	case errors.Is(err, imports.ErrNotCommittedYet):
		return rpcerr.Say(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_REPORT_NOT_READY,
			messages.New("call.imported_not_ready"))
	case errors.Is(err, imports.ErrNotConfirmed):
		return rpcerr.Say(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_NOTHING_COMMITTED,
			messages.New("call.not_confirmed"))
	case errors.Is(err, imports.ErrNothingCommitted):
		return rpcerr.Say(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_NOTHING_COMMITTED,
			messages.New("call.nothing_committed"))
	case errors.Is(err, imports.ErrRowResultsGone):
		return rpcerr.WrapSaid(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_NOTHING_COMMITTED,
			messages.New("call.row_results_gone"), err)
	case errors.Is(err, imports.ErrWorkbookGone):
		return rpcerr.WrapSaid(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_WORKBOOK_GONE,
			messages.New("call.workbook_gone"), err)
	case rpcerr.IsStorageFull(err):
		return rpcerr.StorageFull(err)
	case errors.Is(err, imports.ErrStoreUnavailable), errors.Is(err, imports.ErrFilesUnavailable):
		return rpcerr.Wrap(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE,
			"The importer can't read or write its data. Try again later, or contact the operator.", err)
	case errors.Is(err, intake.ErrFileEmpty):
		return rpcerr.Say(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_FILE_EMPTY,
			messages.New("call.file_empty"))
	case errors.Is(err, intake.ErrInterrupted):
		return rpcerr.Say(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INTERRUPTED,
			messages.New("call.upload_interrupted"))
	case errors.Is(err, errNoSample), errors.Is(err, sample.ErrOptions):
		return rpcerr.WrapSaid(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_SAMPLE_NOT_AVAILABLE,
			messages.New("call.no_sample"), err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	if rpcerr.Reason(err) == errorsv1.ErrorReason_ERROR_REASON_QUOTA_EXCEEDED { // of the jobs service
		return rpcerr.Wrap(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_QUOTA_EXCEEDED, status.Convert(err).Message(), err)
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded:
		return rpcerr.Wrap(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE,
			"The jobs service can't be reached. Try again later.", err)
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
	case mapping.MappingUncertain:
		return codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_MAPPING_UNCERTAIN
	}
	return codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_MAPPING_INVALID
}

// workbookReason returns the reason for a file that the reader rejects. Both reasons have the same name.
func workbookReason(reason source.Reason) errorsv1.ErrorReason {
	known, ok := errorsv1.ErrorReason_value["ERROR_REASON_"+string(reason)]
	if !ok {
		return errorsv1.ErrorReason_ERROR_REASON_NOT_A_WORKBOOK
	}
	return errorsv1.ErrorReason(known)
}
