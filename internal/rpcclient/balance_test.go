package rpcclient_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"headway/internal/rpcclient"
)

// replica is a server that counts its calls.
type replica struct {
	*health.Server
	server  *grpc.Server
	address string
	calls   atomic.Int64
}

func startReplica(t *testing.T) *replica {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{Server: health.NewServer(), address: lis.Addr().String()}
	r.server = grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		r.calls.Add(1)
		return handler(ctx, req)
	}))
	healthv1.RegisterHealthServer(r.server, r)
	go func() { _ = r.server.Serve(lis) }() // it ends with Stop
	t.Cleanup(r.server.Stop)
	return r
}

func TestCallsGoToAllReplicasThatServe(t *testing.T) {
	a, b := startReplica(t), startReplica(t)
	conn, err := rpcclient.Dial(a.address+", "+b.address, rpcclient.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := healthv1.NewHealthClient(conn)
	ended := false // the call that finds that a replica has ended can fail
	call := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := client.Check(ctx, &healthv1.HealthCheckRequest{}, grpc.WaitForReady(true)); err != nil && (!ended || status.Code(err) != codes.Unavailable) {
			t.Fatal(err)
		}
	}
	// until makes calls until the last 20 of them have gone as wanted.
	until := func(what string, wanted func(toA, toB int64) bool) {
		t.Helper()
		for begun := time.Now(); ; {
			beforeA, beforeB := a.calls.Load(), b.calls.Load()
			for range 20 {
				call()
			}
			if wanted(a.calls.Load()-beforeA, b.calls.Load()-beforeB) {
				return
			}
			if time.Since(begun) > time.Minute {
				t.Fatal(what)
			}
		}
	}
	until("the calls do not go to both", func(toA, toB int64) bool { return toA == 10 && toB == 10 })
	a.SetServingStatus("", healthv1.HealthCheckResponse_NOT_SERVING)
	until("the calls go to a replica that does not serve", func(toA, _ int64) bool { return toA == 0 })
	a.SetServingStatus("", healthv1.HealthCheckResponse_SERVING)
	until("the calls do not return to a replica that serves again", func(toA, _ int64) bool { return toA == 10 })
	b.server.Stop()
	ended = true
	until("the calls go to a replica that has ended", func(toA, _ int64) bool { return toA == 20 })
}

// TestCallWaitsForReplicaThatReturns restarts one replica, and then ends the other, before the client has found the first one again.
func TestCallWaitsForReplicaThatReturns(t *testing.T) {
	a, b := startReplica(t), startReplica(t)
	conn, err := rpcclient.Dial(a.address+","+b.address, rpcclient.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := healthv1.NewHealthClient(conn)
	if _, err := client.Check(ctx, &healthv1.HealthCheckRequest{}); err != nil {
		t.Fatal(err)
	}
	a.server.Stop()
	b.server.Stop()
	for state := conn.GetState(); state != connectivity.TransientFailure; state = conn.GetState() {
		if !conn.WaitForStateChange(ctx, state) {
			t.Fatal("the connection is ", state)
		}
	}
	lis, err := net.Listen("tcp", a.address)
	if err != nil {
		t.Fatal(err)
	}
	again := grpc.NewServer()
	healthv1.RegisterHealthServer(again, health.NewServer())
	go func() { _ = again.Serve(lis) }() // it ends with Stop
	defer again.Stop()
	if _, err := client.Check(ctx, &healthv1.HealthCheckRequest{}); err != nil {
		t.Error(err)
	}
}

func TestInvalidAddressOfReplicaIsNamed(t *testing.T) {
	if conn, err := rpcclient.Dial("127.0.0.1:9091,jobs2", rpcclient.Config{}); err == nil {
		conn.Close()
		t.Error("an address without a port is accepted")
	}
}
