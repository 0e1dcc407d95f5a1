package heartbeat

import (
	"sync"
	"time"

	"headway/services/jobs/internal/job"
)

// entry is one active job: its stored state, and the progress that its worker has sent since.
type entry struct {
	id string

	mu      sync.Mutex
	known   bool // job is filled in
	revoked bool // the lease is being ended: this has been decided, but is not durable yet
	lost    bool // the stored job has another lease
	job     job.Job
	base    base      // the stored state that job and its progress are made from
	resumed time.Time // when the lease was extended, if no write has stored the progress since
	version uint64    // grows with every heartbeat
	written uint64    // the version that is in the store
	visible uint64    // the last version that changed what a snapshot shows
	adopted uint64    // the last version that a change of the stored job includes
	waiting []*waiter // with what the versions after written have changed

	// Of the Keeper, under its lock. These times are of the wall clock, with its monotonic reading.
	due       time.Time // of the next write
	lastWrite time.Time
	index     int // in planned, or -1
}

// base identifies a stored state of an active job. Each heartbeat changes it, even if it changes no snapshot.
type base struct {
	revision uint32
	expires  time.Time
}

func baseOf(j *job.Job) base { return base{j.Revision, j.Lease.ExpiresAt} }

// waiter is a heartbeat that waits for its commit, or another change of the entry. It can be applied again, because the next
// heartbeat of the same lease can have arrived at another replica.
type waiter struct {
	version uint64
	at      time.Time
	apply   func(j *job.Job, now time.Time) (visible bool, refused []job.Refusal)
	refused []job.Refusal
	durable chan error // has room for one result. It is nil for a change that no call waits for
}

// release answers the heartbeats up to the version. The lock must be held.
func (e *entry) release(version uint64, err error) {
	later := e.waiting[:0]
	for _, w := range e.waiting {
		if w.version <= version {
			if w.durable != nil {
				w.durable <- err
			}
		} else {
			later = append(later, w)
		}
	}
	clear(e.waiting[len(later):])
	e.waiting = later
}

// fail answers all heartbeats with an error of the store. Their workers repeat them.
func (e *entry) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.release(e.version, err)
}

// end answers all heartbeats of a lease that has ended. Those that the last change includes are durable.
func (e *entry) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.endLocked()
}

func (e *entry) endLocked() {
	e.release(max(e.adopted, e.written), nil)
	e.release(e.version, job.ErrLeaseLost)
}

// follow applies the latest stored state of an active job.
func (e *entry) follow(j *job.Job) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.known || !e.job.Lease.Same(j.Lease) {
		e.endLocked()
		e.known, e.revoked, e.lost, e.job, e.base, e.resumed = true, false, false, *j, baseOf(j), time.Time{}
		e.job.Checkpoint = nil
		e.version, e.written, e.visible, e.adopted = 0, 0, 0, 0
		return
	}
	sent := e.job
	e.job = *j
	e.job.Progress, e.job.Lease = sent.Progress, sent.Lease
	e.job.Checkpoint, e.job.HasCheckpoint = sent.Checkpoint, sent.HasCheckpoint
	e.base = baseOf(j)
}

// rebase makes the entry follow a stored state that another replica, or the store itself, has changed, and applies what was sent
// since. The lock must be held.
func (e *entry) rebase(j *job.Job) {
	e.job, e.base = *j, baseOf(j)
	e.job.Checkpoint = nil
	if !e.resumed.IsZero() {
		e.job.ExtendLease(e.resumed)
	}
	for _, w := range e.waiting {
		if w.version <= e.written || w.apply == nil {
			continue
		}
		var visible bool
		if visible, w.refused = w.apply(&e.job, later(w.at, e.job.Progress.Estimate.At)); visible {
			e.visible = max(e.visible, w.version)
		}
	}
	e.job.Lease.ExpiresAt = later(e.job.Lease.ExpiresAt, j.Lease.ExpiresAt)
}

// isLost reports whether the stored job was found to have another lease.
func (e *entry) isLost() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lost
}

