package job

import (
	"context"
	"encoding/json"
	"time"
)

// Store stores jobs. It is the source of truth: an acknowledged change is on disk, and survives a power cut.
//
// All methods can be called concurrently. Times are stored with microseconds. A change whose context ends before its turn
// returns the context's error and does not happen. Once its turn has come, its result is returned.
type Store interface {
	// Create stores a new job under its spec's request ID, if it has one. If the owner has used the request ID before
	// with the same fingerprint, or the job's ID exists with the same owner and fingerprint, it returns the stored job,
	// and replayed is true. With another fingerprint, it returns ErrRequestIDReused.
	//
	// A job that would become ready here or by Update, and whose limit leaves no room, is stored as Limited instead. It becomes
	// ready in the step that makes room for it, or by Admit.
	Create(ctx context.Context, j Job, requestID string, fingerprint []byte) (stored Job, replayed bool, err error)

	// CreateAll is Create for several jobs in one step, in their order. Each has its own result. If the step fails, all
	// have its error.
	CreateAll(ctx context.Context, all []Creation) []Created

	// Get returns the job, or ErrNotFound. It includes every change that was acknowledged before the call.
	Get(ctx context.Context, id string) (Job, error)

	// GetAll is Get for several jobs. It returns those that exist, in any order, without those that can't be decoded.
	GetAll(ctx context.Context, ids []string) ([]Job, error)

	// Result returns a job's result or question that is too large for its snapshot (Job.ResultBytes is above 0), or ErrNotFound.
	Result(ctx context.Context, id string) (json.RawMessage, error)

	// List returns a page of jobs, newest first by order of creation. Pages never repeat or lose a job because others
	// are created or deleted in the meantime.
	List(ctx context.Context, filter Filter) (Page, error)

	// Count returns how many jobs match a filter, up to limit.
	Count(ctx context.Context, filter Filter, limit int) (int, error)

	// Update reads the jobs, calls change for each, and stores them, each atomically: no other call sees a job between
	// its read and its write. change receives the index into ids. If it returns an error, that job doesn't change, and
	// the error is returned at the same index. For jobs that do not exist, the error is ErrNotFound. The jobs are
	// independent: one that can't be changed does not affect the others. change can be called more than once for a job,
	// always with a new copy, and must not call the store. It can leave the revision unchanged, if the snapshot has not
	// changed, and then no observer is called. Otherwise, it must increase the revision by one. A job that becomes
	// ready gets its QueuePosition: the number of ready jobs of its kind ahead of it, counted up to MaxAhead.
	Update(ctx context.Context, ids []string, change func(i int, j *Job) error) ([]Job, []error)

	// Claim leases up to Max ready jobs of the given kinds. The owners take turns, one job at a time, and an owner that has
	// MaxActive active jobs of the kind is skipped. Of an owner's jobs, the one with the lowest Rank
	// comes first. Two claims never get the same job. An empty claim is not an error.
	Claim(ctx context.Context, c Claim) (Claimed, error)

	// Queue returns the first ready jobs of a kind, in the order in which they are leased if no owner has the maximum of
	// active jobs.
	Queue(ctx context.Context, kind string, limit int) ([]Queuing, error)

	// Ahead counts the ready jobs of a kind that are ahead of a new one of this owner and rank, up to limit.
	Ahead(ctx context.Context, kind, owner string, rank int64, limit int) (int, error)

	// Due returns the IDs of jobs whose Due time has passed, the longest overdue first.
	Due(ctx context.Context, now time.Time, limit int) ([]string, error)

	// NextDue returns the earliest Due time of all jobs and limits, or the zero time if there is none.
	NextDue(ctx context.Context) (time.Time, error)

	// Admit makes jobs ready that have waited for the time when their limit allows another lease. It looks at no more than
	// the given number of limits.
	Admit(ctx context.Context, now time.Time, limits int) error

	// ExtendLeases makes every lease last until now + its duration, every worker that was asked to stop have until now + grace, and no
	// backoff last longer from now than it did at first. It is called when a service starts, and after a gap in its time, because the
	// time in which it was unavailable does not count against the workers. Revisions don't change.
	ExtendLeases(ctx context.Context, now time.Time, grace time.Duration) error

	// Now returns the time of the store's clock, or the zero time if the store uses the clock of this process.
	Now(ctx context.Context) (time.Time, error)

	// CountOwner counts the unfinished jobs of an owner.
	CountOwner(ctx context.Context, owner string) (int64, error)

	// CountOutput returns the bytes of output of all jobs of an owner.
	CountOutput(ctx context.Context, owner string) (int64, error)

	// CountLive counts the unfinished jobs, by kind and status.
	CountLive(ctx context.Context) (map[string]map[Status]int, error)

	// Delete removes a job that has ended, with its output and checkpoint. The blobs of its segments become unreferenced.
	// allow is called with the job in the same step. If it returns an error, the job stays, and Delete returns the error.
	// Delete returns ErrNotFound if there is no such job.
	Delete(ctx context.Context, id string, allow func(*Job) error) error

	// Purge removes up to limit jobs that ended before the given time, and returns their number.
	Purge(ctx context.Context, endedBefore time.Time, limit int) (int, error)

	OutputStore

	// Close waits for the changes that have begun, and releases the store.
	Close() error
}

