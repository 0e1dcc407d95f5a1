package stream

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
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

// hijackable tells whether a request came by HTTP/1.1, where a stream costs least without net/http.
func hijackable(r *http.Request) bool { return r.ProtoMajor == 1 && r.ProtoMinor == 1 }

// open lets the stream run, beginning with events: sent is their revision, and last says that nothing comes behind
// them. It returns at once for a hijacked connection, and at the stream's end for the others.
func (h *Hub) open(rw http.ResponseWriter, r *http.Request, w *watcher, events [][]byte, sent uint32, last bool) {
	if w.chunked() {
		h.hijack(rw, r, w, events, sent, last)
		return
	}
	h.respond(rw, r, w, events, sent, last)
}

func (h *Hub) hijack(rw http.ResponseWriter, r *http.Request, w *watcher, events [][]byte, sent uint32, last bool) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		w.close(err)
		httperr.Write(rw, r, rpcerr.Internal(fmt.Errorf("take the connection over: %w", err)))
		return
	}
	w.conn, w.raw = conn, rawConn(conn)
	w.done = reqlog.From(r.Context()).Detach(http.StatusOK)
	if c, ok := conn.(*net.TCPConn); ok {
		_ = c.SetWriteBuffer(sendBuffer) // best effort
	}
	dropDeadPeer(conn, 3*h.cfg.WriteTimeout)

	var head bytes.Buffer
	fmt.Fprintf(&head, "HTTP/1.1 200 OK\r\nDate: %s\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n",
		time.Now().UTC().Format(http.TimeFormat))
	_ = rw.Header().Write(&head) // a buffer takes everything
	head.WriteString("\r\n")
	b := head.Bytes()
	for _, event := range events {
		b = appendChunk(b, event)
	}
	if !h.spawn(w.watchPeer) {
		w.close(errDrained)
		_ = conn.Close() // nothing was sent yet
		return
	}
	h.wheel.add(w)
	w.start(bytes.Clone(b), sent, last)
}

// watchPeer waits until the peer has gone, and closes the connection then: it alone does.
func (w *watcher) watchPeer() {
	cause := errPeerGone
	for read := 0; ; {
		n, err := w.conn.Read(w.peerBuffer[:])
		if err != nil {
			if !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
				cause = fmt.Errorf("%w: %w", errPeerGone, err)
			}
			break
		}
		if read += n; read > maxPeerBytes {
			cause = errPeerTalks
			break
		}
	}
	w.close(cause)
	w.hub.lingers(w, false)
	_ = w.conn.Close() // there is nothing left to lose
}

// abort ends a stream that cannot be written to any more.
func (w *watcher) abort(cause error) {
	w.close(fmt.Errorf("write to the client: %w", cause))
	if w.conn != nil {
		_ = w.conn.SetReadDeadline(time.Unix(1, 0)) // wakes watchPeer, which closes it
	}
}

// hangUp ends a stream whose last byte is out: the peer reads to the end, hangs up too, and watchPeer closes.
func (w *watcher) hangUp() {
	if c, ok := w.conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite() // a peer that has gone already is what we want
	}
	_ = w.conn.SetReadDeadline(time.Now().Add(lingerTimeout))
	w.hub.lingers(w, true)
	w.close(nil)
}

// lingers notes who has been sent everything and has not hung up yet, so that a shutdown does not wait for them.
func (h *Hub) lingers(w *watcher, still bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !still:
		w.gone = true
		delete(h.lingering, w)
	case w.gone: // already, while the last bytes went out
	case h.closed:
		_ = w.conn.SetReadDeadline(time.Unix(1, 0))
	default:
		h.lingering[w] = struct{}{}
	}
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
		for {
			b, last := w.next(nil)
			if b == nil {
				if last || w.isClosed() {
					return
				}
				break
			}
			// Writers that cannot set a deadline say so; those of net/http can.
			_ = rc.SetWriteDeadline(time.Now().Add(h.cfg.WriteTimeout))
			if _, err := rw.Write(b); err != nil {
				reqlog.From(r.Context()).Err = err
				return
			}
			if err := rc.Flush(); err != nil {
				reqlog.From(r.Context()).Err = err
				return
			}
			_ = rc.SetWriteDeadline(time.Time{}) // HTTP/2 resets a stream when it passes, also while nothing is written
			if last {
				return
			}
		}
	}
}

func (w *watcher) isClosed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed
}
