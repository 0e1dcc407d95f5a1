// Package dispatch leases ready jobs to waiting workers, and maintains the queue positions in snapshots.
package dispatch

import (
	"log/slog"
	"time"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/metrics"
)

// Config configures a Dispatcher. All fields are required.
type Config struct {
	LeaseDuration time.Duration // of a lease whose worker doesn't request another duration
	MaxActive     int           // active jobs per owner and kind; 0 means no limit
	Clock         *job.Clock
	Logger        *slog.Logger
}

// Dispatcher leases the jobs of one store. It is safe for concurrent use.
type Dispatcher struct {
	cfg       Config
	store     job.Store
	metrics   *metrics.Metrics
	waiters   *waiters
	positions *positions
	presence  *presence
}

// New returns a Dispatcher. Make Observe an observer of the store, and call Run.
func New(cfg Config, store job.Store, m *metrics.Metrics) *Dispatcher {
	return &Dispatcher{cfg: cfg, store: store, metrics: m, waiters: newWaiters(), positions: newPositions(), presence: newPresence()}
}

// Observe records durable changes.
func (d *Dispatcher) Observe(c *job.Commit) {
	for i := range c.Jobs {
		j := &c.Jobs[i]
		if j.Ready() != c.WasReady[i] {
			d.positions.moved(j.Kind)
			if j.Ready() {
				d.waiters.wake(j.Kind)
			}
		}
		if c.Was[i] == job.Active && j.Status != job.Active {
			d.waiters.end(j.Kind)
		}
	}
}