// Commit holds the changes that a store has made durable in one step.
type Commit struct {
	Jobs []Job    // the jobs whose revision grew, in their new state
	Was  []Status // the previous status of each of Jobs; 0 for a new job
	// WasReady reports whether each of Jobs was ready before.
	WasReady []bool
	Deleted  []Deleted
	Output   []OutputGrowth
	Due      time.Time // when a limit next lets a job become ready; the zero time means that this has not changed

	Number uint64 // in the log of a Shared store. It is 0 for a commit that others don't need to know of

	Changes int           // the number of changes that shared the step
	Took    time.Duration // from its beginning until it was durable
}

// Deleted names a job that was deleted.
type Deleted struct {
	ID, Owner, Kind string
	CreatedAt       time.Time // distinguishes it from a later job with the same ID
}

// Observer is called with every commit, in the order in which they became durable, before the changes are acknowledged.
// It must return quickly, and must not change the commit.
type Observer func(*Commit)

// MaxAhead is the maximum queue position that is counted.
const MaxAhead = 1000

// Creation is a job to create, and the request that it comes from.
type Creation struct {
	Job         Job
	RequestID   string
	Fingerprint []byte
}

// Created is the result of a Creation.
type Created struct {
	Job      Job
	Replayed bool
	Err      error
}

// Claim describes the jobs that a worker can take.
type Claim struct {
	Kinds     []string // without duplicates
	Max       int
	MaxActive int              // jobs per owner and kind; 0 for no maximum
	Now       func() time.Time // called when the claim has its turn
	Worker    string
	Duration  time.Duration
	Confirms  bool          // the worker calls before it starts a job
	Token     func() string // a new random text per job, for its lease token
}

// Claimed is the result of a claim.
type Claimed struct {
	Jobs   []Job // with their checkpoints
	Capped bool  // there are more ready jobs, but their owners have the maximum of active jobs
	Busy   bool  // there are ready jobs, but another replica is leasing jobs of their owners at this moment. Try again
}

// Queuing is a ready job and the queue position in its snapshot.
type Queuing struct {
	ID       string
	Position uint32
}

// Filter selects the jobs to list. Empty fields do not filter.
type Filter struct {
	Owner         string
	Kinds         []string
	Statuses      []Status
	Labels        map[string]string
	CreatedAfter  time.Time // at or after
	CreatedBefore time.Time // before
	// StoredBefore selects the jobs that were stored before the job with this ID, whatever the clock was. If there is none, no job matches.
	StoredBefore string
	// Live selects unfinished jobs, and, with EndedAfter, also those that ended at or after it.
	Live       bool
	EndedAfter time.Time

	Limit int    // maximum number of jobs; must be above 0
	Token string // from the previous page; empty for the first one. A malformed token is an *InvalidError
}

// Page is a part of a list.
type Page struct {
	Jobs []Job
	Next string // token of the next page; empty on the last
}
