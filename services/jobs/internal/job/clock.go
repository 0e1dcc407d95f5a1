package job

import (
	"sync"
	"time"
)

// maxDrift is the maximum difference between the service's time and the wall clock. Beyond it, the service's time
// follows the wall clock.
const maxDrift = 2 * time.Second

// Clock is the service's time. It starts at the time of the store's clock or of the wall clock, and advances with the
// monotonic clock, so that changes of the wall clock don't end leases early or late. It is safe for concurrent use.
type Clock struct {
	wall    func() time.Time
	elapsed func() time.Duration

	mu     sync.RWMutex
	anchor time.Time // the service's time at 0 elapsed
	seen   time.Time // at the last Check
	store  time.Time // the time of the store's clock at 0 elapsed; zero if the store has none
}

// NewClock returns a clock that starts now.
func NewClock() *Clock {
	start := time.Now()
	return NewClockFrom(time.Now, func() time.Duration { return time.Since(start) })
}

// NewClockFrom returns a clock with other sources, for tests: the wall clock, and the time that has passed.
func NewClockFrom(wall func() time.Time, elapsed func() time.Duration) *Clock {
	c := &Clock{wall: wall, elapsed: elapsed}
	c.anchor = c.wallAnchor()
	c.seen = c.Now()
	return c
}

// wallAnchor returns the anchor that sets the service's time to the store's clock, or to the wall clock if the store
// has no clock.
func (c *Clock) wallAnchor() time.Time {
	if !c.store.IsZero() {
		return c.store
	}
	return c.wall().Round(0).Add(-c.elapsed())
}

// Start sets the service's time to the store's clock. It ignores the zero time.
func (c *Clock) Start(store time.Time) {
	if store.IsZero() {
		return
	}
	c.Sync(store)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.anchor = c.store
	c.seen = c.anchor.Add(c.elapsed())
}

// Sync records a reading of the store's clock, which replaces the wall clock from now on. It ignores the zero time.
func (c *Clock) Sync(store time.Time) {
	if store.IsZero() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store = store.Round(0).Add(-c.elapsed())
}

// Now returns the service's time.
func (c *Clock) Now() time.Time {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.anchor.Add(c.elapsed())
}

// Check reports whether time has passed in which the service could not receive heartbeats: it was not called for longer
// than most, because the process or the machine was frozen, or the wall clock was changed. If the wall clock was
// changed, the service's time follows it from now on. In both cases, leases must be extended by their full duration.
func (c *Clock) Check(most time.Duration) (gap, step time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if between := c.anchor.Add(c.elapsed()).Sub(c.seen); between > most {
		gap = between
	}
	if drift := c.wallAnchor().Sub(c.anchor); drift > maxDrift || drift < -maxDrift {
		step = drift
		c.anchor = c.anchor.Add(drift)
	}
	c.seen = c.anchor.Add(c.elapsed())
	return gap, step
}
