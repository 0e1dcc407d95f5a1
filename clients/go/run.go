package headway

import (
	"cmp"
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

// callTimeout is the deadline of one call about a job. A call that takes longer is repeated.
const callTimeout = 5 * time.Second

// run is a job that this worker has leased, from its lease to its end.
type run struct {
	worker *Worker
	task   *Task
	id     string
	token  string
	length time.Duration // of the lease
	beat   time.Duration // maximum time between two heartbeats

	mu     sync.Mutex
	report time.Duration // minimum time between two reports
	until  time.Time     // when the lease counts as lost, by our clock
	ending bool          // the handler has returned
	// unanswered are the changes in the heartbeat that waits for its answer. Its replica of the service can be frozen.
	unanswered news
}

func (w *Worker) newRun(leased *jobsv1.LeasedJob) *run {
	job := leased.GetJob()
	r := &run{
		worker: w, task: newTask(leased), id: job.GetJobId(), token: leased.GetLeaseToken(),
		// Both times are from the service, so our clock doesn't have to be right.
		length: leased.GetLeaseExpiresAt().AsTime().Sub(job.GetUpdatedAt().AsTime()),
		beat:   seconds(leased.GetHeartbeatSeconds()),
		report: seconds(leased.GetReportSeconds()),
	}
	r.until = time.Now().Add(r.length - r.margin())
	r.task.output = &output{run: r, offset: job.GetOutputBytes()}
	return r
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// do runs the handler, keeps the lease in the meantime, and reports to the service how the job ended. ctx is done when the
// worker shuts down.
func (r *run) do(ctx context.Context) {
	begun := time.Now()
	held, lose := context.WithCancelCause(context.WithoutCancel(ctx)) // ends with the lease
	defer lose(nil)
	work, end := context.WithCancelCause(held) // the handler's
	defer end(nil)
	stop := context.AfterFunc(ctx, func() { end(context.Cause(ctx)) })
	defer stop()
	r.task.output.held = held

	var beating sync.WaitGroup
	lost := func() { lose(ErrLeaseLost) }
	beating.Go(func() { r.watchLease(held, lost) })
	beating.Go(func() { r.keepLease(held, lost, func() { end(ErrCancelled) }) })
	var result any
	err := r.confirm(held)
	if err == nil {
		result, err = r.handle(work)
	} else {
		lose(ErrLeaseLost)
	}
	outcome := r.finish(held, work, result, err)
	lose(nil)
	beating.Wait()
	log := r.worker.cfg.Logger.With("job_id", r.id, "kind", r.task.job.GetKind(), "attempt", r.task.job.GetAttempt(),
		"outcome", outcome, "duration", time.Since(begun))
	if err != nil {
		log = log.With("error", err)
	}
	log.InfoContext(ctx, "job handled")
}

// confirm confirms the lease to the service before a job starts that must not run twice. A lease about which no call arrives
// counts as not delivered, and the service leases the job again.
func (r *run) confirm(held context.Context) error {
	if r.task.job.GetMaxAttempts() != 1 {
		return nil
	}
	return r.tell(held, func(ctx context.Context) error {
		_, err := r.worker.heartbeats.send(ctx, &jobsv1.HeartbeatRequest{JobId: r.id, LeaseToken: r.token})
		return err
	})
}

// handle calls the handler. It converts a panic to a Failure.
func (r *run) handle(ctx context.Context) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.worker.cfg.Logger.ErrorContext(ctx, "handler panicked", "job_id", r.id, "panic", p, "stack", string(debug.Stack()))
			err = &Failure{Reason: "WORKER_PANICKED", Message: fmt.Sprintf("The worker's code panicked: %v", p)}
		}
	}()
	return r.worker.cfg.Handlers[r.task.job.GetKind()](ctx, r.task)
}

// finish reports to the service how the job ended. held ends with the lease, and work was the handler's context.
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

// failureOf converts a handler's error to a Failure.
func failureOf(err error) *Failure {
	f := &Failure{Message: err.Error()}
	if given := (*Failure)(nil); errors.As(err, &given) {
		copied := *given
		f = &copied
	}
	if f.Reason == "" && errors.Is(err, ErrOutputFull) {
		f.Reason, f.Permanent = cmp.Or(Reason(err), "OUTPUT_TOO_LARGE"), true
	}
	if f.Reason == "" {
		f.Reason = "WORKER_FAILED"
	}
	f.Message = cut(f.Message, 1000)
	return f
}

func (r *run) complete(held context.Context, result any) string {
	doc, text, err := document(result)
	if err != nil {
		return r.fail(held, &Failure{Reason: "WORKER_FAILED", Message: cut("The job's result can't be sent: "+err.Error(), 1000), Permanent: true}, "failed")
	}
	n := r.lastNews(held, false)
	err = r.tell(held, func(ctx context.Context) error {
		_, err := r.worker.client.CompleteJob(ctx, &jobsv1.CompleteJobRequest{JobId: r.id, LeaseToken: r.token, Result: doc, ResultJson: text, Progress: n.progress})
		if rejected(err) && n.progress != nil {
			n.progress = nil // the result is more important
			_, err = r.worker.client.CompleteJob(ctx, &jobsv1.CompleteJobRequest{JobId: r.id, LeaseToken: r.token, Result: doc, ResultJson: text})
		}
		return err
	})
	if rejected(err) {
		return r.fail(held, &Failure{Reason: "WORKER_FAILED", Message: cut("The job's result was rejected: "+status.Convert(err).Message(), 1000), Permanent: true}, "failed")
	}
	return r.told("completed", err)
}

