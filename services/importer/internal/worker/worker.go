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
	"headway/internal/rpcerr"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/review"
)

// WorkerConfig says how imports are leased.
type WorkerConfig struct {
	// Name is told to operators.
	Name string
	// Concurrency is how many imports are held at once; one of them writes, the others wait for their turn.
	Concurrency int
	Logger      *slog.Logger
}

// NewWorker makes a worker that leases imports over the connection and has them run.
func NewWorker(conn *grpc.ClientConn, r *Runner, cfg WorkerConfig) *headway.Worker {
	return headway.NewWorker(conn, headway.WorkerConfig{
		Handlers: map[string]headway.Handler{imports.Kind: r.handle}, Name: cfg.Name, Concurrency: cfg.Concurrency, Logger: cfg.Logger,
	})
}

// handle is one lease of an import's job. The job's revision at its lease is the number of the run: it grows with
// every lease, also with those that use up no attempt.
func (r *Runner) handle(ctx context.Context, task *headway.Task) (any, error) {
	job := task.Job()
	ctx, stop := r.untilCancelled(ctx, job.GetJobId())
	defer stop()
	v, err := r.run(ctx, job, int64(job.GetRevision()), task)
	switch {
	case err != nil && errors.Is(context.Cause(ctx), headway.ErrCancelled):
		return nil, headway.FailForGood(rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_CANCELLED_BY_USER), "The import was cancelled; nothing was written.", nil)
	case errors.Is(err, errDeclined):
		if _, err := r.Jobs.CancelJob(ctx, &jobsv1.CancelJobRequest{JobId: job.GetJobId(), Error: review.Declined()}); err != nil {
			return nil, err
		}
		why := review.Declined()
		return nil, headway.FailForGood(why.GetReason(), why.GetMessage(), nil)
	case err != nil:
		return nil, err
	case v.fail != nil:
		return nil, &headway.Failure{Reason: v.fail.reason, Message: v.fail.message, Permanent: v.fail.permanent, Result: v.fail.result}
	case v.park != nil:
		return nil, headway.Park(v.park)
	}
	return v.complete, nil
}

// untilCancelled gives a context that ends as soon as somebody asks for the job to be cancelled. A heartbeat's answer
// tells so too, but an import that waits for its turn has nothing to report and sends them seldom. stop waits until
// nobody watches the job any more.
func (r *Runner) untilCancelled(ctx context.Context, id string) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		for ctx.Err() == nil {
			if r.cancelAsked(ctx, id) {
				cancel(headway.ErrCancelled)
				return
			}
			pause(ctx, askAgainAfter)
		}
	})
	return ctx, func() {
		cancel(nil)
		watching.Wait()
	}
}

// cancelAsked watches the job until somebody wants it cancelled, or the watch ends for another reason.
func (r *Runner) cancelAsked(ctx context.Context, id string) bool {
	stream, err := r.Jobs.WatchJob(ctx, &jobsv1.WatchJobRequest{JobId: id})
	for err == nil {
		var answer *jobsv1.WatchJobResponse
		if answer, err = stream.Recv(); err == nil && answer.GetJob().GetCancelRequested() {
			return true
		}
	}
	return false
}

// askAgainAfter is how long to wait for a jobs service that cannot be reached.
const askAgainAfter = 200 * time.Millisecond

// stillOurs errs if the job is to stop, or is somebody else's. While the jobs service cannot be reached it waits, until
// ctx ends with the lease.
func (r *Runner) stillOurs(ctx context.Context, leased *jobsv1.Job) error {
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
		pause(ctx, askAgainAfter)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
