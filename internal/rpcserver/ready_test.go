package rpcserver_test

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"net"
	"testing"

	"headway/internal/auth"
	"headway/internal/rpcserver"
)

func TestReadyNamesMissingParts(t *testing.T) {
	key, err := auth.NewKey(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	s, err := rpcserver.New(rpcserver.Config{Service: "jobs", Verifier: key, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	want := func(ready bool, states map[string]string) {
		t.Helper()
		if gotReady, got := s.Ready(t.Context()); gotReady != ready || !maps.Equal(got, states) {
			t.Errorf("ready is %v, with %v, want %v, with %v", gotReady, got, ready, states)
		}
	}
	want(true, map[string]string{"status": "ok"})
	s.SetHealth(rpcserver.BusHealth, false)
	want(true, map[string]string{"status": "ok", "bus": "unreachable"})
	s.SetHealth(rpcserver.DatabaseHealth, false)
	want(false, map[string]string{"status": "unavailable", "bus": "unreachable", "database": "unreachable"})
	s.SetHealth(rpcserver.DatabaseHealth, true)
	s.SetHealth(rpcserver.BusHealth, true)
	want(true, map[string]string{"status": "ok", "bus": "ok", "database": "ok"})

	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := s.Serve(ctx, lis); err != nil {
		t.Fatal(err)
	}
	if ready, states := s.Ready(t.Context()); ready || states["status"] != "draining" {
		t.Errorf("after a shutdown: %v, %v", ready, states)
	}
}