func (r *run) fail(held context.Context, f *Failure, outcome string) string {
	doc, text, err := document(f.Result)
	if err != nil {
		r.worker.cfg.Logger.ErrorContext(held, "the details of the failure can't be sent", "job_id", r.id, "error", err)
	}
	n := r.lastNews(held, !f.Permanent && outcome == "failed")
	req := &jobsv1.FailJobRequest{JobId: r.id, LeaseToken: r.token, Permanent: f.Permanent, Result: doc, ResultJson: text, Progress: n.progress,
		Error: &jobsv1.JobError{Reason: f.Reason, Message: f.Message}}
	err = r.tell(held, func(ctx context.Context) error {
		_, err := r.worker.client.FailJob(ctx, req)
		if rejected(err) {
			// Fail the job in any case, without the parts that might have been refused.
			r.worker.cfg.Logger.ErrorContext(ctx, "the failure was rejected. Failing the job without its details", "job_id", r.id, "error", err)
			_, err = r.worker.client.FailJob(ctx, &jobsv1.FailJobRequest{JobId: r.id, LeaseToken: r.token, Permanent: f.Permanent,
				Error: &jobsv1.JobError{Reason: "WORKER_FAILED", Message: f.Message}})
		}
		return err
	})
	return r.told(outcome, err)
}

func (r *run) park(held context.Context, question any) string {
	doc, text, err := document(question)
	if err != nil {
		return r.fail(held, &Failure{Reason: "WORKER_FAILED", Message: cut("The question can't be sent: "+err.Error(), 1000), Permanent: true}, "failed")
	}
	n := r.lastNews(held, false)
	err = r.tell(held, func(ctx context.Context) error {
		_, err := r.worker.client.ParkJob(ctx, &jobsv1.ParkJobRequest{JobId: r.id, LeaseToken: r.token, Question: doc, QuestionJson: text,
			Progress: n.progress, Checkpoint: n.checkpoint})
		if tooLarge(err) && (n.progress != nil || n.checkpoint != nil) {
			n = news{} // the question is more important
			_, err = r.worker.client.ParkJob(ctx, &jobsv1.ParkJobRequest{JobId: r.id, LeaseToken: r.token, Question: doc, QuestionJson: text})
		}
		return err
	})
	if rejected(err) {
		return r.fail(held, &Failure{Reason: "WORKER_FAILED", Message: cut("The question was rejected: "+status.Convert(err).Message(), 1000), Permanent: true}, "failed")
	}
	return r.told("parked", err)
}

func (r *run) release(held context.Context) string {
	n := r.lastNews(held, true)
	err := r.tell(held, func(ctx context.Context) error {
		_, err := r.worker.client.ReleaseJob(ctx, &jobsv1.ReleaseJobRequest{JobId: r.id, LeaseToken: r.token, Checkpoint: n.checkpoint})
		if tooLarge(err) && n.checkpoint != nil {
			n.checkpoint = nil // the previous one is kept
			_, err = r.worker.client.ReleaseJob(ctx, &jobsv1.ReleaseJobRequest{JobId: r.id, LeaseToken: r.token})
		}
		return err
	})
	return r.told("released", err)
}

// lastNews returns the progress to send with the job's end: all of it, even if it was sent before. Steps that are not
// declared yet, as far as is known, are declared first. If saves is set, the checkpoint is sent first too, because the call that ends the
// job can't have both. A checkpoint is never sent without the progress before it: if the next attempt has nothing left to do, it does not
// report that progress again.
func (r *run) lastNews(held context.Context, saves bool) news {
	r.mu.Lock()
	unanswered := r.unanswered
	r.mu.Unlock()
	r.task.unread(unanswered)
	r.task.resend()
	n := r.task.take()
	if n.plan == nil && (!saves || n.checkpoint == nil) {
		return n
	}
	send := func(progress *jobsv1.ProgressReport) error {
		return r.tell(held, func(ctx context.Context) error {
			_, err := r.worker.heartbeats.send(ctx, &jobsv1.HeartbeatRequest{JobId: r.id, LeaseToken: r.token, Plan: n.plan, Progress: progress,
				Checkpoint: n.checkpoint})
			return err
		})
	}
	if err := send(n.progress); rejected(err) {
		_ = send(nil) // the call that ends the job reports its error
	}
	return n
}

// tell repeats the call until it succeeds or the lease ends.
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

// told returns the outcome for the log.
func (r *run) told(outcome string, err error) string {
	switch {
	case err == nil:
		return outcome
	case Reason(err) == reasonLeaseLost || errors.Is(err, context.Canceled) || status.Code(err) == codes.Canceled:
		return outcome + ", but the lease was lost"
	}
	return outcome + ", but the service could not be notified: " + err.Error()
}
