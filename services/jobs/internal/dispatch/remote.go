package dispatch

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

const (
	// pollInterval is the interval between two looks at the queues for which workers wait here: a job that became ready at another
	// replica is found by then, even if its wake-up was lost.
	pollInterval = time.Second
	// announceInterval is the interval between two announcements of the kinds that workers request here.
	announceInterval = 10 * time.Second
	// maxWoken is the maximum number of workers per kind that one look wakes.
	maxWoken = 256
	// maxHops is how often a wake-up is passed on if no worker waits any longer.
	maxHops = 2

	// maxBusy and busyPause bound the attempts of a claim while another replica leases jobs of the same owners.
	maxBusy   = 8
	busyPause = 2 * time.Millisecond
)

// remote connects the waiting workers to the jobs that become ready at other replicas.
type remote struct {
	others Others
	logger *slog.Logger

	mu      sync.Mutex
	awaited map[string]func() // by kind: ends the wake-ups of other replicas
}

// await makes other replicas wake workers that wait here for the kinds. It ends when no worker has waited for a while, not with each
// request.
func (r *remote) await(kinds []string, woken func(kind string, hops int)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, kind := range kinds {
		if r.awaited[kind] != nil {
			continue
		}
		stop, err := r.others.Await(kind, func(hops int) { woken(kind, hops) })
		if err != nil {
			r.logger.Warn("other replicas can't wake workers of a kind. They look for jobs every second", "kind", kind, "error", err)
			continue
		}
		r.awaited[kind] = stop
	}
}

// release ends the wake-ups for all kinds but these.
func (r *remote) release(except []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for kind, stop := range r.awaited {
		if !slices.Contains(except, kind) {
			stop()
			delete(r.awaited, kind)
		}
	}
}

// woken wakes a worker for a job of another replica. If none waits any longer, another replica might have one.
func (d *Dispatcher) woken(kind string, hops int) {
	if !d.waiters.wake(kind) && hops < maxHops {
		d.remote.others.Wake(kind, hops+1)
	}
}

// runRemote looks for jobs that became ready at other replicas, and announces the kinds of the workers here, until ctx ends.
func (d *Dispatcher) runRemote(ctx context.Context) {
	defer d.remote.release(nil)
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	var announced time.Time
	var known []string
	led := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		kinds := map[string]bool{}
		d.Kinds(kinds)
		d.cfg.Active(kinds)
		if now := slices.Sorted(maps.Keys(kinds)); time.Since(announced) > announceInterval || !slices.Equal(now, known) {
			if err := d.remote.others.AnnounceKinds(ctx, now, d.presence.descriptions(now)); d.report(ctx, "can't announce the kinds of workers", err) {
				announced, known = time.Now(), now
			}
		}
		d.remote.release(known)
		d.poll(ctx)
		if leads := d.remote.others.Leads(); leads != led {
			if led = leads; leads {
				d.checkAllPositions(ctx)
			}
		}
	}
}

// poll wakes as many workers as there are jobs for them.
func (d *Dispatcher) poll(ctx context.Context) {
	kinds := d.waiters.kinds()
	if len(kinds) == 0 {
		return
	}
	counts, err := d.remote.others.ReadyKinds(ctx, kinds, maxWoken)
	d.report(ctx, "can't look for jobs of waiting workers", err)
	for kind, n := range counts {
		for range n {
			if !d.waiters.wake(kind) {
				break
			}
		}
	}
}

// checkAllPositions makes a new leader check all queues.
func (d *Dispatcher) checkAllPositions(ctx context.Context) {
	counts, err := d.remote.others.ReadyKinds(ctx, nil, 1)
	d.report(ctx, "can't look for queues", err)
	for kind := range counts {
		d.positions.moved(kind)
	}
}

// report logs an error. It reports whether there is none.
func (d *Dispatcher) report(ctx context.Context, what string, err error) bool {
	if err != nil && ctx.Err() == nil {
		d.cfg.Logger.ErrorContext(ctx, what, "error", err)
	}
	return err == nil
}
