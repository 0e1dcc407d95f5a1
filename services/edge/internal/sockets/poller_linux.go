package sockets

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

func hijackable(r *http.Request) bool { return r.ProtoMajor == 1 && r.ProtoMinor == 1 && r.TLS == nil }

// descriptor takes a connection's descriptor from Go's runtime, and configures it. deadAfter is the maximum time that
// sent bytes can remain unacknowledged (TCP_USER_TIMEOUT, RFC 5482). Otherwise, a peer that vanished silently would keep
// the connection for a quarter of an hour. stream limits what the kernel buffers, so that later states replace earlier
// ones. It would also slow down a file on a long line.
func descriptor(conn net.Conn, deadAfter time.Duration, stream bool) (int, error) {
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
		// Best effort: without these options, more data is buffered, and dead peers are detected later.
		if stream {
			_ = unix.SetsockoptInt(int(own), unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
		}
		_ = unix.SetsockoptInt(int(own), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(deadAfter.Milliseconds()))
		fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err := errors.Join(err, controlErr); err != nil {
		return 0, fmt.Errorf("descriptor: %w", err)
	}
	return fd, nil
}

// poller waits, in one goroutine for all bare descriptors, until a peer disconnects or can accept more data. Go's own poller
// would need one goroutine per descriptor.
type poller struct {
	epoll, wake int
	ended       chan struct{}

	mu sync.Mutex
	// conns has the connections by descriptor. An event has the generation of its connection, because it can arrive
	// after the descriptor was closed, and even after another connection has the same descriptor: a forked child
	// process keeps the open file, and so its registration, until it runs its own program.
	conns      []*Conn
	generation int32
	closed     bool
}

// interest is reported once per change (EPOLLET), so the poller doesn't have to register it again.
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
		_ = unix.Close(epoll) // the first error is the one to report
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	return &poller{epoll: epoll, wake: wake, ended: make(chan struct{})}, nil
}

// add makes the poller watch a connection's descriptor, and eventually close it.
func (p *poller) add(c *Conn, fd int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.io.Lock()
	c.fd = int32(fd)
	c.io.Unlock()
	if p.closed {
		c.closeDescriptor()
		return ErrStopped
	}
	p.generation++
	c.generation = p.generation
	for fd >= len(p.conns) {
		p.conns = append(p.conns, nil)
	}
	p.conns[fd] = c
	event := unix.EpollEvent{Events: interest, Fd: int32(fd), Pad: c.generation}
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		p.conns[fd] = nil
		c.closeDescriptor()
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// find returns the connection that an event is for, or nil if it has ended.
func (p *poller) find(e unix.EpollEvent) *Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.conns[e.Fd]; c != nil && c.generation == e.Pad {
		return c
	}
	return nil
}

// run polls until stop is called, and then closes the remaining connections. Only one goroutine can call it.
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
			c := p.find(e)
			if c == nil {
				continue
			}
			if e.Events&unix.EPOLLOUT != 0 {
				c.makeRoom()
			}
			if e.Events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
				if cause := c.listen(); cause != nil {
					p.drop(c, cause)
				}
			}
		}
	}
}

// stop ends run, and waits for it.
func (p *poller) stop() {
	_, _ = unix.Write(p.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // an eventfd always accepts it
	<-p.ended
	_, _ = unix.Close(p.epoll), unix.Close(p.wake)
}

// abandon closes a poller whose run was never called.
func (p *poller) abandon() error { return errors.Join(unix.Close(p.epoll), unix.Close(p.wake)) }

func (p *poller) drop(c *Conn, cause error) {
	if c.isFinished() { // the peer has the last message, and can disconnect before the writer has done so
		cause = nil
	}
	p.mu.Lock()
	p.conns[c.fd] = nil
	p.mu.Unlock()
	c.loop.writers.forget(c)
	c.close(cause)
	_ = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, int(c.fd), nil) // it is registered
	c.closeDescriptor()
}

func (p *poller) closeAll() {
	p.mu.Lock()
	p.closed = true
	open := p.conns
	p.conns = nil
	p.mu.Unlock()
	for _, c := range open {
		if c != nil {
			c.close(ErrStopped)
			c.closeDescriptor()
		}
	}
}

// listen reads data from the peer, which usually sends none. If the connection has ended, it returns the reason.
func (c *Conn) listen() error {
	var buf [512]byte
	for {
		n, err := unix.Read(int(c.fd), buf[:])
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("%w: %w", ErrPeerGone, err)
		case n == 0:
			return ErrPeerGone
		default:
			if c.peerBytes += int32(n); c.peerBytes > maxPeerBytes {
				return ErrPeerTalks
			}
		}
	}
}

// isFinished reports whether the kernel has accepted the last message.
func (c *Conn) isFinished() bool {
	c.io.Lock()
	defer c.io.Unlock()
	return c.finished
}

// write writes as much as the peer accepts immediately.
func (c *Conn) write(b []byte, last bool) (n int, err error) {
	c.io.Lock()
	defer c.io.Unlock()
	defer func() { c.finished = last && n == len(b) }()
	for n < len(b) {
		m, err := unix.Write(int(c.fd), b[n:])
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

// acknowledged returns the number of sent bytes that the peer's kernel has acknowledged.
func (c *Conn) acknowledged() int64 {
	c.io.Lock()
	defer c.io.Unlock()
	waiting, err := unix.IoctlGetInt(int(c.fd), unix.SIOCOUTQ)
	if err != nil {
		waiting = 0 // the descriptor is closed
	}
	return c.sent.Load() - int64(waiting)
}

// hangUp ends a connection whose last byte was sent. The peer reads to the end and disconnects, and then the poller closes it.
func (c *Conn) hangUp() {
	c.shutdown(unix.SHUT_WR)
	c.close(nil)
}

// cut makes the poller close the connection soon. With reset, data that the peer has not accepted by then is discarded.
func (c *Conn) cut(reset bool) {
	if reset {
		c.io.Lock()
		if c.fd >= 0 {
			_ = unix.SetsockoptLinger(int(c.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // best effort
		}
		c.io.Unlock()
	}
	c.shutdown(unix.SHUT_RDWR)
}

func (c *Conn) shutdown(how int) {
	c.io.Lock()
	defer c.io.Unlock()
	if c.fd >= 0 {
		_ = unix.Shutdown(int(c.fd), how) // fails only if the peer has already disconnected
	}
}

func (c *Conn) closeDescriptor() {
	c.io.Lock()
	defer c.io.Unlock()
	_ = unix.Close(int(c.fd)) // there is nothing left to lose
	c.fd = -1
}
