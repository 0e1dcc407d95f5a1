package rpcserver_test

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/rpcserver"
)

// call makes a call of the user over the connection, and waits for its end.
func (f *framed) call(r *running, user string) {
	f.t.Helper()
	id := f.begin(jobsv1.JobService_GetJob_FullMethodName, r.token(f.t, user))
	if err := f.WriteData(id, true, []byte{0, 0, 0, 0, 3, 0x0a, 1, 'j'}); err != nil {
		f.t.Fatal(err)
	}
	if got := f.code(id); got != codes.OK {
		f.t.Fatalf("%s: %v", user, got)
	}
}

// begun waits until the server has accepted the connection.
func (f *framed) begun() *framed {
	f.t.Helper()
	if err := f.raw.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		f.t.Fatal(err)
	}
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			f.t.Fatal(err)
		}
		if settings, ok := frame.(*http2.SettingsFrame); ok && settings.IsAck() {
			return f
		}
	}
}

// awaitEnd waits until the server has closed the connection.
func awaitEnd(t *testing.T, raw net.Conn) {
	t.Helper()
	if err := raw.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := raw.Read(make([]byte, 1<<10)); err != nil {
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // of the connection itself
				t.Fatal("the connection is still open")
			}
			return
		}
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	metrics := prometheus.NewRegistry()
	r := setupWith(t, metrics, func(c *rpcserver.Config) { c.Connections = 20 })
	conns := make([]*framed, 20)
	for i := range conns {
		conns[i] = speakTo(t, r).begun()
	}
	conns[0].call(r, "ann")
	next := speakTo(t, r)
	next.call(r, "bob") // replaces the oldest one without a token
	awaitEnd(t, conns[1].raw)
	conns[0].call(r, "ann")
	for i, conn := range conns[2:] {
		conn.call(r, "user "+strconv.Itoa(i/5))
	}
	more := speakTo(t, r).begun() // replaces the last one of a user who has the most
	if got := gauge(t, metrics, "headway_rpc_connections_refused_total"); got != 2 {
		t.Errorf("%v are refused or replaced", got)
	}
	for _, conn := range conns[2:6] {
		_ = conn.raw.Close()
	}
	for gauge(t, metrics, "headway_rpc_connections") > 16 { // the server notices the end of a connection a moment later
	}
	for _, conn := range append(conns, next, more) {
		_ = conn.raw.Close()
	}
	_ = r.stop()
	if log := r.log.String(); strings.Count(log, "there are too many gRPC connections") != 1 || strings.Count(log, "no longer too many gRPC connections") != 1 {
		t.Errorf("the log is\n%s", log)
	}
}

// TestOneUserLeavesConnectionsToOthers: beyond a quarter of the limit, the connections of a user are replaced.
func TestOneUserLeavesConnectionsToOthers(t *testing.T) {
	r := setupWith(t, nil, func(c *rpcserver.Config) { c.Connections = 20 })
	conns := make([]*framed, 20)
	for i := range conns {
		conns[i] = speakTo(t, r).begun()
		conns[i].call(r, "ann")
	}
	for i := range 15 {
		speakTo(t, r).call(r, "bob")
		awaitEnd(t, conns[5+i].raw)
	}
	conns[0].call(r, "ann")
}

// TestFewUsersLeaveConnectionsToOthers: if the users of all connections are known, a new one replaces one of the user who has the most.
func TestFewUsersLeaveConnectionsToOthers(t *testing.T) {
	r := setupWith(t, nil, func(c *rpcserver.Config) { c.Connections = 20 })
	conns := make([]*framed, 20)
	for i := range conns {
		conns[i] = speakTo(t, r).begun()
		conns[i].call(r, "user "+strconv.Itoa(i%4))
	}
	own := make([]*framed, 4)
	for i := range own {
		own[i] = speakTo(t, r)
		own[i].call(r, "eve")
	}
	for i, conn := range append(conns[:16:16], own...) { // each of the five users has its share
		conn.call(r, "user "+strconv.Itoa(i))
	}
	for _, conn := range conns[16:] {
		awaitEnd(t, conn.raw)
	}
}

func gauge(t *testing.T, metrics *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue() + family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}
