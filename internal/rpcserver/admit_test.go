package rpcserver_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/rpcserver"
)

// framed is a connection whose frames a test sends by hand.
type framed struct {
	*http2.Framer
	t    *testing.T
	next uint32
	raw  net.Conn
}

func speak(t *testing.T, raw net.Conn) *framed {
	t.Helper()
	f := &framed{http2.NewFramer(raw, raw), t, 1, raw}
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if _, err := io.WriteString(raw, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return f
}

func speakTo(t *testing.T, r *running) *framed {
	t.Helper()
	raw, err := net.Dial("tcp", strings.TrimPrefix(r.conn.Target(), "dns:///"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	return speak(t, raw)
}

// begin sends the headers of a call, and not its request.
func (f *framed) begin(method, token string, more ...hpack.HeaderField) uint32 {
	f.t.Helper()
	var block bytes.Buffer
	headers := hpack.NewEncoder(&block)
	for _, h := range append([]hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: method}, {Name: ":authority", Value: "localhost"},
		{Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"}, {Name: "authorization", Value: token},
	}, more...) {
		if h.Value != "" {
			_ = headers.WriteField(h) // to memory
		}
	}
	id := f.next
	f.next += 2
	if err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true}); err != nil {
		f.t.Fatal(err)
	}
	return id
}

// code returns the status of a call that has ended.
func (f *framed) code(id uint32) codes.Code {
	f.t.Helper()
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			f.t.Fatal(err)
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			if frame.StreamID != id || !frame.StreamEnded() {
				continue
			}
			for _, h := range frame.RegularFields() {
				if h.Name == "grpc-status" {
					code, _ := strconv.Atoi(h.Value)
					return codes.Code(code)
				}
			}
		case *http2.RSTStreamFrame:
			if frame.StreamID == id {
				f.t.Fatalf("the call was reset: %v", frame.ErrCode)
			}
		case *http2.PingFrame:
			if !frame.IsAck() {
				_ = f.WritePing(true, frame.Data) // the next frame would show an error
			}
		}
	}
}

// pings reads frames until the connection ends, and returns the pings, which the test must answer.
func (f *framed) pings() <-chan [8]byte {
	pings := make(chan [8]byte, 1)
	go func() {
		for {
			frame, err := f.ReadFrame()
			if err != nil {
				return
			}
			if ping, ok := frame.(*http2.PingFrame); ok && !ping.IsAck() {
				pings <- ping.Data
			}
		}
	}()
	return pings
}

func TestRequestIsNotReadWithoutValidToken(t *testing.T) {
	r := setup(t)
	conn := speakTo(t, r)
	for _, token := range []string{"", "Bearer nonsense", "Basic abc"} {
		if got := conn.code(conn.begin(jobsv1.JobService_GetJob_FullMethodName, token)); got != codes.Unauthenticated {
			t.Errorf("%q: %v", token, got)
		}
	}
	_ = r.stop()
	if log := r.log.String(); strings.Count(log, "code=Unauthenticated") != 3 || !strings.Contains(log, "reason=TOKEN_MISSING") {
		t.Errorf("the log is\n%s", log)
	}
}

func TestCallsWithoutTokenAreLimited(t *testing.T) {
	r := setup(t)
	conn := speakTo(t, r)
	const limit = 100
	var first uint32
	for range limit {
		first = min(conn.begin("/grpc.health.v1.Health/Watch", ""), max(first, 1))
	}
	if got := conn.code(conn.begin("/grpc.health.v1.Health/Check", "")); got != codes.ResourceExhausted {
		t.Errorf("call %d: %v", limit+1, got)
	}
	token, err := r.key.Sign(auth.Identity{Subject: "ann"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	known := conn.begin(jobsv1.JobService_GetJob_FullMethodName, "Bearer "+token)
	if err := conn.WriteData(known, true, []byte{0, 0, 0, 0, 3, 0x0a, 1, 'j'}); err != nil {
		t.Fatal(err)
	}
	if got := conn.code(known); got != codes.OK {
		t.Errorf("a call with a token: %v", got)
	}
	for id := first; id < first+2*limit; id += 2 {
		if err := conn.WriteRSTStream(id, http2.ErrCodeCancel); err != nil {
			t.Fatal(err)
		}
	}
	for { // the server ends the calls after it has read the frames
		check := conn.begin("/grpc.health.v1.Health/Check", "")
		if err := conn.WriteData(check, true, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		if got := conn.code(check); got == codes.OK {
			return
		} else if got != codes.ResourceExhausted {
			t.Fatalf("after the others have ended: %v", got)
		}
	}
}

func TestRequestThatNeverArrivesEndsItsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, err := auth.NewKey([]byte("0123456789abcdef0123456789abcdef"))
		if err != nil {
			t.Fatal(err)
		}
		server, err := rpcserver.New(rpcserver.Config{Service: "jobs", Verifier: key, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		jobsv1.RegisterJobServiceServer(server.GRPC, &service{})
		lis := bufconn.Listen(1 << 16)
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- server.Serve(ctx, lis) }()
		defer func() { cancel(); <-served }()
		raw, err := lis.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		token, err := key.Sign(auth.Identity{Subject: "ann"}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		conn := speak(t, raw)
		id := conn.begin(jobsv1.JobService_GetJob_FullMethodName, "Bearer "+token)
		if err := conn.WriteData(id, false, []byte{0, 0, 0, 0, 100, 1, 2, 3}); err != nil {
			t.Fatal(err)
		}
		if got := conn.code(id); got != codes.Canceled {
			t.Errorf("got %v", got)
		}
	})
}

func TestUnknownMethodsAreOneLabelInMetrics(t *testing.T) {
	metrics := prometheus.NewRegistry()
	r := setupWith(t, metrics)
	for _, method := range []string{"One", "Two", "Three"} {
		for _, option := range []time.Duration{time.Hour, -time.Hour} {
			err := r.conn.Invoke(t.Context(), "/headway.jobs.v1.JobService/"+method, &jobsv1.GetJobRequest{}, &jobsv1.GetJobResponse{}, r.as(t, "ann", option))
			if code := status.Code(err); code != codes.Unimplemented && code != codes.Unauthenticated {
				t.Fatal(err)
			}
		}
	}
	_ = r.stop() // calls are counted after the response
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "method" && label.GetValue() != "unhandled" {
					t.Errorf("%s has the method %q", family.GetName(), label.GetValue())
				}
			}
		}
	}
}
