package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/services/jobs"
)

// work runs a worker with one handler for kind crawl until the test ends or stop is called.
func (w *world) work(handler headway.Handler, change ...func(*headway.WorkerConfig)) (stop func()) {
	w.t.Helper()
	opts := append(headway.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(w.key.ServiceCredentials("worker", auth.ScopeWorker)))
	conn, err := grpc.NewClient(w.addr, opts...)
	if err != nil {
		w.t.Fatal(err)
	}
	cfg := headway.WorkerConfig{Handlers: map[string]headway.Handler{"crawl": handler}, Name: "test"}
	for _, c := range change {
		c(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- headway.NewWorker(conn, cfg).Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the worker: %v", err)
		}
		conn.Close()
	}
	w.t.Cleanup(stop)
	return stop
}

// last returns the terminal snapshot of a job.
func last(t *testing.T, user jobsv1.JobServiceClient, id string) *jobsv1.Job {
	t.Helper()
	var job *jobsv1.Job
	for j, err := range headway.Watch(t.Context(), user, id) {
		if err != nil {
			t.Fatalf("Watch: %v", err)
		}
		job = j
	}
	return job
}

func TestWorkerSendsProgressOutputAndResult(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	w.work(func(ctx context.Context, task *headway.Task) (any, error) {
		var payload struct{ Pages int }
		if err := task.Payload(&payload); err != nil {
			return nil, err
		}
		task.Plan(headway.StepPlan{Name: "fetch", Title: "Fetch", Total: 3, Unit: "pages"}, headway.StepPlan{Name: "index"},
			headway.StepPlan{Name: "guess"}, headway.StepPlan{Name: "know"})
		task.Step("guess").About(7).Set(9).Complete()
		task.Step("know").About(7).Total(8).Set(8).Complete()
		fetch := task.Step("fetch").Start()
		for range 3 {
			fetch.Add(1)
			io.WriteString(task.Output(), "page\n")
		}
		fetch.Counter("errors", 2).Complete()
		task.Step("index").Skip()
		task.Checkpoint([]byte("all"))
		return map[string]any{"pages": 3}, nil
	})
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	job := last(t, user, id)
	steps := job.GetProgress().GetSteps()
	if headway.Word(job.GetStatus()) != "completed" || len(steps) != 4 || steps[0].GetDone() != 3 || steps[0].GetCounters()["errors"] != 2 ||
		headway.Word(steps[1].GetState()) != "skipped" || job.GetResult().AsMap()["pages"] != 3.0 || job.GetOutputBytes() != 15 {
		t.Errorf("the job ended as %v", job)
	}
	if guess, know := steps[2], steps[3]; !guess.GetTotalEstimated() || guess.GetTotal() != 9 || know.GetTotalEstimated() || know.GetTotal() != 8 {
		t.Errorf("the totals are %v and %v", guess, know)
	}
	output, err := user.ReadOutput(t.Context(), &jobsv1.ReadOutputRequest{JobId: id, Offset: 5})
	if err != nil {
		t.Fatal(err)
	}
	var text []byte
	for {
		piece, err := output.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, piece.GetData()...)
	}
	if string(text) != "page\npage\n" {
		t.Errorf("output from byte 5 is %q", text)
	}
}

func TestHandlerContextEndsWithErrCancelled(t *testing.T) {
	w := setup(t, func(c *jobs.Config) { c.HeartbeatInterval = 10 * time.Millisecond })
	user := w.user("alice")
	started, cause := make(chan struct{}), make(chan error, 1)
	w.work(func(ctx context.Context, task *headway.Task) (any, error) {
		close(started)
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return nil, headway.FailPermanently("HALF_DONE", "Half of the pages are there.", map[string]any{"pages": 5})
	})
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	<-started
	if _, err := user.CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: id}); err != nil {
		t.Fatal(err)
	}
	if err := <-cause; !errors.Is(err, headway.ErrCancelled) {
		t.Errorf("the cause is %v", err)
	}
	if job := last(t, user, id); headway.Word(job.GetStatus()) != "cancelled" || job.GetError().GetReason() != "HALF_DONE" ||
		job.GetResult().AsMap()["pages"] != 5.0 {
		t.Errorf("the job ended as %v", job)
	}
}

