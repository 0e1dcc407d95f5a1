package jobrpc

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/blobs"
	"headway/services/jobs/internal/dispatch"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/outputlog"
	"headway/services/jobs/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// slowStore is the real store, in which something may happen before and after the read of a state.
type slowStore struct {
	job.Store
	beforeGet, afterGet, afterList func()
}

func (s *slowStore) Get(ctx context.Context, id string) (job.Job, error) {
	if s.beforeGet != nil {
		s.beforeGet()
	}
	j, err := s.Store.Get(ctx, id)
	if s.afterGet != nil {
		s.afterGet()
	}
	return j, err
}

func (s *slowStore) List(ctx context.Context, f job.Filter) (job.Page, error) {
	page, err := s.Store.List(ctx, f)
	if s.afterList != nil {
		s.afterList()
	}
	return page, err
}

// fixture is both services over a connection in memory; every caller is a service.
type fixture struct {
	t      *testing.T
	store  *slowStore
	user   jobsv1.JobServiceClient
	worker jobsv1.WorkerServiceClient
}

func setup(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, store: &slowStore{}}
	bucket, err := blobs.Open(t.Context(), blobs.FolderURL(filepath.Join(t.TempDir(), "outputs")))
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	lane := outputlog.New(outputlog.Config{SegmentBytes: 1 << 20, MaxBytes: 1 << 30, Logger: quiet}, bucket)
	d, err := dispatch.Open(t.Context(), dispatch.Config{LeaseDuration: time.Minute, HeartbeatInterval: time.Second, ReportInterval: time.Millisecond,
		IdleInterval: time.Second, CancelGrace: time.Minute, StalledAfter: time.Minute, Retention: time.Hour, Logger: quiet}, lane,
		func(ctx context.Context, observe job.Observer) (job.Store, error) {
			store, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "jobs.db"), observe)
			f.store.Store = store
			return f.store, err
		})
	if err != nil {
		t.Fatal(err)
	}
	caller := func(ctx context.Context) context.Context {
		return auth.NewContext(ctx, auth.Identity{Subject: "alice", Scopes: []string{auth.ScopeService}})
	}
	server := grpc.NewServer(
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			return handler(caller(ctx), req)
		}),
		grpc.StreamInterceptor(func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			return handler(srv, &streamOf{ss, caller(ss.Context())})
		}))
	Register(server, d, time.Second)
	lis := bufconn.Listen(1 << 20)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx) })
	running.Go(func() { server.Serve(lis) })
	conn, err := grpc.NewClient("passthrough:///bufconn", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		cancel()
		running.Wait()
		if err := errors.Join(d.Close(), bucket.Close()); err != nil {
			t.Error(err)
		}
	})
	f.user, f.worker = jobsv1.NewJobServiceClient(conn), jobsv1.NewWorkerServiceClient(conn)
	return f
}

type streamOf struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *streamOf) Context() context.Context { return s.ctx }

func (f *fixture) create() string {
	f.t.Helper()
	resp, err := f.user.CreateJob(f.t.Context(), &jobsv1.CreateJobRequest{Kind: "crawl"})
	if err != nil {
		f.t.Fatal(err)
	}
	return resp.GetJob().GetJobId()
}

func (f *fixture) cancel(id string) {
	f.t.Helper()
	if _, err := f.user.CancelJob(f.t.Context(), &jobsv1.CancelJobRequest{JobId: id}); err != nil {
		f.t.Error(err)
	}
}

// patient is a context for what must come: it ends when it does not.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// Promise 1: subscribe first, then read. Whatever happens while the state is read comes after it.
func TestAJobThatEndsWhileItsFirstStateIsReadEndsTheWatch(t *testing.T) {
	f := setup(t)
	id := f.create()
	f.store.afterGet = sync.OnceFunc(func() { f.cancel(id) })
	stream, err := f.user.WatchJob(patient(t), &jobsv1.WatchJobRequest{JobId: id})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []jobsv1.JobStatus{jobsv1.JobStatus_JOB_STATUS_QUEUED, jobsv1.JobStatus_JOB_STATUS_CANCELLED} {
		resp, err := stream.Recv()
		if err != nil || resp.GetJob().GetStatus() != want {
			t.Fatalf("message %d is %v, %v; want %v", i, resp, err, want)
		}
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("after the terminal state the stream gives %v", err)
	}
}

