package job

import (
	"cmp"
	"encoding/json"
	"time"
)

// Touch creates a new revision.
func (j *Job) Touch(now time.Time) { j.touch(Instant(now)) }

// SaveCheckpoint sets the checkpoint for a later attempt. If it is nil, or larger than MaxCheckpoint, the previous one
// is kept. An empty one removes it.
func (j *Job) SaveCheckpoint(checkpoint []byte) {
	if checkpoint != nil && len(checkpoint) <= MaxCheckpoint {
		j.Checkpoint, j.HasCheckpoint = checkpoint, len(checkpoint) > 0
	}
}

// Complete ends the job with its result. Open steps become completed.
func (j *Job) Complete(now time.Time, token string, result json.RawMessage, last *Report) error {
	if err := j.Fence(token); err != nil {
		return err
	}
	j.closingReport(now, last)
	now = Instant(now)
	j.Error = nil
	j.setResult(result)
	j.Progress.closeSteps(now, StepCompleted, true)
	j.Progress.Percent = 100
	j.end(now, Completed)
	return nil
}

// Failing describes an attempt that ended without success.
type Failing struct {
	Failure
	Permanent bool            // no further attempts
	Result    json.RawMessage // facts for the user; can be nil
	Last      *Report
}

// Fail ends the attempt. The job is queued again if attempts are left and the failure is not permanent. After a
// cancellation request, it is cancelled, with the worker's own reason if there is one. jitter is a random number in [0,
// 1).
func (j *Job) Fail(now time.Time, token string, f Failing, jitter float64) error {
	if err := j.Fence(token); err != nil {
		return err
	}
	j.closingReport(now, f.Last)
	now = Instant(now)
	failure := f.tidy()
	failure.Attempt = j.Attempt
	if failure.Reason == "" {
		failure.Reason = ReasonWorkerFailed
	}
	asked := j.cancelWhy()
	j.Error = &failure
	j.setResult(f.Result)
	switch {
	case j.CancelRequested && (failure.Reason == ReasonWorkerFailed || failure.Reason == ReasonCancelledByUser && asked != nil):
		j.Error = asked
		j.cancel(now)
	case j.CancelRequested:
		j.end(now, Cancelled) // because of the worker's reason
	case f.Permanent || j.Attempt >= j.MaxAttempts:
		j.Progress.closeSteps(now, StepFailed, false)
		j.end(now, Failed)
	default:
		j.requeue(now)
		j.NotBefore, j.ReadyAt = Instant(now.Add(j.backoff(jitter))), time.Time{}
	}
	return nil
}

// Release returns the job to the queue without using up the attempt. After a cancellation request, it is cancelled
// instead.
func (j *Job) Release(now time.Time, token string, checkpoint []byte) error {
	if err := j.Fence(token); err != nil {
		return err
	}
	now = Instant(now)
	if j.CancelRequested {
		j.cancel(now)
		return nil
	}
	j.SaveCheckpoint(checkpoint)
	j.Attempt--
	j.requeue(now)
	return nil
}

// Park ends the lease and makes the job wait for a user's decision. After a cancellation request, it is cancelled
// instead. A question that is too large for the snapshot replaces the result of an earlier attempt.
func (j *Job) Park(now time.Time, token string, question json.RawMessage, last *Report, checkpoint []byte) error {
	if err := j.Fence(token); err != nil {
		return err
	}
	if j.CancelRequested {
		j.cancel(Instant(now))
		return nil
	}
	j.closingReport(now, last)
	j.SaveCheckpoint(checkpoint)
	j.Status = Waiting
	j.setQuestion(question)
	j.Lease = Lease{}
	j.Progress.rest()
	j.touch(Instant(now))
	return nil
}

