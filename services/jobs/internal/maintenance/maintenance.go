// Package maintenance changes jobs as time passes: it handles expired leases and deadlines, ends backoffs, and removes
// jobs that ended long ago.
package maintenance

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"headway/services/jobs/internal/heartbeat"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/metrics"
)

const (
	batch      = 256                    // jobs in one step
	afterError = time.Second            // before the next attempt
	maxFailed  = 1000                   // jobs that can't be changed, in one check
	pause      = 10 * time.Millisecond  // between two checks of the store
	tick       = 500 * time.Millisecond // between two checks of the clock
)

// MaxGap is the maximum time in which no replica can receive heartbeats, after which leases are extended.
const MaxGap = 2 * time.Second

// Config configures Maintenance. All fields are required, except Replicas.
type Config struct {
	Retention time.Duration // how long ended jobs are stored
	Grace     time.Duration // how long a worker has to stop after a cancellation request
	Clock     *job.Clock
	Logger    *slog.Logger
	// Replicas are this replica among the others. It is nil if there are no others.
	Replicas Replicas
}

// Replicas is this replica among the others.
type Replicas interface {
	// Tick is that of job.Shared.
	Tick(ctx context.Context) (job.Ticked, error)
	// Leads reports whether this replica changes the jobs that are due, and removes old ones.
	Leads() bool
}

// Maintenance changes the jobs of one store as time passes.
type Maintenance struct {
	cfg     Config
	store   job.Store
	keeper  *heartbeat.Keeper
	metrics *metrics.Metrics
	timer   *expiryTimer

	unextended bool      // leases must be extended before any can expire; for runExpiry only
	ticked     time.Time // the last tick; for runExpiry only
}

// New returns a Maintenance. Make Observe an observer of the store, and call Run.
func New(cfg Config, store job.Store, keeper *heartbeat.Keeper, m *metrics.Metrics) *Maintenance {
	return &Maintenance{cfg: cfg, store: store, keeper: keeper, metrics: m, timer: newExpiryTimer()}
}

// Observe records durable changes.
func (m *Maintenance) Observe(c *job.Commit) {
	for i := range c.Jobs {
		m.timer.expect(c.Jobs[i].Due())
	}
	m.timer.expect(c.Due)
}

// Expect makes the changes that are due at a time, because of a job that another replica has changed.
func (m *Maintenance) Expect(due time.Time) { m.timer.expect(due) }

// leads reports whether this replica makes the changes.
func (m *Maintenance) leads() bool { return m.cfg.Replicas == nil || m.cfg.Replicas.Leads() }

// Run makes the changes that are due until ctx ends.
func (m *Maintenance) Run(ctx context.Context) {
	var g errgroup.Group
	g.Go(func() error { m.runExpiry(ctx); return nil })
	g.Go(func() error { m.runPurge(ctx); return nil })
	_ = g.Wait()
}

// runExpiry changes the jobs that are due: a lease or a deadline has expired, or a backoff has ended.
func (m *Maintenance) runExpiry(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var next time.Time // the time of the next check of the store
	led := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-m.timer.wake:
			next = time.Time{}
		}
		extended, err := m.extendLeases(ctx)
		if err != nil {
			m.cfg.Logger.ErrorContext(ctx, "can't extend leases, trying again", "error", err)
			timer.Reset(afterError)
			continue
		}
		leads := m.leads()
		if extended || leads != led {
			next = time.Time{} // it was computed before the time changed, or before another replica led
		}
		if led = leads; !leads {
			timer.Reset(tick)
			continue
		}
		if now := m.cfg.Clock.Now(); !now.Before(next) {
			next = m.expire(ctx)
		}
		timer.Reset(min(max(next.Sub(m.cfg.Clock.Now()), pause), tick))
	}
}

// expire changes the jobs that are due, and returns when to check again.
func (m *Maintenance) expire(ctx context.Context) time.Time {
	m.timer.look()
	next, err := m.elapse(ctx)
	if err != nil {
		if ctx.Err() == nil {
			m.cfg.Logger.ErrorContext(ctx, "can't change due jobs, trying again", "error", err)
		}
		next = m.cfg.Clock.Now().Add(afterError)
	}
	return m.timer.sleep(next)
}

