//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// clients are many readers of streams on one goroutine, so that reading is as cheap as possible.
type clients struct {
	epoll   int
	addr    unix.SockaddrInet4
	host    string
	source  unix.SockaddrInet4
	targets []target
	byFD    map[int]*reader
	all     []*reader
	// waiting are not connected yet. pending have no first state yet.
	waiting []*reader
	pending int
	window  int
	opened  time.Time
	busy    bool

	report Report
	buf    []byte
	// stampID and stampAt belong to the update parsed last, because thousands of equal ones follow each other.
	stampID uint64
	stampAt time.Time
}

type target struct{ path, token string }

// reader is one stream.
type reader struct {
	fd     int
	target target
	unread bool
	// head: the headers of the response have arrived. begun: the first state has arrived, too. over: the stream has ended.
	sent, head, begun, over bool
	// rest is the beginning of an incomplete chunk.
	rest   []byte
	lastID uint64
}

const (
	// turn limits how long a wait for sockets delays a command.
	turn = 20 * time.Millisecond
	// readBytes is enough for the largest write of a stream.
	readBytes = 64 << 10
	// unreadBytes is the receive buffer of clients that never read.
	unreadBytes = 4 << 10
)

func runClients(commands <-chan Command, reply func(Report)) error {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	// Every process dials from its own address: one address has 28,000 ports, and used ones are blocked for a minute.
	pid := os.Getpid()
	c := &clients{
		epoll: epoll, byFD: map[int]*reader{}, buf: make([]byte, readBytes),
		source: unix.SockaddrInet4{Addr: [4]byte{127, 1 + byte(pid>>16)&63, byte(pid >> 8), 1 + byte(pid)&127}},
	}
	c.reset()
	events := make([]unix.EpollEvent, 1024)
	for {
		select {
		case command, ok := <-commands:
			if !ok {
				return nil
			}
			if err := c.obey(command); err != nil {
				return err
			}
			if !c.busy {
				reply(c.report)
			}
		default:
		}
		n, err := unix.EpollWait(c.epoll, events, int(turn.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll_wait: %w", err)
		}
		now := time.Now()
		for _, e := range events[:max(n, 0)] {
			if r := c.byFD[int(e.Fd)]; r != nil {
				c.ready(r, e.Events, now)
			}
		}
		c.connectMore()
		if c.busy && c.pending == 0 && len(c.waiting) == 0 {
			c.busy = false
			c.report.Seconds = time.Since(c.opened).Seconds()
			reply(c.report)
		}
	}
}

func (c *clients) obey(command Command) error {
	switch command.Op {
	case "open":
		if err := c.aim(command); err != nil {
			return err
		}
		for i := range command.Count {
			r := &reader{fd: -1, unread: command.Unread, target: c.targets[(command.Skip+i)%len(c.targets)]}
			c.all, c.waiting = append(c.all, r), append(c.waiting, r)
		}
		c.begin(command.Window)
	case "reopen":
		if err := c.aim(command); err != nil {
			return err
		}
		c.closeAll()
		for i, r := range c.all {
			c.all[i] = &reader{fd: -1, unread: r.unread, target: r.target, lastID: r.lastID}
		}
		c.waiting = append(c.waiting, c.all...)
		c.report.Open, c.report.Failed, c.report.Ended, c.report.Cut, c.report.Draining = 0, 0, 0, 0, 0
		c.begin(command.Window)
	case "close":
		c.closeAll()
		c.all, c.report.Open = nil, 0
	case "reset":
		c.reset()
	case "report":
	default:
		return fmt.Errorf("clients have no operation %q", command.Op)
	}
	return nil
}

func (c *clients) begin(window int) {
	c.window, c.opened, c.busy = window, time.Now(), true
	if c.window == 0 {
		c.window = len(c.all)
	}
}

func (c *clients) reset() {
	c.report.Messages, c.report.Bytes = 0, 0
	c.report.Latency, c.report.Last, c.report.Reached = map[int]int64{}, map[uint64]int64{}, map[uint64]int{}
}

// aim reads the address of the server and the list of streams from a command.
func (c *clients) aim(command Command) error {
	if command.Addr != "" {
		addr, err := netip.ParseAddrPort(command.Addr)
		if err != nil {
			return fmt.Errorf("address: %w", err)
		}
		c.host, c.addr = command.Addr, unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	}
	if command.Targets == "" {
		return nil
	}
	f, err := os.Open(command.Targets)
	if err != nil {
		return fmt.Errorf("targets: %w", err)
	}
	defer f.Close()
	c.targets = nil
	for lines := bufio.NewScanner(f); lines.Scan(); {
		path, token, _ := strings.Cut(lines.Text(), "\t")
		c.targets = append(c.targets, target{path, token})
	}
	if len(c.targets) == 0 {
		return fmt.Errorf("no targets in %s", command.Targets)
	}
	return nil
}

func (c *clients) connectMore() {
	for len(c.waiting) > 0 && c.pending < c.window {
		r := c.waiting[0]
		c.waiting = c.waiting[1:]
		c.pending++
		if err := c.connect(r); err != nil {
			c.fail(r, err)
		}
	}
}

func (c *clients) connect(r *reader) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	r.fd = fd
	c.byFD[fd] = r
	if r.unread {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, unreadBytes); err != nil {
			return fmt.Errorf("SO_RCVBUF: %w", err)
		}
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return fmt.Errorf("IP_BIND_ADDRESS_NO_PORT: %w", err)
	}
	if err := unix.Bind(fd, &c.source); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if err := unix.Connect(fd, &c.addr); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return fmt.Errorf("connect: %w", err)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(fd)}
	if err := unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

