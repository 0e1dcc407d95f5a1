package dispatch

import (
	"maps"
	"sync"
	"time"

	"headway/services/jobs/internal/job"
)

// rememberKind is how long a kind is remembered after a worker last asked for it: workers
// don't ask between two requests, or while they restart.
const rememberKind = 30 * time.Second

// maxDescribed is the maximum number of kinds whose descriptions are kept: 8 MiB at most, far more kinds than a form can be
// chosen from.
const maxDescribed = 1000

// presence records the kinds that workers ask this replica for, and their descriptions.
type presence struct {
	mu     sync.Mutex
	asking map[string]int       // by kind: workers that ask right now
	left   map[string]time.Time // by kind: when the last one stopped
	// described holds the latest description of each kind. It outlasts rememberKind, because a busy worker does not ask.
	described map[string]job.KindDescription
}

func newPresence() *presence {
	return &presence{asking: map[string]int{}, left: map[string]time.Time{}, described: map[string]job.KindDescription{}}
}

// arrive records that a worker asks for jobs of the kinds, until leave is called with the same kinds.
func (p *presence) arrive(kinds []string, descriptions []job.KindDescription) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, kind := range kinds {
		p.asking[kind]++
	}
	for _, d := range descriptions {
		if _, known := p.described[d.Kind]; !known && len(p.described) >= maxDescribed && !p.forgetDescription() {
			continue
		}
		p.described[d.Kind] = d
	}
}

// forgetDescription drops the description of a kind that no worker has asked for lately. It reports whether there was one.
// The lock is held.
func (p *presence) forgetDescription() bool {
	for kind := range p.described {
		_, left := p.left[kind]
		if p.asking[kind] == 0 && !left {
			delete(p.described, kind)
			return true
		}
	}
	return false
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

// descriptions returns the descriptions of those of the kinds that have one.
func (p *presence) descriptions(kinds []string) (found []job.KindDescription) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, kind := range kinds {
		if d, ok := p.described[kind]; ok {
			found = append(found, d)
		}
	}
	return found
}

// Kinds adds the kinds that workers ask this replica for, or did within the last half minute.
func (d *Dispatcher) Kinds(to map[string]bool) { d.presence.kinds(d.cfg.Clock.Now(), to) }

// Descriptions returns the latest descriptions of those of the kinds that a worker has described to this replica.
func (d *Dispatcher) Descriptions(kinds []string) []job.KindDescription {
	return d.presence.descriptions(kinds)
}
