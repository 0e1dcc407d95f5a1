package jobs

import (
	"context"
	"errors"
	"slices"
	"sync"
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
	// Refused is the ID of a job with which each step fails, or nil.
	Refused atomic.Pointer[string]
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
	jobs, errs := make([]job.Job, len(ids)), make([]error, len(ids))
	if refused := g.gate.Refused.Load(); refused != nil && slices.Contains(ids, *refused) {
		for i := range errs {
			errs[i] = errors.New("the database refuses the step")
		}
		return jobs, errs
	}
	pass := g.gate.Pass.Load()
	if pass == nil {
		return g.Store.Update(ctx, ids, change)
	}
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() {
			if errs[i] = (*pass)(ctx, id); errs[i] != nil {
				return
			}
			one, err := g.Store.Update(ctx, []string{id}, func(_ int, j *job.Job) error { return change(i, j) })
			jobs[i], errs[i] = one[0], err[0]
		})
	}
	wg.Wait()
	return jobs, errs
}
