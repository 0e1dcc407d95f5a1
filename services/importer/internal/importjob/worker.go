package importjob

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/rpcerr"
)

// Why an attempt is ended from outside.
var (
	errLeaseLost = errors.New("the lease was lost")
	errCancelled = errors.New("the job is to be cancelled")
	errShutdown  = errors.New("the importer is shutting down")
)

// Worker leases the jobs of imports and runs them.
type Worker struct {
	Runner *Runner
	// Leases and Jobs are the jobs service, called with the importer's own identity.
	Leases jobsv1.WorkerServiceClient
	Jobs   jobsv1.JobServiceClient
	// Name is told to operators.
	Name string
	// Concurrent is how many jobs are held at once; one of them writes, the others wait for their turn.
	Concurrent int
	Logger     *slog.Logger
}

// retryAfter is how long to wait before asking a jobs service again that could not be reached.
const retryAfter = 500 * time.Millisecond

// Run works until ctx ends; the jobs under way are given back then.
func (w *Worker) Run(ctx context.Context) error {
	hands := make(chan struct{}, w.Concurrent)
	var working sync.WaitGroup
	defer working.Wait()
	for ctx.Err() == nil {
		select {
		case hands <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		answer, err := w.Leases.LeaseJobs(ctx, &jobsv1.LeaseJobsRequest{Kinds: []string{Kind}, MaxJobs: 1, Worker: w.Name})
		if err != nil && ctx.Err() == nil {
			w.Logger.WarnContext(ctx, "lease a job", "error", err)
			pause(ctx, retryAfter)
		}
		if len(answer.GetJobs()) == 0 {
			<-hands
			continue
		}
		working.Go(func() {
			defer func() { <-hands }()
			w.work(ctx, answer.GetJobs()[0])
		})
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// work runs one leased job to its end.
func (w *Worker) work(ctx context.Context, leased *jobsv1.LeasedJob) {
	job := leased.GetJob()
	runCtx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { cancel(errShutdown) })
	defer stop()
	l := &lease{worker: w, leased: leased, cancel: cancel, steps: map[string]*jobsv1.StepReport{}, wake: make(chan struct{}, 1)}
	var beating sync.WaitGroup
	beat, quiet := context.WithCancel(runCtx)
	beating.Go(func() { l.beat(beat) })
	v, err := w.Runner.run(runCtx, job, int64(job.GetRevision()), l)
	quiet()
	beating.Wait()
	// What came out must be told, also while the service shuts down.
	tell, done := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer done()
	if err := w.tell(tell, l, v, err); err != nil {
		w.Logger.WarnContext(ctx, "tell how an import ended", "import_id", job.GetJobId(), "error", err)
	}
}

// tell ends the lease.
func (w *Worker) tell(ctx context.Context, l *lease, v verdict, err error) error {
	id, token := l.leased.GetJob().GetJobId(), l.leased.GetLeaseToken()
	switch {
	case errors.Is(err, errShutdown):
		_, err := w.Leases.ReleaseJob(ctx, &jobsv1.ReleaseJobRequest{JobId: id, LeaseToken: token})
		return err
	case errors.Is(err, errDeclined):
		if _, err := w.Jobs.CancelJob(ctx, &jobsv1.CancelJobRequest{JobId: id}); err != nil {
			return err
		}
		return l.fail(ctx, &failure{reason: errorsv1.ErrorReason_ERROR_REASON_REVIEW_DECLINED, message: "The import was given up; nothing was written.", permanent: true})
	case errors.Is(err, errCancelled):
		return l.fail(ctx, &failure{reason: errorsv1.ErrorReason_ERROR_REASON_CANCELLED_BY_USER, message: "The import was cancelled; nothing was written.", permanent: true})
	case err != nil:
		return err // the lease is lost: somebody else has the job
	case v.fail != nil:
		return l.fail(ctx, v.fail)
	case v.park != nil:
		question, err := structpb.NewStruct(v.park)
		if err != nil {
			return err
		}
		return again(ctx, func() error {
			_, err := w.Leases.ParkJob(ctx, &jobsv1.ParkJobRequest{JobId: id, LeaseToken: token, Question: question, Progress: l.report(true)})
			return err
		})
	}
	out, err := structpb.NewStruct(v.complete)
	if err != nil {
		return err
	}
	return again(ctx, func() error {
		_, err := w.Leases.CompleteJob(ctx, &jobsv1.CompleteJobRequest{JobId: id, LeaseToken: token, Result: out, Progress: l.report(true)})
		return err
	})
}

// again repeats a call that did not reach the jobs service.
func again(ctx context.Context, call func() error) error {
	for {
		err := call()
		if status.Code(err) != codes.Unavailable || ctx.Err() != nil {
			return err
		}
		pause(ctx, retryAfter)
	}
}

// lease is a leased job and what is to be reported on it.
type lease struct {
	worker *Worker
	leased *jobsv1.LeasedJob
	cancel context.CancelCauseFunc
	wake   chan struct{}

	mu      sync.Mutex
	message string
	// steps are all reports so far, merged; dirty those that the service has not seen.
	steps map[string]*jobsv1.StepReport
	dirty map[string]bool
	said  bool
}

// step implements reporter.
func (l *lease) step(r *jobsv1.StepReport) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dirty == nil {
		l.dirty = map[string]bool{}
	}
	l.steps[r.GetName()] = r
	l.dirty[r.GetName()] = true
}

// say implements reporter.
func (l *lease) say(message string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.message, l.said = message, true
}

// confirm implements reporter.
func (l *lease) confirm(ctx context.Context) error {
	if _, err := l.heartbeat(ctx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// report takes what the service has not seen yet; all of it again if whole.
func (l *lease) report(whole bool) *jobsv1.ProgressReport {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !whole && len(l.dirty) == 0 && !l.said {
		return nil
	}
	r := &jobsv1.ProgressReport{Message: l.message}
	for name := range maps.Keys(l.steps) {
		if whole || l.dirty[name] {
			r.Steps = append(r.Steps, l.steps[name])
		}
	}
	l.dirty, l.said = nil, false
	return r
}

// beat renews the lease and reports, until ctx ends.
func (l *lease) beat(ctx context.Context) {
	interval := seconds(l.leased.GetReportSeconds(), 250*time.Millisecond)
	expires := l.leased.GetLeaseExpiresAt().AsTime()
	for {
		select {
		case <-time.After(interval):
		case <-ctx.Done():
			return
		}
		answer, err := l.heartbeat(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			interval = min(seconds(answer.GetReportSeconds(), interval), seconds(l.leased.GetHeartbeatSeconds(), time.Second))
			expires = answer.GetLeaseExpiresAt().AsTime()
		case time.Now().After(expires):
			l.cancel(errLeaseLost)
			return
		}
	}
}

func (l *lease) heartbeat(ctx context.Context) (*jobsv1.HeartbeatResponse, error) {
	answer, err := l.worker.Leases.Heartbeat(ctx, &jobsv1.HeartbeatRequest{JobId: l.leased.GetJob().GetJobId(), LeaseToken: l.leased.GetLeaseToken(), Progress: l.report(false)})
	switch {
	case rpcerr.Reason(err) == errorsv1.ErrorReason_ERROR_REASON_LEASE_LOST, status.Code(err) == codes.NotFound:
		l.cancel(errLeaseLost)
		return nil, errLeaseLost
	case err != nil:
		return nil, fmt.Errorf("heartbeat: %w", err)
	case answer.GetCancelRequested():
		l.cancel(errCancelled)
		return nil, errCancelled
	}
	return answer, nil
}

func seconds(s float64, otherwise time.Duration) time.Duration {
	if s <= 0 {
		return otherwise
	}
	return time.Duration(s * float64(time.Second))
}

// fail ends the attempt without success.
func (l *lease) fail(ctx context.Context, f *failure) error {
	request := &jobsv1.FailJobRequest{JobId: l.leased.GetJob().GetJobId(), LeaseToken: l.leased.GetLeaseToken(), Permanent: f.permanent,
		Error: &jobsv1.JobError{Reason: rpcerr.Word(f.reason), Message: clip(f.message, 1000)}, Progress: l.report(true)}
	if f.result != nil {
		out, err := structpb.NewStruct(f.result)
		if err != nil {
			return err
		}
		request.Result = out
	}
	return again(ctx, func() error {
		_, err := l.worker.Leases.FailJob(ctx, request)
		return err
	})
}
