package rpcserver_test

import (
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
)

// withhold begins n calls, and reads no byte of their responses. It returns when all have begun, and the server has refused some of them.
func (f *framed) withhold(n, refused int, method, token string, request proto.Message, headers ...hpack.HeaderField) {
	f.t.Helper()
	if err := f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0}); err != nil {
		f.t.Fatal(err)
	}
	body, err := proto.Marshal(request)
	if err != nil {
		f.t.Fatal(err)
	}
	for range n {
		if err := f.WriteData(f.begin(method, token, headers...), true, append([]byte{0, 0, 0, 0, byte(len(body))}, body...)); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := f.raw.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		f.t.Fatal(err)
	}
	answered, ended := make(map[uint32]bool), 0
	for len(answered) < n || ended < refused {
		frame, err := f.ReadFrame()
		if err != nil {
			f.t.Fatalf("%d of %d calls are answered, and %d refused, instead of %d: %v", len(answered), n, ended, refused, err)
		}
		headers, ok := frame.(*http2.MetaHeadersFrame)
		if !ok {
			continue
		}
		answered[headers.StreamID] = true
		for _, h := range headers.RegularFields() {
			if h.Name == "grpc-status" && h.Value == "8" {
				ended++
			}
		}
	}
}

func (r *running) token(t *testing.T, subject string, scopes ...string) string {
	t.Helper()
	token, err := r.key.Sign(auth.Identity{Subject: subject, Scopes: scopes}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + token
}

// TestUnreadResponsesAreLimited: without a limit, each of these users would hold 100 MiB.
func TestUnreadResponsesAreLimited(t *testing.T) {
	const calls, most = 100, 63 // of 1 MiB and a little
	for name, test := range map[string]struct {
		method  string
		request proto.Message
		headers []hpack.HeaderField
	}{
		"calls":            {jobsv1.JobService_GetJob_FullMethodName, &jobsv1.GetJobRequest{JobId: "large"}, nil},
		"compressed calls": {jobsv1.JobService_GetJob_FullMethodName, &jobsv1.GetJobRequest{JobId: "large"}, []hpack.HeaderField{{Name: "grpc-encoding", Value: "gzip"}}},
		"streams":          {jobsv1.JobService_WatchJob_FullMethodName, &jobsv1.WatchJobRequest{JobId: "large"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := setup(t)
			get := func(user string) error {
				_, err := r.client.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: "j"}, r.as(t, user, time.Hour))
				return err
			}
			conn := speakTo(t, r)
			conn.withhold(calls, calls-most, test.method, r.token(t, "ann"), test.request, test.headers...)
			speakTo(t, r).withhold(1, 1, test.method, r.token(t, "ann"), test.request) // on another connection
			if err := get("bob"); err != nil {
				t.Errorf("another user: %v", err)
			}
			awaitRoom(t, func() error { // after a part of the calls is cancelled
				for id := uint32(1); id < 2*calls/4; id += 2 {
					if err := conn.WriteRSTStream(id, http2.ErrCodeCancel); err != nil {
						t.Fatal(err)
					}
				}
				return get("ann")
			})
			conn.withhold(calls, calls-most, test.method, r.token(t, "ann"), test.request, test.headers...)
			_ = conn.raw.Close()
			awaitRoom(t, func() error { return get("ann") })
		})
	}
}

// awaitRoom calls until the server has noticed that earlier calls have ended.
func awaitRoom(t *testing.T, call func() error) {
	t.Helper()
	for {
		err := call()
		if err == nil {
			return
		}
		want(t, err, codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_RATE_LIMITED)
	}
}

func TestUnreadResponsesOfServicesAreNotLimited(t *testing.T) {
	r := setup(t)
	conn, token, request := speakTo(t, r), r.token(t, "edge", auth.ScopeService), &jobsv1.GetJobRequest{JobId: "large"}
	conn.withhold(100, 0, jobsv1.JobService_GetJob_FullMethodName, token, request)
	if _, err := r.client.GetJob(t.Context(), request, r.as(t, "edge", time.Hour, auth.ScopeService)); err != nil {
		t.Error(err)
	}
}

func TestUnreadHealthChecksAreLimited(t *testing.T) {
	r := setup(t)
	conn, most := speakTo(t, r), 255
	for began := 0; began < most; began += 51 { // few at a time, because calls in progress are limited too
		conn.withhold(51, 0, healthv1.Health_Check_FullMethodName, "", &healthv1.HealthCheckRequest{})
	}
	conn.withhold(50, 50, healthv1.Health_Check_FullMethodName, "", &healthv1.HealthCheckRequest{})
	if _, err := healthv1.NewHealthClient(r.conn).Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil {
		t.Errorf("another connection: %v", err)
	}
}
