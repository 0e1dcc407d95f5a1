package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"

	"headway/clients/go"
	"headway/examples/character/sheet"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/services/jobs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a real jobs service with one user.
type world struct {
	t    *testing.T
	key  *auth.Key
	addr string
	user jobsv1.JobServiceClient
}

// setup starts a service with the default lease, which outlasts any pause of a busy machine.
func setup(t *testing.T) *world { return setupWithLease(t, 0) }

// setupWithLease starts a service whose leases have this duration, or the default one for 0.
func setupWithLease(t *testing.T, lease time.Duration) *world {
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
	w := &world{t: t, key: key, addr: service.Addr().String()}
	w.user = jobsv1.NewJobServiceClient(w.connect("ann"))
	return w
}

func (w *world) connect(subject string, scopes ...string) *grpc.ClientConn {
	w.t.Helper()
	conn, err := grpc.NewClient(w.addr, append(headway.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(w.key.ServiceCredentials(subject, scopes...)))...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	return conn
}

// work runs this worker until the test ends. shutDown stops it and waits. cut closes its connection, as a crash of its machine
// would.
func (w *world) work() (shutDown, cut func()) {
	w.t.Helper()
	conn := w.connect("character", auth.ScopeWorker)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = headway.NewWorker(conn, headway.WorkerConfig{Handlers: map[string]headway.Handler{"character": build}}).Run(ctx)
	}()
	shutDown = func() { cancel(); <-done }
	w.t.Cleanup(shutDown)
	return shutDown, func() { conn.Close() }
}

func (w *world) create(payload map[string]any) (id string) {
	w.t.Helper()
	document, err := structpb.NewStruct(payload)
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := w.user.CreateJob(w.t.Context(), &jobsv1.CreateJobRequest{Kind: "character", Payload: document})
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.GetJob().GetJobId()
}

// watch returns the first snapshot of the job that satisfies the condition, or the last one.
func (w *world) watch(id string, wanted func(*jobsv1.Job) bool) *jobsv1.Job {
	w.t.Helper()
	var last *jobsv1.Job
	for job, err := range headway.Watch(w.t.Context(), w.user, id) {
		if err != nil {
			w.t.Fatal(err)
		}
		last = job
		if wanted(job) {
			break
		}
	}
	return last
}

func (w *world) end(id string) *jobsv1.Job {
	w.t.Helper()
	return w.watch(id, func(*jobsv1.Job) bool { return false })
}

func (w *world) output(id string) string {
	w.t.Helper()
	stream, err := w.user.ReadOutput(w.t.Context(), &jobsv1.ReadOutputRequest{JobId: id})
	if err != nil {
		w.t.Fatal(err)
	}
	var text strings.Builder
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return text.String()
		}
		if err != nil {
			w.t.Fatal(err)
		}
		text.Write(piece.GetData())
	}
}

// undisturbed returns the sheet and the output of a seed without any interruption.
func undisturbed(t *testing.T, seed uint64, name string) (*sheet.Sheet, string) {
	t.Helper()
	s, told := sheet.New(seed, name), ""
	for i := range sheet.Steps {
		text, err := sheet.Steps[i].Build(t.Context(), s, func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		told += text
	}
	return s, told
}

// midStory reports whether the story is being written.
func midStory(job *jobsv1.Job) bool {
	steps := job.GetProgress().GetSteps()
	return len(steps) > 0 && steps[len(steps)-1].GetDone() > 8
}

func (w *world) wantCharacter(job *jobsv1.Job, seed uint64, name string) {
	w.t.Helper()
	want, told := undisturbed(w.t, seed, name)
	result := job.GetResult().AsMap()
	if headway.Word(job.GetStatus()) != "completed" || job.GetProgress().GetPercent() != 100 {
		w.t.Fatalf("the job ended as %v", job)
	}
	if result["characterId"] != want.CharacterID || result["displayId"] != want.DisplayID || result["name"] != want.Name {
		w.t.Errorf("the result is %v, want %+v", result, want)
	}
	if got := w.output(job.GetJobId()); got != told {
		w.t.Errorf("the output is\n%s\nwant\n%s", got, told)
	}
}

func TestCharacterIsBuiltStepByStep(t *testing.T) {
	w := setup(t)
	w.work()
	id := w.create(map[string]any{"seed": 42, "name": "Ada", "wordsPerSecond": 0})
	job := w.end(id)
	w.wantCharacter(job, 42, "Ada")
	for i, step := range job.GetProgress().GetSteps() {
		if step.GetName() != sheet.Steps[i].Name || headway.Word(step.GetState()) != "completed" {
			t.Errorf("step %d is %v", i, step)
		}
	}
}

func TestJobIDIsDefaultSeed(t *testing.T) {
	w := setup(t)
	w.work()
	first := w.end(w.create(map[string]any{"wordsPerSecond": 0})).GetResult().AsMap()
	second := w.end(w.create(map[string]any{"wordsPerSecond": 0})).GetResult().AsMap()
	if first["characterId"] == second["characterId"] || first["seed"] == 0.0 {
		t.Errorf("two jobs returned %v and %v", first, second)
	}
}

func TestAnotherWorkerContinuesAfterCrash(t *testing.T) {
	w := setupWithLease(t, 3*time.Second) // the test waits until it has expired
	_, cut := w.work()
	id := w.create(map[string]any{"seed": 5, "wordsPerSecond": 120})
	before := w.watch(id, midStory)
	cut()
	w.work()
	job := w.end(id)
	w.wantCharacter(job, 5, "")
	if job.GetAttempt() != 2 || job.GetProgress().GetPercent() < before.GetProgress().GetPercent() {
		t.Errorf("it ended in attempt %d", job.GetAttempt())
	}
}

func TestShutdownReleasesJob(t *testing.T) {
	w := setup(t)
	shutDown, _ := w.work()
	id := w.create(map[string]any{"seed": 6, "wordsPerSecond": 120})
	w.watch(id, midStory)
	shutDown()
	w.work()
	job := w.end(id)
	w.wantCharacter(job, 6, "")
	if job.GetAttempt() != 1 {
		t.Errorf("it ended in attempt %d; a release uses up none", job.GetAttempt())
	}
}

func TestCancelEndsOutput(t *testing.T) {
	w := setup(t)
	w.work()
	id := w.create(map[string]any{"seed": 7, "wordsPerSecond": 5})
	w.watch(id, func(job *jobsv1.Job) bool { return job.GetOutputBytes() > 0 })
	if _, err := w.user.CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: id}); err != nil {
		t.Fatal(err)
	}
	job := w.end(id)
	_, told := undisturbed(t, 7, "")
	if headway.Word(job.GetStatus()) != "cancelled" || job.GetError().GetReason() != "CANCELLED_BY_USER" || int(job.GetOutputBytes()) >= len(told) {
		t.Errorf("it ended as %v", job)
	}
}

func TestInvalidPayloadFailsPermanently(t *testing.T) {
	w := setup(t)
	w.work()
	for _, payload := range []map[string]any{
		{"seed": -1}, {"seed": 1.5}, {"seed": "42"}, {"seed": 1 << 53}, {"name": strings.Repeat("x", 41)}, {"name": "two\nlines"},
		{"wordsPerSecond": -1}, {"wordsPerSecond": 1e9}, {"sead": 42},
	} {
		job := w.end(w.create(payload))
		if headway.Word(job.GetStatus()) != "failed" || job.GetError().GetReason() != "PAYLOAD_INVALID" || job.GetAttempt() != 1 {
			t.Errorf("%v ended as %v %v in attempt %d", payload, job.GetStatus(), job.GetError(), job.GetAttempt())
		}
	}
}
