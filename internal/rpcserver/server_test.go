package rpcserver_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"golang.org/x/net/http2"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/proctest"
	"headway/internal/rpcerr"
	"headway/internal/rpcserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service returns the responses that the test has set.
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
	case "large":
		return &jobsv1.GetJobResponse{Job: &jobsv1.Job{Owner: strings.Repeat("x", 1<<20)}}, nil
	}
	id, _ := auth.FromContext(ctx)
	return &jobsv1.GetJobResponse{Job: &jobsv1.Job{Owner: id.Subject}}, nil
}

func (s *service) WatchJob(r *jobsv1.WatchJobRequest, stream grpc.ServerStreamingServer[jobsv1.WatchJobResponse]) error {
	if r.GetJobId() == "large" {
		if err := stream.Send(&jobsv1.WatchJobResponse{Job: &jobsv1.Job{Owner: strings.Repeat("x", 1<<20)}}); err != nil {
			return err
		}
		<-stream.Context().Done()
		return stream.Context().Err()
	}
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
	return setupWith(t, nil)
}

func setupWith(t *testing.T, metrics prometheus.Registerer, changes ...func(*rpcserver.Config)) *running {
	t.Helper()
	key, err := auth.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	r := &running{key: key, log: &proctest.Log{}, service: &service{watching: make(chan struct{}, 1)}}
	cfg := rpcserver.Config{
		Service: "jobs", Verifier: key, Metrics: metrics, Logger: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, change := range changes {
		change(&cfg)
	}
	server, err := rpcserver.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	jobsv1.RegisterJobServiceServer(server.GRPC, r.service)
	importsv1.RegisterImportServiceServer(server.GRPC, uploads{})
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

func (r *running) as(t *testing.T, subject string, ttl time.Duration, scopes ...string) grpc.CallOption {
	t.Helper()
	token, err := r.key.Sign(auth.Identity{Subject: subject, Scopes: scopes}, ttl)
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

func TestCompressedCallsAreAccepted(t *testing.T) {
	r := setup(t)
	got, err := r.client.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: "j"}, r.as(t, "ann", time.Hour), grpc.UseCompressor(gzip.Name))
	if err != nil || got.GetJob().GetOwner() != "ann" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestUnknownMethodIsRefusedAndLogged(t *testing.T) {
	r := setup(t)
	err := r.conn.Invoke(t.Context(), "/headway.jobs.v1.JobService/Nonsense", &jobsv1.GetJobRequest{}, &jobsv1.GetJobResponse{}, r.as(t, "ann", time.Hour))
	want(t, err, codes.Unimplemented, errorsv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND)
	_ = r.stop()                                                                                                     // the line is written after the response
	if log := r.log.String(); !strings.Contains(log, "code=Unimplemented") || strings.Contains(log, "level=ERROR") { // anybody can cause it
		t.Errorf("the log is\n%s", log)
	}
	if log := r.log.String(); strings.Count(log, "Nonsense") != 1 {
		t.Errorf("the log has %s", log)
	}
}

// packed is a compression that the server does not know.
type packed struct{}

func (packed) Do(w io.Writer, p []byte) error { _, err := w.Write(p); return err }
func (packed) Type() string                   { return "packed" }

func TestUnknownCompressionIsLogged(t *testing.T) {
	r := setup(t)
	conn, err := grpc.NewClient(r.conn.Target(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithCompressor(packed{})) //nolint:staticcheck // registered compressors are known to the server of this process too
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = jobsv1.NewJobServiceClient(conn).GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: "j"}, r.as(t, "ann", time.Hour))
	if status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), "packed") {
		t.Fatalf("got %v", err)
	}
	_ = r.stop() // the line is written after the response
	if log := r.log.String(); strings.Count(log, "call refused by the transport") != 1 || !strings.Contains(log, "GetJob") {
		t.Errorf("the log has %s", log)
	}
}

