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
	job     job.Job
	version uint64 // grows with every heartbeat
	written uint64 // the version that is in the store
	visible uint64 // the last version that changed what a snapshot shows
	adopted uint64 // the last version that a change of the stored job includes
	waiting []waiter

	// Of the Keeper, under its lock. These times are of the wall clock, with its monotonic reading.
	due       time.Time // of the next write
	lastWrite time.Time
	index     int // in planned, or -1
}

// waiter is a heartbeat that waits for its commit.
type waiter struct {
	version uint64
	durable chan error // has room for one result
}

// release answers the heartbeats up to the version. The lock must be held.
func (e *entry) release(version uint64, err error) {
	later := e.waiting[:0]
	for _, w := range e.waiting {
		if w.version <= version {
			w.durable <- err
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
		e.known, e.revoked, e.job = true, false, *j
		e.job.Checkpoint = nil
		e.version, e.written, e.visible, e.adopted = 0, 0, 0, 0
		return
	}
	sent := e.job
	e.job = *j
	e.job.Progress, e.job.Lease = sent.Progress, sent.Lease
	e.job.Checkpoint, e.job.HasCheckpoint = sent.Checkpoint, sent.HasCheckpoint
}

// begin fills in a job that was read from the store, unless a later state was filled in in the meantime.
func (e *entry) begin(j *job.Job) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.known {
		e.known, e.job = true, *j
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
	answer      Answer
	owner, kind string
	durable     <-chan error
}

// take records a heartbeat.
func (e *entry) take(clock *job.Clock, h *Heartbeat, stalledAfter time.Duration) (taken, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := clock.Now() // under the lock, so that it doesn't shorten a lease that was extended in the meantime
	j := &e.job
	if err := e.fenceLocked(h.Token); err != nil {
		return taken{}, err
	}
	var visible bool
	var refused []job.Refusal
	if len(h.Plan) > 0 || h.Report != nil {
		visible, refused = j.TakeIn(now, h.Plan, h.Report, stalledAfter)
	}
	renewed, fenceErr := j.Renew(now, h.Token, stalledAfter)
	if fenceErr != nil {
		return taken{}, fenceErr
	}
	if len(h.Checkpoint) > job.MaxCheckpoint {
		refused = append(refused, job.Refusal{Field: "checkpoint", Err: job.ErrCheckpointTooBig})
	}
	j.SaveCheckpoint(h.Checkpoint)
	e.version++
	if visible || renewed {
		e.visible = e.version
	}
	w := waiter{e.version, make(chan error, 1)}
	e.waiting = append(e.waiting, w)
	return taken{Answer{LeaseExpiresAt: j.Lease.ExpiresAt, CancelRequested: j.CancelRequested, Refused: refused}, j.Owner, j.Kind, w.durable}, nil
}

// outputGrew makes the next write show the output's new length.
func (e *entry) outputGrew(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.job.Progress.Estimate.MovedAt = job.Instant(now)
	e.job.Lease.Heard = job.HeardOf
	e.version++
	e.visible = e.version
}
