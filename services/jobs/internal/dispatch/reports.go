package dispatch

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"time"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/outputlog"
)

// Heartbeat is what a worker sends while it holds a lease.
type Heartbeat struct {
	ID         string
	Token      string
	Plan       []job.PlannedStep // nil for none
	Report     *job.Report       // nil to renew only
	Checkpoint []byte            // nil to keep the one before
}

// Beat is the answer to a heartbeat.
type Beat struct {
	LeaseExpiresAt  time.Time
	CancelRequested bool
	ReportInterval  time.Duration

	owner, kind string
}

// Heartbeat renews the lease and takes in the report. It answers at once; what was reported is written when the job's
// next write is due, together with what other jobs have to say. A report that is refused still renews the lease.
func (d *Dispatcher) Heartbeat(ctx context.Context, h Heartbeat) (Beat, error) {
	e, err := d.held(ctx, h.ID, h.Token)
	if err != nil {
		return Beat{}, err
	}
	now := time.Now()
	beat, err := e.report(now, &h, d.cfg.StalledAfter)
	if errors.Is(err, job.ErrLeaseLost) {
		return Beat{}, err
	}
	d.reports.plan(e, now)
	beat.ReportInterval = d.reportInterval(h.ID, beat.owner, beat.kind)
	return beat, err
}

// FirstReport is how long after its lease a job's first progress is wanted: soon, for whoever created the job is about
// to watch it. The answer to that report says how to go on.
func (d *Dispatcher) FirstReport() time.Duration { return d.cfg.ReportInterval }

// reportInterval is how often the job's progress is wanted: more often while somebody watches.
func (d *Dispatcher) reportInterval(id, owner, kind string) time.Duration {
	if d.hub.Watched(id, owner, kind) {
		return d.cfg.ReportInterval
	}
	return d.cfg.IdleInterval
}

// Append writes output, durably.
func (d *Dispatcher) Append(ctx context.Context, id, token string, offset int64, data []byte) (int64, error) {
	length, err := d.output.Append(ctx, id, token, offset, data)
	if err != nil {
		return 0, err
	}
	if e, err := d.held(ctx, id, token); err == nil {
		now := time.Now()
		e.outputGrew(now)
		d.reports.plan(e, now)
	}
	return length, nil
}

// ReadOutput reads the job's output from an offset on, until ctx ends. Close the reader.
func (d *Dispatcher) ReadOutput(ctx context.Context, id string, offset int64) *outputlog.Reader {
	return d.output.Read(ctx, id, offset)
}

// held is the entry of an active job whose lease the token holds.
func (d *Dispatcher) held(ctx context.Context, id, token string) (*entry, error) {
	e, known := d.reports.entry(id)
	if !known {
		// Nothing has been heard of the job since the service started.
		j, err := d.store.Get(ctx, id)
		if err != nil && !errors.Is(err, job.ErrNotFound) {
			return nil, err
		}
		if err == nil {
			err = j.Holds(token)
		}
		if err != nil {
			d.reports.forgetUnless(e)
			return nil, job.ErrLeaseLost
		}
		e.begin(&j)
	}
	if err := e.holds(token); err != nil {
		return nil, err
	}
	return e, nil
}

// reports keeps what workers have reported and the store does not have yet: one entry per active job.
type reports struct {
	interval time.Duration

	mu      sync.Mutex
	entries map[string]*entry
	planned dueHeap       // entries with something to write
	poke    chan struct{} // planned has a new first
}

func newReports(interval time.Duration) *reports {
	return &reports{interval: interval, entries: map[string]*entry{}, poke: make(chan struct{}, 1)}
}

// entry is one active job: what is stored, and on top of it what was reported since.
type entry struct {
	id string

	mu      sync.Mutex
	known   bool // job is filled in
	taken   bool // the lease is being taken away: that has been decided, and is not durable yet
	job     job.Job
	version uint64 // grows with every report
	written uint64 // the version that is in the store
	visible uint64 // the last version that changed what a snapshot shows

	// Of reports, under its lock.
	due       time.Time // of the next write
	lastWrite time.Time
	place     int // in planned, or -1
}

// entry gives the job's entry, which is known if the job has been heard of since the service started.
func (r *reports) entry(id string) (e *entry, known bool) {
	r.mu.Lock()
	e = r.entries[id]
	if e == nil {
		e = &entry{id: id, place: -1}
		r.entries[id] = e
	}
	r.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e, e.known
}

// follow takes in the newest stored state of a job. It tells whether the job goes on under the same lease.
func (r *reports) follow(j *job.Job) (goesOn bool) {
	if j.Status != job.Active {
		r.forget(j.ID)
		return false
	}
	r.mu.Lock()
	e := r.entries[j.ID]
	if e == nil {
		e = &entry{id: j.ID, place: -1}
		r.entries[j.ID] = e
	}
	r.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.known || e.job.Lease.Token != j.Lease.Token {
		e.known, e.taken, e.job = true, false, *j
		e.job.Checkpoint = nil
		e.version, e.written, e.visible = 0, 0, 0
		return false
	}
	reported := e.job
	e.job = *j
	e.job.Progress, e.job.Lease.ExpiresAt = reported.Progress, reported.Lease.ExpiresAt
	e.job.Checkpoint, e.job.HasCheckpoint = reported.Checkpoint, reported.HasCheckpoint
	return true
}

