// Package worker runs imports: it leases their jobs, loads the workbooks, and reports progress and results.
package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"

	headway "headway/clients/go"
	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/backoff"
	"headway/internal/rpcerr"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/review"
)

// Config configures how imports are leased.
type Config struct {
	// Name is shown to operators.
	Name string
	// Concurrency is the maximum number of imports that are leased at a time. One of them writes, and the others wait
	// for their turn.
	Concurrency int
	Logger      *slog.Logger
}

// NewWorker returns a worker that leases imports over the connection and runs them.
func NewWorker(conn *grpc.ClientConn, r *Runner, cfg Config) *headway.Worker {
	return headway.NewWorker(conn, headway.WorkerConfig{
		Handlers: map[string]headway.Handler{imports.Kind: r.handle}, Name: cfg.Name, Concurrency: cfg.Concurrency, Logger: cfg.Logger,
	})
}

// handle runs one lease of an import's job. The job's revision at its lease is the number of the run: it grows with
// every lease, even with those that use up no attempt.
func (r *Runner) handle(ctx context.Context, task *headway.Task) (any, error) {
	job := task.Job()
	ctx, stop := r.untilCancelled(ctx, job.GetJobId())
	defer stop()
	end, err := r.run(ctx, job, int64(job.GetRevision()), task)
	switch {
	case err != nil && errors.Is(context.Cause(ctx), headway.ErrCancelled):
		return nil, headway.FailPermanently(rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_CANCELLED_BY_USER), "The import was cancelled. Nothing was saved.", nil)
	case errors.Is(err, errDeclined):
		if _, err := r.Jobs.CancelJob(ctx, &jobsv1.CancelJobRequest{JobId: job.GetJobId(), Error: review.Declined()}); err != nil {
			return nil, err
		}
		why := review.Declined()
		return nil, headway.FailPermanently(why.GetReason(), why.GetMessage(), nil)
	case err != nil:
		return nil, err
	case end.fail != nil:
		return nil, &headway.Failure{Reason: end.fail.reason, Message: end.fail.message, Permanent: end.fail.permanent, Result: end.fail.result}
	case end.park != nil:
		return nil, headway.Park(end.park)
	}
	return end.complete, nil
}

// untilCancelled returns a context that ends as soon as a user cancels the job. The response to a heartbeat reports
// this too, but an import that waits for its turn has no progress and rarely sends one. stop waits until the job is no
// longer watched.
func (r *Runner) untilCancelled(ctx context.Context, id string) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		wait := backoff.New(firstWait, maxWait)
		for ctx.Err() == nil {
			if r.cancelRequested(ctx, id, wait.Reset) {
				cancel(headway.ErrCancelled)
				return
			}
			wait.Wait(ctx)
		}
	})
	return ctx, func() {
		cancel(nil)
		watching.Wait()
	}
}

// cancelRequested watches the job until a user cancels it, or the watch ends for another reason. It calls received for
// every message.
func (r *Runner) cancelRequested(ctx context.Context, id string, received func()) bool {
	stream, err := r.Jobs.WatchJob(ctx, &jobsv1.WatchJobRequest{JobId: id})
	for err == nil {
		var answer *jobsv1.WatchJobResponse
		if answer, err = stream.Recv(); err != nil {
			return false
		}
		received()
		if answer.GetJob().GetCancelRequested() {
			return true
		}
	}
	return false
}

// The backoff after a failed call of the jobs service.
const (
	firstWait = 200 * time.Millisecond
	maxWait   = 2 * time.Second
)

// stillOurs returns an error if the job was cancelled, or now belongs to another worker. While the jobs service can't
// be reached, it waits until ctx ends with the lease.
func (r *Runner) stillOurs(ctx context.Context, leased *jobsv1.Job) error {
	wait := backoff.New(firstWait, maxWait)
	for {
		answer, err := r.Jobs.GetJob(ctx, &jobsv1.GetJobRequest{JobId: leased.GetJobId()})
		job := answer.GetJob()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil && job.GetCancelRequested():
			return headway.ErrCancelled
		case err == nil && (job.GetStatus() != jobsv1.JobStatus_JOB_STATUS_ACTIVE || job.GetAttempt() != leased.GetAttempt()):
			return headway.ErrLeaseLost
		case err == nil:
			return nil
		case rpcerr.Reason(err) == errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_FOUND:
			return headway.ErrLeaseLost
		}
		wait.Wait(ctx)
	}
}

// abandoned reports whether no worker has the lease of an import. A frozen process can still have a run of it.
func (r *Runner) abandoned(ctx context.Context, importID string) bool {
	answer, err := r.Jobs.GetJob(ctx, &jobsv1.GetJobRequest{JobId: importID})
	if err != nil {
		return rpcerr.Reason(err) == errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_FOUND
	}
	return answer.GetJob().GetStatus() != jobsv1.JobStatus_JOB_STATUS_ACTIVE
}
