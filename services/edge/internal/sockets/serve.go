package sockets

import (
	"bytes"
	"fmt"
	"net/http"
	"time"
)

const (
	// sendBuffer limits the bytes that the kernel buffers for the peer of a stream that does not read. Later data waits in
	// the source, where a newer state can replace it.
	sendBuffer = 64 << 10
	// lingerTimeout is the maximum time that a peer can take to disconnect after the last byte.
	lingerTimeout = 5 * time.Second
	// maxPart is the maximum number of bytes that a handler writes at a time.
	maxPart = 8 << 10
	// maxPeerBytes is the maximum number of bytes that a peer can send on a stream, on which it should send none.
	maxPeerBytes = 4 << 10
)

// Hijackable reports whether Serve takes the request's connection from net/http, and so returns before the connection
// has ended. It does on plain HTTP/1.1, where streams are cheaper without net/http.
func Hijackable(r *http.Request) bool { return hijackable(r) }

// Serve sends the headers that are set on w, and then the source's messages. If the request is Hijackable, it returns
// as soon as the Loop owns the connection, and otherwise when the connection ends. An error means that the connection
// could not be taken over. The caller can then still write a response to w, and Closed is not called.
func (l *Loop) Serve(c *Conn, w http.ResponseWriter, r *http.Request, s Source) error {
	l.begin(c, s)
	if hijackable(r) {
		return l.takeOver(c, w, http.StatusOK)
	}
	l.respond(c, w, r, http.StatusOK)
	return nil
}

// ServeBody is like Serve for a body whose Content-Length is set on w: the source's messages are Raw. takeOver
// determines whether the connection is taken from net/http, so that it ends with the body. The request must then be
// Hijackable.
func (l *Loop) ServeBody(c *Conn, w http.ResponseWriter, r *http.Request, status int, takeOver bool, s Source) error {
	l.begin(c, s)
	c.raw = true
	if takeOver {
		return l.takeOver(c, w, status)
	}
	l.respond(c, w, r, status)
	return nil
}

func (l *Loop) begin(c *Conn, s Source) {
	<-l.ready
	c.loop, c.source, c.fd = l, s, -1
	c.lastWrite.Store(int32(l.wheel.now()))
}

// takeOver takes the connection from net/http, and passes it to the poller and the writers.
func (l *Loop) takeOver(c *Conn, rw http.ResponseWriter, status int) error {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		return fmt.Errorf("take the connection over: %w", err)
	}
	defer conn.Close() // the loop has its own descriptor
	c.state.Store(queued)
	// The kernel's timeout is longer than ours, so that ours ends the connection of a peer that does not read.
	fd, err := descriptor(conn, l.writeTimeout+10*time.Second, !c.raw)
	if err != nil {
		c.close(fmt.Errorf("take the connection over: %w", err))
		return nil
	}
	var head bytes.Buffer
	fmt.Fprintf(&head, "HTTP/1.1 %d %s\r\nDate: %s\r\nConnection: close\r\n", status, http.StatusText(status), time.Now().UTC().Format(http.TimeFormat))
	if !c.raw {
		head.WriteString("Transfer-Encoding: chunked\r\n")
	}
	_ = rw.Header().WriteSubset(&head, map[string]bool{"Connection": true}) // a buffer accepts everything
	head.WriteString("\r\n")
	if !c.raw { // a part of a file is large enough for its own write, and must not be copied
		if first, ok := c.source.Next(); ok {
			head.Write(first.chunk)
			if c.ended = first.Last; c.ended {
				head.WriteString(lastChunk)
			}
		}
	}
	c.rest = bytes.Clone(head.Bytes())
	if err := l.poller.add(c, fd); err != nil {
		c.close(err)
		return nil
	}
	l.wheel.add(c)
	l.writers.push(c)
	if c.closed.Load() { // before there was a descriptor
		c.cut(false)
	}
	return nil
}

// respond serves the connection on its handler's goroutine.
func (l *Loop) respond(c *Conn, rw http.ResponseWriter, r *http.Request, status int) {
	c.wake = make(chan struct{}, 1)
	c.state.Store(queued)
	if !l.enter(c) {
		c.close(ErrStopped)
		return
	}
	defer l.leave(c)
	rc := http.NewResponseController(rw)
	rw.WriteHeader(status)
	l.wheel.add(c)
	for {
		for w, ok := c.next(); ok; w, ok = c.next() {
			if err := l.writeThrough(rc, rw, w.bytes); err != nil {
				c.close(fmt.Errorf("write to the client: %w", err))
				return
			}
			c.sent.Add(int64(len(w.bytes)))
			if w.last {
				c.close(nil)
				return
			}
		}
		select {
		case <-r.Context().Done():
			c.close(ErrPeerGone)
			return
		case <-c.wake:
		}
		if c.closed.Load() {
			return
		}
	}
}

// writeThrough writes b in parts, each with its own deadline, so that a slow peer is disconnected only if it makes no
// progress.
func (l *Loop) writeThrough(rc *http.ResponseController, rw http.ResponseWriter, b []byte) error {
	for len(b) > 0 {
		part := b[:min(len(b), maxPart)]
		b = b[len(part):]
		// net/http's writers support deadlines. Others return an error.
		_ = rc.SetWriteDeadline(time.Now().Add(l.writeTimeout))
		if _, err := rw.Write(part); err != nil {
			return err
		}
		if err := rc.Flush(); err != nil {
			return err
		}
	}
	_ = rc.SetWriteDeadline(time.Time{}) // HTTP/2 resets a stream when the deadline passes, even if nothing is written
	return nil
}