// begin fills in a job that was read from the store, unless it has been filled in meanwhile with something newer.
func (e *entry) begin(j *job.Job) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.known {
		e.known, e.job = true, *j
	}
}

func (r *reports) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.entries[id]; e != nil {
		r.drop(e)
	}
}

// forgetUnless drops an entry that was made for a job that turned out not to be held.
func (r *reports) forgetUnless(e *entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.known && r.entries[e.id] == e {
		r.drop(e)
	}
}

// drop removes the entry. The lock is held.
func (r *reports) drop(e *entry) {
	delete(r.entries, e.id)
	if e.place >= 0 {
		heap.Remove(&r.planned, e.place)
	}
}

func (e *entry) holds(token string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.held(token)
}

// held returns job.ErrLeaseLost unless the token is the one of a lease that goes on. The lock is held.
func (e *entry) held(token string) error {
	if e.taken {
		return job.ErrLeaseLost
	}
	return e.job.Holds(token)
}

// take has the worker's calls refused from now on: its lease is being taken away. It is for good with the commit;
// giveBack ends it if there is none.
func (r *reports) take(id string) { r.setTaken(id, true) }

func (r *reports) giveBack(id string) { r.setTaken(id, false) }

func (r *reports) setTaken(id string, taken bool) {
	r.mu.Lock()
	e := r.entries[id]
	r.mu.Unlock()
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.taken = taken
}

// report takes in a heartbeat.
func (e *entry) report(now time.Time, h *Heartbeat, stalledAfter time.Duration) (Beat, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	j := &e.job
	if err := e.held(h.Token); err != nil {
		return Beat{}, err
	}
	var visible bool
	var err error
	if len(h.Plan) > 0 || h.Report != nil {
		visible, err = j.Report(now, h.Plan, h.Report, stalledAfter)
	}
	renewed, holdErr := j.Renew(now, h.Token, stalledAfter)
	if holdErr != nil {
		return Beat{}, holdErr
	}
	j.SaveCheckpoint(h.Checkpoint)
	e.version++
	if visible || renewed {
		e.visible = e.version
	}
	return Beat{LeaseExpiresAt: j.Lease.ExpiresAt, CancelRequested: j.CancelRequested, owner: j.Owner, kind: j.Kind}, err
}

// outputGrew lets the next write show the output's new length.
func (e *entry) outputGrew(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.job.Progress.Motion.MovedAt = job.Instant(now)
	e.version++
	e.visible = e.version
}

// pending is what a write has taken over from an entry.
type pending struct {
	version uint64
	visible bool
}

// adopt puts what was reported and not written yet into the stored job, if it is still the same lease.
func (r *reports) adopt(j *job.Job) pending {
	r.mu.Lock()
	e := r.entries[j.ID]
	r.mu.Unlock()
	if e == nil {
		return pending{}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.version == e.written || j.Advance(&e.job) != nil {
		return pending{}
	}
	return pending{version: e.version, visible: e.visible > e.written}
}

// settle notes that a write is durable.
func (r *reports) settle(id string, p pending) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[id]
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lastWrite = time.Now()
	if p.version > e.written && p.version <= e.version {
		e.written = p.version
		if e.version == p.version {
			e.job.Checkpoint = nil // the store has it
		}
	}
	if e.version > e.written && e.place < 0 {
		r.push(e, e.lastWrite.Add(r.interval))
	}
}

// plan makes sure that the entry is written: at once, or an interval after its last write.
func (r *reports) plan(e *entry, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.place >= 0 || r.entries[e.id] != e {
		return
	}
	due := e.lastWrite.Add(r.interval)
	if due.Before(now) {
		due = now
	}
	r.push(e, due)
}

// push plans the entry's write. The lock is held.
func (r *reports) push(e *entry, due time.Time) {
	e.due = due
	heap.Push(&r.planned, e)
	if r.planned[0] == e {
		select {
		case r.poke <- struct{}{}:
		default:
		}
	}
}

// next gives the entries whose write is due, and when the one after them is.
func (r *reports) next(now time.Time, limit int) (due []*entry, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.planned) > 0 && !r.planned[0].due.After(now) && len(due) < limit {
		e := heap.Pop(&r.planned).(*entry)
		e.lastWrite = now // what comes from now on waits its turn
		due = append(due, e)
	}
	if len(r.planned) == 0 {
		return due, time.Hour
	}
	return due, r.planned[0].due.Sub(now)
}

// dueHeap is entries, the one whose write is due first on top.
type dueHeap []*entry

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, k int) bool { return h[i].due.Before(h[k].due) }
func (h dueHeap) Swap(i, k int)      { h[i], h[k] = h[k], h[i]; h[i].place, h[k].place = i, k }
func (h *dueHeap) Push(x any)        { e := x.(*entry); e.place = len(*h); *h = append(*h, e) }
func (h *dueHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	e.place = -1
	return e
}
