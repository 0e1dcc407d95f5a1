package dispatch

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// rememberKind is how long a kind is remembered after a worker last asked for it: workers are away for a moment between
// two requests, and when they are started anew.
const rememberKind = 30 * time.Second

// presence knows which kinds workers have asked this replica for.
type presence struct {
	mu     sync.Mutex
	asking map[string]int       // by kind: workers that ask right now
	left   map[string]time.Time // by kind: when the last one stopped
}

func newPresence() *presence {
	return &presence{asking: map[string]int{}, left: map[string]time.Time{}}
}

// arrive notes that a worker asks for jobs of the kinds, until leave is called with the same.
func (p *presence) arrive(kinds []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, kind := range kinds {
		p.asking[kind]++
	}
}

func (p *presence) leave(kinds []string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, kind := range kinds {
		if p.asking[kind]--; p.asking[kind] == 0 {
			delete(p.asking, kind)
			p.left[kind] = now
		}
	}
	p.forget(now)
}

// forget drops the kinds that were left too long ago. The lock is held.
func (p *presence) forget(now time.Time) {
	maps.DeleteFunc(p.left, func(_ string, at time.Time) bool { return now.Sub(at) > rememberKind })
}

// kinds adds those that are, or were a moment ago, asked for.
func (p *presence) kinds(now time.Time, to map[string]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(now)
	for kind := range p.asking {
		to[kind] = true
	}
	for kind := range p.left {
		to[kind] = true
	}
}

// Kinds are the kinds of jobs that workers are there for, sorted: those that workers ask this replica for, did within the
// last half minute, or report on.
func (d *Dispatcher) Kinds() []string {
	found := map[string]bool{}
	d.presence.kinds(time.Now(), found)
	d.reports.kinds(found)
	return slices.Sorted(maps.Keys(found))
}

// kinds adds those of the active jobs.
func (r *reports) kinds(to map[string]bool) {
	r.mu.Lock()
	entries := slices.Collect(maps.Values(r.entries))
	r.mu.Unlock()
	for _, e := range entries {
		e.mu.Lock()
		if e.known {
			to[e.job.Kind] = true
		}
		e.mu.Unlock()
	}
}
