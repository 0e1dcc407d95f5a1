package heartbeat

import (
	"sync"
	"time"

	"headway/services/jobs/internal/job"
)

// entry is one active job: what is stored, and on top of it what its worker has sent since.
type entry struct {
	id string

	mu      sync.Mutex
	known   bool // job is filled in
	revoked bool // the lease is being ended: that has been decided, and is not durable yet
	job     job.Job
	version uint64 // grows with every heartbeat
	written uint64 // the version that is in the store
	visible uint64 // the last version that changed what a snapshot shows

	// Of the Keeper, under its lock. These times are of the wall clock, with its monotonic reading.
	due       time.Time // of the next write
	lastWrite time.Time
	index     int // in planned, or -1
}

// follow takes in the latest stored state of an active job.
func (e *entry) follow(j *job.Job) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.known || !e.job.Lease.Same(j.Lease) {
		e.known, e.revoked, e.job = true, false, *j
		e.job.Checkpoint = nil
		e.version, e.written, e.visible = 0, 0, 0
		return
	}
	sent := e.job
	e.job = *j
	e.job.Progress, e.job.Lease = sent.Progress, sent.Lease
	e.job.Checkpoint, e.job.HasCheckpoint = sent.Checkpoint, sent.HasCheckpoint
}

// begin fills in a job that was read from the store, unless a later state was filled in meanwhile.
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

// fenceLocked returns job.ErrLeaseLost unless the token is that of a lease that continues. The lock is held.
func (e *entry) fenceLocked(token string) error {
	if e.revoked {
		return job.ErrLeaseLost
	}
	return e.job.Fence(token)
}

// take takes in a heartbeat.
func (e *entry) take(clock *job.Clock, h *Heartbeat, stalledAfter time.Duration) (Answer, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := clock.Now() // under the lock, so that a lease that was extended meanwhile is not cut
	j := &e.job
	if err := e.fenceLocked(h.Token); err != nil {
		return Answer{}, err
	}
	var visible bool
	var refused []job.Refusal
	if len(h.Plan) > 0 || h.Report != nil {
		visible, refused = j.TakeIn(now, h.Plan, h.Report, stalledAfter)
	}
	renewed, fenceErr := j.Renew(now, h.Token, stalledAfter)
	if fenceErr != nil {
		return Answer{}, fenceErr
	}
	if len(h.Checkpoint) > job.MaxCheckpoint {
		refused = append(refused, job.Refusal{Field: "checkpoint", Err: job.ErrCheckpointTooBig})
	}
	j.SaveCheckpoint(h.Checkpoint)
	e.version++
	if visible || renewed {
		e.visible = e.version
	}
	return Answer{LeaseExpiresAt: j.Lease.ExpiresAt, CancelRequested: j.CancelRequested, Refused: refused,
		owner: j.Owner, kind: j.Kind}, nil
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
