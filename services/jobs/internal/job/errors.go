package job

import (
	"errors"
	"fmt"
)

// Errors of calls. Match them with errors.Is.
var (
	ErrNotFound         = errors.New("the job was not found")
	ErrFinished         = errors.New("the job has ended")
	ErrNotFinished      = errors.New("the job has not ended yet")
	ErrNotWaiting       = errors.New("the job is not waiting for a decision")
	ErrQuestionChanged  = errors.New("the job no longer asks this question")
	ErrNotRetryable     = errors.New("only failed and cancelled jobs can be retried")
	ErrLeaseLost        = errors.New("the lease token is not valid for this job")
	ErrCheckpointTooBig = fmt.Errorf("the checkpoint is larger than %d KiB", MaxCheckpoint>>10)
	ErrSnapshotTooBig   = errors.New("the job's snapshot would be too large")
	ErrRequestIDReused  = errors.New("the request ID was used before for a different request")
	ErrOutputConflict   = errors.New("the bytes differ from the output stored at this offset")
	ErrOutputBehind     = errors.New("the blob store can't keep up with the job's output")
	ErrNotSealed        = errors.New("the segment does not match the output's tail")
	// ErrIncomplete means that changes of another replica are unknown, so that a watch must begin again.
	ErrIncomplete  = errors.New("changes of the jobs were missed")
	ErrUnavailable = errors.New("the jobs database can't be reached")
)

// InvalidError names the field of a request that breaks its documented rule.
type InvalidError struct {
	Field   string // as the contract names it, e.g. "payload" or "steps[2].name"
	Problem string // the end of a message: "is required"
}

func (e *InvalidError) Error() string { return e.Field + " " + e.Problem }

// StepUnknownError means that progress names a step that the job does not have.
type StepUnknownError struct{ Step string }

func (e *StepUnknownError) Error() string {
	return fmt.Sprintf("the job has no step %.100q. Declare it in the plan first", e.Step)
}

// ProgressInvalidError means that progress contains an impossible number.
type ProgressInvalidError struct {
	Step    string
	Problem string
}

func (e *ProgressInvalidError) Error() string {
	return fmt.Sprintf("step %.100q: %s", e.Step, e.Problem)
}

// QuotaError means that a user has the maximum number of unfinished jobs.
type QuotaError struct{ Limit int64 }

// Error implements error.
func (e *QuotaError) Error() string {
	return fmt.Sprintf("the owner has %d unfinished jobs", e.Limit)
}
