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
	raw, err := net.Dial("tcp", strings.TrimPrefix(r.conn.Target(), "dns:///"))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	awaitEnd(t, raw) // all others are in use
	if got := gauge(t, metrics, "headway_rpc_connections_refused_total"); got != 2 {
		t.Errorf("%v are refused or replaced", got)
	}
	for _, conn := range conns[2:6] {
		_ = conn.raw.Close()
	}
	for gauge(t, metrics, "headway_rpc_connections") > 16 { // the server notices the end of a connection a moment later
	}
	for _, conn := range append(conns, next) {
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
