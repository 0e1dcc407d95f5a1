package sockets

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// endless is a source that always has a payload to send, and records how it ended.
type endless struct {
	payload Payload
	closed  chan error
}

func newEndless(size int) *endless {
	return &endless{payload: NewPayload(make([]byte, size)), closed: make(chan error, 1)}
}

func (e *endless) Next() (Message, bool) { return Message{Payload: e.payload}, true }

func (e *endless) Tick(now int64) int64 { return now + 1 }

func (e *endless) Closed(_ int64, cause error) { e.closed <- cause }

// quiet is a source that has nothing to send.
type quiet struct{ closed chan error }

func (q *quiet) Next() (Message, bool) { return Message{}, false }

func (q *quiet) Tick(now int64) int64 { return now + 1 }

func (q *quiet) Closed(_ int64, cause error) { q.closed <- cause }

// connected returns both ends of a connection over loopback.
func connected(t *testing.T) (server, client *net.TCPConn) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	conn, err := net.Dial("tcp", lis.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := lis.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); accepted.Close() })
	return accepted.(*net.TCPConn), conn.(*net.TCPConn)
}

// TestPeerWithLastMessageEndsRegularly lets a peer disconnect as soon as it has the last message, before the writer has.
func TestPeerWithLastMessageEndsRegularly(t *testing.T) {
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	go p.run()
	defer p.stop()
	l := New(Config{WriteTimeout: time.Second})
	for _, mode := range []Ring{RingAuto, RingOff} {
		s, err := newSender(mode)
		if err != nil {
			t.Fatal(err)
		}
		for _, last := range []bool{true, false} {
			server, client := connected(t)
			fd, err := descriptor(server, time.Minute, true)
			if err != nil {
				t.Fatal(err)
			}
			server.Close() // the connection has its own descriptor
			source := &quiet{make(chan error, 1)}
			c := &Conn{loop: l, source: source}
			if err := p.add(c, fd); err != nil {
				t.Fatal(err)
			}
			s.writes = append(s.writes[:0], write{conn: c, bytes: []byte("end"), last: last})
			if s.ring != nil {
				err = s.ring.send(s.writes)
			} else {
				s.send()
			}
			if err := errors.Join(err, s.writes[0].err); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(client, make([]byte, 3)); err != nil {
				t.Fatal(err)
			}
			client.Close()
			if cause := <-source.closed; last != (cause == nil) {
				t.Errorf("%s: after a message that was the last (%t), the connection ended with %v", mode, last, cause)
			}
		}
		s.close()
	}
}

