// Package replica makes the replicas of the service act as one. Each sends its commits to the others through the bus, and reads the
// commits of the others from the log of the store: at least every two seconds, and immediately if a message of the bus is missing. So
// correctness doesn't depend on the bus. One replica leads, and does the work that only one of them may do.
package replica

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"headway/internal/bus"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/watch"
)

const (
	// scanInterval is the interval at which the log is read, with and without a bus.
	scanInterval = 2 * time.Second
	// leadFor is how long a replica leads after a tick.
	leadFor = 5 * time.Second
	// trustFor is how long messages of the bus are used after the last reading of the log. Without a bound, a message that was delayed
	// for long could be taken for news.
	trustFor = 30 * time.Second
	// page is the number of commits that are read at a time.
	page = 200
	// outbox is the number of commits that can wait to be published. Others find further ones in the log.
	outbox = 1024

	leaveTimeout = 2 * time.Second
)

// Rooms are the parts of this replica that must know of the changes of others. All fields are required.
type Rooms struct {
	Watchers *watch.Watchers
	// Ended is called with a job that is no longer active.
	Ended func(id string)
	// Due is called with a time at which time alone changes a job.
	Due func(time.Time)
	// Moved is called with a job that might have joined or left the queue of its kind.
	Moved func(kind string)
	// Missed is called if changes might have been missed.
	Missed func()
}

// Config configures Replicas.
type Config struct {
	Rooms
	// Bus is nil without one.
	Bus bus.Bus
	// Encode encodes a snapshot for watchers.
	Encode func(*job.Job) []byte
	// MaxGap is the maximum time in which no replica is alive, before all leases are extended.
	MaxGap time.Duration
	// Grace is how long a worker has to stop after a cancellation request.
	Grace  time.Duration
	Logger *slog.Logger
}

// Replicas connects this replica to the others. It is safe for concurrent use.
type Replicas struct {
	cfg   Config
	store job.Shared

	ticked atomic.Pointer[ticked]
	outbox chan outgoing
	scan   chan struct{} // the log must be read now

	mu      sync.Mutex
	cursors map[string]uint64 // by replica: the number of the latest commit that is known
	scanned time.Time

	metrics *metrics
}

type ticked struct {
	job.Ticked
	leadsUntil time.Time
}

// outgoing is a commit of this replica that is published.
type outgoing struct {
	number  uint64
	states  []*watch.Snapshot
	moved   []bool // whether each of states has joined or left the queue
	deleted []job.Deleted
	output  []string
}

// New returns the Replicas of a store. Make Observe an observer of the store, and call Run.
func New(cfg Config, store job.Shared) *Replicas {
	r := &Replicas{cfg: cfg, store: store, outbox: make(chan outgoing, outbox), scan: make(chan struct{}, 1)}
	r.ticked.Store(&ticked{})
	r.metrics = newMetrics(r)
	return r
}

// Tick records that this replica is alive. See job.Shared.
func (r *Replicas) Tick(ctx context.Context) (job.Ticked, error) {
	begun := time.Now()
	jobs, owners, all, _ := r.cfg.Watchers.Count()
	t, err := r.store.Tick(ctx, job.Tick{MaxGap: r.cfg.MaxGap, Grace: r.cfg.Grace, Lead: leadFor, Watching: jobs+owners+all > 0})
	if err != nil {
		return job.Ticked{}, err
	}
	next := &ticked{Ticked: t}
	if t.Leads {
		next.leadsUntil = begun.Add(leadFor)
	}
	before := r.ticked.Swap(next)
	if before.Others != t.Others {
		r.cfg.Logger.InfoContext(ctx, "the number of other replicas has changed", "others", t.Others, "replica", r.store.Replica())
	}
	if before.Leads != t.Leads {
		r.cfg.Logger.InfoContext(ctx, "the leader has changed", "leads", t.Leads, "replica", r.store.Replica())
	}
	return t, nil
}

