// Package workertest runs an example's worker with a real jobs service. It is for tests only: workers themselves import
// nothing of the services.
package workertest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/services/jobs"
)

// World is a real jobs service with one user, and the kind of jobs that the test is about.
type World struct {
	T       *testing.T
	User    jobsv1.JobServiceClient
	kind    string
	handler headway.Handler
	key     *auth.Key
	addr    string
}

// Start starts a service for jobs of a kind, whose leases have this duration, or the default one for 0. The default is
// longer than any pause of a busy machine.
func Start(t *testing.T, kind string, handler headway.Handler, lease time.Duration) *World {
	t.Helper()
	key, err := auth.NewKey([]byte("a secret of the tests, long enough for HS256"))
	if err != nil {
		t.Fatal(err)
	}
	service, err := jobs.New(jobs.Config{
		Settings: jobs.Settings{JobsListen: "127.0.0.1:0", LeaseDuration: lease, HeartbeatInterval: 50 * time.Millisecond},
		DataDir:  t.TempDir(), Verifier: key, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the service: %v", err)
		}
	})
	w := &World{T: t, kind: kind, handler: handler, key: key, addr: service.Addr().String()}
	w.User = jobsv1.NewJobServiceClient(w.connect("ann"))
	return w
}

func (w *World) connect(subject string, scopes ...string) *grpc.ClientConn {
	w.T.Helper()
	conn, err := grpc.NewClient(w.addr, append(headway.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(w.key.ServiceCredentials(subject, scopes...)))...)
	if err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { conn.Close() })
	return conn
}

// Work runs the worker until the test ends. shutDown stops it and waits. cut closes its connection, as a crash of the
// machine would.
func (w *World) Work() (shutDown, cut func()) {
	w.T.Helper()
	conn := w.connect("worker", auth.ScopeWorker)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = headway.NewWorker(conn, headway.WorkerConfig{Handlers: map[string]headway.Handler{w.kind: w.handler}}).Run(ctx)
	}()
	shutDown = func() { cancel(); <-done }
	w.T.Cleanup(shutDown)
	return shutDown, func() { conn.Close() }
}

// Create creates a job, and returns its ID.
func (w *World) Create(payload map[string]any) (id string) {
	w.T.Helper()
	document, err := structpb.NewStruct(payload)
	if err != nil {
		w.T.Fatal(err)
	}
	resp, err := w.User.CreateJob(w.T.Context(), &jobsv1.CreateJobRequest{Kind: w.kind, Payload: document})
	if err != nil {
		w.T.Fatal(err)
	}
	return resp.GetJob().GetJobId()
}

// Watch returns the first snapshot of the job that satisfies the condition, or the last one.
func (w *World) Watch(id string, wanted func(*jobsv1.Job) bool) *jobsv1.Job {
	w.T.Helper()
	var last *jobsv1.Job
	for job, err := range headway.Watch(w.T.Context(), w.User, id) {
		if err != nil {
			w.T.Fatal(err)
		}
		last = job
		if wanted(job) {
			break
		}
	}
	return last
}

// End returns the last snapshot of the job.
func (w *World) End(id string) *jobsv1.Job {
	w.T.Helper()
	return w.Watch(id, func(*jobsv1.Job) bool { return false })
}

// Completed returns the last snapshot of a job that must succeed.
func (w *World) Completed(id string) *jobsv1.Job {
	w.T.Helper()
	job := w.End(id)
	if headway.Word(job.GetStatus()) != "completed" || job.GetProgress().GetPercent() != 100 {
		w.T.Fatalf("the job ended as %v", job)
	}
	return job
}

// Output returns the whole output of a job that has ended.
func (w *World) Output(id string) string {
	w.T.Helper()
	stream, err := w.User.ReadOutput(w.T.Context(), &jobsv1.ReadOutputRequest{JobId: id})
	if err != nil {
		w.T.Fatal(err)
	}
	var text strings.Builder
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return text.String()
		}
		if err != nil {
			w.T.Fatal(err)
		}
		text.Write(chunk.GetData())
	}
}

// RefusesPermanently checks that jobs with these payloads fail in their first attempt, with the reason PAYLOAD_INVALID.
func (w *World) RefusesPermanently(payloads ...map[string]any) {
	w.T.Helper()
	for _, payload := range payloads {
		job := w.End(w.Create(payload))
		if headway.Word(job.GetStatus()) != "failed" || job.GetError().GetReason() != "PAYLOAD_INVALID" || job.GetAttempt() != 1 {
			w.T.Errorf("%v ended as %v %v in attempt %d", payload, job.GetStatus(), job.GetError(), job.GetAttempt())
		}
	}
}
