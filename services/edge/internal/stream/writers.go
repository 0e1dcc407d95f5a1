package stream

import (
	"fmt"
	"os"
	"sync"
	"time"
)

// batch is how many streams a writer takes at a time: few enough to share a crowd evenly among the writers.
const batch = 64

// writers send what waits, on a few goroutines for all lean streams. A write never waits: a peer without room is left
// alone until it has made some, or its time is over.
type writers struct {
	mu     sync.Mutex
	wake   *sync.Cond
	queue  []*watcher
	taken  int
	closed bool

	// slow are the streams whose peers owe something, and until when, in Unix seconds: room for what waits, or the end
	// of a connection whose last byte is out.
	slowMu sync.Mutex
	slow   map[*watcher]int64
}

func newWriters() *writers {
	ws := &writers{slow: make(map[*watcher]int64)}
	ws.wake = sync.NewCond(&ws.mu)
	return ws
}

// push puts streams in line.
func (ws *writers) push(watchers ...*watcher) {
	ws.mu.Lock()
	ws.queue = append(ws.queue, watchers...)
	ws.mu.Unlock()
	if len(watchers) > batch {
		ws.wake.Broadcast()
	} else {
		ws.wake.Signal()
	}
}

// take gives a few streams of the line; none when the end has come.
func (ws *writers) take(into []*watcher) []*watcher {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for ws.taken == len(ws.queue) && !ws.closed {
		ws.wake.Wait()
	}
	if ws.closed {
		return nil
	}
	n := min(cap(into), len(ws.queue)-ws.taken)
	next := ws.queue[ws.taken : ws.taken+n]
	into = append(into[:0], next...)
	clear(next)
	if ws.taken += n; ws.taken == len(ws.queue) {
		ws.queue, ws.taken = ws.queue[:0], 0
	}
	return into
}

// run writes until stop is called; it is one goroutine's.
func (ws *writers) run(m *metrics) {
	for mine := ws.take(make([]*watcher, 0, batch)); mine != nil; mine = ws.take(mine) {
		states := 0
		for _, w := range mine {
			states += ws.flush(w)
		}
		clear(mine)
		m.messages.Add(float64(states))
	}
}

func (ws *writers) stop() {
	ws.mu.Lock()
	ws.closed = true
	ws.mu.Unlock()
	ws.wake.Broadcast()
}

// flush sends all that waits, as far as the peer takes it without waiting, and gives how many states that were.
func (ws *writers) flush(w *watcher) (states int) {
	for {
		p, ok := w.next()
		if !ok {
			return states
		}
		if p.state {
			states++
		}
		n, err := w.write(p.bytes)
		switch {
		case err != nil:
			w.abort(fmt.Errorf("write to the client: %w", err))
			return states
		case n < len(p.bytes):
			ws.owes(w, w.hub.wheel.now()+seconds(w.hub.cfg.WriteTimeout))
			if !w.stall(p.bytes[n:]) {
				return states
			}
			continue
		case p.resumed:
			ws.settled(w)
		}
		if p.last {
			ws.settled(w)
			ws.owes(w, w.hub.wheel.now()+seconds(lingerTimeout))
			w.hangUp()
			return states
		}
	}
}

// seconds rounds up: the clock of streams has whole ones.
func seconds(d time.Duration) int64 { return int64((d+time.Second-1)/time.Second) + 1 }

// owes notes until when a peer may take what it has been sent. An earlier note stands.
func (ws *writers) owes(w *watcher, until int64) {
	ws.slowMu.Lock()
	defer ws.slowMu.Unlock()
	if _, ok := ws.slow[w]; !ok {
		ws.slow[w] = until
	}
}

// settled notes that a peer owes nothing any more.
func (ws *writers) settled(w *watcher) {
	ws.slowMu.Lock()
	defer ws.slowMu.Unlock()
	delete(ws.slow, w)
}

// collect cuts those off whose time is over.
func (ws *writers) collect(now int64) {
	ws.slowMu.Lock()
	var over []*watcher
	for w, until := range ws.slow {
		if now >= until {
			over = append(over, w)
			delete(ws.slow, w)
		}
	}
	ws.slowMu.Unlock()
	for _, w := range over {
		stalled := w.close(fmt.Errorf("write to the client: %w", os.ErrDeadlineExceeded))
		w.cut(stalled)
	}
}
