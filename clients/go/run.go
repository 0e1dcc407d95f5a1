package headway

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// callTimeout bounds one call about a job; a call that takes longer is made again.
const callTimeout = 5 * time.Second

// run is one job in this worker's hands, from its lease to its end.
type run struct {
	worker *Worker
	task   *Task
	id     string
	token  string
	length time.Duration // of the lease
	beat   time.Duration // between two heartbeats at most

	mu     sync.Mutex
	report time.Duration // between two reports at least
	until  time.Time     // when the lease ends, by our clock
	ending bool          // the handler has returned
}

func (w *Worker) newRun(leased *jobsv1.LeasedJob) *run {
	job := leased.GetJob()
	r := &run{
		worker: w, task: newTask(leased), id: job.GetJobId(), token: leased.GetLeaseToken(),
		// Both times are the service's, so our clock may be wrong.
		length: leased.GetLeaseExpiresAt().AsTime().Sub(job.GetUpdatedAt().AsTime()),
		beat:   seconds(leased.GetHeartbeatSeconds()),
		report: seconds(leased.GetReportSeconds()),
	}
	r.until = time.Now().Add(r.length)
	r.task.output = &output{run: r, offset: job.GetOutputBytes()}
	return r
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// do has the handler do the job, keeps the lease meanwhile, and tells the service how it ended. ctx ends when the worker
// wants its jobs back.
func (r *run) do(ctx context.Context) {
	begun := time.Now()
	held, lose := context.WithCancelCause(context.WithoutCancel(ctx)) // ends with the lease
	defer lose(nil)
	work, end := context.WithCancelCause(held) // the handler's
	defer end(nil)
	stop := context.AfterFunc(ctx, func() { end(context.Cause(ctx)) })
	defer stop()
	r.task.output.held = held

	beating := make(chan struct{})
	go func() {
		defer close(beating)
		r.keepLease(held, func() { lose(ErrLeaseLost) }, func() { end(ErrCancelled) })
	}()
	var result any
	err := r.confirm(held)
	if err == nil {
		result, err = r.handle(work)
	} else {
		lose(ErrLeaseLost)
	}
	outcome := r.finish(held, work, result, err)
	lose(nil)
	<-beating
	log := r.worker.cfg.Logger.With("job_id", r.id, "kind", r.task.job.GetKind(), "attempt", r.task.job.GetAttempt(),
		"outcome", outcome, "duration", time.Since(begun))
	if err != nil {
		log = log.With("error", err)
	}
	log.InfoContext(ctx, "job handled")
}

// confirm tells the service that the job has arrived, before a job starts that must not run twice. Without any call, the
// service leases the job again as if it had never been leased.
func (r *run) confirm(held context.Context) error {
	if r.task.job.GetMaxAttempts() != 1 {
		return nil
	}
	return r.tell(held, func(ctx context.Context) error {
		_, err := r.worker.client.Heartbeat(ctx, &jobsv1.HeartbeatRequest{JobId: r.id, LeaseToken: r.token})
		return err
	})
}

// handle calls the handler; a panic is a failure like others.
func (r *run) handle(ctx context.Context) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.worker.cfg.Logger.ErrorContext(ctx, "handler panicked", "job_id", r.id, "panic", p, "stack", string(debug.Stack()))
			err = &Failure{Reason: "WORKER_PANICKED", Message: fmt.Sprintf("The worker's code panicked: %v", p)}
		}
	}()
	return r.worker.cfg.Handlers[r.task.job.GetKind()](ctx, r.task)
}

// keepLease sends heartbeats until ctx ends: as often as the lease needs it, and more often while there is progress.
func (r *run) keepLease(ctx context.Context, lost, cancelled func()) {
	last := time.Now() // the lease itself
	retry := newPause(time.Second)
	for {
		if !r.waitForBeat(ctx, last) {
			return
		}
		asked := time.Now()
		cancel, err := r.heartbeat(ctx)
		switch {
		case err == nil:
			retry = newPause(retry.most)
			last = asked
			if cancel {
				cancelled()
			}
		case ctx.Err() != nil:
			return
		case Reason(err) == "LEASE_LOST":
			lost()
			return
		case time.Now().After(r.leaseEnd()):
			lost() // no response for a full lease: another worker might hold the job
			return
		default:
			retry.wait(ctx)
			r.worker.conn.ResetConnectBackoff()
			last = time.Time{} // immediately
		}
	}
}

