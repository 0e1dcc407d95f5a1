package sockets

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// wheel is a timing wheel for all connections: it visits each connection when an action is due, so that no connection
// needs a timer. It counts seconds since its creation, by the monotonic clock. A turn takes one second per slot, and no
// connection requests a visit further in the future.
type wheel struct {
	begun time.Time
	mu    sync.Mutex
	slots [64][]*Conn
	clock atomic.Int64
}

func newWheel() *wheel { return &wheel{begun: time.Now()} }

// now returns the time in seconds, as of the last tick.
func (wh *wheel) now() int64 { return wh.clock.Load() }

// add makes the wheel visit a connection, from the next tick on.
func (wh *wheel) add(c *Conn) { wh.put(c, wh.now()+1) }

func (wh *wheel) put(c *Conn, at int64) {
	wh.mu.Lock()
	defer wh.mu.Unlock()
	at = min(max(at, wh.now()+1), wh.now()+int64(len(wh.slots))-1)
	slot := &wh.slots[at%int64(len(wh.slots))]
	*slot = append(*slot, c)
}

// run turns the wheel until ctx ends, and calls each at every tick.
func (wh *wheel) run(ctx context.Context, each func(now int64)) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			// Ticks can be late or skipped, so catch up on every second since.
			for now := wh.now() + 1; now <= int64(time.Since(wh.begun)/time.Second); now++ {
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
	for _, c := range due {
		if !c.closed.Load() {
			wh.put(c, c.source.Tick(now))
		}
	}
}