// begin fills in a job that was read from the store, unless a later state was filled in in the meantime.
func (e *entry) begin(j *job.Job) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.known {
		e.known, e.job, e.base = true, *j, baseOf(j)
	}
}

func (e *entry) fence(token string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.fenceLocked(token)
}

// fenceLocked returns job.ErrLeaseLost unless the token belongs to a lease that continues. The lock must be held.
func (e *entry) fenceLocked(token string) error {
	if e.revoked {
		return job.ErrLeaseLost
	}
	return e.job.Fence(token)
}

// taken is a heartbeat that has been recorded. durable receives the outcome of the commit that contains it.
type taken struct {
	entry       *entry
	waiter      *waiter
	expires     time.Time
	owner, kind string
}

// answer returns the response to a heartbeat that is durable.
func (t *taken) answer(token string) Answer {
	t.entry.mu.Lock()
	defer t.entry.mu.Unlock()
	answer := Answer{LeaseExpiresAt: t.expires, Refused: t.waiter.refused}
	if t.entry.job.Fence(token) == nil {
		answer.CancelRequested = t.entry.job.CancelRequested // as it was stored together with the heartbeat
	}
	return answer
}

// applied returns the change that a heartbeat makes.
func (h *Heartbeat) applied(stalledAfter time.Duration) func(j *job.Job, now time.Time) (visible bool, refused []job.Refusal) {
	return func(j *job.Job, now time.Time) (visible bool, refused []job.Refusal) {
		if len(h.Plan) > 0 || h.Report != nil {
			visible, refused = j.TakeIn(now, h.Plan, h.Report, stalledAfter)
		}
		renewed, err := j.Renew(now, h.Token, stalledAfter)
		if err != nil {
			return visible, refused // its fence was checked before
		}
		if len(h.Checkpoint) > job.MaxCheckpoint {
			refused = append(refused, job.Refusal{Field: "checkpoint", Err: job.ErrCheckpointTooBig})
		}
		j.SaveCheckpoint(h.Checkpoint)
		return visible || renewed, refused
	}
}

// record makes a change of the entry, which the next write stores. The lock must be held.
func (e *entry) record(w *waiter) *waiter {
	e.version++
	w.version = e.version
	var visible bool
	if visible, w.refused = w.apply(&e.job, w.at); visible {
		e.visible = e.version
	}
	e.waiting = append(e.waiting, w)
	return w
}

// take records a heartbeat.
func (e *entry) take(clock *job.Clock, h *Heartbeat, stalledAfter time.Duration) (taken, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := clock.Now() // under the lock, so that it doesn't shorten a lease that was extended in the meantime
	if err := e.fenceLocked(h.Token); err != nil {
		return taken{}, err
	}
	w := e.record(&waiter{at: now, apply: h.applied(stalledAfter), durable: make(chan error, 1)})
	return taken{entry: e, waiter: w, expires: e.job.Lease.ExpiresAt, owner: e.job.Owner, kind: e.job.Kind}, nil
}

// outputGrew makes the next write show the output's new length.
func (e *entry) outputGrew(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.record(&waiter{at: now, apply: func(j *job.Job, now time.Time) (bool, []job.Refusal) {
		j.Progress.Estimate.MovedAt = job.Instant(now)
		j.Lease.Heard = job.HeardOf
		return true, nil
	}})
}

// renew makes the lease last until now + its duration, although the worker did not renew it. It reports whether there is a lease.
func (e *entry) renew(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.known || e.revoked || e.job.Status != job.Active {
		return false
	}
	e.record(&waiter{at: now, apply: func(j *job.Job, now time.Time) (bool, []job.Refusal) { j.ExtendLease(now); return false, nil }})
	return true
}

// stored records the stored state that a write of the entry has made, unless a later one is known.
func (e *entry) stored(j *job.Job) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.job.Lease.Same(j.Lease) && j.Revision >= e.base.revision {
		e.base, e.resumed = baseOf(j), time.Time{}
	}
}

func (e *entry) isRevoked() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.revoked
}