func TestHandlerContextEndsWhenLeaseIsLost(t *testing.T) {
	w := setup(t, func(c *jobs.Config) { c.CancelGrace, c.HeartbeatInterval = 20*time.Millisecond, 100*time.Millisecond })
	user := w.user("alice")
	started, cause := make(chan struct{}), make(chan error, 1)
	w.work(func(ctx context.Context, task *headway.Task) (any, error) {
		close(started)
		for !errors.Is(context.Cause(ctx), headway.ErrLeaseLost) { // the handler ignores the cancellation, so it loses the job
			if _, err := task.Output().Write([]byte(".")); errors.Is(err, headway.ErrLeaseLost) {
				break
			}
		}
		cause <- nil
		return map[string]any{"too": "late"}, nil
	})
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	<-started
	if _, err := user.CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: id}); err != nil {
		t.Fatal(err)
	}
	<-cause
	if job := last(t, user, id); headway.Word(job.GetStatus()) != "cancelled" || job.GetResult() != nil {
		t.Errorf("the job ended as %v", job)
	}
}

func TestShutdownReleasesJobWithCheckpoint(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	started, cause := make(chan struct{}), make(chan error, 1)
	stop := w.work(func(ctx context.Context, task *headway.Task) (any, error) {
		task.Checkpoint([]byte("half"))
		close(started)
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return nil, ctx.Err()
	})
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	<-started
	stop()
	if err := <-cause; !errors.Is(err, headway.ErrShutdown) {
		t.Errorf("the cause is %v", err)
	}
	w.work(func(ctx context.Context, task *headway.Task) (any, error) {
		return map[string]any{"checkpoint": string(task.LastCheckpoint()), "attempt": task.Job().GetAttempt()}, nil
	})
	if got := last(t, user, id).GetResult().AsMap(); got["checkpoint"] != "half" || got["attempt"] != 1.0 {
		t.Errorf("the next worker had %v, want the checkpoint and attempt 1", got)
	}
}

func TestOutputBeyondLimitFailsJobPermanently(t *testing.T) {
	w := setup(t, func(c *jobs.Config) { c.MaxOutputBytes = 1000 })
	user := w.user("alice")
	w.work(func(ctx context.Context, task *headway.Task) (any, error) {
		if n, err := task.Output().Write(make([]byte, 900)); n != 900 || err != nil {
			return nil, err
		}
		_, err := task.Output().Write(make([]byte, 101))
		if !errors.Is(err, headway.ErrOutputFull) {
			return nil, headway.FailPermanently("NOT_TOLD", fmt.Sprint(err), nil)
		}
		return nil, err
	})
	job := last(t, user, w.create(user, &jobsv1.CreateJobRequest{}).GetJobId())
	if job.GetError().GetReason() != "OUTPUT_TOO_LARGE" || !strings.Contains(job.GetError().GetMessage(), "--max-output-bytes") ||
		job.GetAttempt() != 1 || job.GetOutputBytes() != 900 {
		t.Errorf("the job ended as %v", job)
	}
}

