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

// Gate delays changes of single jobs.
type Gate struct {
	// Held reports whether changes of the job wait until their caller ends. nil holds none.
	Held atomic.Pointer[func(id string) bool]
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
	if held := g.gate.Held.Load(); held != nil && len(ids) == 1 && (*held)(ids[0]) {
		<-ctx.Done()
		return make([]job.Job, 1), []error{context.Cause(ctx)}
	}
	return g.Store.Update(ctx, ids, change)
}