// Resume answers a waiting job's question and queues it again. The attempt that parked is not counted twice.
//
// revision is the revision of the snapshot with the question, or 0 if the caller does not have it. Then only the first question can be
// answered: the caller could mean an earlier one.
func (j *Job) Resume(now time.Time, revision uint32, answer json.RawMessage) error {
	switch {
	case revision != 0 && revision != j.Revision:
		return ErrQuestionChanged
	case j.Status != Waiting:
		return ErrNotWaiting
	case revision == 0 && j.Answer != nil:
		return &InvalidError{"question_revision", "is required, because this is not the job's first question. " +
			"Load the job, and send the revision of the snapshot with the question that you answer"}
	}
	if len(answer) > MaxDocument {
		return &InvalidError{"answer", documentTooLarge}
	}
	if answer == nil {
		answer = json.RawMessage(`{}`)
	}
	j.dropQuestion()
	j.Answer = answer
	j.Attempt--
	j.requeue(Instant(now))
	return nil
}

// Cancel ends a queued or waiting job, and requests the worker of an active one to stop within grace. changed is false
// if this was requested before, or if the job is already cancelled. why becomes the job's error if the job ends here.
// Its zero value means CANCELLED_BY_USER.
func (j *Job) Cancel(now time.Time, grace time.Duration, why Failure) (changed bool, err error) {
	now = Instant(now)
	switch {
	case j.Status == Cancelled || j.Status == Active && j.CancelRequested:
		return false, nil
	case j.Status.Terminal():
		return false, ErrFinished
	case j.Status == Active:
		j.CancelRequested = true
		j.CancelBy = now.Add(grace)
		switch {
		case why != Failure{}:
			j.setCancelWhy(why)
		case j.Error != nil && j.Error.Attempt == j.Attempt:
			j.Error = nil // that of a lease that used no attempt: it would be taken for the reason of the cancellation
		}
		j.touch(now)
	default:
		j.cancel(now)
		j.setCancelWhy(why)
	}
	return true, nil
}

// Retry queues a failed or cancelled job again, with one more attempt allowed. A deadline that has passed is dropped.
func (j *Job) Retry(now time.Time) error {
	if j.Status != Failed && j.Status != Cancelled {
		return ErrNotRetryable
	}
	now = Instant(now)
	j.MaxAttempts = max(j.MaxAttempts, j.Attempt+1)
	j.setResult(nil)
	j.CompletedAt = time.Time{}
	if !j.Deadline.IsZero() && !j.Deadline.After(now) {
		j.Deadline = time.Time{}
	}
	j.requeue(now)
	return nil
}

// Elapse makes the changes that are due at the time now. A passed deadline or grace period ends the job. An expired
// lease is taken from its worker. A completed backoff makes the job ready. Otherwise, Elapse does nothing.
func (j *Job) Elapse(now time.Time) {
	now = Instant(now)
	passed := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	switch {
	case j.Status.Terminal():
	case passed(j.Deadline):
		j.Error = &Failure{Reason: ReasonDeadlinePassed, Message: "The job did not finish before its deadline.", Attempt: j.Attempt}
		j.Progress.closeSteps(now, StepFailed, false)
		j.end(now, Failed)
	case j.Status == Active && passed(j.CancelBy):
		j.cancel(now)
	case j.Status == Active && passed(j.Lease.ExpiresAt):
		j.expire(now)
	case j.Status == Queued && passed(j.NotBefore):
		j.NotBefore, j.ReadyAt = time.Time{}, now
		j.touch(now)
	}
}

// SetPosition sets the number of ready jobs ahead of this one. It reports whether that changed the job. A job that is
// not ready has no position.
func (j *Job) SetPosition(now time.Time, position uint32) (changed bool) {
	if !j.Ready() || j.QueuePosition == position {
		return false
	}
	j.QueuePosition = position
	j.touch(Instant(now))
	return true
}

// closingReport records the last report before a change of status. The change of status is more important than the
// report, so parts of the report that break a rule are dropped.
func (j *Job) closingReport(now time.Time, last *Report) {
	if last != nil {
		j.TakeIn(now, nil, last, time.Duration(1<<62))
	}
}

