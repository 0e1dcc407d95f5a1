package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestListenersSharePort(t *testing.T) {
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	more, err := moreQueues(first, 3)
	if err != nil || len(more) != 3 {
		t.Fatalf("%d more, %v", len(more), err)
	}
	all := slices.Concat(more, []net.Listener{first})

	// Another Headway, or any program that does not request to share the port, can't listen on it.
	if lis, err := net.Listen("tcp", first.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("%v %v, want %v", lis, err, syscall.EADDRINUSE)
	}

	counts := make([]atomic.Int32, len(all))
	server := &http.Server{ConnContext: func(ctx context.Context, _ net.Conn) context.Context { return ctx }}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	done := make(chan error, len(all))
	for i, lis := range all {
		go func() { done <- server.Serve(&countingListener{lis, &counts[i]}) }()
	}
	transport := &http.Transport{DisableKeepAlives: true}
	client := http.Client{Transport: transport, Timeout: 10 * time.Second}
	for range 200 {
		resp, err := client.Get("http://" + first.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	busy := 0
	for i := range counts {
		if counts[i].Load() > 10 {
			busy++
		}
	}
	if busy < 3 {
		t.Errorf("%d of %d queues took connections", busy, len(all))
	}
	server.Close()
	for range all {
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}
}

type countingListener struct {
	net.Listener
	n *atomic.Int32
}

func (l *countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.n.Add(1)
	}
	return conn, err
}
