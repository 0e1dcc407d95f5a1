//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// clients are many readers of streams on one goroutine, so that reading costs the machine as little as it can.
type clients struct {
	epoll   int
	addr    unix.SockaddrInet4
	host    string
	source  unix.SockaddrInet4
	targets []target
	byFD    map[int]*reader
	all     []*reader
	// waiting are yet to be connected; pending have no first state yet.
	waiting []*reader
	pending int
	window  int
	opened  time.Time
	busy    bool

	report Report
	buf    []byte
	// stampID and stampAt are of the update parsed last: thousands of the same follow each other.
	stampID uint64
	stampAt time.Time
}

type target struct{ path, token string }

// reader is one stream.
type reader struct {
	fd     int
	target target
	deaf   bool
	// head: the answer's headers have come. begun: so has its first state. over: nothing more comes.
	sent, head, begun, over bool
	// rest is what came and does not make a whole chunk yet.
	rest   []byte
	lastID uint64
}

const (
	// turn is how long a wait for the sockets may keep a command waiting.
	turn = 20 * time.Millisecond
	// readBytes is enough for what a stream sends at once.
	readBytes = 64 << 10
	// deafBytes is the receive buffer of those who never read.
	deafBytes = 4 << 10
)

func runClients(commands <-chan Command, reply func(Report)) error {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll_create1: %w", err)
	}
	// Every process dials from an address of its own: one address has 28,000 ports, and used ones rest for a minute.
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
			r := &reader{fd: -1, deaf: command.Deaf, target: c.targets[(command.Skip+i)%len(c.targets)]}
			c.all, c.waiting = append(c.all, r), append(c.waiting, r)
		}
		c.begin(command.Window)
	case "reopen":
		if err := c.aim(command); err != nil {
			return err
		}
		c.closeAll()
		for i, r := range c.all {
			c.all[i] = &reader{fd: -1, deaf: r.deaf, target: r.target, lastID: r.lastID}
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
		return fmt.Errorf("clients know no %q", command.Op)
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

// aim takes the server's address and the list of streams from a command.
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
	if r.deaf {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, deafBytes); err != nil {
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
	for !r.deaf || !r.begun {
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
			return // there is no more, or there will be another event
		}
	}
}

// take reads what came: the answer's headers, then chunks (RFC 9112 §7.1) that each hold whole events.
func (c *clients) take(r *reader, b []byte, now time.Time) error {
	if len(r.rest) > 0 {
		r.rest = append(r.rest, b...)
		b = r.rest
	}
	if !r.head {
		end := bytes.Index(b, []byte("\r\n\r\n"))
		if end < 0 {
			r.rest = bytes.Clone(b)
			return nil
		}
		if !bytes.HasPrefix(b, []byte("HTTP/1.1 200 ")) {
			line, _, _ := bytes.Cut(b, []byte("\r\n"))
			return fmt.Errorf("answered %s", line)
		}
		r.head, b = true, b[end+4:]
	}
	for len(b) > 0 {
		line := bytes.IndexByte(b, '\n')
		if line < 0 {
			break
		}
		size, err := strconv.ParseUint(string(bytes.TrimSuffix(b[:line], []byte("\r"))), 16, 31)
		if err != nil {
			return fmt.Errorf("a chunk's size: %w", err)
		}
		end := line + 1 + int(size) + 2
		if len(b) < end {
			break
		}
		if size == 0 {
			r.over = true
		} else {
			c.event(r, b[line+1:end-2], now)
		}
		b = b[end:]
	}
	r.rest = append(r.rest[:0:0], b...)
	return nil
}

var (
	updateType   = []byte(`"type":"job_update"`)
	initialType  = []byte(`"type":"initial_status"`)
	drainingType = []byte(`"type":"draining"`)
	timestampKey = []byte(`"timestamp":"`)
)

// event counts the events of one chunk.
func (c *clients) event(r *reader, b []byte, now time.Time) {
	for len(b) > 0 {
		e := b
		if end := bytes.Index(b, []byte("\n\n")); end >= 0 {
			e, b = b[:end], b[end+2:]
		} else {
			b = nil
		}
		id := r.lastID
		if rest, ok := bytes.CutPrefix(e, []byte("id: ")); ok {
			digits, _, _ := bytes.Cut(rest, []byte("\n"))
			id, _ = strconv.ParseUint(string(digits), 10, 64)
		}
		switch {
		case bytes.Contains(e, updateType):
			r.lastID = id
			c.arrived(id, e, now)
		case bytes.Contains(e, initialType):
			r.lastID = id
			if !r.begun {
				r.begun = true
				c.pending--
				c.report.Open++
			}
		case bytes.Contains(e, drainingType):
			c.report.Draining++
		}
	}
}

func (c *clients) arrived(id uint64, e []byte, now time.Time) {
	c.report.Messages++
	if id != c.stampID {
		_, rest, _ := bytes.Cut(e, timestampKey)
		text, _, _ := bytes.Cut(rest, []byte(`"`))
		at, err := time.Parse(time.RFC3339Nano, string(text))
		if err != nil {
			return
		}
		c.stampID, c.stampAt = id, at
	}
	late := now.Sub(c.stampAt)
	c.report.Latency[int(late/(100*time.Microsecond))]++
	c.report.Last[id] = max(c.report.Last[id], int64(late))
	c.report.Reached[id]++
}

// lost ends a stream that the server ended, or that broke.
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
		_ = unix.Close(r.fd) // nothing is left to lose
		r.fd = -1
	}
}

func (c *clients) closeAll() {
	for _, r := range c.all {
		c.drop(r)
	}
}
