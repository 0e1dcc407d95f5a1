package importjob

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	headway "headway/clients/go"
	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/rpcerr"
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
		Handlers: map[string]headway.Handler{Kind: r.handle}, Name: cfg.Name, Concurrency: cfg.Concurrency, Logger: cfg.Logger,
	})
}

// Declined is why an import whose review was declined ends.
func Declined() *jobsv1.JobError {
	return &jobsv1.JobError{
		Reason:  rpcerr.Word(errorsv1.ErrorReason_ERROR_REASON_REVIEW_DECLINED),
		Message: "The import was given up; nothing was written.",
	}
}

// handle is one lease of an import's job. The job's revision at its lease is the number of the run: it grows with
// every lease, also with those that use up no attempt.
func (r *Runner) handle(ctx context.Context, task *headway.Task) (any, error) {
	job := task.Job()
	v, err := r.run(ctx, job, int64(job.GetRevision()), task)
	switch {
	case errors.Is(err, errDeclined):
		if _, err := r.Jobs.CancelJob(ctx, &jobsv1.CancelJobRequest{JobId: job.GetJobId(), Error: Declined()}); err != nil {
			return nil, err
		}
		why := Declined()
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
