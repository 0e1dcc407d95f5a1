// Package bulk changes many jobs by a filter. Each request is a job itself, which the service runs: it has progress, can be
// cancelled, and continues after a restart.
package bulk

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"headway/internal/auth"
	"headway/internal/backoff"
	"headway/services/jobs/internal/dispatch"
	"headway/services/jobs/internal/heartbeat"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/lifecycle"
)

// Kind is the kind of the jobs that change others. Only the service runs them.
const Kind = "headway.change"

// Action is the change of each job. Its numbers are those of headway.jobs.v1.JobChange.
type Action int

// The actions.
const (
	Cancel Action = 1
	Retry  Action = 2
	Delete Action = 3
)

const (
	page      = 500 // jobs that are changed at the same time, in few commits
	running   = 4   // requests that run at the same time
	leaseWait = time.Minute
	// afterError is the time until the next try if the database can't be reached.
	afterError = time.Second
	attempts   = 20        // a request continues from its checkpoint, so another attempt costs little
	maxCount   = 1_000_000 // jobs that are counted, for the progress
	stepName   = "jobs"
)

// Request is the payload of such a job.
type Request struct {
	Action   Action            `json:"action"`
	Kinds    []string          `json:"kinds,omitempty"`
	Statuses []job.Status      `json:"statuses,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	After    time.Time         `json:"created_after,omitzero"`
	Before   time.Time         `json:"created_before,omitzero"`
	Everyone bool              `json:"all_owners,omitempty"`
	As       auth.Identity     `json:"as"` // who asked, with the rights that count
}

// Spec returns the job that fulfills the request. It is equal for equal requests.
func (r Request) Spec(requestID string) (job.Spec, error) {
	r.Before, r.After, r.As.ExpiresAt = job.Instant(r.Before), job.Instant(r.After), time.Time{}
	payload, err := json.Marshal(r)
	if err != nil {
		return job.Spec{}, fmt.Errorf("encode the request: %w", err)
	}
	title := map[Action]string{Cancel: "Cancel jobs", Retry: "Retry jobs", Delete: "Delete jobs"}[r.Action]
	return job.Spec{Kind: Kind, Owner: r.As.Subject, Title: title, Payload: payload, RequestID: requestID, MaxAttempts: attempts,
		Steps: []job.PlannedStep{{Name: stepName, Title: title, Unit: "jobs"}}}, nil
}

// filter returns the jobs that the request concerns, and to which its action can apply. Those that were stored after the request, whose
// job has this ID, are left out. Their times don't show this, because the clock can be set back.
func (r *Request) filter(id string) job.Filter {
	f := job.Filter{Kinds: r.Kinds, Statuses: r.Statuses, Labels: r.Labels, CreatedAfter: r.After, CreatedBefore: r.Before,
		StoredBefore: id, Limit: page}
	if !r.Everyone {
		f.Owner = r.As.Subject
	}
	if len(f.Statuses) == 0 {
		f.Statuses = map[Action][]job.Status{
			Cancel: {job.Queued, job.Active, job.Waiting},
			Retry:  {job.Failed, job.Cancelled},
			Delete: {job.Completed, job.Failed, job.Cancelled},
		}[r.Action]
	}
	return f
}

// Config configures a Runner. All fields are required.
type Config struct {
	// Allow returns what the identity may change. again is set if the job runs again after the change.
	Allow func(as auth.Identity, again bool) lifecycle.Allow
	// Heartbeat is the longest time between two heartbeats.
	Heartbeat time.Duration
	Logger    *slog.Logger
}

// Runner runs the requests.
type Runner struct {
	cfg        Config
	store      job.Store
	lifecycle  *lifecycle.Lifecycle
	dispatcher *dispatch.Dispatcher
	keeper     *heartbeat.Keeper
}

// New returns a Runner. Call Run.
func New(cfg Config, store job.Store, l *lifecycle.Lifecycle, d *dispatch.Dispatcher, k *heartbeat.Keeper) *Runner {
	return &Runner{cfg: cfg, store: store, lifecycle: l, dispatcher: d, keeper: k}
}

// Run runs requests until ctx ends. Then those that run return to the queue.
func (r *Runner) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for range running {
		wg.Go(func() {
			for ctx.Err() == nil {
				leased, err := r.dispatcher.Lease(ctx, dispatch.LeaseRequest{Kinds: []string{Kind}, Max: 1, Wait: leaseWait, Worker: "headway"})
				if err != nil && ctx.Err() == nil {
					r.cfg.Logger.WarnContext(ctx, "can't lease requests to change jobs, trying again", "error", err)
					backoff.Sleep(ctx, afterError)
				}
				for i := range leased {
					r.do(ctx, &leased[i])
				}
			}
		})
	}
	wg.Wait()
}

// state is the progress of a request, and its checkpoint.
type state struct {
	Token   string `json:"token"` // of the next page
	Changed int    `json:"changed"`
	Refused int    `json:"refused"`
	Total   int    `json:"total"`
}

var (
	errLeaseLost = errors.New("the lease is lost")
	errCancelled = errors.New("the request was cancelled")
)

// run is a running request.
type run struct {
	*Runner
	job     *job.Job
	request Request
	state   atomic.Pointer[state]
}

// do runs one request, from its checkpoint to its end.
func (r *Runner) do(ctx context.Context, j *job.Job) {
	one := &run{Runner: r, job: j}
	at := state{Total: -1}
	err := json.Unmarshal(j.Payload, &one.request)
	if err == nil && j.HasCheckpoint {
		err = json.Unmarshal(j.Checkpoint, &at)
	}
	if err == nil {
		one.state.Store(&at)
		err = one.perform(ctx)
	}
	at = *cmp.Or(one.state.Load(), &state{})
	after := context.WithoutCancel(ctx)
	token, last := j.Lease.Token, at.report()
	switch {
	case err == nil:
		result, _ := json.Marshal(map[string]int{"changed": at.Changed, "refused": at.Refused}) // numbers only: it cannot fail
		_, err = r.lifecycle.Complete(after, lifecycle.Completion{ID: j.ID, Token: token, Result: result, Last: last})
	case errors.Is(err, errLeaseLost):
	case errors.Is(err, errCancelled):
		_, err = r.lifecycle.Fail(after, j.ID, token, job.Failing{Last: last, Failure: job.Failure{Reason: job.ReasonCancelledByUser}})
	case ctx.Err() != nil:
		_, err = r.lifecycle.Release(after, j.ID, token, at.checkpoint())
	default:
		_, err = r.lifecycle.Fail(after, j.ID, token, job.Failing{Last: last, Failure: job.Failure{Reason: job.ReasonWorkerFailed, Message: err.Error()}})
	}
	if err != nil {
		r.cfg.Logger.WarnContext(ctx, "can't end a request to change jobs. It continues when its lease has expired", "job_id", j.ID, "error", err)
	}
}

// perform changes the jobs page by page, and sends heartbeats in the meantime.
func (r *run) perform(ctx context.Context) error {
	ctx, end := context.WithCancelCause(ctx)
	var beating sync.WaitGroup
	beating.Go(func() { r.beat(ctx, end) })
	err := r.pages(ctx)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	end(nil)
	beating.Wait()
	return err
}

// beat sends heartbeats with the progress, until ctx ends. It ends ctx if the lease is lost, or if the request is cancelled.
func (r *run) beat(ctx context.Context, end context.CancelCauseFunc) {
	wait := r.keeper.FirstProgress()
	for {
		if !backoff.Sleep(ctx, min(wait, r.cfg.Heartbeat)) {
			return
		}
		at := *r.state.Load()
		answer, err := r.keeper.Beat(ctx, heartbeat.Heartbeat{ID: r.job.ID, Token: r.job.Lease.Token, Report: at.report(), Checkpoint: at.checkpoint()})
		switch {
		case errors.Is(err, job.ErrLeaseLost):
			end(errLeaseLost)
		case err == nil && answer.CancelRequested:
			end(errCancelled)
		case err == nil:
			wait = answer.ProgressInterval
		}
	}
}

func (r *run) pages(ctx context.Context) error {
	f := r.request.filter(r.job.ID)
	at := *r.state.Load()
	if at.Total < 0 {
		if n, err := r.store.Count(ctx, f, maxCount); err == nil { // the progress can do without it
			at.Total = n
		}
	}
	for {
		err := r.page(ctx, &f, &at)
		r.state.Store(new(at))
		switch {
		case errors.Is(err, job.ErrUnavailable) && ctx.Err() == nil: // without a database, the attempt can't fail either
			backoff.Sleep(ctx, afterError)
		case err != nil || at.Token == "":
			return err
		}
	}
}

// page changes the jobs of a page. If it fails, it can be called again: the list then contains the jobs that were refused, but
// none that were changed.
func (r *run) page(ctx context.Context, f *job.Filter, at *state) error {
	f.Token = at.Token
	found, err := r.store.List(ctx, *f)
	if err != nil {
		return err
	}
	changed, refused, err := r.change(ctx, found.Jobs)
	at.Changed += changed
	if err != nil {
		return err
	}
	at.Refused, at.Token = at.Refused+refused, found.Next
	return nil
}

// change changes jobs in one step. If none can be changed, for example because the database refuses one of them, each has its own step.
func (r *run) change(ctx context.Context, jobs []job.Job) (changed, refused int, err error) {
	ids := make([]string, 0, len(jobs))
	for i := range jobs {
		switch {
		case jobs[i].Kind == Kind: // requests do not change each other
		case r.request.Action == Cancel && jobs[i].CancelRequested: // nothing is left to do, and an earlier attempt might have counted it
		default:
			ids = append(ids, jobs[i].ID)
		}
	}
	errs := r.changeAll(ctx, ids)
	if !slices.Contains(errs, nil) {
		errs = r.changeEach(ctx, ids)
	}
	for _, one := range errs {
		switch {
		case one == nil:
			changed++
		case errors.Is(one, job.ErrNotFound): // it was deleted meanwhile
		case ctx.Err() != nil || errors.Is(one, job.ErrUnavailable):
			err = one
		default:
			refused++
		}
	}
	return changed, refused, err
}

// changeAll changes jobs in one step. Deletions have no such step.
func (r *run) changeAll(ctx context.Context, ids []string) []error {
	allow := r.cfg.Allow(r.request.As, r.request.Action == Retry)
	switch {
	case len(ids) == 0:
	case r.request.Action == Cancel:
		return r.lifecycle.CancelAll(ctx, ids, job.Failure{}, allow)
	case r.request.Action == Retry:
		return r.lifecycle.RetryAll(ctx, ids, allow)
	}
	return nil
}

// changeEach changes jobs at the same time, so that they share commits.
func (r *run) changeEach(ctx context.Context, ids []string) []error {
	errs := make([]error, len(ids))
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() { errs[i] = r.changeOne(ctx, id) })
	}
	wg.Wait()
	return errs
}

func (r *run) changeOne(ctx context.Context, id string) (err error) {
	allow := r.cfg.Allow(r.request.As, r.request.Action == Retry)
	switch r.request.Action {
	case Cancel:
		_, err = r.lifecycle.Cancel(ctx, id, job.Failure{}, allow)
	case Retry:
		_, err = r.lifecycle.Retry(ctx, id, allow)
	case Delete:
		err = r.lifecycle.Delete(ctx, id, allow)
	default:
		err = fmt.Errorf("there is no action %d", r.request.Action)
	}
	return err
}

// report returns the progress. The total is an estimate: jobs can change while they are counted.
func (s *state) report() *job.Report {
	done := float64(s.Changed + s.Refused)
	step := job.StepReport{Name: stepName, State: job.StepActive, Done: &done,
		Counters: map[string]float64{"changed": float64(s.Changed), "refused": float64(s.Refused)}}
	if s.Total >= 0 {
		step.Total, step.Estimated = new(max(float64(s.Total), done)), new(true)
	}
	return &job.Report{Steps: []job.StepReport{step}}
}

func (s *state) checkpoint() []byte {
	text, _ := json.Marshal(s) // numbers and a text: it cannot fail
	return text
}
