package dispatch

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"headway/services/jobs/internal/job"
)

// rememberKind is how long a kind is listed after a worker last requested it: workers have no request between two
// calls, or while they restart.
const rememberKind = 30 * time.Second

// maxDescribed is the maximum number of kinds whose descriptions are kept. They have at most 8 MiB, and are far more
// kinds than users can choose from.
const maxDescribed = 1000

// presence records the kinds that workers request from this replica, and their descriptions.
type presence struct {
	mu     sync.Mutex
	asking map[string]int       // by kind: workers with a current request
	left   map[string]time.Time // by kind: when the last one stopped
	// described holds the latest description of each kind. It is kept longer than rememberKind, because a busy worker
	// has no request.
	described map[string]job.KindDescription
}

func newPresence() *presence {
	return &presence{asking: map[string]int{}, left: map[string]time.Time{}, described: map[string]job.KindDescription{}}
}

// arrive records that a worker requests jobs of the kinds, until leave is called with the same kinds.
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

// forgetDescription drops the description of a kind that no worker has recently requested. It reports whether there was
// one. The lock must be held.
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

// forget drops the kinds that no worker has requested for too long. The lock must be held.
func (p *presence) forget(now time.Time) {
	maps.DeleteFunc(p.left, func(_ string, at time.Time) bool { return now.Sub(at) > rememberKind })
}

// kinds adds the kinds that workers request, or have recently requested.
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

// descriptions returns the descriptions of these kinds, as far as they have one.
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

// Kinds adds the kinds that workers request from this replica, or have requested within the last 30 seconds.
func (d *Dispatcher) Kinds(to map[string]bool) { d.presence.kinds(time.Now(), to) }

// Descriptions returns the latest descriptions that workers have sent to this replica for these kinds. For a kind without one, it
// returns that of more, which has the descriptions of other replicas.
func (d *Dispatcher) Descriptions(kinds []string, more []job.KindDescription) []job.KindDescription {
	found := d.presence.descriptions(kinds)
	for _, other := range more {
		if slices.Contains(kinds, other.Kind) && !slices.ContainsFunc(found, func(d job.KindDescription) bool { return d.Kind == other.Kind }) {
			found = append(found, other)
		}
	}
	return found
}

// AnnouncedKinds adds the kinds that workers request from other replicas, and returns their descriptions.
func (d *Dispatcher) AnnouncedKinds(ctx context.Context, to map[string]bool) ([]job.KindDescription, error) {
	if d.remote == nil {
		return nil, nil
	}
	kinds, descriptions, err := d.remote.others.AnnouncedKinds(ctx, rememberKind)
	for _, kind := range kinds {
		to[kind] = true
	}
	return descriptions, err
}
