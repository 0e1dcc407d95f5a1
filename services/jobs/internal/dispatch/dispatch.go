// Package dispatch runs the jobs: it hands them to waiting workers, takes in what those report, does what time alone
// does to a job, and tells watchers. The store is the truth; what is kept here besides can be lost at any time without
// losing anything that was answered.
package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/metrics"
	"headway/services/jobs/internal/outputlog"
	"headway/services/jobs/internal/watch"
)

// Config is how a dispatcher works. All fields are needed.
type Config struct {
	LeaseDuration     time.Duration // of a lease whose worker asks for none
	HeartbeatInterval time.Duration // how often workers are told to send a heartbeat
	ReportInterval    time.Duration // between two writes of a job's progress, and between two reports of a watched job
	IdleInterval      time.Duration // between two reports of a job that nobody watches
	CancelGrace       time.Duration // how long a worker has to stop
	StalledAfter      time.Duration // without any movement a job counts as stalled
	Retention         time.Duration // how long ended jobs are kept
	MostActive        int           // active jobs per owner and kind; 0 for no limit
	Logger            *slog.Logger
}

// Dispatcher runs the jobs of one store. Safe for concurrent use.
type Dispatcher struct {
	cfg      Config
	store    job.Store
	hub      *watch.Watchers
	output   *outputlog.Lane
	metrics  *metrics.Metrics
	queue    *queue
	reports  *reports
	schedule *schedule
	places   *places
	presence *presence
}

// Open opens the store with the dispatcher as its observer, gives it to the lane, and makes every lease last from now
// on: workers do not pay for the time the service was away. Call Run next, and Close at the end.
func Open(ctx context.Context, cfg Config, lane *outputlog.Lane, open func(context.Context, job.Observer) (job.Store, error)) (*Dispatcher, error) {
	hub := watch.New()
	d := &Dispatcher{cfg: cfg, hub: hub, output: lane, metrics: metrics.New(hub.Count), queue: newQueue(), reports: newReports(cfg.ReportInterval), schedule: newSchedule(), places: newPlaces(), presence: newPresence()}
	store, err := open(ctx, d.observe)
	if err != nil {
		return nil, err
	}
	d.store = store
	lane.Use(store)
	if err := d.begin(ctx); err != nil {
		store.Close()
		return nil, err
	}
	return d, nil
}

// begin takes in what the store holds.
func (d *Dispatcher) begin(ctx context.Context) error {
	live, err := d.store.CountLive(ctx)
	if err != nil {
		return err
	}
	d.metrics.Start(live)
	if err := d.store.ExtendLeases(ctx, time.Now()); err != nil {
		return fmt.Errorf("extend the leases: %w", err)
	}
	return nil
}

// Run does what is due until ctx ends. Then it writes the progress that has not been written yet.
func (d *Dispatcher) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { d.runSchedule(ctx); return nil })
	g.Go(func() error { d.runReports(ctx); return nil })
	g.Go(func() error { d.runPlaces(ctx); return nil })
	g.Go(func() error { d.runPurge(ctx); return nil })
	g.Go(func() error { return d.output.Run(ctx) })
	return g.Wait()
}

// Close closes the store.
func (d *Dispatcher) Close() error { return d.store.Close() }

// Metrics is what operators are told.
func (d *Dispatcher) Metrics() *metrics.Metrics { return d.metrics }

// Hub is where watchers subscribe. Subscribe first, then read.
func (d *Dispatcher) Hub() *watch.Watchers { return d.hub }

// observe is the store's observer.
func (d *Dispatcher) observe(c job.Commit) {
	for i := range c.Jobs {
		j := &c.Jobs[i]
		goesOn := d.reports.follow(j)
		d.schedule.expect(j.Due())
		if j.Ready() {
			d.queue.wake(j.Kind)
		}
		if !goesOn {
			d.places.moved(j.Kind)
		}
		if j.Status != job.Active {
			d.queue.end(j.Kind)
		}
	}
	for _, gone := range c.Deleted {
		d.reports.forget(gone.ID)
	}
	d.output.Observe(&c)
	d.metrics.Observe(&c)
	d.hub.Publish(c)
}

// Allow decides whether the caller may touch a job; its error is the answer if not.
type Allow func(*job.Job) error

