package rpcserver

import (
	"log/slog"
	"net"
	"testing"
)

// TestReplacedConnectionIsNotCounted: if a connection is replaced right after its handshake, gRPC does not close what the handshake returned.
func TestReplacedConnectionIsNotCounted(t *testing.T) {
	l := newConnectionLimit(Config{Service: "jobs", Connections: 1, Logger: slog.New(slog.DiscardHandler)})
	enter := func() *connection {
		raw, peer := net.Pipe()
		t.Cleanup(func() { _ = raw.Close(); _ = peer.Close() })
		c, err := l.enter(raw)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	replaced, next := enter(), enter()
	next.leave()
	if l.open != 0 || l.idle.Len() != 0 {
		t.Errorf("%d connections are open, and %d could be replaced", l.open, l.idle.Len())
	}
	replaced.leave() // if gRPC closes it after all
	if l.open != 0 {
		t.Errorf("%d connections are open", l.open)
	}
}
