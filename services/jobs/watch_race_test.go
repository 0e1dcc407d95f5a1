package jobs

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/blobs"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/jobrpc"
	"headway/services/jobs/internal/store/sqlite"
)

// slowStore is the real store, with hooks before and after the reading of a state.
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

// watched has both services over an in-memory connection. Every caller is a service.
type watched struct {
	t      *testing.T
	store  *slowStore
	user   jobsv1.JobServiceClient
	worker jobsv1.WorkerServiceClient
}

func watchService(t *testing.T) *watched {
	t.Helper()
	f := &watched{t: t, store: &slowStore{}}
	bucket, err := blobs.Open(t.Context(), blobs.FolderURL(filepath.Join(t.TempDir(), "outputs")))
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{DataDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), Settings: Settings{LeaseDuration: time.Minute, HeartbeatInterval: time.Second, ProgressInterval: time.Millisecond,
		IdleProgressInterval: time.Second, CancelGrace: time.Minute, StalledAfter: time.Minute, Retention: time.Hour,
		OutputSegmentBytes: 1 << 20, MaxOutputBytes: 1 << 30}}
	r, err := open(t.Context(), cfg, bucket, func(ctx context.Context, observe job.Observer) (job.Store, error) {
		store, err := sqlite.Open(ctx, filepath.Join(cfg.DataDir, "jobs.db"), observe)
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
	jobrpc.Register(server, r.Rooms)
	lis := bufconn.Listen(1 << 20)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { r.run(ctx) })
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
		if err := errors.Join(r.store.Close(), bucket.Close()); err != nil {
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

func (f *watched) create() string {
	f.t.Helper()
	resp, err := f.user.CreateJob(f.t.Context(), &jobsv1.CreateJobRequest{Kind: "crawl"})
	if err != nil {
		f.t.Fatal(err)
	}
	return resp.GetJob().GetJobId()
}

func (f *watched) cancel(id string) {
	f.t.Helper()
	if _, err := f.user.CancelJob(f.t.Context(), &jobsv1.CancelJobRequest{JobId: id}); err != nil {
		f.t.Error(err)
	}
}

// patient returns a context for waiting for something that must happen. Its timeout fails the test.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// Guarantee 1: subscribe first, then read. Changes during the reading of the state are delivered after it.
func TestJobEndingDuringFirstReadEndsWatch(t *testing.T) {
	f := watchService(t)
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

func TestChangesDuringListReachWatchersOfAll(t *testing.T) {
	for name, request := range map[string]*jobsv1.WatchJobsRequest{"mine": {}, "everyone's": {AllOwners: true}} {
		t.Run(name, func(t *testing.T) {
			f := watchService(t)
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

// Guarantee 2: changes that the first state already includes are not delivered again, although they were published
// after the subscription.
func TestFirstStateIsNotSentAgain(t *testing.T) {
	f := watchService(t)
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
	f.cancel(id) // requests the worker to stop: revision 3
	second, err := stream.Recv()
	if err != nil || second.GetJob().GetRevision() != 3 {
		t.Errorf("the second message is revision %d, %v; want 3", second.GetJob().GetRevision(), err)
	}
}
