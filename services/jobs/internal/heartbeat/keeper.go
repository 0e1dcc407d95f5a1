// Package heartbeat handles the heartbeats of workers: it checks and renews the lease, collects the progress, and writes the
// progress of many jobs in one step. A heartbeat is answered after the commit that contains it. So the store is the
// only source of truth, and state that is only in memory is never acknowledged.
package heartbeat

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"headway/services/jobs/internal/job"
)

// Config configures a Keeper. All fields are required.
type Config struct {
	ProgressInterval     time.Duration // between two writes of a job's progress, and between two heartbeats of a watched job
	IdleProgressInterval time.Duration // between two heartbeats with progress of a job that is not watched
	StalledAfter         time.Duration // time without progress after which a job counts as stalled
	Watched              func(id, owner, kind string) bool
	Clock                *job.Clock
	Logger               *slog.Logger
}

// Keeper holds progress that workers have sent and that is not stored yet: one entry per active job. It is safe for
// concurrent use.
type Keeper struct {
	cfg   Config
	store job.Store

	mu      sync.Mutex
	entries map[string]*entry
	planned dueHeap       // entries with unwritten progress
	wake    chan struct{} // planned has a new first entry
}

// New returns a Keeper. Make Observe an observer of the store, and call Run.
func New(cfg Config, store job.Store) *Keeper {
	return &Keeper{cfg: cfg, store: store, entries: map[string]*entry{}, wake: make(chan struct{}, 1)}
}

// Heartbeat is a call by which a worker renews its lease and sends progress.
type Heartbeat struct {
	ID         string
	Token      string
	Plan       []job.PlannedStep // can be nil
	Report     *job.Report       // nil to renew only
	Checkpoint []byte            // nil to keep the previous one
}

// Answer is the response to a heartbeat.
type Answer struct {
	LeaseExpiresAt   time.Time
	CancelRequested  bool
	ProgressInterval time.Duration
	Refused          []job.Refusal // parts of the progress that were refused
}

// Beat renews the lease and records the progress. It returns when both are durable: they are written when the job's
// next write is due, together with those of other jobs, so a heartbeat that arrives early is answered later. Even if
// parts of the progress are refused, the lease is renewed.
func (k *Keeper) Beat(ctx context.Context, h Heartbeat) (Answer, error) {
	result := k.BeatAll(ctx, []Heartbeat{h})[0]
	return result.Answer, result.Err
}

// Result is the outcome of one heartbeat of several.
type Result struct {
	Answer
	Err error
}

// BeatAll is Beat for several jobs. Each has its own result, in the order of the heartbeats.
func (k *Keeper) BeatAll(ctx context.Context, all []Heartbeat) []Result {
	results, taken := make([]Result, len(all)), make([]taken, len(all))
	entries := k.leasedAll(ctx, all, results)
	for i, e := range entries {
		if results[i].Err == nil {
			taken[i], results[i].Err = e.take(k.cfg.Clock, &all[i], k.cfg.StalledAfter)
		}
	}
	k.planAll(entries, taken, time.Now())
	for i := range taken {
		if results[i].Err == nil {
			results[i] = k.wait(ctx, all[i].ID, all[i].Token, &taken[i])
		}
	}
	return results
}

// wait returns the result of a heartbeat once it is durable.
func (k *Keeper) wait(ctx context.Context, id, token string, t *taken) Result {
	select {
	case err := <-t.waiter.durable:
		if err != nil {
			return Result{Err: err}
		}
	case <-ctx.Done():
		return Result{Err: context.Cause(ctx)}
	}
	answer := t.answer(token)
	answer.ProgressInterval = k.progressInterval(id, t.owner, t.kind)
	return Result{Answer: answer}
}

// FirstProgress returns the time after its lease when a job's first progress is requested. It is short, because the
// user who created the job probably watches it now. The response to that heartbeat has the interval from then on.
func (k *Keeper) FirstProgress() time.Duration { return k.cfg.ProgressInterval }

// progressInterval returns the requested interval of the job's progress, which is shorter while it is watched.
func (k *Keeper) progressInterval(id, owner, kind string) time.Duration {
	if k.cfg.Watched(id, owner, kind) {
		return k.cfg.ProgressInterval
	}
	return k.cfg.IdleProgressInterval
}

// OutputGrew makes the next write show the new length of the job's output. The token is that of the append.
func (k *Keeper) OutputGrew(ctx context.Context, id, token string) {
	e, err := k.leased(ctx, id, token)
	if err != nil {
		return // the job has ended since, and its last state has the length
	}
	e.outputGrew(k.cfg.Clock.Now())
	k.plan(e, time.Now())
}

// ExtendLeases makes every lease last until now + its duration, by the clock. The caller does the same in the store.
func (k *Keeper) ExtendLeases() {
	k.mu.Lock()
	entries := slices.Collect(maps.Values(k.entries))
	k.mu.Unlock()
	for _, e := range entries {
		e.mu.Lock()
		if e.known {
			e.resumed = k.cfg.Clock.Now()
			e.job.ExtendLease(e.resumed)
			for _, w := range e.waiting {
				w.at = earlier(w.at, e.resumed) // if the clock was set back, they would renew the lease for too long
			}
		}
		e.mu.Unlock()
	}
}