func TestOutputReadersSurviveServiceRestarts(t *testing.T) {
	w := setup(t, func(c *jobs.Config) { c.OutputSegmentBytes = 64 << 10 })
	user := w.user("alice")
	written, goOn := make(chan struct{}), make(chan struct{})
	const pieces, size = 4, 200_000
	text := func(piece int) []byte { return bytes.Repeat([]byte{byte('a' + piece)}, size) }
	w.work(func(ctx context.Context, task *headway.Task) (any, error) {
		for piece := range pieces {
			if _, err := task.Output().Write(text(piece)); err != nil {
				return nil, err
			}
			written <- struct{}{}
			<-goOn
		}
		return nil, nil
	})
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	<-written // the bytes from 5 on are stored
	read := make(chan []byte, 1)
	go func() {
		var all []byte
		for data, err := range headway.ReadOutput(patient(t), user, id, 5) {
			if err != nil {
				t.Errorf("after %d bytes: %v", len(all), err)
			}
			all = append(all, data...)
		}
		read <- all
	}()
	var want []byte
	for piece := range pieces {
		if piece > 0 {
			<-written
		}
		want = append(want, text(piece)...)
		w.restart()
		goOn <- struct{}{}
	}
	if got := <-read; !bytes.Equal(got, want[5:]) {
		t.Errorf("%d bytes were read that differ from the %d written from byte 5 on", len(got), len(want)-5)
	}
}

func TestPanicFailsTheAttempt(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	w.work(func(context.Context, *headway.Task) (any, error) { panic("no such page") })
	id := w.create(user, &jobsv1.CreateJobRequest{Retry: &jobsv1.RetryPolicy{MaxAttempts: 1}}).GetJobId()
	if job := last(t, user, id); job.GetError().GetReason() != "WORKER_PANICKED" {
		t.Errorf("the job ended as %v", job)
	}
}

func TestParkedJobContinuesWithTheAnswer(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	w.work(func(_ context.Context, task *headway.Task) (any, error) {
		var answer struct{ Commit bool }
		if task.Job().GetAnswer() == nil {
			return nil, headway.Park(map[string]any{"rejected": 3})
		}
		err := task.Answer(&answer)
		return map[string]any{"commit": answer.Commit, "attempt": task.Job().GetAttempt()}, err
	})
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	for job, err := range headway.Watch(t.Context(), user, id) {
		if err != nil {
			t.Fatal(err)
		}
		if headway.Word(job.GetStatus()) == "waiting" {
			if job.GetQuestion().AsMap()["rejected"] != 3.0 {
				t.Errorf("the question is %v", job.GetQuestion())
			}
			if _, err := user.ResumeJob(t.Context(), &jobsv1.ResumeJobRequest{JobId: id, Answer: document(t, map[string]any{"commit": true})}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := last(t, user, id).GetResult().AsMap(); got["commit"] != true || got["attempt"] != 1.0 {
		t.Errorf("the result is %v", got)
	}
}

func TestServiceRestartIsInvisible(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	started, goOn := make(chan struct{}), make(chan struct{})
	w.work(func(ctx context.Context, task *headway.Task) (any, error) {
		step := task.Step("one").Total(2).Start().Set(1)
		close(started)
		<-goOn
		step.Set(2).Complete()
		return map[string]any{"lost": ctx.Err() != nil}, nil
	})
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	ended := make(chan *jobsv1.Job, 1)
	go func() { ended <- last(t, user, id) }()
	<-started
	w.stop()
	close(goOn)
	w.start()
	job := <-ended
	if headway.Word(job.GetStatus()) != "completed" || job.GetAttempt() != 1 || job.GetResult().AsMap()["lost"] != false {
		t.Errorf("the job ended as %v", job)
	}
}

func TestOutputBeyondItsLimitFailsTheWriteAndNotTheLease(t *testing.T) {
	w := setup(t, func(c *jobs.Config) { c.MaxOutputBytes = 10 })
	user := w.user("alice")
	w.work(func(ctx context.Context, task *headway.Task) (any, error) {
		if _, err := io.WriteString(task.Output(), "ten bytes."); err != nil {
			return nil, err
		}
		_, err := io.WriteString(task.Output(), "one more")
		return nil, headway.FailPermanently(headway.Reason(err), "Too much was written.", nil)
	})
	job := last(t, user, w.create(user, &jobsv1.CreateJobRequest{}).GetJobId())
	if job.GetError().GetReason() != "OUTPUT_TOO_LARGE" || job.GetOutputBytes() != 10 {
		t.Errorf("the job ended as %v", job)
	}
}
