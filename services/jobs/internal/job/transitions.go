package job

import (
	"encoding/json"
	"time"
)

// Report takes in a worker's progress: a plan (nil for none), and a report (nil for none). visible reports whether that
// changed the snapshot. Report leaves the revision to Touch.
func (j *Job) Report(now time.Time, plan []PlannedStep, r *Report, stalledAfter time.Duration) (visible bool, err error) {
	now = Instant(now)
	next, moved := j.Progress, false
	if len(plan) > 0 {
		if next, err = next.plan(plan); err != nil {
			return false, err
		}
		moved = true
	}
	if r != nil {
		var changed bool
		if next, changed, err = next.report(now, r); err != nil {
			return false, err
		}
		moved = moved || changed
	}
	changed := *j
	visible = next.observe(now, moved, stalledAfter) || moved
	changed.Progress = next
	if changed.snapshotSize() > MaxSnapshot {
		return false, ErrSnapshotTooBig
	}
	*j = changed
	return visible, nil
}

// Touch makes a new revision.
func (j *Job) Touch(now time.Time) { j.touch(Instant(now)) }

// SaveCheckpoint sets the checkpoint for a later attempt. Nil keeps the previous one, and an empty one removes it.
func (j *Job) SaveCheckpoint(checkpoint []byte) {
	if checkpoint != nil {
		j.Checkpoint, j.HasCheckpoint = checkpoint, len(checkpoint) > 0
	}
}

// Complete ends the job with its result. Open steps become completed.
func (j *Job) Complete(now time.Time, token string, result json.RawMessage, last *Report) error {
	if err := j.Fence(token); err != nil {
		return err
	}
	if len(result) > MaxDocument {
		return &InvalidError{"result", "is larger than 8 KiB as JSON"}
	}
	next := *j
	if err := next.closingReport(now, last); err != nil {
		return err
	}
	now = Instant(now)
	next.Result, next.Error = result, nil
	next.Progress.closeSteps(now, StepCompleted, true)
	next.Progress.Percent = 100
	if next.snapshotSize() > MaxSnapshot {
		return ErrSnapshotTooBig
	}
	*j = next
	j.end(now, Completed)
	return nil
}

// Failing describes an attempt that ended without success.
type Failing struct {
	Failure
	Permanent bool            // do not try again
	Result    json.RawMessage // facts for the user; nil for none
	Last      *Report
}

// Fail ends the attempt. The job is queued again while attempts are left and the failure is not permanent; after a
// cancel request it is cancelled, with the worker's own reason if there is one. jitter is a random
// number in [0, 1).
func (j *Job) Fail(now time.Time, token string, f Failing, jitter float64) error {
	if err := j.Fence(token); err != nil {
		return err
	}
	if len(f.Result) > MaxDocument {
		return &InvalidError{"result", "is larger than 8 KiB as JSON"}
	}
	next := *j
	if err := next.closingReport(now, f.Last); err != nil {
		return err
	}
	now = Instant(now)
	next.Result = f.Result
	failure := f.Failure
	failure.Attempt = j.Attempt
	if failure.Reason == "" {
		failure.Reason = ReasonWorkerFailed
	}
	next.Error = &failure
	if next.snapshotSize() > MaxSnapshot {
		return ErrSnapshotTooBig
	}
	*j = next
	switch {
	case j.CancelRequested && failure.Reason == ReasonWorkerFailed:
		j.cancel(now)
	case j.CancelRequested:
		j.end(now, Cancelled) // for the worker's reason
	case f.Permanent || j.Attempt >= j.MaxAttempts:
		j.Progress.closeSteps(now, StepFailed, false)
		j.end(now, Failed)
	default:
		j.requeue(now)
		j.NotBefore, j.ReadyAt = Instant(now.Add(j.backoff(jitter))), time.Time{}
	}
	return nil
}

// Release returns the job to the queue without using up the attempt. After a cancel request it is cancelled instead.
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

// Park ends the lease and makes the job wait for a user's decision. After a cancel request it is cancelled instead.
func (j *Job) Park(now time.Time, token string, question json.RawMessage, last *Report, checkpoint []byte) error {
	if err := j.Fence(token); err != nil {
		return err
	}
	if len(question) > MaxDocument {
		return &InvalidError{"question", "is larger than 8 KiB as JSON"}
	}
	if j.CancelRequested {
		j.cancel(Instant(now))
		return nil
	}
	next := *j
	if err := next.closingReport(now, last); err != nil {
		return err
	}
	next.Question = question
	if next.snapshotSize() > MaxSnapshot {
		return ErrSnapshotTooBig
	}
	*j = next
	j.SaveCheckpoint(checkpoint)
	j.Status = Waiting
	j.Lease = Lease{}
	j.Progress.rest()
	j.touch(Instant(now))
	return nil
}

