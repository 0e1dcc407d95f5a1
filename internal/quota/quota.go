// Package quota limits how much of something each user can have: jobs that have not ended, or stored bytes. The services
// use it, so that the limits hold for gRPC and REST.
package quota

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// recount is how long a count is used. In between, only what is added is counted.
const recount = 5 * time.Second

// maxOwners is how many counts are kept. When there are more, all are counted again.
const maxOwners = 10_000

// Config holds the settings of a Quota. All fields are required.
type Config struct {
	// Max is the maximum of a user. 0 means no limit.
	Max int64
	// Count counts the user's stored amount.
	Count func(ctx context.Context, owner string) (int64, error)
	// Refused is called for each refusal.
	Refused func()
}

// ExceededError means that a user would have more than the limit.
type ExceededError struct{ Limit int64 }

// Error implements error.
func (e *ExceededError) Error() string {
	return fmt.Sprintf("the user has reached the limit of %d", e.Limit)
}

// Quota counts the usage of each user. It is safe for concurrent use.
type Quota struct {
	cfg Config

	mu     sync.Mutex
	owners map[string]*usage
}

// usage counts what a user has: stored and the time of that count, what was added since the process began and how much of that
// the count includes, and what holds reserve.
type usage struct {
	stored, added, included, held int64
	at                            time.Time
}

func (u *usage) total() int64 { return u.stored + u.added - u.included + u.held }

// New returns a Quota.
func New(cfg Config) *Quota { return &Quota{cfg: cfg, owners: make(map[string]*usage)} }

// grow adds to what a hold reserves: n, or as much of it as there is room for if some is set. It counts the user's store again if
// the count is old, or if there is too little room: what was deleted since then makes room.
func (q *Quota) grow(ctx context.Context, h *Hold, n int64, some bool) (int64, error) {
	q.mu.Lock()
	u := q.of(h.owner)
	if time.Since(u.at) <= recount && u.total()+n <= q.cfg.Max {
		defer q.mu.Unlock()
		return h.add(u, n), nil
	}
	included := u.added
	q.mu.Unlock()

	stored, err := q.cfg.Count(ctx, h.owner)
	if err != nil {
		return 0, err
	}

	q.mu.Lock()
	defer q.mu.Unlock()
	if now := q.of(h.owner); now != u { // nothing is known of what was added before
		u, included = now, 0
	}
	if included >= u.included { // otherwise, another call has counted more since
		u.stored, u.included, u.at = stored, included, time.Now()
	}
	room := max(0, q.cfg.Max-u.total())
	if room >= n {
		return h.add(u, n), nil
	}
	q.cfg.Refused()
	if some {
		return h.add(u, room), &ExceededError{q.cfg.Max}
	}
	return 0, &ExceededError{q.cfg.Max}
}

// of returns the usage of a user. The lock is held.
func (q *Quota) of(owner string) *usage {
	u := q.owners[owner]
	if u == nil {
		if len(q.owners) >= maxOwners {
			for name, other := range q.owners {
				if other.held == 0 {
					delete(q.owners, name)
				}
			}
		}
		u = &usage{}
		q.owners[owner] = u
	}
	return u
}

// Hold reserves something that is not in the store yet: a job that is being created, or a file that is being received. End it.
type Hold struct {
	quota *Quota
	owner string
	size  int64
}

// Hold returns an empty Hold for a user.
func (q *Quota) Hold(owner string) *Hold { return &Hold{quota: q, owner: owner} }

// Grow reserves n more. It returns an *ExceededError if that is too much.
func (h *Hold) Grow(ctx context.Context, n int64) error {
	if h.quota.cfg.Max == 0 || n <= 0 {
		return nil
	}
	_, err := h.quota.grow(ctx, h, n, false)
	return err
}

// GrowSome reserves as much of n as there is room for, and returns it. It returns an *ExceededError if that is less than n.
func (h *Hold) GrowSome(ctx context.Context, n int64) (added int64, err error) {
	if h.quota.cfg.Max == 0 || n <= 0 {
		return n, nil
	}
	return h.quota.grow(ctx, h, n, true)
}

// add adds n to what the hold reserves. The quota's lock is held.
func (h *Hold) add(u *usage, n int64) int64 {
	u.held += n
	h.size += n
	return n
}

// End ends the reservation. If stored is set, the store has all of it now.
func (h *Hold) End(stored bool) {
	if h.size == 0 {
		return
	}
	h.quota.mu.Lock()
	defer h.quota.mu.Unlock()
	u := h.quota.of(h.owner)
	u.held -= h.size
	if stored {
		u.added += h.size
	}
	h.size = 0
}
