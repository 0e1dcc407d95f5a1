// Package lifecycle changes jobs on behalf of users and workers: it creates, cancels, retries, resumes, and deletes
// jobs, and it ends workers' attempts. Every change includes progress that the worker has sent and that is not stored
// yet.
package lifecycle

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"headway/internal/quota"
	"headway/services/jobs/internal/dispatch"
	"headway/services/jobs/internal/heartbeat"
	"headway/services/jobs/internal/job"
)

// Lifecycle changes the jobs of one store. It is safe for concurrent use.
type Lifecycle struct {
	store      job.Store
	keeper     *heartbeat.Keeper
	dispatcher *dispatch.Dispatcher
	cfg        Config
}

// Config configures a Lifecycle. All fields are required.
type Config struct {
	CancelGrace    time.Duration // how long a worker has to stop after a cancellation request
	MaxResultBytes int           // of a job's result or question, as JSON
	Quota          *quota.Quota  // of jobs per user
	Clock          *job.Clock
}

// New returns a Lifecycle.
func New(cfg Config, store job.Store, keeper *heartbeat.Keeper, dispatcher *dispatch.Dispatcher) *Lifecycle {
	return &Lifecycle{cfg: cfg, store: store, keeper: keeper, dispatcher: dispatcher}
}

// Allow returns an error if the caller is not allowed to change the job. The call returns this error.
type Allow func(*job.Job) error

// Create adds a job to the queue. A repeated request with the same request ID returns the same job, and true for replayed.
func (l *Lifecycle) Create(ctx context.Context, spec job.Spec) (created job.Job, replayed bool, err error) {
	j, err := job.New(spec, l.cfg.Clock.Now())
	if err != nil {
		return job.Job{}, false, err
	}
	hold := l.cfg.Quota.Hold(spec.Owner)
	defer func() { hold.End(err == nil) }()
	if err := hold.Grow(ctx, 1); err != nil {
		return job.Job{}, false, overQuota(err)
	}
	if err := l.dispatcher.Position(ctx, &j); err != nil {
		return job.Job{}, false, err
	}
	return l.store.Create(ctx, j, spec.RequestID, spec.Fingerprint())
}

// CreateAll is Create for several jobs in one step, in their order. Each has its own result.
func (l *Lifecycle) CreateAll(ctx context.Context, specs []job.Spec) []job.Created {
	results := make([]job.Created, len(specs))
	var all []job.Creation
	var of []int // for each element of all, its index in specs
	room, end := l.roomFor(ctx, specs)
	defer end()
	for i, spec := range specs {
		owner := room[spec.Owner]
		if owner.jobs--; owner.jobs < 0 {
			results[i].Err = owner.err
			continue
		}
		j, err := job.New(spec, l.cfg.Clock.Now())
		if err != nil {
			results[i].Err = err
			continue
		}
		all, of = append(all, job.Creation{Job: j, RequestID: spec.RequestID, Fingerprint: spec.Fingerprint()}), append(of, i)
	}
	if len(all) == 0 {
		return results
	}
	if err := l.dispatcher.PositionAll(ctx, all); err != nil {
		for _, i := range of {
			results[i].Err = err
		}
		return results
	}
	for k, created := range l.store.CreateAll(ctx, all) {
		results[of[k]] = created
	}
	return results
}

// room is the number of jobs that an owner can still add, and the error for more.
type room struct {
	jobs int64
	err  error
}

// roomFor counts the jobs of each owner in the quota. Call end when they are stored.
func (l *Lifecycle) roomFor(ctx context.Context, specs []job.Spec) (owners map[string]*room, end func()) {
	wanted := make(map[string]int64)
	for _, spec := range specs {
		wanted[spec.Owner]++
	}
	owners = make(map[string]*room, len(wanted))
	holds := make([]*quota.Hold, 0, len(wanted))
	for owner, n := range wanted {
		hold := l.cfg.Quota.Hold(owner)
		added, err := hold.GrowSome(ctx, n)
		holds = append(holds, hold)
		owners[owner] = &room{added, overQuota(err)}
	}
	return owners, func() {
		for _, hold := range holds {
			hold.End(true)
		}
	}
}

// overQuota translates an error of the quota to one of the domain.
func overQuota(err error) error {
	if over := (*quota.ExceededError)(nil); errors.As(err, &over) {
		return &job.QuotaError{Limit: over.Limit}
	}
	return err
}

