// Package sockets sends bytes to many peers over few goroutines.
//
// A Loop asks each connection's Source for what to send next, whenever the Source is awake and the peer has room. So a
// slow peer delays no other, and a Source can keep the latest state only.
package sockets

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
)

var (
	// ErrPeerGone means that the client closed the connection, the usual end of a stream.
	ErrPeerGone = errors.New("the client closed the stream")
	// ErrPeerTalks means that the client sent more data on a stream than allowed.
	ErrPeerTalks = errors.New("the client keeps sending on a stream")
	// ErrStopped means that the loop has ended.
	ErrStopped = errors.New("the server is shutting down")
)

// Message is data to send. Last means that the connection ends after it.
type Message struct {
	Payload
	Last bool
}

// Source feeds one connection. The Loop calls Next and Tick from different goroutines, but each from one at a time.
type Source interface {
	// Next returns what to send next. It reports false if there is nothing to send: then the Loop does not ask again
	// until Wake. It may be called after Closed.
	Next() (Message, bool)
	// Tick is called at a time of the Loop's clock, and returns when to be called next.
	Tick(now int64) (next int64)
	// Closed is called once, when the connection has ended: how many bytes were sent, and why it ended. A nil cause
	// means that the last message is out.
	Closed(sent int64, cause error)
}

// Conn is a connection that a Loop serves. Its zero value is not served yet.
//
// It is carried in one of two ways. Over plain HTTP/1.1 it is a bare descriptor: the Loop's writers write to it, and its
// poller notices when the peer goes. Over HTTP/2, TLS or HTTP/1.0 it keeps its handler's goroutine.
//
// The order of the fields keeps those together that a wake-up uses, and those that a write uses, each in as few lines of
// the processor's cache as possible: with thousands of connections, most of their lines have to be fetched for a message.
type Conn struct {
	loop   *Loop
	source Source
	// These belong to the writer. rest is what the peer had no room for. ended: the last message is out, or its rest
	// is. slow: the peer is on the list of slow peers.
	rest []byte
	// sent counts the bytes that the kernel has accepted.
	sent atomic.Int64
	// io is held while the descriptor is used, so that it is not closed meanwhile. fd is -1 before and after.
	io         sync.Mutex
	fd         int32
	generation int32
	// peerBytes, which the poller counts, is how much the peer has sent.
	peerBytes int32
	// lastWrite is when the connection last sent something, on the loop's clock.
	lastWrite   atomic.Int32
	ended, slow bool
	// closed: nothing is sent any longer. writable: the peer has made room since the last write.
	closed, writable atomic.Bool
	// state says who may touch the fields of the writer.
	state atomic.Uint32
	// wake calls the handler's goroutine; nil for a bare descriptor.
	wake chan struct{}
}

// The states of a Conn. A connection that is queued is on the list of a writer, or a writer is busy with it.
const (
	unserved    uint32 = iota
	idle               // the source has nothing to send
	queued             // a writer asks the source
	queuedAgain        // the source was woken meanwhile: the writer asks again before it leaves
	stalled            // the peer has no room for rest
)

// Served reports whether the Loop has begun to send.
func (c *Conn) Served() bool { return c.state.Load() != unserved }

// Busy reports whether the connection has something to send already.
func (c *Conn) Busy() bool { return c.state.Load() > idle }

// LastWrite returns when the connection last sent something, by the Loop's clock.
func (c *Conn) LastWrite() int64 { return int64(c.lastWrite.Load()) }

// Close ends the connection without a last message.
func (c *Conn) Close(cause error) {
	if c.Served() && c.close(cause) {
		c.cut(false)
	}
}

// schedule notes that the source has something to send. If it reports true, the caller must give the connection to a
// writer, or call its handler.
func (c *Conn) schedule() bool {
	for {
		switch state := c.state.Load(); state {
		case idle:
			if c.state.CompareAndSwap(idle, queued) {
				return true
			}
		case queued:
			if c.state.CompareAndSwap(queued, queuedAgain) {
				return false
			}
		default:
			return false
		}
	}
}

// next returns what the writer is to write. It reports false if there is nothing, and then the connection is idle.
func (c *Conn) next() (w write, ok bool) {
	if c.rest != nil && !c.closed.Load() {
		w = write{conn: c, bytes: c.rest, last: c.ended}
		c.rest = nil
		c.writable.Store(false)
		return w, true
	}
	for !c.ended && !c.closed.Load() {
		c.state.Store(queued)
		if m, ok := c.source.Next(); ok {
			c.ended = m.Last
			c.writable.Store(false)
			c.lastWrite.Store(int32(c.loop.wheel.now()))
			w = write{conn: c, bytes: m.chunk, last: m.Last}
			if c.wake != nil {
				w.bytes = m.Bytes()
			} else if m.Last {
				w.bytes = slices.Concat(m.chunk, []byte(lastChunk))
			}
			return w, true
		}
		if c.state.CompareAndSwap(queued, idle) {
			return write{}, false
		}
	}
	c.state.Store(idle)
	return write{}, false
}

// stall keeps what the peer has no room for. If it reports true, there is room already, and the writer continues.
// Otherwise makeRoom gives the connection to a writer.
func (c *Conn) stall() (again bool) {
	c.state.Store(stalled)
	return (c.writable.Load() || c.closed.Load()) && c.state.CompareAndSwap(stalled, queued)
}

// makeRoom notes that the peer has room.
func (c *Conn) makeRoom() {
	c.writable.Store(true)
	if c.state.CompareAndSwap(stalled, queued) {
		c.loop.writers.push(c)
	}
}

// close ends the connection. It reports false if the connection had ended before.
func (c *Conn) close(cause error) bool {
	if !c.closed.CompareAndSwap(false, true) {
		return false
	}
	c.source.Closed(c.sent.Load(), cause)
	if c.wake != nil {
		c.call()
	}
	return true
}

// call wakes the handler's goroutine.
func (c *Conn) call() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// abort ends the connection without what is still to be sent.
func (c *Conn) abort(cause error) {
	c.close(cause)
	c.cut(false)
}
