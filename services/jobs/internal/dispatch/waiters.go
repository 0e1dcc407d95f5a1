package dispatch

import (
	"maps"
	"slices"
	"sync"
)

// waiters are the workers that wait for jobs. Each ready job wakes the one that has waited longest for its kind.
type waiters struct {
	mu      sync.Mutex
	waiting map[string][]*waiter // by kind
	capped  map[string]bool      // kinds with ready jobs of owners at their cap
	present map[string]int       // by kind: workers between join and leave
	ended   map[string]uint64    // by kind with workers present: the number of jobs that stopped being active
}

type waiter struct {
	kinds []string
	woken chan struct{}
	asked bool // a token is in woken, or was taken from it
}

func newWaiters() *waiters {
	return &waiters{waiting: map[string][]*waiter{}, capped: map[string]bool{}, present: map[string]int{}, ended: map[string]uint64{}}
}

func (q *waiters) join(kinds []string) *waiter {
	w := &waiter{kinds: kinds, woken: make(chan struct{}, 1)}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, kind := range kinds {
		q.present[kind]++
	}
	q.add(w)
	return w
}

func (q *waiters) add(w *waiter) {
	for _, kind := range w.kinds {
		q.waiting[kind] = append(q.waiting[kind], w)
	}
}

func (q *waiters) remove(w *waiter) {
	for _, kind := range w.kinds {
		q.waiting[kind] = slices.DeleteFunc(q.waiting[kind], func(other *waiter) bool { return other == w })
		if len(q.waiting[kind]) == 0 {
			delete(q.waiting, kind)
		}
	}
}

// rejoin lets a woken waiter wait again.
func (q *waiters) rejoin(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	w.asked = false
	q.add(w)
}

// leave ends the wait. A wake-up that was not used goes to another worker.
func (q *waiters) leave(w *waiter) {
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

// awaited reports whether a worker waits for jobs of the kind.
func (q *waiters) awaited(kind string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting[kind]) > 0
}

// kinds returns the kinds for which workers wait.
func (q *waiters) kinds() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Collect(maps.Keys(q.waiting))
}

// wake wakes one worker that waits for jobs of the kind. It reports whether there was one.
func (q *waiters) wake(kind string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.wakeOne(kind)
}

func (q *waiters) wakeOne(kind string) bool {
	if len(q.waiting[kind]) == 0 {
		return false
	}
	w := q.waiting[kind][0]
	q.remove(w)
	w.asked = true
	w.woken <- struct{}{}
	return true
}

// endedSoFar counts the jobs of the kinds that have stopped being active.
func (q *waiters) endedSoFar(kinds []string) (n uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, kind := range kinds {
		n += q.ended[kind]
	}
	return n
}

// setCapped records whether ready jobs of the kinds wait because their owners have the maximum of active jobs. If so, the
// end of a job wakes a worker. It returns how many have ended so far.
func (q *waiters) setCapped(kinds []string, capped bool) (ended uint64) {
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

// end records that a job of the kind is no longer active, and wakes a waiting worker if the job's owner can now run
// another one.
func (q *waiters) end(kind string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.present[kind] > 0 {
		q.ended[kind]++
	}
	if q.capped[kind] {
		q.wakeOne(kind)
	}
}
