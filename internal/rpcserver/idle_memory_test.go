package rpcserver_test

import (
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"headway/internal/rpcserver"
)

// TestIdleConnectionsHoldNoBuffers opens connections that do nothing, as anyone can. A buffer has 32 KiB.
func TestIdleConnectionsHoldNoBuffers(t *testing.T) {
	const count, maxBytes = 200, 16 << 10
	r := setupWith(t, nil, func(*rpcserver.Config) {})
	speakTo(t, r).begun() // what the first one needs is not counted
	before := inUse()
	conns := make([]net.Conn, count)
	for i := range conns {
		conns[i] = openIdle(t, strings.TrimPrefix(r.conn.Target(), "dns:///"))
	}
	if each := (inUse() - before) / count; each > maxBytes {
		t.Errorf("an idle connection holds %d bytes", each)
	}
	for _, conn := range conns {
		_ = conn.Close()
	}
}

// openIdle opens a connection, without buffers on this side, and waits until the server has nothing more to say.
func openIdle(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(conn, conn)
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if settings, ok := frame.(*http2.SettingsFrame); ok && settings.IsAck() {
			return conn
		}
	}
}

// inUse returns the bytes of the heap that are in use.
func inUse() uint64 {
	runtime.GC()
	runtime.GC() // what pools hold is freed by the second one
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