func TestFrequentPingsKeepTheConnection(t *testing.T) {
	r := setup(t)
	raw, err := net.Dial("tcp", strings.TrimPrefix(r.conn.Target(), "dns:///"))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	// gRPC's own client never pings more often than every 10 s, but others do: these are sent by hand.
	framer := http2.NewFramer(raw, raw)
	if _, err := io.WriteString(raw, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	interval := time.NewTicker(1100 * time.Millisecond)
	defer interval.Stop()
	for ping := range byte(4) { // the third early ping would end the connection
		<-interval.C
		if err := framer.WritePing(false, [8]byte{ping + 1}); err != nil {
			t.Fatal(err)
		}
		for acknowledged := false; !acknowledged; {
			frame, err := framer.ReadFrame()
			if err != nil {
				t.Fatalf("the connection ended after %d pings: %v", ping, err)
			}
			switch frame := frame.(type) {
			case *http2.PingFrame:
				acknowledged = frame.IsAck() && frame.Data[0] == ping+1
			case *http2.GoAwayFrame:
				t.Fatalf("the server ends the connection: %v %s", frame.ErrCode, frame.DebugData())
			}
		}
	}
}

func TestLargeMetadataIsRefused(t *testing.T) {
	r := setup(t)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-large", strings.Repeat("x", 40<<10))
	if _, err := r.client.GetJob(ctx, &jobsv1.GetJobRequest{JobId: "j"}, r.as(t, "ann", time.Hour)); err == nil {
		t.Error("40 KiB of metadata are accepted")
	}
	if _, err := r.client.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: "j"}, r.as(t, "ann", time.Hour)); err != nil {
		t.Errorf("the next call: %v", err)
	}
}

// TestHealthChecksAreNotLogged asks for what this server doesn't have, as the edge does every few seconds.
func TestHealthChecksAreNotLogged(t *testing.T) {
	r := setup(t)
	_, err := healthv1.NewHealthClient(r.conn).Check(t.Context(), &healthv1.HealthCheckRequest{Service: rpcserver.DatabaseHealth})
	if status.Code(err) != codes.NotFound {
		t.Fatalf("got %v", err)
	}
	_ = r.stop() // the line is written after the response
	if log := r.log.String(); !strings.Contains(log, "Health/Check") || strings.Contains(log, "level=INFO") {
		t.Errorf("the log is\n%s", log)
	}
}

func TestStreamsOfUserAreLimited(t *testing.T) {
	r := setupWith(t, nil, func(c *rpcserver.Config) { c.StreamsPerUser = 2 })
	watch := func(as string, scopes ...string) (end func(), err error) {
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := r.client.WatchJob(ctx, &jobsv1.WatchJobRequest{JobId: "j"}, r.as(t, as, time.Hour, scopes...))
		if err != nil {
			t.Fatal(err)
		}
		refused := make(chan error, 1)
		go func() { _, err := stream.Recv(); refused <- err }()
		select {
		case <-r.watching:
			return func() { cancel(); <-refused }, nil
		case err := <-refused:
			cancel()
			return nil, err
		}
	}
	open := func(as string, scopes ...string) func() {
		end, err := watch(as, scopes...)
		if err != nil {
			t.Fatalf("%s: %v", as, err)
		}
		return end
	}
	first := open("ann")
	defer open("ann")()
	_, err := watch("ann")
	want(t, err, codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_STREAM_LIMIT)
	defer open("bob")()
	for range 3 {
		defer open("edge", auth.ScopeService)()
	}
	first()
	for { // the server learns a moment later that the stream has ended
		if end, err := watch("ann"); err == nil {
			end()
			return
		}
	}
}

func TestCallWithTwoTokensIsRefused(t *testing.T) {
	r := setup(t)
	call := func(tokens ...string) codes.Code {
		ctx := metadata.NewOutgoingContext(t.Context(), metadata.MD{"authorization": tokens})
		_, err := jobsv1.NewJobServiceClient(r.conn).GetJob(ctx, &jobsv1.GetJobRequest{JobId: "j"})
		return status.Code(err)
	}
	ann, bob := r.token(t, "ann"), r.token(t, "bob")
	if got := call(ann, bob); got != codes.Unauthenticated {
		t.Errorf("the tokens of two users give %v", got)
	}
	if got := call(ann, ann); got != codes.OK {
		t.Errorf("the same token twice gives %v", got)
	}
}
