package sockets

import (
	"fmt"
	"os"
	"sync"
	"time"
)

// batch is the number of connections that a writer takes at a time. It is small, so that the writers share them evenly.
const batch = 64

// writers send waiting messages, on a few goroutines for all bare descriptors. A write never waits. If a peer's buffer is full,
// the writers skip it until it has room again, or until its deadline.
type writers struct {
	wheel   *wheel
	timeout int64

	mu     sync.Mutex
	wake   *sync.Cond
	queue  []*Conn
	taken  int
	closed bool

	// slow are the peers that must still accept waiting data, or the end of the connection.
	slowMu sync.Mutex
	slow   map[*Conn]deadline
}

// deadline is the time at which a slow peer is disconnected, unless it has made progress by then. If it has, it gets
// another timeout. acked is the number of bytes that its kernel had acknowledged when the deadline was set.
type deadline struct{ at, timeout, acked int64 }

func newWriters(wh *wheel, timeout time.Duration) *writers {
	ws := &writers{wheel: wh, timeout: seconds(timeout), slow: make(map[*Conn]deadline)}
	ws.wake = sync.NewCond(&ws.mu)
	return ws
}

// push adds connections to the queue.
func (ws *writers) push(conns ...*Conn) {
	ws.mu.Lock()
	ws.queue = append(ws.queue, conns...)
	ws.mu.Unlock()
	if len(conns) > batch {
		ws.wake.Broadcast()
	} else {
		ws.wake.Signal()
	}
}

// take returns a few connections from the queue. It returns none if the writers are stopped.
func (ws *writers) take(into []*Conn) []*Conn {
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

// run writes until stop is called. Each writer goroutine calls run.
func (ws *writers) run(s *sender) {
	defer s.close()
	for mine := ws.take(make([]*Conn, 0, batch)); mine != nil; mine = ws.take(mine) {
		ws.flush(mine, s)
		clear(mine)
	}
}

func (ws *writers) stop() {
	ws.mu.Lock()
	ws.closed = true
	ws.mu.Unlock()
	ws.wake.Broadcast()
}

// flush sends the waiting messages of these connections, one message of each at a time, as far as their peers accept them
// immediately.
func (ws *writers) flush(mine []*Conn, s *sender) {
	for len(mine) > 0 {
		s.writes = s.writes[:0]
		for _, c := range mine {
			if w, ok := c.next(); ok {
				s.writes = append(s.writes, w)
			}
		}
		s.send()
		again := mine[:0]
		for i := range s.writes {
			if ws.done(&s.writes[i]) {
				again = append(again, s.writes[i].conn)
			}
		}
		mine = again
	}
	clear(s.writes)
}

// done handles the result of a write. It returns true if there might be more to send.
func (ws *writers) done(w *write) bool {
	c := w.conn
	if w.err != nil {
		c.abort(fmt.Errorf("write to the client: %w", w.err))
		return false
	}
	c.sent.Add(int64(w.n))
	if w.n < len(w.bytes) {
		c.rest = w.bytes[w.n:]
		ws.setDeadline(c, ws.timeout, w.n > 0)
		return c.stall()
	}
	if c.slow {
		ws.clearDeadline(c)
	}
	if w.last {
		ws.setDeadline(c, seconds(lingerTimeout), true)
		c.hangUp()
		return false
	}
	return true
}

// write is a message in transit to a peer. n and err are its result. If err is nil and n is smaller than the message, the
// peer's buffer is full.
type write struct {
	conn  *Conn
	bytes []byte
	last  bool
	n     int
	err   error
}

// sender sends several writes with one system call if the system supports it, or one after the other. Only one goroutine may
// use it.
type sender struct {
	// ring is nil if the system has none.
	ring   *ring
	writes []write
}

// worthARing is the minimum number of simultaneous writes for which a ring is cheaper.
const worthARing = 4

func newSender(mode Ring) (*sender, error) {
	s := &sender{writes: make([]write, 0, batch)}
	if mode == RingOff {
		return s, nil
	}
	r, err := newRing(batch)
	if err != nil {
		if mode == RingOn {
			return nil, fmt.Errorf("this system does not allow io_uring: %w", err)
		}
		return s, nil
	}
	s.ring = r
	return s, nil
}

func (s *sender) send() {
	if s.ring != nil && len(s.writes) >= worthARing {
		if err := s.ring.send(s.writes); err != nil {
			s.close()
		}
		return
	}
	for i := range s.writes {
		w := &s.writes[i]
		w.n, w.err = w.conn.write(w.bytes, w.last)
	}
}

func (s *sender) close() {
	if s.ring != nil {
		s.ring.close()
		s.ring = nil
	}
}

// seconds rounds up, and adds one, because the loop's clock shows the last whole second.
func seconds(d time.Duration) int64 { return int64((d+time.Second-1)/time.Second) + 1 }

// setDeadline sets the time by which a peer must accept some of its waiting data. It keeps an earlier deadline, unless the peer
// has made progress.
func (ws *writers) setDeadline(c *Conn, timeout int64, progress bool) {
	ws.slowMu.Lock()
	defer ws.slowMu.Unlock()
	c.slow = true
	if _, ok := ws.slow[c]; !ok || progress {
		ws.slow[c] = deadline{ws.wheel.now() + timeout, timeout, c.acknowledged()}
	}
}

// clearDeadline clears the deadline of a peer that has accepted everything.
func (ws *writers) clearDeadline(c *Conn) {
	ws.slowMu.Lock()
	defer ws.slowMu.Unlock()
	c.slow = false
	delete(ws.slow, c)
}

// forget removes a connection that has ended from the list.
func (ws *writers) forget(c *Conn) {
	ws.slowMu.Lock()
	defer ws.slowMu.Unlock()
	delete(ws.slow, c)
}

// collect disconnects the peers whose deadline has passed and that have made no progress.
func (ws *writers) collect(now int64) {
	ws.slowMu.Lock()
	var over []*Conn
	for c, d := range ws.slow {
		if now < d.at {
			continue
		}
		if acked := c.acknowledged(); acked > d.acked {
			ws.slow[c] = deadline{now + d.timeout, d.timeout, acked}
			continue
		}
		over = append(over, c)
		delete(ws.slow, c)
	}
	ws.slowMu.Unlock()
	for _, c := range over {
		stalled := c.close(fmt.Errorf("write to the client: %w", os.ErrDeadlineExceeded))
		c.cut(stalled)
	}
}
