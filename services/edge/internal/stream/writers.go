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
	s := newSender()
	defer s.close()
	for mine := ws.take(make([]*watcher, 0, batch)); mine != nil; mine = ws.take(mine) {
		m.messages.Add(float64(ws.flush(mine, s)))
		clear(mine)
	}
}

func (ws *writers) stop() {
	ws.mu.Lock()
	ws.closed = true
	ws.mu.Unlock()
	ws.wake.Broadcast()
}

// flush sends all that waits in these streams, a piece of each at a time, as far as their peers take it without
// waiting, and gives how many states that were.
func (ws *writers) flush(mine []*watcher, s *sender) (states int) {
	for len(mine) > 0 {
		s.writes = s.writes[:0]
		for _, w := range mine {
			if p, ok := w.next(); ok {
				s.writes = append(s.writes, write{watcher: w, piece: p})
				if p.state {
					states++
				}
			}
		}
		s.send()
		again := mine[:0]
		for i := range s.writes {
			if ws.done(&s.writes[i]) {
				again = append(again, s.writes[i].watcher)
			}
		}
		mine = again
	}
	clear(s.writes)
	return states
}

// done draws the consequences of a write. It gives true if there may be more to send.
func (ws *writers) done(d *write) bool {
	w := d.watcher
	switch {
	case d.err != nil:
		w.abort(fmt.Errorf("write to the client: %w", d.err))
		return false
	case d.n < len(d.bytes):
		ws.owes(w, w.hub.wheel.now()+seconds(w.hub.cfg.WriteTimeout))
		return w.stall(d.bytes[d.n:])
	case d.resumed:
		ws.settled(w)
	}
	if d.last {
		ws.owes(w, w.hub.wheel.now()+seconds(lingerTimeout))
		w.hangUp()
		return false
	}
	return true
}

// A write is a piece on its way to a peer. n and err are what came of it: no error and n short of the whole is a peer
// without room.
type write struct {
	piece
	watcher *watcher
	n       int
	err     error
}

// sender sends several writes at once if the system can, and one after the other if not. It is one goroutine's.
type sender struct {
	// ring is nil where there is none.
	ring   *ring
	writes []write
}

// worthARing is how many writes have to go out together for a ring to be cheaper.
const worthARing = 4

func newSender() *sender {
	s := &sender{writes: make([]write, 0, batch)}
	if r, err := newRing(batch); err == nil {
		s.ring = r
	}
	return s
}

func (s *sender) send() {
	if s.ring != nil && len(s.writes) >= worthARing {
		if err := s.ring.send(s.writes); err != nil {
			s.close()
		}
		return
	}
	for i := range s.writes {
		d := &s.writes[i]
		d.n, d.err = d.watcher.write(d.bytes)
	}
}

func (s *sender) close() {
	if s.ring != nil {
		s.ring.close()
		s.ring = nil
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
