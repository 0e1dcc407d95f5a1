// Package job is the domain of the jobs service: the job, the ways in which time, workers, and users change it, and the
// contract of its store. It doesn't depend on a transport or a database.
//
// Every change is a transition: a method that takes the time, checks whether it is allowed, and changes the job in
// place. A transition that returns an error has changed nothing.
package job

import (
	"encoding/json"
	"time"
)

// Status is the status of a job. The numbers are those of headway.jobs.v1.JobStatus, and are stored.
type Status int

// The statuses of a job. The last three are terminal.
const (
	Queued    Status = 1
	Active    Status = 2
	Waiting   Status = 3
	Completed Status = 4
	Failed    Status = 5
	Cancelled Status = 6
)

// Terminal reports whether the job has ended.
func (s Status) Terminal() bool { return s >= Completed }

// String returns the status's name in REST and SSE.
func (s Status) String() string {
	switch s {
	case Queued:
		return "queued"
	case Active:
		return "active"
	case Waiting:
		return "waiting"
	case Completed:
		return "completed"
	case Failed:
		return "failed"
	case Cancelled:
		return "cancelled"
	}
	return "unknown"
}

// Job is the whole state of a job at one revision.
//
// A Job can be copied by assignment: transitions replace slices and maps, and never write into shared ones. All times
// are in UTC with microseconds. The zero time means unset.
type Job struct {
	ID    string
	Kind  string
	Owner string
	Title string

	Status   Status
	Revision uint32 // grows by one with every change that a snapshot shows
	Priority int32  // higher runs first
	Labels   map[string]string
	Limit    Limit
	Limited  bool // queued, and waits because of its limit

	Attempt     uint32 // attempts that count toward MaxAttempts; 0 before the first
	MaxAttempts uint32
	Backoff     time.Duration // before the second attempt; doubles with each further attempt
	MaxBackoff  time.Duration

	Payload json.RawMessage // a JSON object, or nil
	Result  json.RawMessage // nil if there is none, or if it is too large for the snapshot

	// ResultBytes is the size of a result that is too large for the snapshot, or 0. LargeResult is that result while it
	// is being set. Stores store it separately, and clear the field. Store.Result returns it. While a job is waiting, all this can be
	// about its question instead. See QuestionBytes.
	ResultBytes int
	LargeResult json.RawMessage

	Question json.RawMessage
	Answer   json.RawMessage
	Error    *Failure

	Progress    Progress
	OutputBytes int64

	CancelRequested bool
	CancelBy        time.Time // when an active job with a cancellation request is cancelled, even if its worker hasn't stopped

	CreatedAt   time.Time
	StartedAt   time.Time
	UpdatedAt   time.Time
	CompletedAt time.Time
	NotBefore   time.Time // cleared when it has passed, so a queued job is ready if this is unset
	Deadline    time.Time
	ReadyAt     time.Time // when the job became ready, or had become ready before its last lease

	Lease Lease
	Ended EndedLease // how the last lease ended

	Unheard uint32 // leases in a row that expired before a call of the worker arrived

	// QueuePosition is the number of ready jobs of the kind ahead of this one, as ShownPosition returns it. It is 0 unless
	// the job is ready.
	QueuePosition uint32

	// Checkpoint is the state that the previous attempt saved for the next one. Stores fill it in when a job is
	// claimed, and keep the stored one if it is nil. Everywhere else, it is nil. HasCheckpoint reports whether there is
	// one.
	Checkpoint    []byte
	HasCheckpoint bool
}

// Failure is the reason why an attempt or a job ended without success.
type Failure struct {
	Reason  string `json:"reason"` // upper snake case
	Message string `json:"message,omitempty"`
	Attempt uint32 `json:"attempt,omitempty"`
}

// The reasons that the service itself sets. They are names of headway.errors.v1.ErrorReason.
const (
	ReasonLeaseExpired    = "LEASE_EXPIRED"
	ReasonDeadlinePassed  = "DEADLINE_PASSED"
	ReasonCancelledByUser = "CANCELLED_BY_USER"
	ReasonWorkerFailed    = "WORKER_FAILED"
	ReasonWorkerReleased  = "WORKER_RELEASED"
)

// Ready reports whether a worker can lease the job now.
func (j *Job) Ready() bool { return j.Status == Queued && j.NotBefore.IsZero() && !j.Limited }

// AgeStep is how much older a job counts per step of its priority.
const AgeStep = time.Minute

// Rank orders the ready jobs of an owner: the lowest comes first. A job with a higher priority counts as older by one AgeStep for each
// step, so it goes ahead of others for a while only: no flood of urgent jobs keeps an old one waiting indefinitely. Of equal ranks, the
// job that was created first comes first.
func (j *Job) Rank() int64 {
	return j.CreatedAt.UnixMicro() - int64(j.Priority)*AgeStep.Microseconds()
}

// ShownPosition returns the queue position in the snapshot of a job with this many jobs ahead of it: exact up to 100,
// then rounded down to a multiple of 100, and at most 1,000. So a job deep in the queue doesn't get a new revision
// whenever a job leaves the queue.
func ShownPosition(ahead int) uint32 {
	switch {
	case ahead <= 100:
		return uint32(ahead)
	case ahead >= MaxAhead:
		return MaxAhead
	}
	return uint32(ahead / 100 * 100)
}

// Due returns the time when Elapse changes the job. The zero time means never.
func (j *Job) Due() time.Time {
	switch j.Status {
	case Queued:
		return earliest(j.NotBefore, j.Deadline)
	case Active:
		return earliest(j.Lease.ExpiresAt, j.Deadline, j.CancelBy)
	case Waiting:
		return j.Deadline
	}
	return time.Time{}
}

// earliest returns the first of the times that are set, or the zero time.
func earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}
