// Package sockets sends bytes to many peers with few goroutines.
//
// A Loop asks each connection's Source for the next message whenever the Source is awake and the peer has room. So a
// slow peer doesn't delay others, and a Source can keep only the latest state.
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

// Source provides the messages of one connection. The Loop calls Next and Tick from different goroutines, but each from
// one goroutine at a time.
type Source interface {
	// Next returns the next message. It returns false if there is none. The Loop then doesn't call Next again until
	// Wake. It can be called after Closed.
	Next() (Message, bool)
	// Tick is called with the time of the Loop's clock, and returns the time of the next call.
	Tick(now int64) (next int64)
	// Closed is called once, when the connection has ended, with the number of sent bytes, and the cause. A nil cause
	// means that the last message was sent.
	Closed(sent int64, cause error)
}

// Conn is a connection that a Loop serves. Its zero value is not served yet.
//
// There are two implementations. Over plain HTTP/1.1, it is a bare descriptor: the Loop's writers write to it, and its
// poller detects when the peer disconnects. Over HTTP/2, TLS, or HTTP/1.0, it keeps its handler's goroutine.
//
// Fields that a wake-up uses are next to each other, and so are those that a write uses, so that both touch as few CPU
// cache lines as possible: with thousands of connections, most lines have to be fetched for each message.
type Conn struct {
	loop   *Loop
	source Source
	// These fields belong to the writer. rest is the data for which the peer had no room. ended means that the last
	// message has no rest, or is the rest. slow means that the peer is on the list of slow peers.
	rest []byte
	// sent counts the bytes that the kernel has accepted.
	sent atomic.Int64
	// io is held while the descriptor is used, so that it is not closed in the meantime. fd is -1 before and after.
	io         sync.Mutex
	fd         int32
	generation int32
	// peerBytes is the number of bytes that the peer has sent. The poller counts them.
	peerBytes int32
	// lastWrite is the time of the last write, on the loop's clock.
	lastWrite   atomic.Int32
	ended, slow bool
	// raw means that the messages are not chunks.
	raw bool
	// finished means that the kernel has accepted the last message. io guards it.
	finished bool
	// closed means that nothing is sent any longer, and writable that the peer has made room since the last write.
	closed, writable atomic.Bool
	// state determines who can access the writer's fields.
	state atomic.Uint32
	// wake wakes the handler's goroutine. It is nil for a bare descriptor.
	wake chan struct{}
}

// The states of a Conn. A connection that is queued is on the list of a writer, or a writer is busy with it.
const (
	unserved    uint32 = iota
	idle               // the source has nothing to send
	queued             // a writer asks the source
	queuedAgain        // the source was woken in the meantime: the writer asks again before it is done
	stalled            // the peer has no room for rest
)

// Served reports whether the Loop has begun to send.
func (c *Conn) Served() bool { return c.state.Load() != unserved }

// Busy reports whether the connection already has something to send.
func (c *Conn) Busy() bool { return c.state.Load() > idle }

// LastWrite returns the time of the last write, by the Loop's clock.
func (c *Conn) LastWrite() int64 { return int64(c.lastWrite.Load()) }

// Close ends the connection without a last message.
func (c *Conn) Close(cause error) {
	if c.Served() && c.close(cause) {
		c.cut(false)
	}
}

// schedule records that the source has something to send. If it returns true, the caller must pass the connection to a
// writer, or wake its handler.
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

// next returns the next data to write. It returns false if there is none, and the connection is then idle.
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
			switch {
			case c.raw:
			case c.wake != nil:
				w.bytes = m.Bytes()
			case m.Last:
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

// stall keeps the data for which the peer has no room. If it returns true, there is room again, and the writer
// continues. Otherwise, makeRoom passes the connection to a writer.
func (c *Conn) stall() (again bool) {
	c.state.Store(stalled)
	return (c.writable.Load() || c.closed.Load()) && c.state.CompareAndSwap(stalled, queued)
}

// makeRoom records that the peer has room.
func (c *Conn) makeRoom() {
	c.writable.Store(true)
	if c.state.CompareAndSwap(stalled, queued) {
		c.loop.writers.push(c)
	}
}

// close ends the connection. It returns false if the connection had already ended.
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

// abort ends the connection without sending the rest.
func (c *Conn) abort(cause error) {
	c.close(cause)
	c.cut(false)
}
