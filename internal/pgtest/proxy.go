package pgtest

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Proxy forwards connections to a server. It can cut them, slow them down, and lose what the server answers.
type Proxy struct {
	lis    net.Listener
	server string
	wg     sync.WaitGroup

	mu        sync.Mutex
	conns     map[net.Conn]struct{}
	limit     func() int64 // returns how many bytes the next connection carries until it is cut; nil for no limit
	lose      func(sent []byte) bool
	mute      bool // nothing is passed on
	swallowed chan struct{}
	// slow is how long each chunk of at most slowChunk bytes takes.
	slow atomic.Int64
}

// slowChunk is the number of bytes that a slow proxy passes on together.
const slowChunk = 4 << 10

// NewProxy starts a proxy in front of the server at an address. It ends with the test.
func NewProxy(tb testing.TB, server string) *Proxy {
	tb.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{lis: lis, server: server, conns: map[net.Conn]struct{}{}}
	p.wg.Go(func() {
		for {
			conn, err := lis.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.serve(conn) })
		}
	})
	tb.Cleanup(func() { p.Close(); p.wg.Wait() })
	return p
}

// Address returns the host and port of the proxy.
func (p *Proxy) Address() string { return p.lis.Addr().String() }

// Close accepts no more connections, and cuts all.
func (p *Proxy) Close() {
	p.lis.Close()
	p.Cut()
}

// Cut cuts all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		conn.Close()
	}
}

// Limit cuts each new connection after the number of bytes that limit returns, of both directions together, even
// in the middle of a message. nil ends that.
func (p *Proxy) Limit(limit func() int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit = limit
}

// CutAfter is Limit with a random number of bytes below most. 0 ends that. most grows by a tenth with each connection,
// because a connection that is too short for a transaction can't ever commit it.
func (p *Proxy) CutAfter(most int) {
	if most == 0 {
		p.Limit(nil)
		return
	}
	limit := int64(most)
	p.Limit(func() int64 {
		limit = min(limit+limit/10, 1<<40)
		return rand.Int64N(limit)
	})
}

// Lose calls a function with the bytes that a client sends. If it returns true, they are passed on, their answer is lost, and
// the connection is cut. nil ends that.
func (p *Proxy) Lose(lose func(sent []byte) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose = lose
}

// Mute swallows everything that is sent, in both directions, without closing a connection. A connection from which bytes are
// missing stays mute. swallowed is closed when there is one.
func (p *Proxy) Mute() (swallowed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute, p.swallowed = true, make(chan struct{})
	return p.swallowed
}

// Unmute passes on what is sent over new connections.
func (p *Proxy) Unmute() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute, p.swallowed = false, nil
}

// Slow makes every 4 KiB take a time, in each direction of each connection. 0 ends that.
func (p *Proxy) Slow(each time.Duration) { p.slow.Store(int64(each)) }

// read reads the next bytes to pass on.
func (p *Proxy) read(from net.Conn, buf []byte) (int, error) {
	each := time.Duration(p.slow.Load())
	if each > 0 {
		buf = buf[:slowChunk]
	}
	n, err := from.Read(buf)
	time.Sleep(each)
	return n, err
}

// swallows reports whether the proxy is mute.
func (p *Proxy) swallows() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mute && p.swallowed != nil {
		close(p.swallowed)
		p.swallowed = nil
	}
	return p.mute
}

// loses reports whether the answer to what was sent is lost.
func (p *Proxy) loses(sent []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lose != nil && p.lose(sent)
}

// track keeps the two ends of a connection until the returned function is called. left is how many bytes they may carry.
func (p *Proxy) track(client, server net.Conn) (left *atomic.Int64, end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[client], p.conns[server] = struct{}{}, struct{}{}
	left = new(atomic.Int64)
	left.Store(1 << 62)
	if p.limit != nil {
		left.Store(p.limit())
	}
	return left, func() {
		client.Close()
		server.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, client)
		delete(p.conns, server)
	}
}

func (p *Proxy) serve(client net.Conn) {
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", p.server)
	if err != nil {
		client.Close()
		return
	}
	left, end := p.track(client, server)
	defer end()
	// pass writes what is left of the bytes. It reports whether the connection continues.
	var mute atomic.Bool
	pass := func(to net.Conn, data []byte) bool {
		if mute.Load() || p.swallows() {
			mute.Store(true)
			return true
		}
		after := left.Add(-int64(len(data)))
		if after < 0 {
			data = data[:max(0, int64(len(data))+after)]
		}
		_, err := to.Write(data)
		return err == nil && after >= 0
	}
	var lost atomic.Bool // what the server answers from now on
	p.wg.Go(func() {
		defer client.Close()
		defer server.Close()
		buf := make([]byte, 64<<10)
		for {
			n, err := p.read(server, buf)
			if lost.Load() || n > 0 && !pass(client, buf[:n]) || err != nil {
				return
			}
		}
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := p.read(client, buf)
		if err != nil {
			return
		}
		loses := p.loses(buf[:n])
		lost.Store(loses)
		if !pass(server, buf[:n]) {
			return
		}
		if loses {
			_, _ = client.Read(buf) // until the answer has come, and was lost
			return
		}
	}
}
