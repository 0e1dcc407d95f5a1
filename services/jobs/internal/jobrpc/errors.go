package jobrpc

import (
	"errors"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/rpcerr"
	"headway/services/jobs/internal/job"
)

// toStatus turns an error of the domain into what the caller gets.
func toStatus(err error) error {
	var (
		invalid  *job.InvalidError
		step     *job.StepUnknownError
		progress *job.ProgressInvalidError
		gap      *job.OutputGapError
		tooLarge *job.OutputTooLargeError
	)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, job.ErrNotFound):
		return rpcerr.New(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_FOUND,
			"There is no job with this id among yours.")
	case errors.Is(err, job.ErrFinished):
		return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_JOB_FINISHED,
			"The job has ended; there is nothing left to stop.")
	case errors.Is(err, job.ErrNotFinished):
		return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_FINISHED,
			"The job has not ended yet; cancel it first, or wait.")
	case errors.Is(err, job.ErrNotWaiting):
		return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_WAITING,
			"The job is not waiting for a decision.")
	case errors.Is(err, job.ErrNotRetryable):
		return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_RETRYABLE,
			"Only failed and cancelled jobs can be retried.")
	case errors.Is(err, job.ErrLeaseLost):
		return rpcerr.New(codes.Aborted, errorsv1.ErrorReason_ERROR_REASON_LEASE_LOST,
			"This lease is not, or no longer, the valid one of the job; stop working on it.")
	case errors.Is(err, job.ErrSnapshotTooBig):
		return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_SNAPSHOT_TOO_LARGE,
			"The job's snapshot would be larger than 16 KiB; send shorter texts, fewer steps or counters, or keep large results as output.")
	case errors.Is(err, job.ErrRequestIDReused):
		return rpcerr.New(codes.AlreadyExists, errorsv1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED,
			"This request_id or job_id was used before for a different request; choose a new one.")
	case errors.Is(err, job.ErrOutputConflict):
		return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_OUTPUT_CONFLICT,
			"Other bytes are stored at this offset already; append at the output's end.")
	case errors.Is(err, job.ErrOutputBehind):
		return rpcerr.New(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE,
			"The blob store does not keep up with the job's output; make the same call again.")
	case errors.As(err, &invalid):
		return rpcerr.Invalid(invalid.Field, invalid.Problem)
	case errors.As(err, &step):
		return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_STEP_UNKNOWN, sentence(step))
	case errors.As(err, &progress):
		return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_PROGRESS_INVALID, sentence(progress))
	case errors.As(err, &tooLarge):
		return rpcerr.Newf(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_OUTPUT_TOO_LARGE,
			"The job's output has %d bytes, and at most %d are kept; keep the rest elsewhere and put a link into the result, or raise the service's limit (--max-output-bytes).",
			tooLarge.End, tooLarge.Limit)
	case errors.As(err, &gap):
		return rpcerr.New(codes.OutOfRange, errorsv1.ErrorReason_ERROR_REASON_OUTPUT_GAP, sentence(gap)+" Go on from there.")
	}
	return rpcerr.Internal(err)
}

// sentence is the error's text as a sentence.
func sentence(err error) string {
	text := err.Error()
	if text[0] >= 'a' && text[0] <= 'z' {
		text = string(text[0]-'a'+'A') + text[1:]
	}
	return text + "."
}

func scopeMissing(what, scope string) error {
	return rpcerr.Newf(codes.PermissionDenied, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING,
		"%s needs a token with the scope %s.", what, scope)
}
