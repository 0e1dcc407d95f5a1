package jobs

import (
	"context"
	"sync/atomic"
	"time"

	"headway/services/jobs/internal/job"
)

// SetWallClock makes the service follow another wall clock. Its monotonic clock stays that of the process.
func (c *Config) SetWallClock(now func() time.Time) {
	begun := time.Now()
	c.clock = job.NewClockFrom(now, func() time.Duration { return time.Since(begun) })
}

// ErrUnavailable is the store's error while its database can't be reached.
var ErrUnavailable = job.ErrUnavailable

// Gate decides about changes of single jobs before the store gets them.
type Gate struct {
	// Pass returns the error of a change that does not reach the store. nil lets all pass.
	Pass atomic.Pointer[func(ctx context.Context, id string) error]
}

// SetGate makes the service's changes of jobs pass a gate.
func (c *Config) SetGate(g *Gate) {
	c.wrap = func(s job.Store) job.Store { return &gated{s, g} }
}

type gated struct {
	job.Store
	gate *Gate
}

func (g *gated) Update(ctx context.Context, ids []string, change func(i int, j *job.Job) error) ([]job.Job, []error) {
	if pass := g.gate.Pass.Load(); pass != nil && len(ids) == 1 {
		if err := (*pass)(ctx, ids[0]); err != nil {
			return make([]job.Job, 1), []error{err}
		}
	}
	return g.Store.Update(ctx, ids, change)
}
