package stream

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"
)

// scratchBytes holds an event of usual size while it is put together; larger ones get memory of their own.
const scratchBytes = 32 << 10

// writers send what waits, on a few goroutines for all hijacked connections. A write never waits: a peer whose window
// is full gets a goroutine of its own until it has caught up or its time is over.
type writers struct {
	shards []*shard
	turn   atomic.Uint32
}

type shard struct {
	mu     sync.Mutex
	wake   *sync.Cond
	queue  []*watcher
	closed bool

	// scratch and the rest are of the write under way.
	scratch []byte
	out     []byte
	n       int
	err     error
	attempt func(fd uintptr) bool
}

func newWriters(n int) *writers {
	ws := &writers{shards: make([]*shard, n)}
	for i := range ws.shards {
		s := &shard{scratch: make([]byte, 0, scratchBytes)}
		s.wake = sync.NewCond(&s.mu)
		s.attempt = s.write
		ws.shards[i] = s
	}
	return ws
}

// push puts a watcher in line.
func (ws *writers) push(w *watcher) {
	s := ws.shards[ws.turn.Add(1)%uint32(len(ws.shards))]
	s.mu.Lock()
	s.queue = append(s.queue, w)
	first := len(s.queue) == 1
	s.mu.Unlock()
	if first {
		s.wake.Signal()
	}
}

// run writes until stop is called; it is one goroutine's.
func (s *shard) run() {
	var batch []*watcher
	for {
		s.mu.Lock()
		for len(s.queue) == 0 && !s.closed {
			s.wake.Wait()
		}
		if s.closed {
			s.mu.Unlock()
			return
		}
		clear(batch)
		batch, s.queue = s.queue, batch[:0]
		s.mu.Unlock()
		for _, w := range batch {
			s.flush(w)
		}
	}
}

func (ws *writers) stop() {
	for _, s := range ws.shards {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.wake.Signal()
	}
}

// flush sends all that waits, as far as the peer takes it without waiting.
func (s *shard) flush(w *watcher) {
	for {
		b, last := w.next(s.scratch)
		if b == nil {
			return
		}
		if w.raw == nil {
			w.writeSlowly(bytes.Clone(b), last)
			return
		}
		n, err := s.try(w, b)
		switch {
		case err != nil:
			w.abort(err)
			return
		case n < len(b):
			w.writeSlowly(bytes.Clone(b[n:]), last)
			return
		case last:
			w.hangUp()
			return
		}
	}
}

// try writes as much as the kernel takes.
func (s *shard) try(w *watcher, b []byte) (int, error) {
	s.out, s.n, s.err = b, 0, nil
	err := w.raw.Write(s.attempt)
	s.out = nil
	if err == nil {
		err = s.err
	}
	return s.n, err
}

// writeSlowly goes on in a goroutine of its own. Each piece has to be gone by the write timeout.
func (w *watcher) writeSlowly(b []byte, last bool) {
	w.hub.conns.Go(func() {
		for {
			_ = w.conn.SetWriteDeadline(time.Now().Add(w.hub.cfg.WriteTimeout)) // a closed connection tells by Write
			if _, err := w.conn.Write(b); err != nil {
				w.abort(err)
				return
			}
			if last {
				w.hangUp()
				return
			}
			if b, last = w.next(nil); b == nil {
				_ = w.conn.SetWriteDeadline(time.Time{})
				return
			}
		}
	})
}
