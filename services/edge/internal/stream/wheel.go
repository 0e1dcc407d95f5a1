package stream

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// wheel is the one clock of all streams: it visits each when something is due, so that no stream has a timer.
// A turn takes as many ticks of a second as it has slots; nobody asks for a visit later than that.
type wheel struct {
	mu    sync.Mutex
	slots [64][]*watcher
	clock atomic.Int64
}

func newWheel() *wheel {
	wh := &wheel{}
	wh.clock.Store(time.Now().Unix())
	return wh
}

// now is the time in Unix seconds, as of the last tick.
func (wh *wheel) now() int64 { return wh.clock.Load() }

// add has a stream visited from the next tick on.
func (wh *wheel) add(w *watcher) { wh.put(w, wh.now()+1) }

func (wh *wheel) put(w *watcher, at int64) {
	wh.mu.Lock()
	defer wh.mu.Unlock()
	at = min(max(at, wh.now()+1), wh.now()+int64(len(wh.slots))-1)
	slot := &wh.slots[at%int64(len(wh.slots))]
	*slot = append(*slot, w)
}

// run turns the wheel until ctx ends; each, if not nil, is called at every tick.
func (wh *wheel) run(ctx context.Context, each func(now int64)) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-ticker.C:
			// Ticks may be late or left out: catch up on every second since.
			for now := wh.now() + 1; now <= t.Unix(); now++ {
				wh.tick(now)
				each(now)
			}
		}
	}
}

func (wh *wheel) tick(now int64) {
	slot := &wh.slots[now%int64(len(wh.slots))]
	wh.mu.Lock()
	wh.clock.Store(now)
	due := *slot
	*slot = nil
	wh.mu.Unlock()
	for _, w := range due {
		if next, alive := w.beat(now); alive {
			wh.put(w, next)
		}
	}
}
