package rpcserver_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/proctest"
	"headway/internal/rpcerr"
	"headway/internal/rpcserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service answers with what the test wants to see.
type service struct {
	jobsv1.UnimplementedJobServiceServer
	watching chan struct{}
}

func (s *service) GetJob(ctx context.Context, r *jobsv1.GetJobRequest) (*jobsv1.GetJobResponse, error) {
	switch r.GetJobId() {
	case "panic":
		panic("the handler fell over secret-detail")
	case "bare":
		return nil, errors.New("a bare error with a secret-detail")
	}
	id, _ := auth.FromContext(ctx)
	return &jobsv1.GetJobResponse{Job: &jobsv1.Job{Owner: id.Subject}}, nil
}

func (s *service) WatchJob(_ *jobsv1.WatchJobRequest, stream grpc.ServerStreamingServer[jobsv1.WatchJobResponse]) error {
	s.watching <- struct{}{}
	<-stream.Context().Done()
	return stream.Context().Err()
}

type running struct {
	client jobsv1.JobServiceClient
	conn   *grpc.ClientConn
	key    *auth.Key
	log    *proctest.Log
	stop   func() error
	*service
}

func setup(t *testing.T) *running {
	t.Helper()
	key, err := auth.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	r := &running{key: key, log: &proctest.Log{}, service: &service{watching: make(chan struct{}, 1)}}
	server, err := rpcserver.New(rpcserver.Config{
		Service: "jobs", Verifier: key, Logger: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	jobsv1.RegisterJobServiceServer(server.GRPC, r.service)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, lis) }()
	r.stop = sync.OnceValue(func() error { cancel(); return <-served })
	r.conn, err = grpc.NewClient(lis.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.conn.Close(); _ = r.stop() })
	r.client = jobsv1.NewJobServiceClient(r.conn)
	return r
}

func (r *running) as(t *testing.T, subject string, ttl time.Duration) grpc.CallOption {
	t.Helper()
	token, err := r.key.Sign(auth.Identity{Subject: subject}, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return grpc.PerRPCCredentials(auth.StaticCredentials(token))
}

func want(t *testing.T, err error, code codes.Code, reason errorsv1.ErrorReason) {
	t.Helper()
	if status.Code(err) != code || rpcerr.Reason(err) != reason {
		t.Errorf("got %v %v (%v), want %v %v", status.Code(err), rpcerr.Reason(err), err, code, reason)
	}
}

func TestHandlerKnowsCaller(t *testing.T) {
	r := setup(t)
	got, err := r.client.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: "j"}, r.as(t, "ann", time.Hour))
	if err != nil || got.GetJob().GetOwner() != "ann" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestCallWithoutValidTokenIsRefused(t *testing.T) {
	r := setup(t)
	_, err := r.client.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: "j"})
	want(t, err, codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TOKEN_MISSING)
	_, err = r.client.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: "j"}, grpc.PerRPCCredentials(auth.StaticCredentials("nonsense")))
	want(t, err, codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TOKEN_INVALID)
	_, err = r.client.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: "j"}, r.as(t, "ann", -time.Minute))
	want(t, err, codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED)
	stream, err := r.client.WatchJob(t.Context(), &jobsv1.WatchJobRequest{JobId: "j"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	want(t, err, codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TOKEN_MISSING)
}

func TestHealthNeedsNoToken(t *testing.T) {
	r := setup(t)
	got, err := healthv1.NewHealthClient(r.conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil || got.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestBrokenRuleNamesField(t *testing.T) {
	r := setup(t)
	_, err := r.client.GetJob(t.Context(), &jobsv1.GetJobRequest{}, r.as(t, "ann", time.Hour))
	want(t, err, codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID)
	stream, err := r.client.WatchJob(t.Context(), &jobsv1.WatchJobRequest{}, r.as(t, "ann", time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	want(t, err, codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID)
	for _, d := range status.Convert(err).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok && bad.GetFieldViolations()[0].GetField() == "job_id" {
			return
		}
	}
	t.Errorf("no BadRequest for job_id in %v", status.Convert(err).Details())
}

func TestPanicFailsOneCallAndIsLogged(t *testing.T) {
	r := setup(t)
	_, err := r.client.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: "panic"}, r.as(t, "ann", time.Hour))
	want(t, err, codes.Internal, errorsv1.ErrorReason_ERROR_REASON_INTERNAL)
	if strings.Contains(err.Error(), "secret-detail") {
		t.Errorf("the caller sees the panic: %v", err)
	}
	if log := r.log.String(); !strings.Contains(log, "secret-detail") || !strings.Contains(log, "subject=ann") {
		t.Errorf("the log does not tell: %s", log)
	}
	if _, err := r.client.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: "j"}, r.as(t, "ann", time.Hour)); err != nil {
		t.Errorf("the next call: %v", err)
	}
}

func TestErrorWithoutStatusIsHiddenAndLogged(t *testing.T) {
	r := setup(t)
	_, err := r.client.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: "bare"}, r.as(t, "ann", time.Hour))
	want(t, err, codes.Internal, errorsv1.ErrorReason_ERROR_REASON_INTERNAL)
	if strings.Contains(err.Error(), "secret-detail") || !strings.Contains(r.log.String(), "secret-detail") {
		t.Errorf("the caller gets %v, the log has %s", err, r.log)
	}
}

func TestStreamEndsWithItsToken(t *testing.T) {
	r := setup(t)
	// Tokens count in whole seconds, and this one is verified within the allowed difference of clocks.
	stream, err := r.client.WatchJob(t.Context(), &jobsv1.WatchJobRequest{JobId: "j"}, r.as(t, "ann", 2*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	<-r.watching
	_, err = stream.Recv()
	want(t, err, codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED)
}

func TestShutdownEndsStreamsAndReturns(t *testing.T) {
	r := setup(t)
	stream, err := r.client.WatchJob(t.Context(), &jobsv1.WatchJobRequest{JobId: "j"}, r.as(t, "ann", time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	<-r.watching
	stopped := make(chan error)
	go func() { stopped <- r.stop() }()
	_, err = stream.Recv()
	want(t, err, codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