// waitForBeat waits until a heartbeat is due. It reports whether ctx is still alive.
func (r *run) waitForBeat(ctx context.Context, last time.Time) bool {
	timer := time.NewTimer(time.Until(last.Add(r.beat)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-r.task.changed:
	}
	// There is something to tell, but not too often.
	r.mu.Lock()
	due := last.Add(min(r.report, r.beat))
	r.mu.Unlock()
	timer.Reset(time.Until(due))
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// heartbeat renews the lease and sends what is new.
func (r *run) heartbeat(ctx context.Context) (cancelRequested bool, err error) {
	r.mu.Lock()
	ending := r.ending
	r.mu.Unlock()
	var n news
	if !ending { // the last news go with the job's end
		n = r.task.take()
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	asked := time.Now()
	resp, err := r.worker.client.Heartbeat(ctx, &jobsv1.HeartbeatRequest{JobId: r.id, LeaseToken: r.token, Plan: n.plan,
		Progress: n.progress, Checkpoint: n.checkpoint})
	if status.Code(err) == codes.InvalidArgument {
		// An earlier version of the service refuses progress this way, and still renews the lease.
		r.worker.cfg.Logger.ErrorContext(ctx, "progress refused", "job_id", r.id, "error", err)
		r.renewed(asked, 0)
		return false, nil
	}
	if err != nil {
		r.task.unread(n)
		r.task.tellAgain()
		return false, err
	}
	for _, refused := range resp.GetRefused() {
		r.worker.cfg.Logger.WarnContext(ctx, "progress refused or shortened", "job_id", r.id, "field", refused.GetField(),
			"reason", refused.GetReason(), "message", refused.GetMessage())
	}
	r.renewed(asked, seconds(resp.GetReportSeconds()))
	return resp.GetCancelRequested(), nil
}

// renewed notes that the lease was renewed at the time asked or later.
func (r *run) renewed(asked time.Time, report time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until = asked.Add(r.length)
	if report > 0 {
		r.report = report
	}
}

func (r *run) leaseEnd() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.until
}

// finish tells the service how the job ended. held ends with the lease; work was the handler's context.
func (r *run) finish(held, work context.Context, result any, err error) (outcome string) {
	r.mu.Lock()
	r.ending = true
	r.mu.Unlock()
	var parked *parking
	var failure *Failure
	cause := context.Cause(work)
	switch {
	case errors.Is(cause, ErrLeaseLost):
		return "lease lost"
	case err == nil:
		return r.complete(held, result)
	case errors.Is(cause, ErrCancelled) && errors.As(err, &failure):
		return r.fail(held, failureOf(err), "cancelled")
	case errors.Is(cause, ErrCancelled):
		return r.fail(held, &Failure{Reason: "CANCELLED_BY_USER", Message: "The job was cancelled."}, "cancelled")
	case errors.As(err, &parked):
		return r.park(held, parked.question)
	case errors.Is(cause, ErrShutdown):
		return r.release(held)
	}
	return r.fail(held, failureOf(err), "failed")
}

// failureOf is how a handler's error fails the job.
func failureOf(err error) *Failure {
	f := &Failure{Message: err.Error()}
	if given := (*Failure)(nil); errors.As(err, &given) {
		copied := *given
		f = &copied
	}
	if f.Reason == "" && errors.Is(err, ErrOutputFull) {
		f.Reason, f.Permanent = "OUTPUT_TOO_LARGE", true
	}
	if f.Reason == "" {
		f.Reason = "WORKER_FAILED"
	}
	f.Message = cut(f.Message, 1000)
	return f
}

func (r *run) complete(held context.Context, result any) string {
	doc, err := document(result)
	if err != nil {
		return r.fail(held, &Failure{Reason: "WORKER_FAILED", Message: cut("The job's result cannot be sent: "+err.Error(), 1000), Permanent: true}, "failed")
	}
	n := r.lastNews(held)
	err = r.tell(held, func(ctx context.Context) error {
		_, err := r.worker.client.CompleteJob(ctx, &jobsv1.CompleteJobRequest{JobId: r.id, LeaseToken: r.token, Result: doc, Progress: n.progress})
		if status.Code(err) == codes.InvalidArgument && n.progress != nil {
			n.progress = nil // the result matters more
			_, err = r.worker.client.CompleteJob(ctx, &jobsv1.CompleteJobRequest{JobId: r.id, LeaseToken: r.token, Result: doc})
		}
		return err
	})
	if status.Code(err) == codes.InvalidArgument {
		return r.fail(held, &Failure{Reason: "WORKER_FAILED", Message: cut("The job's result was refused: "+status.Convert(err).Message(), 1000), Permanent: true}, "failed")
	}
	return r.told("completed", err)
}

func (r *run) fail(held context.Context, f *Failure, outcome string) string {
	doc, err := document(f.Result)
	if err != nil {
		r.worker.cfg.Logger.ErrorContext(held, "facts about the failure cannot be sent", "job_id", r.id, "error", err)
	}
	n := r.lastNews(held)
	req := &jobsv1.FailJobRequest{JobId: r.id, LeaseToken: r.token, Permanent: f.Permanent, Result: doc, Progress: n.progress,
		Error: &jobsv1.JobError{Reason: f.Reason, Message: f.Message}}
	err = r.tell(held, func(ctx context.Context) error {
		_, err := r.worker.client.FailJob(ctx, req)
		if status.Code(err) == codes.InvalidArgument {
			// Failing is what matters: without what may have been refused.
			r.worker.cfg.Logger.ErrorContext(ctx, "failure refused as it is", "job_id", r.id, "error", err)
			_, err = r.worker.client.FailJob(ctx, &jobsv1.FailJobRequest{JobId: r.id, LeaseToken: r.token, Permanent: f.Permanent,
				Error: &jobsv1.JobError{Reason: "WORKER_FAILED", Message: f.Message}})
		}
		return err
	})
	return r.told(outcome, err)
}

func (r *run) park(held context.Context, question any) string {
	doc, err := document(question)
	if err != nil {
		return r.fail(held, &Failure{Reason: "WORKER_FAILED", Message: cut("The question cannot be sent: "+err.Error(), 1000), Permanent: true}, "failed")
	}
	n := r.lastNews(held)
	err = r.tell(held, func(ctx context.Context) error {
		_, err := r.worker.client.ParkJob(ctx, &jobsv1.ParkJobRequest{JobId: r.id, LeaseToken: r.token, Question: doc,
			Progress: n.progress, Checkpoint: n.checkpoint})
		return err
	})
	if status.Code(err) == codes.InvalidArgument {
		return r.fail(held, &Failure{Reason: "WORKER_FAILED", Message: cut("The question was refused: "+status.Convert(err).Message(), 1000), Permanent: true}, "failed")
	}
	return r.told("parked", err)
}

func (r *run) release(held context.Context) string {
	n := r.lastNews(held)
	err := r.tell(held, func(ctx context.Context) error {
		_, err := r.worker.client.ReleaseJob(ctx, &jobsv1.ReleaseJobRequest{JobId: r.id, LeaseToken: r.token, Checkpoint: n.checkpoint})
		return err
	})
	return r.told("released", err)
}

// lastNews is what the job's end carries: all progress there is, whatever was told before. Steps that were not declared
// yet are declared before.
func (r *run) lastNews(held context.Context) news {
	r.task.tellAgain()
	n := r.task.take()
	if n.plan == nil {
		return n
	}
	_ = r.tell(held, func(ctx context.Context) error {
		_, err := r.worker.client.Heartbeat(ctx, &jobsv1.HeartbeatRequest{JobId: r.id, LeaseToken: r.token, Plan: n.plan, Checkpoint: n.checkpoint})
		return err
	}) // what is wrong with it shows in the call that ends the job
	return n
}

// tell makes the call until it is answered, as long as the lease lives.
func (r *run) tell(held context.Context, call func(context.Context) error) error {
	retry := newPause(time.Second)
	for {
		ctx, cancel := context.WithTimeout(held, callTimeout)
		err := call(ctx)
		cancel()
		if err == nil || held.Err() != nil || !passing(err) {
			return err
		}
		if !retry.wait(held) {
			return err
		}
		r.worker.conn.ResetConnectBackoff()
	}
}

// told is the outcome for the log.
func (r *run) told(outcome string, err error) string {
	switch {
	case err == nil:
		return outcome
	case Reason(err) == "LEASE_LOST" || errors.Is(err, context.Canceled) || status.Code(err) == codes.Canceled:
		return outcome + ", but the lease is lost"
	}
	return outcome + ", but the service was not told: " + err.Error()
}