// Resume answers a waiting job's question and queues it again; the attempt that parked is not counted twice.
func (j *Job) Resume(now time.Time, answer json.RawMessage) error {
	if j.Status != Waiting {
		return ErrNotWaiting
	}
	if len(answer) > MaxDocument {
		return &InvalidError{"answer", "is larger than 8 KiB as JSON"}
	}
	next := *j
	next.Answer, next.Question = answer, nil
	if next.snapshotSize() > MaxSnapshot {
		return ErrSnapshotTooBig
	}
	*j = next
	j.Attempt--
	j.requeue(Instant(now))
	return nil
}

// Cancel ends a queued or waiting job, and asks the worker of an active one to stop within grace. changed is false if
// it was asked to stop before, or is already cancelled. why becomes the job's error if the job ends here. Its zero value
// means CANCELLED_BY_USER.
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
		j.touch(now)
	default:
		j.cancel(now)
		if why.Reason != "" {
			why.Attempt = j.Attempt
			j.Error = &why
		}
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
	j.Result, j.Question = nil, nil
	j.CompletedAt = time.Time{}
	if !j.Deadline.IsZero() && !j.Deadline.After(now) {
		j.Deadline = time.Time{}
	}
	j.requeue(now)
	return nil
}

// Elapse changes the job as time alone does. A deadline or a grace time that has passed ends it. A lease that has expired
// is taken from its worker. A back-off that is over makes it ready. Otherwise, Elapse changes nothing.
func (j *Job) Elapse(now time.Time) {
	now = Instant(now)
	passed := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	switch {
	case j.Status.Terminal():
	case passed(j.Deadline):
		j.Error = &Failure{Reason: ReasonDeadlinePassed, Message: "The job was not finished before its deadline.", Attempt: j.Attempt}
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

// SetPosition sets how many ready jobs are ahead of this one. It reports whether that changed the job. A job that is not
// ready has no position.
func (j *Job) SetPosition(now time.Time, position uint32) (changed bool) {
	if !j.Ready() || j.QueuePosition == position {
		return false
	}
	j.QueuePosition = position
	j.touch(Instant(now))
	return true
}

// closingReport takes in the last report before a change of status.
func (j *Job) closingReport(now time.Time, last *Report) error {
	if last == nil {
		return nil
	}
	_, err := j.Report(now, nil, last, time.Duration(1<<62))
	return err
}

// requeue returns the job to the queue, ready.
func (j *Job) requeue(now time.Time) {
	j.Status = Queued
	j.Lease = Lease{}
	j.NotBefore, j.ReadyAt = time.Time{}, now
	j.CancelRequested, j.CancelBy = false, time.Time{}
	j.Progress.rest()
	j.touch(now)
}

func (j *Job) cancel(now time.Time) {
	j.Error = &Failure{Reason: ReasonCancelledByUser, Message: "The job was cancelled.", Attempt: j.Attempt}
	j.end(now, Cancelled)
}

// end makes the job terminal.
func (j *Job) end(now time.Time, status Status) {
	j.Status = status
	j.Lease = Lease{}
	j.CancelRequested, j.CancelBy = false, time.Time{}
	j.NotBefore = time.Time{}
	j.Question = nil
	j.QueuePosition = 0
	j.Progress.rest()
	j.CompletedAt = now
	j.touch(now)
}

// backoff returns the wait before the next attempt. It doubles with every attempt. The jitter reduces it to between half of
// that and all of it.
func (j *Job) backoff(jitter float64) time.Duration {
	wait := j.Backoff
	for i := uint32(1); i < j.Attempt && wait < j.MaxBackoff; i++ {
		wait *= 2
	}
	wait = min(wait, j.MaxBackoff)
	return time.Duration(float64(wait) * (0.5 + jitter/2))
}

func (j *Job) touch(now time.Time) {
	j.Revision++
	if now.After(j.UpdatedAt) {
		j.UpdatedAt = now
	}
}
