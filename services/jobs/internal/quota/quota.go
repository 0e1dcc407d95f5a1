// Package quota limits the number of unfinished jobs per user. A payload has at most 8 KiB, so this also limits the
// bytes of all payloads.
package quota

import (
	"context"
	"sync"
	"time"

	"headway/services/jobs/internal/job"
)

// recount is how long a count is used. During this time, only new jobs are added to it.
const recount = 5 * time.Second

// maxOwners is the maximum number of counts that are kept. When there are more, all are dropped and counted again.
const maxOwners = 10_000

// Config holds the settings of a Quota. All fields are required.
type Config struct {
	// Max is the maximum number of unfinished jobs per user. 0 means no limit.
	Max int
	// Count counts those jobs in the store.
	Count func(ctx context.Context, owner string) (int, error)
	// Refused is called for each job that is refused.
	Refused func()
}

// Quota counts the jobs of each user. It is safe for concurrent use.
type Quota struct {
	cfg Config

	mu     sync.Mutex
	owners map[string]count
}

// count is the number of jobs at a time.
type count struct {
	jobs int
	at   time.Time
}

// New returns a Quota.
func New(cfg Config) *Quota { return &Quota{cfg: cfg, owners: make(map[string]count)} }

// Add counts one more job of a user. It returns a *job.QuotaError if the user already has the maximum.
func (q *Quota) Add(ctx context.Context, owner string) error {
	_, err := q.AddSome(ctx, owner, 1)
	return err
}

// AddSome counts as many of n more jobs of a user as there is room for, and returns their number. It returns a
// *job.QuotaError if that is less than n.
func (q *Quota) AddSome(ctx context.Context, owner string, n int) (added int, err error) {
	if q.cfg.Max == 0 {
		return n, nil
	}
	q.mu.Lock()
	known, ok := q.owners[owner]
	q.mu.Unlock()
	// Jobs that have ended since the count make room, so a user at the limit is counted again.
	if !ok || time.Since(known.at) > recount || known.jobs+n > q.cfg.Max {
		jobs, err := q.cfg.Count(ctx, owner)
		if err != nil {
			return 0, err
		}
		known = count{jobs, time.Now()}
	}
	added = max(0, min(n, q.cfg.Max-known.jobs))
	if added < n {
		q.cfg.Refused()
		err = &job.QuotaError{Limit: q.cfg.Max}
	}
	if added > 0 {
		known.jobs += added
		q.mu.Lock()
		defer q.mu.Unlock()
		if len(q.owners) >= maxOwners {
			clear(q.owners)
		}
		q.owners[owner] = known
	}
	return added, err
}