// Get returns the job, or job.ErrNotFound.
func (l *Lifecycle) Get(ctx context.Context, id string) (job.Job, error) {
	return l.store.Get(ctx, id)
}

// GetAll returns the jobs that exist, in any order, without those that can't be decoded.
func (l *Lifecycle) GetAll(ctx context.Context, ids []string) ([]job.Job, error) {
	return l.store.GetAll(ctx, ids)
}

// Result returns a result that is too large for the job's snapshot.
func (l *Lifecycle) Result(ctx context.Context, id string) (json.RawMessage, error) {
	return l.store.Result(ctx, id)
}

// List returns a page of jobs.
func (l *Lifecycle) List(ctx context.Context, f job.Filter) (job.Page, error) {
	return l.store.List(ctx, f)
}

// Cancel ends a queued or waiting job, and asks the worker of an active job to stop. why can be zero.
func (l *Lifecycle) Cancel(ctx context.Context, id string, why job.Failure, allow Allow) (job.Job, error) {
	return l.change(ctx, id, l.cancel(why, allow))
}

// CancelAll is Cancel for several jobs in one step. Each has its own error. If the step fails, all have its error.
func (l *Lifecycle) CancelAll(ctx context.Context, ids []string, why job.Failure, allow Allow) []error {
	cancel := l.cancel(why, allow)
	_, errs := l.changeAll(ctx, ids, func(_ int, now time.Time, j *job.Job) error { return cancel(now, j) })
	return errs
}

func (l *Lifecycle) cancel(why job.Failure, allow Allow) func(time.Time, *job.Job) error {
	return func(now time.Time, j *job.Job) error {
		if err := allow(j); err != nil {
			return err
		}
		_, err := j.Cancel(now, l.cfg.CancelGrace, why)
		return err
	}
}

// Retry queues a failed or cancelled job again.
func (l *Lifecycle) Retry(ctx context.Context, id string, allow Allow) (job.Job, error) {
	return l.change(ctx, id, retry(allow))
}

// RetryAll is Retry for several jobs in one step, like CancelAll.
func (l *Lifecycle) RetryAll(ctx context.Context, ids []string, allow Allow) []error {
	retry := retry(allow)
	_, errs := l.changeAll(ctx, ids, func(_ int, now time.Time, j *job.Job) error { return retry(now, j) })
	return errs
}

func retry(allow Allow) func(time.Time, *job.Job) error {
	return func(now time.Time, j *job.Job) error {
		if err := allow(j); err != nil {
			return err
		}
		return j.Retry(now)
	}
}