// Leads reports whether this replica leads.
func (r *Replicas) Leads() bool { return time.Now().Before(r.ticked.Load().leadsUntil) }

// Others returns the number of other replicas that were alive at the last tick.
func (r *Replicas) Others() int { return r.ticked.Load().Others }

// Watching reports whether another replica has watchers.
func (r *Replicas) Watching() bool { return r.ticked.Load().Watching }

// Observe delivers a commit of this replica to its watchers, and publishes it to the other replicas.
func (r *Replicas) Observe(c *job.Commit) {
	o := outgoing{number: c.Number, deleted: c.Deleted}
	for i := range c.Jobs {
		o.states = append(o.states, watch.NewSnapshot(&c.Jobs[i], nil))
		o.moved = append(o.moved, c.Jobs[i].Ready() != c.WasReady[i])
	}
	for _, grown := range c.Output {
		o.output = append(o.output, grown.ID)
	}
	r.cfg.Watchers.Deliver(o.states, o.deleted, o.output)
	if r.cfg.Bus == nil || c.Number == 0 || r.Others() == 0 {
		return
	}
	select {
	case r.outbox <- o:
	default: // the others find it in the log
	}
}

// Begin starts to follow the other replicas. Commits before it are not reported, so call it before anything is read from the store.
func (r *Replicas) Begin(ctx context.Context) error {
	heads, err := r.store.Heads(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.cursors, r.scanned = heads, time.Now()
	r.mu.Unlock()
	if r.cfg.Bus == nil {
		return nil
	}
	return r.cfg.Bus.Subscribe(r.receive)
}

// Run follows the other replicas until ctx ends.
func (r *Replicas) Run(ctx context.Context) {
	var g errgroup.Group
	g.Go(func() error { r.runScan(ctx); return nil })
	g.Go(func() error { r.runPublish(ctx); return nil })
	_ = g.Wait()
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	r.ticked.Store(&ticked{})
	if err := r.store.Leave(leaving); err != nil {
		r.cfg.Logger.WarnContext(ctx, "this replica could not sign off. Another one takes over in a few seconds", "error", err)
	}
}

func (r *Replicas) runPublish(ctx context.Context) {
	var message []byte
	for {
		select {
		case o := <-r.outbox:
			message = r.encode(message[:0], &o)
			r.cfg.Bus.Publish(slices.Clone(message)) // the bus keeps it
		case <-ctx.Done():
			return
		}
	}
}

// encode appends the message with a commit of this replica.
func (r *Replicas) encode(b []byte, o *outgoing) []byte {
	b = number(text(b, fieldSender, r.store.Replica()), fieldSequence, o.number)
	for i := range o.deleted {
		b = appendDeleted(b, &o.deleted[i])
	}
	for _, id := range o.output {
		b = text(b, fieldOutput, id)
	}
	for i, s := range o.states {
		one := state{job: *s.Job, due: s.Due(), moved: o.moved[i]}
		if snapshot := s.Encoded(r.cfg.Encode); len(b)+len(snapshot) < maxMessage {
			one.snapshot = snapshot
		}
		b = appendState(b, &one)
	}
	return b
}

func (r *Replicas) runScan(ctx context.Context) {
	ticker := time.NewTicker(scanInterval)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-r.scan:
		}
		err := r.scanLog(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			r.cfg.Logger.ErrorContext(ctx, "can't read the changes of other replicas, trying again", "error", err)
		}
		failing = err != nil
	}
}

// scanSoon makes Run read the log immediately.
func (r *Replicas) scanSoon() {
	select {
	case r.scan <- struct{}{}:
	default:
	}
}

// scanLog reads the commits of all other replicas that are not known yet.
func (r *Replicas) scanLog(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	begun := time.Now()
	heads, err := r.store.Heads(ctx)
	if err != nil {
		return err
	}
	for sender, head := range heads {
		if r.cursors[sender] < head {
			if err := r.catchUp(ctx, sender, head); err != nil {
				return err
			}
		}
	}
	for sender := range r.cursors {
		if _, exists := heads[sender]; !exists {
			delete(r.cursors, sender)
		}
	}
	r.scanned = begun
	return nil
}

