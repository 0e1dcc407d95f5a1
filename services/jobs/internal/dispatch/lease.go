package dispatch

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"headway/services/jobs/internal/job"
)

// LeaseRequest describes the jobs that a worker can take.
type LeaseRequest struct {
	Kinds    []string
	Max      int
	Wait     time.Duration // 0 to return immediately
	Duration time.Duration // of the lease; 0 means the default
	Worker   string
	Confirms bool            // the worker calls before it starts a job
	Stop     <-chan struct{} // ends the wait without jobs; nil means never
	// Descriptions describe some of the kinds to users.
	Descriptions []job.KindDescription
}

// Lease waits for jobs and leases them. If no job becomes ready in time, it returns none.
func (d *Dispatcher) Lease(ctx context.Context, r LeaseRequest) ([]job.Job, error) {
	if r.Duration == 0 {
		r.Duration = d.cfg.LeaseDuration
	}
	r.Kinds = slices.Compact(slices.Sorted(slices.Values(r.Kinds)))
	d.metrics.Asked(r.Kinds)
	d.presence.arrive(r.Kinds, r.Descriptions)
	defer func() { d.presence.leave(r.Kinds, time.Now()) }()
	over := time.NewTimer(r.Wait)
	defer over.Stop()
	w := d.waiters.join(r.Kinds) // before the claim, so that no job that becomes ready is missed
	defer func() { d.waiters.leave(w) }()
	if d.remote != nil {
		d.remote.await(r.Kinds, d.woken)
	}
	for busy := 0; ; {
		ended := d.waiters.endedSoFar(r.Kinds)
		claimed, err := d.store.Claim(ctx, job.Claim{Kinds: r.Kinds, Max: r.Max, MaxActive: d.cfg.MaxActive, Now: d.cfg.Clock.Now,
			Worker: r.Worker, Confirms: r.Confirms, Duration: r.Duration, Token: rand.Text})
		if err != nil {
			return nil, err
		}
		if len(claimed.Jobs) > 0 {
			if ctx.Err() != nil {
				d.Requeue(claimed.Jobs)
				return nil, context.Cause(ctx)
			}
			return claimed.Jobs, nil
		}
		if claimed.Busy && busy < maxBusy {
			busy++
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(busy) * busyPause):
			}
			continue
		}
		if d.waiters.setCapped(r.Kinds, claimed.Capped) != ended && claimed.Capped {
			continue // a job ended in the meantime, so its owner can run another
		}
		if r.Wait <= 0 {
			return nil, nil
		}
		select {
		case <-w.woken:
			busy = 0
			d.waiters.rejoin(w)
		case <-over.C:
			return nil, nil
		case <-r.Stop:
			return nil, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// Requeue returns leased jobs that their worker did not receive to the queue.
func (d *Dispatcher) Requeue(jobs []job.Job) {
	for i := range jobs {
		j := &jobs[i]
		_, errs := d.store.Update(context.Background(), []string{j.ID}, func(_ int, stored *job.Job) error {
			return stored.Release(d.cfg.Clock.Now(), j.Lease.Token, nil)
		})
		if errs[0] != nil {
			d.cfg.Logger.Warn("can't return a job to the queue, so its lease must expire first", "job_id", j.ID, "error", errs[0])
		}
	}
}
