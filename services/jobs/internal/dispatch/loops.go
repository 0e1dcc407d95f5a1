package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"headway/services/jobs/internal/job"
)

const (
	batch      = 256                   // jobs in one step of a loop
	writeBatch = 64                    // reports in one change of the store: others wait for it
	afterError = time.Second           // before a loop tries again
	breath     = 10 * time.Millisecond // between two steps of the schedule
)

// errNothing keeps a job as it is.
var errNothing = errors.New("nothing to write")

// runReports writes what workers have reported, many jobs at a time, each at most once per interval.
func (d *Dispatcher) runReports(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		due, wait := d.reports.next(time.Now(), writeBatch)
		if len(due) > 0 {
			d.write(ctx, due)
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-d.reports.poke:
		case <-ctx.Done():
			d.writeRest()
			return
		}
	}
}

// writeRest writes what is not written yet, before the service ends.
func (d *Dispatcher) writeRest() {
	for {
		rest, _ := d.reports.next(time.Now().Add(time.Hour), batch)
		if len(rest) == 0 {
			return
		}
		d.write(context.Background(), rest)
	}
}

// write stores the reports of these jobs in one step.
func (d *Dispatcher) write(ctx context.Context, entries []*entry) {
	ids, taken := make([]string, len(entries)), make([]pending, len(entries))
	for i, e := range entries {
		ids[i] = e.id
	}
	_, errs := d.store.Update(context.WithoutCancel(ctx), ids, func(i int, j *job.Job) error {
		taken[i] = d.reports.adopt(j)
		if taken[i].version == 0 {
			return errNothing
		}
		if taken[i].visible {
			j.Touch(time.Now())
		}
		return nil
	})
	for i, err := range errs {
		switch {
		case err == nil:
			d.reports.settle(ids[i], taken[i])
		case errors.Is(err, errNothing):
		case errors.Is(err, job.ErrNotFound):
			d.reports.forget(ids[i])
		default:
			d.cfg.Logger.Error("progress not written; trying again", "job_id", ids[i], "error", err)
			d.reports.plan(entries[i], time.Now().Add(afterError))
		}
	}
}

// schedule wakes the loop that does what time alone does to jobs.
type schedule struct {
	mu      sync.Mutex
	looking bool
	next    time.Time // when the loop looks next; while it is looking, the earliest time that was expected meanwhile
	poke    chan struct{}
}

func newSchedule() *schedule { return &schedule{poke: make(chan struct{}, 1)} }

// expect makes sure that the loop looks at the time due; the zero time is never.
func (s *schedule) expect(due time.Time) {
	if due.IsZero() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.next.IsZero() && !due.Before(s.next) {
		return
	}
	s.next = due
	if !s.looking {
		select {
		case s.poke <- struct{}{}:
		default:
		}
	}
}

// look begins a look at the store.
func (s *schedule) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looking, s.next = true, time.Time{}
}

// sleep ends the look, which found that the next job is due at found, and returns when to look again.
func (s *schedule) sleep(found time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next.IsZero() || found.Before(s.next) {
		s.next = found
	}
	s.looking = false
	return s.next
}

// runSchedule does what is due: leases and deadlines that pass, back-offs that are over.
func (d *Dispatcher) runSchedule(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-d.schedule.poke:
		}
		d.schedule.look()
		next, err := d.elapse(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			d.cfg.Logger.Error("due jobs not looked at; trying again", "error", err)
			next = time.Now().Add(afterError)
		}
		timer.Reset(max(time.Until(d.schedule.sleep(next)), breath))
	}
}

// elapse changes all jobs that are due, and returns when the next one is.
func (d *Dispatcher) elapse(ctx context.Context) (next time.Time, err error) {
	for {
		ids, err := d.store.Due(ctx, time.Now(), batch)
		if err != nil {
			return time.Time{}, err
		}
		if len(ids) == 0 {
			break
		}
		taken, expired := make([]pending, len(ids)), make([]string, len(ids)) // expired: kinds of jobs whose lease ran out
		_, errs := d.store.Update(ctx, ids, func(i int, j *job.Job) error {
			taken[i] = d.reports.adopt(j) // the lease may have been renewed since
			revision := j.Revision
			now := time.Now()
			lease := j.Lease
			j.Elapse(now)
			if expired[i] = ""; lease.Token != "" && j.Status != job.Active {
				d.reports.take(j.ID) // a heartbeat that comes before the commit must not renew what is gone
				if !now.Before(lease.ExpiresAt) {
					expired[i] = j.Kind
				}
			}
			if taken[i].visible && j.Revision == revision {
				j.Touch(now)
			}
			return nil
		})
		var failed error
		for i, err := range errs {
			switch {
			case err == nil:
				d.reports.settle(ids[i], taken[i])
				if expired[i] != "" {
					d.metrics.Expired(expired[i])
				}
			case !errors.Is(err, job.ErrNotFound):
				d.reports.giveBack(ids[i])
				failed = err
			}
		}
		if failed != nil {
			return time.Time{}, failed
		}
		if len(ids) < batch {
			break
		}
	}
	next, err = d.store.NextDue(ctx)
	if err != nil || !next.IsZero() {
		return next, err
	}
	return time.Now().Add(time.Hour), nil
}

// runPurge removes jobs whose retention time has passed.
func (d *Dispatcher) runPurge(ctx context.Context) {
	every := min(max(d.cfg.Retention/100, time.Second), 10*time.Minute)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		for {
			n, err := d.store.Purge(ctx, time.Now().Add(-d.cfg.Retention), batch)
			if err != nil && ctx.Err() == nil {
				d.cfg.Logger.Error("old jobs not purged; trying again", "error", err)
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