func TestAJobThatIsCreatedOrEndsWhileTheListIsReadReachesWhoWatchesAll(t *testing.T) {
	for name, request := range map[string]*jobsv1.WatchJobsRequest{"mine": {}, "everyone's": {AllOwners: true}} {
		t.Run(name, func(t *testing.T) {
			f := setup(t)
			old, fresh := f.create(), ""
			f.store.afterList = sync.OnceFunc(func() { f.cancel(old); fresh = f.create() })
			stream, err := f.user.WatchJobs(patient(t), request)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]jobsv1.JobStatus{}
			for seen[old] != jobsv1.JobStatus_JOB_STATUS_CANCELLED || len(seen) < 2 {
				resp, err := stream.Recv()
				if err != nil {
					t.Fatalf("after %v: %v", seen, err)
				}
				for _, j := range resp.GetJobs() {
					seen[j.GetJobId()] = j.GetStatus()
				}
			}
			if seen[fresh] != jobsv1.JobStatus_JOB_STATUS_QUEUED {
				t.Errorf("the new job is missing from %v", seen)
			}
		})
	}
}

// Promise 2: what the first state showed already is not shown again, though it was published after the subscription.
func TestWhatTheFirstStateShowsIsNotShownAgain(t *testing.T) {
	f := setup(t)
	id := f.create()
	f.store.beforeGet = sync.OnceFunc(func() {
		if _, err := f.worker.LeaseJobs(t.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl"}}); err != nil {
			t.Error(err)
		}
	})
	stream, err := f.user.WatchJob(patient(t), &jobsv1.WatchJobRequest{JobId: id})
	if err != nil {
		t.Fatal(err)
	}
	first, err := stream.Recv()
	if err != nil || first.GetJob().GetRevision() != 2 {
		t.Fatalf("the first message is %v, %v; want revision 2", first, err)
	}
	f.cancel(id) // asks the worker to stop: revision 3
	second, err := stream.Recv()
	if err != nil || second.GetJob().GetRevision() != 3 {
		t.Errorf("the second message is revision %d, %v; want 3", second.GetJob().GetRevision(), err)
	}
}

func TestTheSharedEncodingIsTheJobItself(t *testing.T) {
	now := job.Instant(time.Now())
	j := job.Job{ID: "a", Kind: "crawl", Owner: "zoë", Title: "t", Status: job.Failed, Revision: 70000, Priority: -7, Labels: map[string]string{"x": "1"},
		Attempt: 2, MaxAttempts: 3, Payload: []byte(`{"a":[1,2.5,"x",null,true]}`), Result: []byte(`{"b":{}}`), Error: &job.Failure{Reason: "R", Message: "m", Attempt: 2},
		OutputBytes: 1 << 40, CreatedAt: now, CompletedAt: now, QueuePosition: 3}
	j.Progress = job.Progress{Message: "m", Percent: 12.5, ETA: new(3.0), Stalled: true,
		Steps: []job.Step{{Name: "s", State: job.StepActive, Counters: map[string]float64{"c": 1}, StartedAt: now}}}
	var one jobsv1.WatchJobResponse
	var many jobsv1.WatchJobsResponse
	if err := errors.Join(proto.Unmarshal(asField(&j), &one), proto.Unmarshal(slices.Concat(asField(&j), asField(&j)), &many)); err != nil {
		t.Fatal(err)
	}
	if len(many.GetJobs()) != 2 {
		t.Fatalf("two encodings give %d jobs", len(many.GetJobs()))
	}
	for _, got := range append(many.GetJobs(), one.GetJob()) {
		if !proto.Equal(got, toProto(&j)) {
			t.Errorf("the encoding gives %v, want %v", got, toProto(&j))
		}
	}
}