// setQuestion sets the question of a waiting job. One that does not fit into the snapshot is stored separately, in the place of the
// result.
func (j *Job) setQuestion(question json.RawMessage) {
	if j.Question = question; len(question) > MaxDocument {
		j.Question, j.Result, j.ResultBytes, j.LargeResult = nil, nil, len(question), question
	} else if question == nil && j.ResultBytes > 0 {
		j.setResult(nil) // it would be taken for the question
	}
}

// QuestionBytes returns the size of a question that is too large for the snapshot, or 0.
func (j *Job) QuestionBytes() int {
	if j.Status != Waiting || j.Question != nil {
		return 0
	}
	return j.ResultBytes
}

// dropQuestion removes the question of a waiting job.
func (j *Job) dropQuestion() {
	if j.QuestionBytes() > 0 {
		j.setResult(nil)
	}
	j.Question = nil
}

// setResult sets the result. A result that does not fit into the snapshot is stored separately.
func (j *Job) setResult(result json.RawMessage) {
	j.Result, j.ResultBytes, j.LargeResult = result, 0, nil
	if len(result) > MaxDocument || len(result) > 0 && j.restSize()+min(stepsSize(j.Progress.Steps), minShown) > MaxSnapshot {
		j.Result, j.ResultBytes, j.LargeResult = nil, len(result), result
	}
}

// setCancelWhy records why the job is cancelled.
func (j *Job) setCancelWhy(why Failure) {
	why = why.tidy()
	if why.Reason == "" {
		why.Reason = ReasonCancelledByUser
		why.Message = cmp.Or(why.Message, "The job was cancelled.")
	}
	why.Attempt = j.Attempt
	j.Error = &why
}

// cancelWhy returns the reason why an active job is being cancelled, or nil if none was given. It is the error of this attempt: while a
// job is active, only Cancel sets its error, and it removes one of an earlier lease with the same number.
func (j *Job) cancelWhy() *Failure {
	if j.CancelRequested && j.Error != nil && j.Error.Attempt == j.Attempt {
		return j.Error
	}
	return nil
}

// requeue returns the job to the queue, ready.
func (j *Job) requeue(now time.Time) {
	j.Status = Queued
	j.Lease, j.Unheard = Lease{}, 0
	j.NotBefore, j.ReadyAt, j.Limited = time.Time{}, now, false
	j.CancelRequested, j.CancelBy = false, time.Time{}
	j.Progress.rest()
	j.touch(now)
}

func (j *Job) cancel(now time.Time) {
	if j.Error = j.cancelWhy(); j.Error == nil {
		j.setCancelWhy(Failure{})
	}
	j.end(now, Cancelled)
}

// end makes the job terminal.
func (j *Job) end(now time.Time, status Status) {
	j.dropQuestion()
	j.Status = status
	j.Lease = Lease{}
	j.CancelRequested, j.CancelBy = false, time.Time{}
	j.NotBefore, j.Limited = time.Time{}, false
	j.QueuePosition = 0
	j.Progress.rest()
	j.CompletedAt = now
	j.touch(now)
}

// backoff returns the delay before the next attempt. It doubles with every attempt. The jitter reduces it by up to
// half.
func (j *Job) backoff(jitter float64) time.Duration {
	wait := j.Backoff
	for i := uint32(1); i < j.Attempt && wait < j.MaxBackoff; i++ {
		wait *= 2
	}
	wait = min(wait, j.MaxBackoff)
	return time.Duration(float64(wait) * (0.5 + jitter/2))
}

// touch creates a new revision. Its time is not before that of the previous one, although replicas differ a little, unless the clock was
// set back.
func (j *Job) touch(now time.Time) {
	j.Revision++
	if now.After(j.UpdatedAt) || j.UpdatedAt.Sub(now) > maxDrift {
		j.UpdatedAt = now
	}
}
