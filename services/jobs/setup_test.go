package jobs_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/proctest"
	"headway/internal/rpcerr"
	"headway/services/jobs"
)

// world is a running service and its callers.
type world struct {
	t    *testing.T
	cfg  jobs.Config
	key  *auth.Key
	addr string
	stop func()
}

// onPostgres makes the tests of the service use PostgreSQL.
var onPostgres = flag.Bool("postgres", false, "run the tests of the service on PostgreSQL")

// setup starts a service on a free port with a fresh database.
func setup(t *testing.T, change ...func(*jobs.Config)) *world {
	t.Helper()
	key, err := auth.NewKey([]byte("a secret of the tests, long enough for HS256"))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, key: key, addr: proctest.FreeAddress(t), cfg: jobs.Config{
		DataDir: t.TempDir(), Verifier: key, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}}
	for _, c := range change {
		c(&w.cfg)
	}
	if *onPostgres && w.cfg.JobsDatabase == "" {
		w.cfg.JobsDatabase = jobs.NewDatabase(t)
	}
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

// start runs the service, always on the same address.
func (w *world) start() {
	w.t.Helper()
	cfg := w.cfg
	cfg.JobsListen = w.addr
	s, err := jobs.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
}

func (w *world) restart() {
	w.t.Helper()
	w.stop()
	w.start()
}

// conn returns a connection of a caller.
func (w *world) conn(subject string, scopes ...string) *grpc.ClientConn {
	w.t.Helper()
	conn, err := grpc.NewClient(w.addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(w.key.ServiceCredentials(subject, scopes...)))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	return conn
}

// connAs returns a connection of a caller whose token has the identity's claims.
func (w *world) connAs(id auth.Identity) *grpc.ClientConn {
	w.t.Helper()
	token, err := w.key.Sign(id, time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	conn, err := grpc.NewClient(w.addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(auth.StaticCredentials(token)))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	return conn
}

func (w *world) user(name string, scopes ...string) jobsv1.JobServiceClient {
	return jobsv1.NewJobServiceClient(w.conn(name, scopes...))
}

func (w *world) worker() jobsv1.WorkerServiceClient {
	return jobsv1.NewWorkerServiceClient(w.conn("worker", auth.ScopeWorker))
}

func (w *world) create(user jobsv1.JobServiceClient, r *jobsv1.CreateJobRequest) *jobsv1.Job {
	w.t.Helper()
	if r.Kind == "" {
		r.Kind = "crawl"
	}
	resp, err := user.CreateJob(w.t.Context(), r)
	if err != nil {
		w.t.Fatalf("CreateJob: %v", err)
	}
	return resp.GetJob()
}

func (w *world) lease(worker jobsv1.WorkerServiceClient, kinds ...string) *jobsv1.LeasedJob {
	w.t.Helper()
	if len(kinds) == 0 {
		kinds = []string{"crawl"}
	}
	resp, err := worker.LeaseJobs(w.t.Context(), &jobsv1.LeaseJobsRequest{Kinds: kinds, WaitSeconds: 30})
	if err != nil || len(resp.GetJobs()) != 1 {
		w.t.Fatalf("LeaseJobs: %v, %v", resp, err)
	}
	return resp.GetJobs()[0]
}

// document returns fields as a payload, result, or answer.
func document(t *testing.T, fields map[string]any) *structpb.Struct {
	t.Helper()
	s, err := structpb.NewStruct(fields)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func timestamp(at time.Time) *timestamppb.Timestamp { return timestamppb.New(at) }

// wantReason checks that err carries the reason.
func wantReason(t *testing.T, err error, want errorsv1.ErrorReason) {
	t.Helper()
	if got := rpcerr.Reason(err); got != want {
		t.Errorf("error %v has reason %v, want %v", err, got, want)
	}
}

// watchToEnd collects the snapshots of a job up to its terminal one.
func watchToEnd(t *testing.T, user jobsv1.JobServiceClient, id string) []*jobsv1.Job {
	t.Helper()
	stream, err := user.WatchJob(t.Context(), &jobsv1.WatchJobRequest{JobId: id})
	if err != nil {
		t.Fatal(err)
	}
	var seen []*jobsv1.Job
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return seen
		}
		if err != nil {
			t.Fatalf("WatchJob: %v", err)
		}
		seen = append(seen, resp.GetJob())
	}
}
