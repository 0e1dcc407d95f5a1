package stream

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"time"

	"headway/internal/rpcerr"
	"headway/services/edge/internal/httperr"
	"headway/services/edge/internal/reqlog"
)

var (
	// errPeerGone ends a stream whose reader hung up: the usual end.
	errPeerGone     = errors.New("the client closed the stream")
	errTokenExpired = errors.New("the token has expired")
	errOverLimit    = errors.New("closed for a newer stream of the same user")
	errDrained      = errors.New("the server is shutting down")
	errPeerTalks    = errors.New("the client keeps sending on a stream")
)

const (
	// sendBuffer bounds, in bytes, what the kernel holds for a peer that does not read: beyond it the newest state
	// waits here and replaces the one before, which is what a slow reader wants.
	sendBuffer = 64 << 10
	// lingerTimeout is how long a peer may take to hang up after the end of a stream.
	lingerTimeout = 5 * time.Second
	// maxPeerBytes is how much a peer may send on a stream, where it has nothing to say.
	maxPeerBytes = 4 << 10
)

// open lets the stream run, beginning with events: sent is their revision, and last says that nothing comes behind
// them. It returns at once for a lean stream, and at the stream's end for the others.
func (h *Hub) open(rw http.ResponseWriter, r *http.Request, w *watcher, events [][]byte, sent uint32, last bool) {
	if w.chunked() {
		h.takeOver(rw, r, w, events, sent, last)
		return
	}
	h.respond(rw, r, w, events, sent, last)
}

// takeOver takes the connection from net/http, and leaves it to the poller and the writers.
func (h *Hub) takeOver(rw http.ResponseWriter, r *http.Request, w *watcher, events [][]byte, sent uint32, last bool) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		w.close(err)
		httperr.Write(rw, r, rpcerr.Internal(fmt.Errorf("take the connection over: %w", err)))
		return
	}
	defer conn.Close() // the stream has a descriptor of its own
	done := reqlog.From(r.Context()).Detach(http.StatusOK)
	// The kernel's patience outlasts ours, so that a peer that does not read is cut for that.
	fd, err := descriptor(conn, 3*(h.cfg.WriteTimeout+time.Second))
	if err != nil {
		w.close(err)
		done(0, fmt.Errorf("take the connection over: %w", err))
		return
	}
	w.done = done
	var head bytes.Buffer
	fmt.Fprintf(&head, "HTTP/1.1 200 OK\r\nDate: %s\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n",
		time.Now().UTC().Format(http.TimeFormat))
	_ = rw.Header().Write(&head) // a buffer takes everything
	head.WriteString("\r\n")
	b := head.Bytes()
	for _, event := range events {
		b = appendChunk(b, event)
	}
	if err := h.poller.add(w, fd); err != nil {
		w.close(err)
		return
	}
	h.wheel.add(w)
	w.start(bytes.Clone(b), sent, last)
	if w.isClosed() { // by a shutdown, before there was a descriptor
		w.cut(false)
	}
}

// abort ends a stream at once.
func (w *watcher) abort(cause error) {
	w.close(cause)
	w.cut(false)
}

// respond runs the stream on its handler's goroutine.
func (h *Hub) respond(rw http.ResponseWriter, r *http.Request, w *watcher, events [][]byte, sent uint32, last bool) {
	rc := http.NewResponseController(rw)
	rw.WriteHeader(http.StatusOK)
	h.wheel.add(w)
	w.start(bytes.Join(events, nil), sent, last)
	defer func() { w.close(errPeerGone) }()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-w.wake:
		}
		for p, ok := w.next(); ok; p, ok = w.next() {
			if p.state {
				h.metrics.messages.Inc()
			}
			// Writers that cannot set a deadline say so; those of net/http can.
			_ = rc.SetWriteDeadline(time.Now().Add(h.cfg.WriteTimeout))
			_, err := rw.Write(p.bytes)
			if err == nil {
				err = rc.Flush()
			}
			if err != nil {
				reqlog.From(r.Context()).Err = err
				return
			}
			_ = rc.SetWriteDeadline(time.Time{}) // HTTP/2 resets a stream when it passes, also while nothing is written
			if p.last {
				return
			}
		}
		if w.isClosed() {
			return
		}
	}
}

func (w *watcher) isClosed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}
