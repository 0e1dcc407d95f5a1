package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/pgtest"
	"headway/services/jobs"
)

// A connection can die without an error: packets are lost, and nothing answers. The handler must have stopped before the service gives
// its job to another worker.
func TestHandlerStopsBeforeSilentLeaseEnds(t *testing.T) {
	w := setup(t, func(c *jobs.Config) { c.LeaseDuration, c.HeartbeatInterval = 2*time.Second, 500*time.Millisecond })
	user := w.user("alice")
	proxy := pgtest.NewProxy(t, w.addr)
	direct := w.addr
	w.addr = proxy.Address()
	type end struct {
		cause error
		job   *jobsv1.Job
	}
	ends := make(chan end, 2)
	w.work(func(ctx context.Context, task *headway.Task) (any, error) {
		if task.Job().GetAttempt() > 1 {
			return map[string]any{"attempt": task.Job().GetAttempt()}, nil
		}
		task.Message("begun")
		for j, err := range headway.Watch(ctx, user, task.Job().GetJobId()) { // until the service has heard of the lease
			if err != nil || j.GetProgress().GetMessage() == "begun" {
				break
			}
		}
		proxy.Mute()
		<-ctx.Done()
		resp, err := user.GetJob(context.WithoutCancel(ctx), &jobsv1.GetJobRequest{JobId: task.Job().GetJobId()})
		if err != nil {
			t.Error(err)
		}
		ends <- end{context.Cause(ctx), resp.GetJob()}
		proxy.Unmute()
		proxy.Cut()
		return nil, ctx.Err()
	})
	w.addr = direct
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	got := <-ends
	if !errors.Is(got.cause, headway.ErrLeaseLost) || got.job.GetStatus() != jobsv1.JobStatus_JOB_STATUS_ACTIVE || got.job.GetAttempt() != 1 {
		t.Errorf("the handler ended with %v, when the job was %v in attempt %d", got.cause, got.job.GetStatus(), got.job.GetAttempt())
	}
	if done := last(t, user, id); done.GetStatus() != jobsv1.JobStatus_JOB_STATUS_COMPLETED || done.GetResult().AsMap()["attempt"] != 2.0 {
		t.Errorf("the job ended as %v with %v", done.GetStatus(), done.GetResult())
	}
}

// Numbers that a double does not hold survive from the creator to the worker and back.
func TestNumbersStayExactThroughWorker(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		user := w.user("alice")
		type document struct {
			ID    int64   `json:"id"`
			Ratio float64 `json:"ratio"`
		}
		w.work(func(_ context.Context, task *headway.Task) (any, error) {
			var d document
			if err := task.Payload(&d); err != nil {
				return nil, err
			}
			return document{d.ID + 2, d.Ratio}, nil
		})
		const payload = ` {"id": 9007199254740993, "ratio": 0.1, "more": [123456789012345678901234567890, 1.0]} `
		j := w.create(user, &jobsv1.CreateJobRequest{PayloadJson: payload})
		if j.GetPayloadJson() != payload {
			t.Errorf("the payload of the new job is %q", j.GetPayloadJson())
		}
		if done := last(t, user, j.GetJobId()); done.GetResultJson() != `{"id":9007199254740995,"ratio":0.1}` {
			t.Errorf("the watcher's result is %q", done.GetResultJson())
		}
		got, err := user.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: j.GetJobId()})
		if err != nil || got.GetJob().GetPayloadJson() != payload || got.GetJob().GetResultJson() != `{"id":9007199254740995,"ratio":0.1}` {
			t.Errorf("GetJob gives %v, %v", got, err)
		}
	})
}

// The largest results arrive, even if they would be too large as a Struct. One that no call can carry fails the job, and a
// checkpoint that is too large costs only itself.
func TestLargeResultsEndTheirJobs(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	digits := map[string]any{"digits": make([]int, 340_000)}
	results := map[string]any{"many numbers": digits, "far too large": map[string]any{"text": strings.Repeat("x", 5<<20)}}
	w.work(func(_ context.Context, task *headway.Task) (any, error) {
		task.Checkpoint(make([]byte, 5<<20))
		time.Sleep(100 * time.Millisecond) // it is sent with a heartbeat
		return results[task.Job().GetTitle()], nil
	})
	many := w.create(user, &jobsv1.CreateJobRequest{Title: "many numbers"}).GetJobId()
	if done := last(t, user, many); done.GetStatus() != jobsv1.JobStatus_JOB_STATUS_COMPLETED || done.GetAttempt() != 1 {
		t.Errorf("the job ended as %v in attempt %d: %v", done.GetStatus(), done.GetAttempt(), done.GetError())
	}
	got, err := user.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: many})
	if want, _ := json.Marshal(digits); err != nil || got.GetJob().GetResultJson() != string(want) {
		t.Errorf("the result has %d bytes, %v; want %d", len(got.GetJob().GetResultJson()), err, len(want))
	}
	large := w.create(user, &jobsv1.CreateJobRequest{Title: "far too large"}).GetJobId()
	if done := last(t, user, large); done.GetStatus() != jobsv1.JobStatus_JOB_STATUS_FAILED || done.GetAttempt() != 1 ||
		!strings.Contains(done.GetError().GetMessage(), "larger than max") {
		t.Errorf("the job ended as %v in attempt %d: %v", done.GetStatus(), done.GetAttempt(), done.GetError())
	}
}