// TestLateEventIsIgnored makes the kernel report an event for a closed descriptor. The kernel does so while another
// process also has the open file, as a child process does between fork and exec.
func TestLateEventIsIgnored(t *testing.T) {
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	go p.run()
	defer p.stop()
	server, client := connected(t)
	// If the kernel grows the buffer to megabytes, as on a busy machine, it doesn't acknowledge anything until a
	// sixteenth of the buffer was read, which is more than this test reads.
	if err := client.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	fd, err := descriptor(server, time.Minute, true)
	if err != nil {
		t.Fatal(err)
	}
	child, err := unix.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(child)
	l := New(Config{WriteTimeout: time.Second})
	first := &quiet{make(chan error, 1)}
	c := &Conn{loop: l, source: first}
	if err := p.add(c, fd); err != nil {
		t.Fatal(err)
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if cause := <-first.closed; !errors.Is(cause, ErrPeerGone) {
		t.Fatalf("ended with %v", cause)
	}
	// The next connection gets the same descriptor, and events of the first peer don't affect it.
	server2, client2 := connected(t)
	fd2, err := descriptor(server2, time.Minute, true)
	if err != nil {
		t.Fatal(err)
	}
	second := &quiet{make(chan error, 1)}
	if err := p.add(&Conn{loop: l, source: second}, fd2); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(client.SetLinger(0), client.Close()); err != nil { // a reset
		t.Fatal(err)
	}
	if err := client2.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if cause := <-second.closed; !errors.Is(cause, ErrPeerGone) {
		t.Errorf("the second connection ended with %v", cause)
	}
}

// TestRandomPeersEndOnce makes peers connect, read a little or nothing, half-close, reset, send, and stall at random,
// while this process forks children, so that descriptors are constantly reused. Each connection must end exactly once.
func TestRandomPeersEndOnce(t *testing.T) {
	for _, ring := range []Ring{RingAuto, RingOff} {
		t.Run(string(ring), func(t *testing.T) { randomPeers(t, ring) })
	}
}

func randomPeers(t *testing.T, ring Ring) {
	const peers, rounds = 24, 40
	l := New(Config{WriteTimeout: time.Second, Ring: ring})
	running := make(chan error, 1)
	ctx, cancel := contextOf(t)
	go func() { running <- l.Run(ctx) }()
	var begun, ended atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &counted{endless: newEndless(1 + rand.IntN(20_000)), ended: &ended}
		begun.Add(1)
		if err := l.Serve(&s.conn, w, r, s); err != nil {
			t.Error(err)
		}
		if rand.IntN(4) == 0 {
			s.conn.Close(errors.New("closed by the server"))
		}
	}))
	forking := make(chan struct{})
	forked := make(chan struct{})
	go func() {
		defer close(forked)
		for {
			select {
			case <-forking:
				return
			default:
				if err := exec.Command("/bin/true").Run(); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	var all sync.WaitGroup
	for range peers {
		all.Go(func() {
			for range rounds {
				misbehave(t, server.Listener.Addr().String())
			}
		})
	}
	all.Wait()
	close(forking)
	<-forked
	server.Close()
	cancel()
	if err := <-running; err != nil {
		t.Error(err)
	}
	if begun.Load() == 0 || begun.Load() != ended.Load() {
		t.Errorf("%d connections began and %d ended", begun.Load(), ended.Load())
	}
}

// misbehave is one peer.
func misbehave(t *testing.T, addr string) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		return
	}
	if rand.IntN(8) > 0 {
		_, _ = io.CopyN(io.Discard, conn, rand.Int64N(200_000)) // the server can close it
	}
	switch tcp := conn.(*net.TCPConn); rand.IntN(4) {
	case 0:
		_ = tcp.CloseWrite()
		_, _ = io.CopyN(io.Discard, conn, rand.Int64N(100_000))
	case 1:
		_ = tcp.SetLinger(0)
	case 2:
		_, _ = conn.Write(make([]byte, rand.IntN(2*maxPeerBytes)))
	}
}

// counted is an endless source that counts its end.
type counted struct {
	*endless
	conn  Conn
	ended *atomic.Int64
}

func (c *counted) Closed(int64, error) { c.ended.Add(1) }

// TestSlowReaderIsJudgedByItsProgress has a peer that needs many write timeouts to read the data. It is not
// disconnected as long as it makes progress. When it stops reading, it is.
func TestSlowReaderIsJudgedByItsProgress(t *testing.T) {
	l := New(Config{WriteTimeout: time.Second})
	server, client := connected(t)
	// A fixed buffer: the kernel enlarges others while they are read, and then announces room only when much more than
	// 160 KiB is free.
	if err := client.SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	fd, err := descriptor(server, time.Minute, true)
	if err != nil {
		t.Fatal(err)
	}
	if l.poller, err = newPoller(); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(l.poller.run)
	running.Go(func() { l.writers.run(&sender{}) })
	defer func() { l.writers.stop(); l.poller.stop(); running.Wait() }()
	c := &Conn{loop: l, source: newEndless(100_000), fd: -1}
	c.state.Store(queued)
	if err := l.poller.add(c, fd); err != nil {
		t.Fatal(err)
	}
	l.writers.push(c)
	now := l.Now()
	elapse := func() {
		now++
		l.wheel.clock.Store(now)
		l.writers.collect(now)
	}
	for range 20 {
		for c.state.Load() != stalled { // the buffers are full a moment later
			time.Sleep(time.Millisecond)
		}
		before := c.acknowledged()
		if _, err := io.CopyN(io.Discard, client, 160<<10); err != nil { // more than its kernel's buffer
			t.Fatal(err)
		}
		for c.acknowledged() == before {
			time.Sleep(time.Millisecond)
		}
		if elapse(); c.closed.Load() {
			t.Fatal("cut in spite of its progress")
		}
	}
	for !c.closed.Load() {
		elapse()
	}
}
