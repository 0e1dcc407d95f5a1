package dispatch

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"time"

	"headway/services/jobs/internal/job"
)

// LeaseRequest says what a worker can take.
type LeaseRequest struct {
	Kinds    []string
	Max      int
	Wait     time.Duration // 0 to ask without waiting
	Duration time.Duration // of the lease; the default if 0
	Worker   string
	Stop     <-chan struct{} // ends the wait, with nothing; nil for never
}

// Lease waits for jobs and leases them. It gives none when the wait is over.
func (d *Dispatcher) Lease(ctx context.Context, r LeaseRequest) ([]job.Job, error) {
	if r.Duration == 0 {
		r.Duration = d.cfg.LeaseDuration
	}
	r.Kinds = slices.Compact(slices.Sorted(slices.Values(r.Kinds)))
	d.metrics.Asked(r.Kinds)
	d.presence.arrive(r.Kinds)
	defer func() { d.presence.leave(r.Kinds, time.Now()) }()
	over := time.NewTimer(r.Wait)
	defer over.Stop()
	w := d.queue.join(r.Kinds) // first, so that no job comes between the claim and the wait
	defer func() { d.queue.leave(w) }()
	for {
		ended := d.queue.endedSoFar(r.Kinds)
		claimed, err := d.store.Claim(ctx, job.Claim{Kinds: r.Kinds, Max: r.Max, Cap: d.cfg.MostActive, Now: time.Now(),
			Worker: r.Worker, Duration: r.Duration, Token: rand.Text})
		if err != nil {
			return nil, err
		}
		if len(claimed.Jobs) > 0 {
			if ctx.Err() != nil {
				d.giveBack(claimed.Jobs)
				return nil, context.Cause(ctx)
			}
			return claimed.Jobs, nil
		}
		if d.queue.noteCap(r.Kinds, claimed.Capped) != ended && claimed.Capped {
			continue // a job ended meanwhile, so its owner may have another
		}
		if r.Wait <= 0 {
			return nil, nil
		}
		select {
		case <-w.woken:
			d.queue.rejoin(w)
		case <-over.C:
			return nil, nil
		case <-r.Stop:
			return nil, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// giveBack releases jobs whose worker went away before it got them.
func (d *Dispatcher) giveBack(jobs []job.Job) {
	for i := range jobs {
		j := &jobs[i]
		if _, err := d.Release(context.Background(), j.ID, j.Lease.Token, nil); err != nil {
			d.cfg.Logger.Warn("job not given back; its lease will run out", "job_id", j.ID, "error", err)
		}
	}
}

// queue is the workers that wait for jobs. Each ready job wakes the one that has waited longest for its kind.
type queue struct {
	mu      sync.Mutex
	waiting map[string][]*waiter // by kind
	capped  map[string]bool      // kinds with ready jobs of owners at their cap
	present map[string]int       // by kind: workers between join and leave
	ended   map[string]uint64    // by kind with workers present: changes after which a job was not active
}

type waiter struct {
	kinds []string
	woken chan struct{}
	asked bool // a token is in woken, or was taken from it
}

func newQueue() *queue {
	return &queue{waiting: map[string][]*waiter{}, capped: map[string]bool{}, present: map[string]int{}, ended: map[string]uint64{}}
}

func (q *queue) join(kinds []string) *waiter {
	w := &waiter{kinds: kinds, woken: make(chan struct{}, 1)}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, kind := range kinds {
		q.present[kind]++
	}
	q.add(w)
	return w
}

func (q *queue) add(w *waiter) {
	for _, kind := range w.kinds {
		q.waiting[kind] = append(q.waiting[kind], w)
	}
}

func (q *queue) remove(w *waiter) {
	for _, kind := range w.kinds {
		q.waiting[kind] = slices.DeleteFunc(q.waiting[kind], func(other *waiter) bool { return other == w })
		if len(q.waiting[kind]) == 0 {
			delete(q.waiting, kind)
		}
	}
}

// rejoin lets a woken waiter wait again.
func (q *queue) rejoin(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	w.asked = false
	q.add(w)
}

// leave ends the wait. A wake-up that was not used goes to another.
func (q *queue) leave(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, kind := range w.kinds {
		if q.present[kind]--; q.present[kind] == 0 {
			delete(q.present, kind)
			delete(q.ended, kind)
			delete(q.capped, kind)
		}
	}
	if !w.asked {
		q.remove(w)
		return
	}
	for _, kind := range w.kinds {
		q.wakeOne(kind)
	}
}

// awaited tells whether a worker waits for jobs of the kind.
func (q *queue) awaited(kind string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting[kind]) > 0
}

// wake tells one waiting worker that a job of the kind is ready.
func (q *queue) wake(kind string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wakeOne(kind)
}

func (q *queue) wakeOne(kind string) {
	if len(q.waiting[kind]) == 0 {
		return
	}
	w := q.waiting[kind][0]
	q.remove(w)
	w.asked = true
	w.woken <- struct{}{}
}

// endedSoFar counts the jobs of the kinds that have stopped being active.
func (q *queue) endedSoFar(kinds []string) (n uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, kind := range kinds {
		n += q.ended[kind]
	}
	return n
}

// noteCap notes whether ready jobs of the kinds are held back because their owners are at their cap, so that the end
// of a job wakes a worker. It returns how many have ended so far.
func (q *queue) noteCap(kinds []string, capped bool) (ended uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, kind := range kinds {
		if capped {
			q.capped[kind] = true
		} else {
			delete(q.capped, kind)
		}
		ended += q.ended[kind]
	}
	return ended
}

// end notes that a job of the kind is not active, and wakes a waiting worker if that may free a place.
func (q *queue) end(kind string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.present[kind] > 0 {
		q.ended[kind]++
	}
	if q.capped[kind] {
		q.wakeOne(kind)
	}
}
