package hub

import (
	"context"
	"runtime/debug"
	"time"

	"headway/internal/backoff"
)

// sweepInterval is the interval at which the hub drops encodings that no client has requested in the meantime.
const sweepInterval = 20 * time.Second

func (h *Hub) sweep(ctx context.Context) {
	for backoff.Sleep(ctx, sweepInterval) {
		h.dropUnwanted()
		if h.rushIsOver() {
			h.Go(func(context.Context) { debug.FreeOSMemory() })
		}
	}
}

// rush is the number of new streams whose garbage is worth collecting immediately.
const rush = 500

// rushIsOver reports, once, that many streams were opened and few are being opened now. An idle process collects
// garbage only every two minutes, and opening a stream leaves more garbage than a stream uses memory.
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
