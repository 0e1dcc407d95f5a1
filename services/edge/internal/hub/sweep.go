package hub

import (
	"context"
	"runtime/debug"
	"time"
)

// sweepInterval is how often the hub drops encodings that no client has requested in the meantime.
const sweepInterval = 20 * time.Second

func (h *Hub) sweep(ctx context.Context) {
	for sleep(ctx, sweepInterval) {
		h.dropUnwanted()
		if h.rushIsOver() {
			h.Go(func(context.Context) { debug.FreeOSMemory() })
		}
	}
}

// rush is how many streams have to begin for what their beginnings left in memory to be worth collecting right away.
const rush = 500

// rushIsOver reports, once, that many streams began and few do now. An idle process collects its garbage every two
// minutes only, and a beginning leaves more in memory than a stream holds.
func (h *Hub) rushIsOver() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	lately := h.opened - h.openedBefore
	h.openedBefore = h.opened
	h.openedInRush += lately
	if h.openedInRush < rush || lately > h.openedInRush/10 {
		return false
	}
	h.openedInRush = 0
	return true
}

func (h *Hub) dropUnwanted() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.attempts.forget()
	for _, feeds := range []map[string]*feed{h.jobs, h.imports} {
		for _, f := range feeds {
			if f.latest == nil {
				continue
			}
			f.latest.dropUnused()
			if !h.watched(f) {
				f.shorten()
			}
		}
	}
}

// shorten keeps only the head of a long state.
func (f *feed) shorten() {
	if len(f.latest.Raw) > maxUnwatched {
		f.latest = f.latest.head()
	}
}