// Kinds adds the kinds of the active jobs.
func (k *Keeper) Kinds(to map[string]bool) {
	k.mu.Lock()
	entries := slices.Collect(maps.Values(k.entries))
	k.mu.Unlock()
	for _, e := range entries {
		e.mu.Lock()
		if e.known {
			to[e.job.Kind] = true
		}
		e.mu.Unlock()
	}
}

// leased returns the entry of an active job whose lease has this token.
func (k *Keeper) leased(ctx context.Context, id, token string) (*entry, error) {
	e, known := k.entry(id)
	if !known {
		if err := k.recall(ctx, e, token); err != nil {
			return nil, err
		}
	}
	return e, k.fence(ctx, e, token)
}

// leasedAll returns the entries of the heartbeats' jobs, and sets the errors of those whose lease has ended.
func (k *Keeper) leasedAll(ctx context.Context, all []Heartbeat, results []Result) []*entry {
	entries := make([]*entry, len(all))
	var recalls sync.WaitGroup
	for i := range all {
		e, known := k.entry(all[i].ID)
		entries[i] = e
		switch {
		case !known: // many jobs are unknown only after a restart
			recalls.Go(func() { results[i].Err = k.recall(ctx, e, all[i].Token) })
		case e.fence(all[i].Token) != nil:
			recalls.Go(func() { results[i].Err = k.fence(ctx, e, all[i].Token) })
		}
	}
	recalls.Wait()
	return entries
}

// recall reads a job for which no heartbeat has arrived since the service started.
func (k *Keeper) recall(ctx context.Context, e *entry, token string) error {
	j, err := k.store.Get(ctx, e.id)
	if err != nil && !errors.Is(err, job.ErrNotFound) {
		return err
	}
	if err == nil {
		err = j.Fence(token)
	}
	if err != nil {
		k.forgetUnknown(e)
		return job.ErrLeaseLost
	}
	e.begin(&j)
	return nil
}

// entry returns the job's entry, which is known if the job was seen since the service started.
func (k *Keeper) entry(id string) (e *entry, known bool) {
	e = k.make(id)
	e.mu.Lock()
	defer e.mu.Unlock()
	return e, e.known
}

func (k *Keeper) make(id string) *entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.entries[id]
	if e == nil {
		e = &entry{id: id, index: -1}
		k.entries[id] = e
	}
	return e
}

func (k *Keeper) existing(id string) *entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.entries[id]
}

// Observe records durable changes.
func (k *Keeper) Observe(c *job.Commit) {
	for i := range c.Jobs {
		j := &c.Jobs[i]
		if j.Status != job.Active {
			k.forget(j.ID)
			continue
		}
		k.make(j.ID).follow(j)
	}
	for _, gone := range c.Deleted {
		k.forget(gone.ID)
	}
}

func (k *Keeper) forget(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.entries[id]; e != nil {
		k.drop(e)
		e.end()
	}
}

// forgetUnknown drops an entry that was created for a job that is not leased.
func (k *Keeper) forgetUnknown(e *entry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.known && k.entries[e.id] == e {
		k.drop(e)
	}
}

// Revoke makes the worker's calls fail from now on, because its lease is being ended. If the commit fails, Restore
// undoes it.
func (k *Keeper) Revoke(id string) { k.setRevoked(id, true) }

// Restore makes the worker's calls succeed again after Revoke, because its lease was not ended.
func (k *Keeper) Restore(id string) { k.setRevoked(id, false) }

func (k *Keeper) setRevoked(id string, revoked bool) {
	e := k.existing(id)
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.revoked = revoked
}

// Pending identifies the progress that a write has adopted from the Keeper.
type Pending struct {
	version uint64
	// Visible reports whether the write changes the snapshot.
	Visible bool
}

// Adopt copies the unwritten progress into the stored job, if the job still has the same lease. Call Settle when the
// job is durable.
func (k *Keeper) Adopt(j *job.Job) Pending {
	e := k.existing(j.ID)
	if e == nil {
		return Pending{}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.known {
		if e.lost = j.Fence(e.job.Lease.Token) != nil; e.lost {
			return Pending{}
		}
		if e.base != baseOf(j) {
			e.rebase(j)
		}
	}
	if e.version == e.written || j.Advance(&e.job) != nil {
		return Pending{}
	}
	e.adopted = e.version
	return Pending{version: e.version, Visible: e.visible > e.written}
}

// Settle records that a change that adopted progress is durable. The next write of progress comes an interval later.
func (k *Keeper) Settle(id string, p Pending) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.entries[id]; e != nil {
		e.lastWrite = time.Now()
		k.settle(e, p)
	}
}

// settle records that progress is durable. The lock must be held.
func (k *Keeper) settle(e *entry, p Pending) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p.version > e.written && p.version <= e.version {
		e.written = p.version
		if e.version == p.version {
			e.job.Checkpoint = nil // the store has it
		}
		e.release(e.written, nil)
	}
	if e.version > e.written && e.index < 0 {
		k.push(e, e.lastWrite.Add(k.cfg.ProgressInterval))
	}
}