func (c *clients) request(r *reader) error {
	text := "GET " + r.target.path + " HTTP/1.1\r\nHost: " + c.host + "\r\nAccept: text/event-stream\r\nAuthorization: Bearer " + r.target.token + "\r\n"
	if r.lastID > 0 {
		text += "Last-Event-ID: " + strconv.FormatUint(r.lastID, 10) + "\r\n"
	}
	if n, err := unix.Write(r.fd, []byte(text+"\r\n")); err != nil || n != len(text)+2 {
		return fmt.Errorf("send the request: %d bytes: %w", n, err)
	}
	return nil
}

func (c *clients) ready(r *reader, events uint32, now time.Time) {
	if !r.sent {
		if code, err := unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
			c.fail(r, fmt.Errorf("connect: %w", errors.Join(err, unix.Errno(code))))
			return
		}
		if events&unix.EPOLLOUT == 0 {
			return
		}
		r.sent = true
		if err := c.request(r); err != nil {
			c.fail(r, err)
			return
		}
	}
	for !r.unread || !r.begun {
		n, err := unix.Read(r.fd, c.buf)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil || n == 0:
			c.lost(r, err)
			return
		}
		c.report.Bytes += int64(n)
		if err := c.take(r, c.buf[:n], now); err != nil {
			c.lost(r, err)
			return
		}
		if n < len(c.buf)/2 && events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) == 0 {
			return // there is nothing more, or there will be another event
		}
	}
}

// lost ends a stream that the server has ended, or whose connection is lost.
func (c *clients) lost(r *reader, err error) {
	switch {
	case !r.begun:
		c.fail(r, fmt.Errorf("before the first state: %w", errors.Join(errors.New("the stream ended"), err)))
		return
	case r.over:
		c.report.Ended++
	default:
		c.report.Cut++
	}
	c.report.Open--
	c.drop(r)
}

func (c *clients) fail(r *reader, err error) {
	c.report.Failed++
	if c.report.Error == "" && err != nil {
		c.report.Error = err.Error()
	}
	c.pending--
	c.drop(r)
}

func (c *clients) drop(r *reader) {
	if r.fd >= 0 {
		delete(c.byFD, r.fd)
		_ = unix.Close(r.fd) // the stream is over
		r.fd = -1
	}
}

func (c *clients) closeAll() {
	for _, r := range c.all {
		c.drop(r)
	}
}
