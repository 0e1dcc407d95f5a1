package edge_test

import (
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"headway/services/edge"
)

// fullListener has no descriptors left for its first connections.
type fullListener struct {
	net.Listener
	left atomic.Int32
}

// Accept implements net.Listener.
func (l *fullListener) Accept() (net.Conn, error) {
	if l.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

func TestExhaustedDescriptorsAreLoggedAndUnready(t *testing.T) {
	b := setup(t, func(c *edge.Config) {
		lis, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		full := &fullListener{Listener: lis}
		full.left.Store(5)
		c.Listener = full
	})
	status, body := b.get("/readyz")
	if status != http.StatusServiceUnavailable || body["descriptors"] != "exhausted" || body["status"] != "unavailable" {
		t.Errorf("%d %v", status, body)
	}
	if n := strings.Count(b.log.String(), "no file descriptors are left"); n != 1 {
		t.Errorf("%d lines about five refused connections, want one", n)
	}
}
