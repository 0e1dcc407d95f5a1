// Package lifecycle changes jobs on behalf of users and workers: it creates, cancels, retries, resumes and deletes them,
// and it ends a worker's attempt. Every change takes along the progress that the worker has sent and the store does not
// have yet.
package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"

	"headway/services/jobs/internal/dispatch"
	"headway/services/jobs/internal/heartbeat"
	"headway/services/jobs/internal/job"
)

// Lifecycle changes the jobs of one store. Safe for concurrent use.
type Lifecycle struct {
	store       job.Store
	keeper      *heartbeat.Keeper
	dispatcher  *dispatch.Dispatcher
	cancelGrace time.Duration
}

// New returns a Lifecycle. cancelGrace is how long a worker has to stop after a cancel request.
func New(store job.Store, keeper *heartbeat.Keeper, dispatcher *dispatch.Dispatcher, cancelGrace time.Duration) *Lifecycle {
	return &Lifecycle{store: store, keeper: keeper, dispatcher: dispatcher, cancelGrace: cancelGrace}
}

// Allow returns an error if the caller must not touch the job. The error is the answer to the call.
type Allow func(*job.Job) error

// Create adds a job to the queue. A repeated request with the same request ID returns the same job, and replayed.
func (l *Lifecycle) Create(ctx context.Context, spec job.Spec) (created job.Job, replayed bool, err error) {
	j, err := job.New(spec, time.Now())
	if err != nil {
		return job.Job{}, false, err
	}
	if err := l.dispatcher.Position(ctx, &j); err != nil {
		return job.Job{}, false, err
	}
	return l.store.Create(ctx, j, spec.RequestID, spec.Fingerprint())
}

// Get returns the job, or job.ErrNotFound.
func (l *Lifecycle) Get(ctx context.Context, id string) (job.Job, error) {
	return l.store.Get(ctx, id)
}

// List returns a page of jobs.
func (l *Lifecycle) List(ctx context.Context, f job.Filter) (job.Page, error) {
	return l.store.List(ctx, f)
}

// Cancel ends a queued or waiting job, and asks the worker of an active one to stop. why may be zero.
func (l *Lifecycle) Cancel(ctx context.Context, id string, why job.Failure, allow Allow) (job.Job, error) {
	return l.change(ctx, id, func(now time.Time, j *job.Job) error {
		if err := allow(j); err != nil {
			return err
		}
		_, err := j.Cancel(now, l.cancelGrace, why)
		return err
	})
}

// Retry queues a failed or cancelled job again.
func (l *Lifecycle) Retry(ctx context.Context, id string, allow Allow) (job.Job, error) {
	return l.change(ctx, id, func(now time.Time, j *job.Job) error {
		if err := allow(j); err != nil {
			return err
		}
		return j.Retry(now)
	})
}

// Resume answers a waiting job's question and queues the job again.
func (l *Lifecycle) Resume(ctx context.Context, id string, answer json.RawMessage, allow Allow) (job.Job, error) {
	return l.change(ctx, id, func(now time.Time, j *job.Job) error {
		if err := allow(j); err != nil {
			return err
		}
		return j.Resume(now, answer)
	})
}

// Delete removes a job that has ended.
func (l *Lifecycle) Delete(ctx context.Context, id string, allow Allow) error {
	return l.store.Delete(ctx, id, func(j *job.Job) error {
		if err := allow(j); err != nil {
			return err
		}
		if !j.Status.Terminal() {
			return job.ErrNotFinished
		}
		return nil
	})
}

// Complete ends the job with its result.
func (l *Lifecycle) Complete(ctx context.Context, id, token string, result json.RawMessage, last *job.Report) (job.Job, error) {
	return l.finish(ctx, id, func(now time.Time, j *job.Job) error { return j.Complete(now, token, result, last) })
}

// Fail ends the attempt.
func (l *Lifecycle) Fail(ctx context.Context, id, token string, f job.Failing) (job.Job, error) {
	jitter := rand.Float64()
	return l.finish(ctx, id, func(now time.Time, j *job.Job) error { return j.Fail(now, token, f, jitter) })
}

// Release returns the job to the queue without using up an attempt.
func (l *Lifecycle) Release(ctx context.Context, id, token string, checkpoint []byte) (job.Job, error) {
	return l.finish(ctx, id, func(now time.Time, j *job.Job) error { return j.Release(now, token, checkpoint) })
}

// Park makes the job wait for a user's decision.
func (l *Lifecycle) Park(ctx context.Context, id, token string, question json.RawMessage, last *job.Report, checkpoint []byte) (job.Job, error) {
	return l.finish(ctx, id, func(now time.Time, j *job.Job) error { return j.Park(now, token, question, last, checkpoint) })
}

// finish is change for a worker. If the job was deleted, the worker has lost its lease.
func (l *Lifecycle) finish(ctx context.Context, id string, change func(time.Time, *job.Job) error) (job.Job, error) {
	j, err := l.change(ctx, id, change)
	if errors.Is(err, job.ErrNotFound) {
		err = job.ErrLeaseLost
	}
	return j, err
}

// change stores a transition, together with the progress that the store does not have yet.
func (l *Lifecycle) change(ctx context.Context, id string, change func(time.Time, *job.Job) error) (job.Job, error) {
	var pending heartbeat.Pending
	jobs, errs := l.store.Update(ctx, []string{id}, func(_ int, j *job.Job) error {
		pending = l.keeper.Adopt(j)
		return change(time.Now(), j)
	})
	if errs[0] == nil {
		l.keeper.Settle(id, pending)
	}
	return jobs[0], errs[0]
}