// extendLeases extends every lease by its full duration if the service could not receive heartbeats for a while (the
// process was frozen, or the store was unavailable), or if the clock was changed. extended reports whether it did. No
// lease expires before this has succeeded.
func (m *Maintenance) extendLeases(ctx context.Context) (extended bool, err error) {
	var ticked job.Ticked
	if m.cfg.Replicas != nil {
		if time.Since(m.ticked) < tick/2 && !m.unextended {
			return false, nil
		}
		ticked, err = m.cfg.Replicas.Tick(ctx)
		m.ticked = time.Now()
	} else {
		ticked.Now, err = m.store.Now(ctx) // while the store is unavailable, the gap grows
	}
	if err != nil {
		return false, err
	}
	m.cfg.Clock.Sync(ticked.Now)
	gap, step := m.cfg.Clock.Check(MaxGap)
	if m.cfg.Replicas != nil && step == 0 && !m.unextended {
		return m.renew(ctx, gap, &ticked), nil
	}
	if gap == 0 && step == 0 && !m.unextended {
		return false, nil
	}
	m.unextended = true
	m.cfg.Logger.WarnContext(ctx, "the service was frozen, its database was unavailable, or the clock was changed. Extending all leases", "gap", gap, "clock_step", step)
	m.keeper.ExtendLeases()
	if err := m.store.ExtendLeases(ctx, m.cfg.Clock.Now(), m.cfg.Grace); err != nil {
		return false, err
	}
	m.unextended = false
	return true, nil
}

// renew is extendLeases for one of several replicas. If no replica could receive heartbeats, the store has extended all leases. If only
// this one could not, workers could have used another, so only the leases are renewed whose heartbeats arrive here.
func (m *Maintenance) renew(ctx context.Context, gap time.Duration, ticked *job.Ticked) (extended bool) {
	switch {
	case ticked.Gap != 0:
		m.cfg.Logger.WarnContext(ctx, "no replica was available, or the clock of the database was changed. All leases are extended", "gap", ticked.Gap)
		m.keeper.ExtendLeases()
		return true
	case gap != 0:
		m.cfg.Logger.WarnContext(ctx, "this replica was frozen, or could not reach its database. Renewing the leases of its workers", "gap", gap)
		m.keeper.RenewLeases()
	}
	return false
}

// elapse changes all jobs that are due, and returns the time when the next one is due. A job that can't be changed
// doesn't delay others.
func (m *Maintenance) elapse(ctx context.Context) (next time.Time, err error) {
	if err := m.store.Admit(ctx, m.cfg.Clock.Now(), batch); err != nil {
		return time.Time{}, err
	}
	failed := map[string]error{}
	for {
		ids, err := m.store.Due(ctx, m.cfg.Clock.Now(), batch+len(failed))
		if err != nil {
			return time.Time{}, err
		}
		ids = slices.DeleteFunc(ids, func(id string) bool { return failed[id] != nil })
		if len(ids) == 0 {
			break
		}
		before := len(failed)
		m.elapseJobs(ctx, ids, failed)
		if n := len(failed) - before; n == len(ids) && n > 1 || len(failed) > maxFailed {
			return time.Time{}, failed[ids[0]]
		}
		if len(ids) < batch {
			break
		}
	}
	if len(failed) > 0 {
		for id, err := range failed {
			m.cfg.Logger.ErrorContext(ctx, "can't change a due job, trying again", "job_id", id, "error", err)
		}
		return m.cfg.Clock.Now().Add(afterError), nil
	}
	next, err = m.store.NextDue(ctx)
	if err != nil || !next.IsZero() {
		return next, err
	}
	return m.cfg.Clock.Now().Add(time.Hour), nil
}

// elapseJobs changes these jobs in one step, and adds the jobs that it could not change to failed.
func (m *Maintenance) elapseJobs(ctx context.Context, ids []string, failed map[string]error) {
	adopted, expired := make([]heartbeat.Pending, len(ids)), make([]string, len(ids)) // expired has the kinds of jobs whose lease has expired
	_, errs := m.store.Update(ctx, ids, func(i int, j *job.Job) error {
		adopted[i] = m.keeper.Adopt(j) // the lease might have been renewed since
		revision := j.Revision
		now := m.cfg.Clock.Now()
		lease := j.Lease
		j.Elapse(now)
		if expired[i] = ""; lease.Token != "" && j.Status != job.Active {
			m.keeper.Revoke(j.ID) // a heartbeat that arrives before the commit must not renew a lease that has ended
			if !now.Before(lease.ExpiresAt) {
				expired[i] = j.Kind
			}
		}
		if adopted[i].Visible && j.Revision == revision {
			j.Touch(now)
		}
		return nil
	})
	for i, err := range errs {
		switch {
		case err == nil:
			m.keeper.Settle(ids[i], adopted[i])
			if expired[i] != "" {
				m.metrics.Expired(expired[i])
			}
		case !errors.Is(err, job.ErrNotFound):
			m.keeper.Restore(ids[i])
			failed[ids[i]] = err
		}
	}
}

// runPurge removes jobs whose retention time has passed.
func (m *Maintenance) runPurge(ctx context.Context) {
	every := min(max(m.cfg.Retention/100, time.Second), 10*time.Minute)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		for m.leads() {
			n, err := m.store.Purge(ctx, m.cfg.Clock.Now().Add(-m.cfg.Retention), batch)
			if err != nil && ctx.Err() == nil {
				m.cfg.Logger.Error("can't remove old jobs, trying again", "error", err)
			}
			if err != nil || n < batch {
				break
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
