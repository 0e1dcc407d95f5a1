package jobrpc

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/rpcerr"
	"headway/services/jobs/internal/job"
)

// toStatus converts an error of the domain to the error for the caller.
func toStatus(err error) error {
	var (
		known    *rpcerr.Error
		invalid  *job.InvalidError
		step     *job.StepUnknownError
		progress *job.ProgressInvalidError
		gap      *job.OutputGapError
		tooLarge *job.OutputTooLargeError
		quota    *job.QuotaError
		outputs  *job.OutputQuotaError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, job.ErrNotFound):
		return rpcerr.JobNotFound()
	case errors.Is(err, job.ErrFinished):
		return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_JOB_FINISHED,
			"The job has already ended.")
	case errors.Is(err, job.ErrNotFinished):
		return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_FINISHED,
			"The job has not ended yet. Cancel it first, or wait until it ends.")
	case errors.Is(err, job.ErrNotWaiting):
		return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_WAITING,
			"The job is not waiting for a decision.")
	case errors.Is(err, job.ErrNotRetryable):
		return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_RETRYABLE,
			"Only failed and cancelled jobs can be retried.")
	case errors.Is(err, job.ErrLeaseLost):
		return rpcerr.New(codes.Aborted, errorsv1.ErrorReason_ERROR_REASON_LEASE_LOST,
			"The lease token is not valid for this job, or the lease has ended. Stop working on the job.")
	case errors.Is(err, job.ErrSnapshotTooBig):
		return rpcerr.Newf(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_SNAPSHOT_TOO_LARGE,
			"The job's snapshot would be larger than %d KiB, or its steps larger than %d KiB. Send shorter texts, or fewer steps or counters. Store large data as output.", job.MaxSnapshot>>10, job.MaxProgress>>10)
	case errors.Is(err, job.ErrRequestIDReused):
		return rpcerr.New(codes.AlreadyExists, errorsv1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED,
			"This request_id or job_id was already used for a different request. Choose a new one.")
	case errors.Is(err, job.ErrOutputConflict):
		return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_OUTPUT_CONFLICT,
			"Different bytes are already stored at this offset. Append at the end of the output.")
	case errors.Is(err, job.ErrOutputBehind):
		return rpcerr.New(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE,
			"The blob store can't keep up with the job's output. Repeat the call.")
	case errors.Is(err, job.ErrIncomplete):
		return rpcerr.New(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE,
			"The service could not follow the changes of its other replicas. Watch again to get the current state.")
	case errors.Is(err, job.ErrUnavailable):
		return rpcerr.New(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE,
			"The jobs database can't be reached. Repeat the call. If it already succeeded, you get the same response.")
	case errors.Is(err, job.ErrCheckpointTooBig):
		return rpcerr.Invalid("checkpoint", fmt.Sprintf("is larger than %d KiB", job.MaxCheckpoint>>10))
	case errors.Is(err, job.ErrQuestionChanged):
		return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_WAITING,
			"The job no longer asks this question. Load the job again, and answer its current question, if there is one.")
	case errors.As(err, &invalid):
		return rpcerr.Invalid(invalid.Field, invalid.Problem)
	case errors.As(err, &step):
		return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_STEP_UNKNOWN, message(step))
	case errors.As(err, &progress):
		return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_PROGRESS_INVALID, message(progress))
	case errors.As(err, &quota):
		return rpcerr.Newf(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_QUOTA_EXCEEDED,
			"You have %d unfinished jobs, the maximum per user. Wait until some have ended, or cancel some. The operator can raise --max-queued.", quota.Limit)
	case errors.As(err, &outputs):
		return rpcerr.Newf(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_QUOTA_EXCEEDED,
			"The outputs of this user's jobs have reached %d bytes in total, the maximum per user. Delete jobs with long outputs. The operator can raise --output-bytes-per-user.", outputs.Limit)
	case errors.As(err, &tooLarge):
		return rpcerr.Newf(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_OUTPUT_TOO_LARGE,
			"The job's output has %d bytes, and the limit is %d. Store the rest elsewhere and link to it in the result, or increase --max-output-bytes.",
			tooLarge.End, tooLarge.Limit)
	case errors.As(err, &gap):
		return rpcerr.New(codes.OutOfRange, errorsv1.ErrorReason_ERROR_REASON_OUTPUT_GAP, message(gap)+" Continue from there.")
	}
	return rpcerr.Internal(err)
}

// truncated is the reason of a text that was truncated.
const truncated = "TRUNCATED"

// refusals returns the refused parts of a heartbeat as messages.
func refusals(refused []job.Refusal) []*jobsv1.Refusal {
	var all []*jobsv1.Refusal
	for _, r := range refused {
		one := &jobsv1.Refusal{Field: r.Field, Reason: truncated, Message: message(r.Err)}
		if short := (*job.TruncatedError)(nil); !errors.As(r.Err, &short) {
			one.Reason = rpcerr.Word(rpcerr.Reason(toStatus(r.Err)))
		}
		all = append(all, one)
	}
	return all
}

// message returns the error's text with a capital letter at the start and a period at the end.
func message(err error) string {
	text := err.Error()
	if text[0] >= 'a' && text[0] <= 'z' {
		text = string(text[0]-'a'+'A') + text[1:]
	}
	return text + "."
}
