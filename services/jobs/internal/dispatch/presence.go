package dispatch

import (
	"maps"
	"sync"
	"time"
)

// rememberKind is how long a kind is remembered after a worker last asked for it: workers are away between two requests,
// and while they restart.
const rememberKind = 30 * time.Second

// presence records which kinds workers ask this replica for.
type presence struct {
	mu     sync.Mutex
	asking map[string]int       // by kind: workers that ask right now
	left   map[string]time.Time // by kind: when the last one stopped
}

func newPresence() *presence {
	return &presence{asking: map[string]int{}, left: map[string]time.Time{}}
}

// arrive records that a worker asks for jobs of the kinds, until leave is called with the same kinds.
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

// kinds adds the kinds that workers ask for, or asked for recently.
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

// Kinds adds the kinds that workers ask this replica for, or did within the last half minute.
func (d *Dispatcher) Kinds(to map[string]bool) { d.presence.kinds(d.cfg.Clock.Now(), to) }