// catchUp applies the commits of a replica in the log up to a number, and those after them. The lock must be held.
func (r *Replicas) catchUp(ctx context.Context, sender string, head uint64) error {
	for {
		logged, err := r.store.Since(ctx, sender, r.cursors[sender], page)
		if err != nil {
			return err
		}
		if len(logged) == 0 {
			if r.cursors[sender] < head {
				r.miss(sender, head)
			}
			return nil
		}
		c, next := commit{sender: sender}, r.cursors[sender]
		var ids []string
		for i := range logged {
			l := &logged[i]
			if l.Number != next+1 {
				r.miss(sender, l.Number)
			}
			next = l.Number
			ids = append(ids, l.Jobs...)
			c.deleted, c.output = append(c.deleted, l.Deleted...), append(c.output, l.Output...)
		}
		if c.jobs, err = r.read(ctx, ids); err != nil {
			return err
		}
		r.apply(&c)
		r.metrics.commits.WithLabelValues("log").Add(float64(len(logged)))
		r.cursors[sender] = next
		if len(logged) < page {
			return nil
		}
	}
}

// miss ends the watches of this replica, because commits are unknown. The lock must be held.
func (r *Replicas) miss(sender string, number uint64) {
	r.cfg.Logger.Warn("the log no longer has the changes of another replica. All watches begin again", "of", sender, "after", r.cursors[sender], "before", number)
	r.metrics.missed.Inc()
	r.cursors[sender] = number
	r.cfg.Missed()
	r.cfg.Watchers.End(job.ErrIncomplete)
}

// read returns the current states of jobs. Those that were deleted are missing.
func (r *Replicas) read(ctx context.Context, ids []string) ([]state, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	jobs, err := r.store.GetAll(ctx, ids)
	states := make([]state, len(jobs))
	for i := range jobs {
		states[i] = state{job: jobs[i], due: jobs[i].Due(), moved: true}
	}
	return states, err
}

// receive applies a commit that has arrived on the bus, if it is the next one of its sender.
func (r *Replicas) receive(message []byte) {
	c, err := parse(message)
	if err != nil {
		r.cfg.Logger.Warn("ignored a message of the bus", "error", err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	cursor, known := r.cursors[c.sender]
	switch {
	case !known || c.sequence > cursor+1 || time.Since(r.scanned) > trustFor:
		r.metrics.gaps.Inc()
		r.scanSoon()
		return
	case c.sequence <= cursor:
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), scanInterval)
	defer cancel()
	if err := r.complete(ctx, &c); err != nil {
		r.scanSoon() // it is read again
		return
	}
	r.apply(&c)
	r.metrics.commits.WithLabelValues("bus").Inc()
	r.cursors[c.sender] = c.sequence
}

// complete reads the jobs that are only named in a message.
func (r *Replicas) complete(ctx context.Context, c *commit) error {
	var ids []string
	c.jobs = slices.DeleteFunc(c.jobs, func(s state) bool {
		if s.snapshot == nil {
			ids = append(ids, s.job.ID)
		}
		return s.snapshot == nil
	})
	more, err := r.read(ctx, ids)
	c.jobs = append(c.jobs, more...)
	return err
}

// apply passes a commit of another replica to the rooms. The lock must be held.
func (r *Replicas) apply(c *commit) {
	states := make([]*watch.Snapshot, len(c.jobs))
	for i := range c.jobs {
		s := &c.jobs[i]
		states[i] = watch.NewSnapshot(&s.job, s.snapshot)
		if s.job.Status != job.Active {
			r.cfg.Ended(s.job.ID)
		}
		r.cfg.Due(s.due)
		if s.moved {
			r.cfg.Moved(s.job.Kind)
		}
	}
	for _, d := range c.deleted {
		r.cfg.Ended(d.ID)
	}
	r.cfg.Watchers.Deliver(states, c.deleted, c.output)
}