// Create puts a job into the queue. With a request id, doing it again gives the same job and replayed.
func (d *Dispatcher) Create(ctx context.Context, spec job.Spec) (created job.Job, replayed bool, err error) {
	j, err := job.New(spec, time.Now())
	if err != nil {
		return job.Job{}, false, err
	}
	if err := d.placeNew(ctx, &j); err != nil {
		return job.Job{}, false, err
	}
	return d.store.Create(ctx, j, spec.RequestID, spec.Fingerprint())
}

// Get returns the job, or job.ErrNotFound.
func (d *Dispatcher) Get(ctx context.Context, id string) (job.Job, error) {
	return d.store.Get(ctx, id)
}

// List returns a page of jobs.
func (d *Dispatcher) List(ctx context.Context, f job.Filter) (job.Page, error) {
	return d.store.List(ctx, f)
}

// Cancel ends a queued or waiting job and asks an active one's worker to stop. why may be zero.
func (d *Dispatcher) Cancel(ctx context.Context, id string, why job.Failure, allow Allow) (job.Job, error) {
	return d.change(ctx, id, func(now time.Time, j *job.Job) error {
		if err := allow(j); err != nil {
			return err
		}
		_, err := j.Cancel(now, d.cfg.CancelGrace, why)
		return err
	})
}

// Retry queues a failed or cancelled job again.
func (d *Dispatcher) Retry(ctx context.Context, id string, allow Allow) (job.Job, error) {
	return d.change(ctx, id, func(now time.Time, j *job.Job) error {
		if err := allow(j); err != nil {
			return err
		}
		return j.Retry(now)
	})
}

// Resume answers a waiting job and queues it again.
func (d *Dispatcher) Resume(ctx context.Context, id string, answer json.RawMessage, allow Allow) (job.Job, error) {
	return d.change(ctx, id, func(now time.Time, j *job.Job) error {
		if err := allow(j); err != nil {
			return err
		}
		return j.Resume(now, answer)
	})
}

// Delete removes a finished job.
func (d *Dispatcher) Delete(ctx context.Context, id string, allow Allow) error {
	return d.store.Delete(ctx, id, func(j *job.Job) error {
		if err := allow(j); err != nil {
			return err
		}
		if !j.Status.Terminal() {
			return job.ErrNotFinished
		}
		return nil
	})
}

// Complete ends the job with its result.
func (d *Dispatcher) Complete(ctx context.Context, id, token string, result json.RawMessage, last *job.Report) (job.Job, error) {
	return d.finish(ctx, id, func(now time.Time, j *job.Job) error { return j.Complete(now, token, result, last) })
}

// Fail ends the attempt.
func (d *Dispatcher) Fail(ctx context.Context, id, token string, f job.Failing) (job.Job, error) {
	jitter := rand.Float64()
	return d.finish(ctx, id, func(now time.Time, j *job.Job) error { return j.Fail(now, token, f, jitter) })
}

// Release gives the job back without using up an attempt.
func (d *Dispatcher) Release(ctx context.Context, id, token string, checkpoint []byte) (job.Job, error) {
	return d.finish(ctx, id, func(now time.Time, j *job.Job) error { return j.Release(now, token, checkpoint) })
}

// Park lets the job wait for a decision.
func (d *Dispatcher) Park(ctx context.Context, id, token string, question json.RawMessage, last *job.Report, checkpoint []byte) (job.Job, error) {
	return d.finish(ctx, id, func(now time.Time, j *job.Job) error { return j.Park(now, token, question, last, checkpoint) })
}

// finish is change for a worker, to whom a job that is gone is a lease that is lost.
func (d *Dispatcher) finish(ctx context.Context, id string, change func(time.Time, *job.Job) error) (job.Job, error) {
	j, err := d.change(ctx, id, change)
	if errors.Is(err, job.ErrNotFound) {
		err = job.ErrLeaseLost
	}
	return j, err
}

// change stores a transition, and with it what the worker has reported but was not written yet.
func (d *Dispatcher) change(ctx context.Context, id string, change func(time.Time, *job.Job) error) (job.Job, error) {
	var pending pending
	jobs, errs := d.store.Update(ctx, []string{id}, func(_ int, j *job.Job) error {
		pending = d.reports.adopt(j)
		return change(time.Now(), j)
	})
	if errs[0] == nil {
		d.reports.settle(id, pending)
	}
	return jobs[0], errs[0]
}