// Resume answers a waiting job's question and queues the job again. revision is the revision of the snapshot with the
// question, or 0 if the caller does not have it.
func (l *Lifecycle) Resume(ctx context.Context, id string, revision uint32, answer json.RawMessage, allow Allow) (job.Job, error) {
	return l.change(ctx, id, func(now time.Time, j *job.Job) error {
		if err := allow(j); err != nil {
			return err
		}
		return j.Resume(now, revision, answer)
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

// Completion is the end of a job with its result.
type Completion struct {
	ID, Token string
	Result    json.RawMessage
	Last      *job.Report // nil to keep the progress
}

// Complete ends the job with its result.
func (l *Lifecycle) Complete(ctx context.Context, c Completion) (job.Job, error) {
	if err := l.checkSize("result", c.Result); err != nil {
		return job.Job{}, err
	}
	jobs, errs := l.finishAll(ctx, []ending{c.ending()})
	return jobs[0], errs[0]
}

// CompleteAll is Complete for several jobs in one step. Each has its own error.
func (l *Lifecycle) CompleteAll(ctx context.Context, all []Completion) []error {
	errs := make([]error, len(all))
	var endings []ending
	var of []int // for each element of endings, its index in all
	for i := range all {
		if errs[i] = l.checkSize("result", all[i].Result); errs[i] == nil {
			endings, of = append(endings, all[i].ending()), append(of, i)
		}
	}
	if len(endings) == 0 {
		return errs
	}
	_, ended := l.finishAll(ctx, endings)
	for k, err := range ended {
		errs[of[k]] = err
	}
	return errs
}

func (l *Lifecycle) checkSize(field string, document json.RawMessage) error {
	if len(document) <= l.cfg.MaxResultBytes {
		return nil
	}
	return &job.InvalidError{Field: field, Problem: fmt.Sprintf(
		"has %d bytes as JSON. The limit is %d. Store large data as output, or increase --max-result-bytes", len(document), l.cfg.MaxResultBytes)}
}

func (c *Completion) ending() ending {
	return ending{c.ID, c.Token, call("complete", c.Result, c.Last), func(now time.Time, j *job.Job) error {
		return j.Complete(now, c.Token, c.Result, c.Last)
	}}
}

// Fail ends the attempt.
func (l *Lifecycle) Fail(ctx context.Context, id, token string, f job.Failing) (job.Job, error) {
	if len(f.Result) > l.cfg.MaxResultBytes {
		f.Result = nil // the end of the attempt is more important than its facts
	}
	jitter := rand.Float64()
	return l.finish(ctx, id, token, call("fail", f), func(now time.Time, j *job.Job) error { return j.Fail(now, token, f, jitter) })
}

// Release returns the job to the queue without using up an attempt.
func (l *Lifecycle) Release(ctx context.Context, id, token string, checkpoint []byte) (job.Job, error) {
	return l.finish(ctx, id, token, call("release", checkpoint), func(now time.Time, j *job.Job) error {
		return j.Release(now, token, checkpoint)
	})
}

// Park makes the job wait for a user's decision.
func (l *Lifecycle) Park(ctx context.Context, id, token string, question json.RawMessage, last *job.Report, checkpoint []byte) (job.Job, error) {
	if err := l.checkSize("question", question); err != nil {
		return job.Job{}, err
	}
	return l.finish(ctx, id, token, call("park", question, last, checkpoint), func(now time.Time, j *job.Job) error {
		return j.Park(now, token, question, last, checkpoint)
	})
}

// errRepeated means that a job does not change, because the same call has already been made.
var errRepeated = errors.New("the call was made before")

// ending is a call that ends a lease. call is a hash of its content.
type ending struct {
	id, token string
	call      []byte
	change    func(time.Time, *job.Job) error
}

// finish ends a lease.
func (l *Lifecycle) finish(ctx context.Context, id, token string, call []byte, change func(time.Time, *job.Job) error) (job.Job, error) {
	jobs, errs := l.finishAll(ctx, []ending{{id, token, call, change}})
	return jobs[0], errs[0]
}

// finishAll is changeAll for calls that end leases. A repeated call whose response was lost returns the current job. If the
// job was deleted, the worker has lost its lease.
func (l *Lifecycle) finishAll(ctx context.Context, all []ending) ([]job.Job, []error) {
	ids, current := make([]string, len(all)), make([]job.Job, len(all))
	for i := range all {
		ids[i] = all[i].id
	}
	jobs, errs := l.changeAll(ctx, ids, func(i int, now time.Time, j *job.Job) error {
		e := &all[i]
		if j.EndedBy(e.token, e.call) {
			current[i] = *j
			return errRepeated
		}
		if err := e.change(now, j); err != nil {
			return err
		}
		j.Ended = job.EndedLease{Token: e.token, Call: e.call}
		return nil
	})
	for i, err := range errs {
		switch {
		case errors.Is(err, errRepeated):
			jobs[i], errs[i] = current[i], nil
		case errors.Is(err, job.ErrNotFound):
			errs[i] = job.ErrLeaseLost
		}
	}
	return jobs, errs
}

// call returns a hash of a call's content, or nil if the content can't be hashed.
func call(name string, content ...any) []byte {
	text, err := json.Marshal(content)
	if err != nil {
		return nil // cannot happen: documents were checked, and numbers are finite
	}
	sum := sha256.Sum256(append([]byte(name+" "), text...))
	return sum[:]
}

// change stores a transition, together with progress that is not stored yet.
func (l *Lifecycle) change(ctx context.Context, id string, change func(time.Time, *job.Job) error) (job.Job, error) {
	jobs, errs := l.changeAll(ctx, []string{id}, func(_ int, now time.Time, j *job.Job) error { return change(now, j) })
	return jobs[0], errs[0]
}

// changeAll is change for several jobs in one step. Each has its own error.
func (l *Lifecycle) changeAll(ctx context.Context, ids []string, change func(i int, now time.Time, j *job.Job) error) ([]job.Job, []error) {
	pending := make([]heartbeat.Pending, len(ids))
	jobs, errs := l.store.Update(ctx, ids, func(i int, j *job.Job) error {
		pending[i] = l.keeper.Adopt(j)
		return change(i, l.cfg.Clock.Now(), j)
	})
	for i, err := range errs {
		if err == nil {
			l.keeper.Settle(ids[i], pending[i])
		}
	}
	return jobs, errs
}
