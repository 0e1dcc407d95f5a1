package stream

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// hijackable tells whether a request came by plain HTTP/1.1, where a stream costs least without net/http.
func hijackable(r *http.Request) bool { return r.ProtoMajor == 1 && r.ProtoMinor == 1 && r.TLS == nil }

// descriptor takes a connection's descriptor away from Go's runtime, and sets it up for a stream. deadAfter is how long
// what was sent may stay unacknowledged (TCP_USER_TIMEOUT, RFC 5482): a peer that vanished without a word would
// otherwise hold it for a quarter of an hour.
func descriptor(conn net.Conn, deadAfter time.Duration) (int, error) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return 0, fmt.Errorf("a %T has no descriptor", conn)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("descriptor: %w", err)
	}
	fd := -1
	controlErr := raw.Control(func(own uintptr) {
		// Best effort: without these only more is buffered, and the discovery is slower.
		_ = unix.SetsockoptInt(int(own), unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
		_ = unix.SetsockoptInt(int(own), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(deadAfter.Milliseconds()))
		fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err := errors.Join(err, controlErr); err != nil {
		return 0, fmt.Errorf("descriptor: %w", err)
	}
	return fd, nil
}

// poller waits, in one goroutine for all lean streams, until a peer goes or makes room. Go's own would need a goroutine
// for each. The poller alone closes descriptors, so none is closed that is among the events it has in hand.
type poller struct {
	epoll, wake int
	ended       chan struct{}

	mu sync.Mutex
	// watchers are by descriptor.
	watchers []*watcher
	closed   bool
}

// interest is reported once for every change (EPOLLET): nobody has to ask for it again.
const interest = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET

func newPoller() (*poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(wake)})
	}
	if err != nil {
		_ = unix.Close(epoll) // the error is told
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	return &poller{epoll: epoll, wake: wake, ended: make(chan struct{})}, nil
}

// add has the poller look after a stream's descriptor, which it closes in the end.
func (p *poller) add(w *watcher, fd int) error {
	w.io.Lock()
	w.fd = int32(fd)
	w.io.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		w.closeDescriptor()
		return errDrained
	}
	for fd >= len(p.watchers) {
		p.watchers = append(p.watchers, nil)
	}
	p.watchers[fd] = w
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: interest, Fd: int32(fd)}); err != nil {
		p.watchers[fd] = nil
		w.closeDescriptor()
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// run waits until stop is called, and closes what is still open then. It is one goroutine's.
func (p *poller) run() {
	defer close(p.ended)
	events := make([]unix.EpollEvent, 256)
	for {
		n, err := unix.EpollWait(p.epoll, events, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			panic(fmt.Sprintf("epoll_wait: %v", err)) // its arguments are wrong
		}
		for _, e := range events[:max(n, 0)] {
			if int(e.Fd) == p.wake {
				p.closeAll()
				return
			}
			p.mu.Lock()
			w := p.watchers[e.Fd]
			p.mu.Unlock()
			if e.Events&unix.EPOLLOUT != 0 {
				w.makeRoom()
			}
			if e.Events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
				if cause := w.listen(); cause != nil {
					p.drop(w, cause)
				}
			}
		}
	}
}

// stop ends run, and waits for it.
func (p *poller) stop() {
	_, _ = unix.Write(p.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // an eventfd takes it
	<-p.ended
	_, _ = unix.Close(p.epoll), unix.Close(p.wake)
}

func (p *poller) drop(w *watcher, cause error) {
	p.mu.Lock()
	p.watchers[w.fd] = nil
	p.mu.Unlock()
	w.hub.writers.settled(w)
	w.close(cause)
	w.closeDescriptor()
}

func (p *poller) closeAll() {
	p.mu.Lock()
	p.closed = true
	open := p.watchers
	p.watchers = nil
	p.mu.Unlock()
	for _, w := range open {
		if w != nil {
			w.close(errDrained)
			w.closeDescriptor()
		}
	}
}

// listen reads what the peer sends, which is nothing as a rule, and tells why the stream is over if it is.
func (w *watcher) listen() error {
	var buf [512]byte
	for {
		n, err := unix.Read(int(w.fd), buf[:])
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("%w: %w", errPeerGone, err)
		case n == 0:
			return errPeerGone
		default:
			if w.peerBytes += int32(n); w.peerBytes > maxPeerBytes {
				return errPeerTalks
			}
		}
	}
}

// write writes what the peer takes without waiting.
func (w *watcher) write(b []byte) (n int, err error) {
	w.io.Lock()
	defer w.io.Unlock()
	for n < len(b) {
		m, err := unix.Write(int(w.fd), b[n:])
		switch {
		case errors.Is(err, unix.EAGAIN):
			return n, nil
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return n, err
		default:
			n += m
		}
	}
	return n, nil
}

// hangUp ends a stream whose last byte is out: the peer reads to the end and hangs up too, and the poller closes.
func (w *watcher) hangUp() {
	w.shutdown(unix.SHUT_WR)
	w.close(nil)
}

// cut has the poller close the connection soon; with reset, what the peer has not taken by then is thrown away.
func (w *watcher) cut(reset bool) {
	if reset {
		w.io.Lock()
		if w.fd >= 0 {
			_ = unix.SetsockoptLinger(int(w.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // best effort
		}
		w.io.Unlock()
	}
	w.shutdown(unix.SHUT_RDWR)
}

func (w *watcher) shutdown(how int) {
	w.io.Lock()
	defer w.io.Unlock()
	if w.fd >= 0 {
		_ = unix.Shutdown(int(w.fd), how) // a peer that has gone already is what we want
	}
}

func (w *watcher) closeDescriptor() {
	w.io.Lock()
	defer w.io.Unlock()
	_ = unix.Close(int(w.fd)) // there is nothing left to lose
	w.fd = -1
}
