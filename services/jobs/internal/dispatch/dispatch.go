// Package dispatch leases ready jobs to waiting workers, and maintains the queue positions in snapshots.
package dispatch

import (
	"context"
	"log/slog"
	"time"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/metrics"
)

// Config configures a Dispatcher. All fields are required, except Others and Active.
type Config struct {
	LeaseDuration time.Duration // of a lease whose worker doesn't request another duration
	MaxActive     int           // active jobs per owner and kind; 0 means no limit
	Clock         *job.Clock
	Logger        *slog.Logger
	// Others are the dispatchers of other replicas. It is nil if there are none.
	Others Others
	// Active adds the kinds of the active jobs of this replica. It is required with Others.
	Active func(to map[string]bool)
}

// Others connects a Dispatcher to those of other replicas.
type Others interface {
	// Leads reports whether this replica maintains the queue positions.
	Leads() bool
	// Wake wakes a worker that waits for the kind at one of the other replicas. hops counts how often it was passed on.
	Wake(kind string, hops int)
	// Await calls woken for the calls of Wake that are meant for this replica, until stop is called.
	Await(kind string, woken func(hops int)) (stop func(), err error)
	// ReadyKinds, AnnounceKinds, and AnnouncedKinds are those of job.Shared.
	ReadyKinds(ctx context.Context, kinds []string, limit int) (map[string]int, error)
	AnnounceKinds(ctx context.Context, kinds []string, descriptions []job.KindDescription) error
	AnnouncedKinds(ctx context.Context, within time.Duration) ([]string, []job.KindDescription, error)
}

// Dispatcher leases the jobs of one store. It is safe for concurrent use.
type Dispatcher struct {
	cfg       Config
	store     job.Store
	metrics   *metrics.Metrics
	waiters   *waiters
	positions *positions
	presence  *presence
	remote    *remote // nil without other replicas
}

// New returns a Dispatcher. Make Observe an observer of the store, and call Run.
func New(cfg Config, store job.Store, m *metrics.Metrics) *Dispatcher {
	d := &Dispatcher{cfg: cfg, store: store, metrics: m, waiters: newWaiters(), positions: newPositions(), presence: newPresence()}
	if cfg.Others != nil {
		d.remote = &remote{others: cfg.Others, awaited: map[string]func(){}, logger: cfg.Logger}
	}
	return d
}

// Observe records durable changes.
func (d *Dispatcher) Observe(c *job.Commit) {
	for i := range c.Jobs {
		j := &c.Jobs[i]
		if j.Ready() != c.WasReady[i] {
			d.positions.moved(j.Kind)
			if j.Ready() && !d.waiters.wake(j.Kind) && d.remote != nil {
				d.remote.others.Wake(j.Kind, 0)
			}
		}
		if c.Was[i] == job.Active && j.Status != job.Active {
			d.waiters.end(j.Kind)
		}
	}
}
