package jobs_test

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/jobs"
)

// begin returns a new job that a worker has leased.
func (w *world) begin(user jobsv1.JobServiceClient, worker jobsv1.WorkerServiceClient, r *jobsv1.CreateJobRequest) (id, token string) {
	w.t.Helper()
	id = w.create(user, r).GetJobId()
	leased := w.lease(worker)
	if leased.GetJob().GetJobId() != id {
		w.t.Fatalf("leased %s, want %s", leased.GetJob().GetJobId(), id)
	}
	return id, leased.GetLeaseToken()
}

func TestFailIsNeverRefusedForItsTexts(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		user, worker := w.user("alice"), w.worker()
		trace := "Traceback:\n" + strings.Repeat("  Zeile äöü\n", 300) + "ValueError: no such page"
		for _, c := range []struct {
			name, wantReason string
			error            *jobsv1.JobError
			progress         *jobsv1.ProgressReport
		}{
			{name: "a stack trace", error: &jobsv1.JobError{Reason: "ValueError", Message: trace}, wantReason: "ValueError"},
			{name: "a reason with spaces", error: &jobsv1.JobError{Reason: "no such page\n"}, wantReason: "no_such_page"},
			{name: "a long reason", error: &jobsv1.JobError{Reason: strings.Repeat("R", 500)}, wantReason: strings.Repeat("R", 100)},
			{name: "no error", wantReason: "WORKER_FAILED"},
			{name: "progress that breaks every rule", error: &jobsv1.JobError{Reason: "X"}, wantReason: "X", progress: &jobsv1.ProgressReport{
				Message: strings.Repeat("é", 501), Steps: []*jobsv1.StepReport{{Name: "unknown"}, {Name: "a", State: 99}, {Name: "a", Done: new(-1.0)},
					{Name: "a", Counters: map[string]float64{"rowsOK": 1, "rows/skipped": 2}, Message: new(strings.Repeat("é", 201))}}}},
		} {
			t.Run(c.name, func(t *testing.T) {
				id, token := w.begin(user, worker, &jobsv1.CreateJobRequest{Steps: []*jobsv1.StepPlan{{Name: "a"}}, Retry: &jobsv1.RetryPolicy{MaxAttempts: 1}})
				resp, err := worker.FailJob(t.Context(), &jobsv1.FailJobRequest{JobId: id, LeaseToken: token, Error: c.error, Progress: c.progress})
				if err != nil {
					t.Fatal(err)
				}
				j := resp.GetJob()
				message := j.GetError().GetMessage()
				if j.GetStatus() != jobsv1.JobStatus_JOB_STATUS_FAILED || j.GetError().GetReason() != c.wantReason ||
					utf8.RuneCountInString(message) > 1000 || !utf8.ValidString(message) {
					t.Errorf("the job is %v with %v", j.GetStatus(), j.GetError())
				}
				if c.error.GetMessage() != "" && (!strings.HasPrefix(message, "Traceback:") || !strings.HasSuffix(message, "ValueError: no such page") ||
					!strings.Contains(message, "characters removed")) {
					t.Errorf("the message is %q", message)
				}
				if c.progress != nil {
					step := j.GetProgress().GetSteps()[0]
					if step.GetCounters()["rowsOK"] != 1 || !strings.HasSuffix(step.GetMessage(), "…") || !strings.HasSuffix(j.GetProgress().GetMessage(), "…") {
						t.Errorf("the valid parts of the progress are missing: %v", j.GetProgress())
					}
				}
			})
		}
	})
}

func TestCompleteIsNeverRefusedForItsSize(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		user, worker := w.user("alice"), w.worker()
		payload := document(t, map[string]any{"text": strings.Repeat("p", 8<<10-20)})
		var plan []*jobsv1.StepPlan
		for i := range 40 {
			plan = append(plan, &jobsv1.StepPlan{Name: strings.Repeat("s", i+1), Title: strings.Repeat("t", 40)})
		}
		for name, size := range map[string]int{"a result of 8 KB": 8000, "a result of 1 MB": 1_000_000} {
			t.Run(name, func(t *testing.T) {
				id, token := w.begin(user, worker, &jobsv1.CreateJobRequest{Payload: payload, Steps: plan})
				text := strings.Repeat("r", size)
				resp, err := worker.CompleteJob(t.Context(), &jobsv1.CompleteJobRequest{JobId: id, LeaseToken: token,
					Result: document(t, map[string]any{"text": text})})
				if err != nil || resp.GetJob().GetStatus() != jobsv1.JobStatus_JOB_STATUS_COMPLETED {
					t.Fatalf("CompleteJob: %v, %v", resp.GetJob().GetStatus(), err)
				}
				seen := watchToEnd(t, user, id)
				if last := seen[len(seen)-1]; last.GetResult() != nil || last.GetResultBytes() < int64(size) || proto.Size(last) > 24<<10 {
					t.Errorf("the snapshot has %d bytes and names a result of %d bytes", proto.Size(last), last.GetResultBytes())
				}
				got, err := user.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: id})
				if err != nil || got.GetJob().GetResult().AsMap()["text"] != text {
					t.Errorf("GetJob returns a result of %d bytes, %v", proto.Size(got.GetJob().GetResult()), err)
				}
			})
		}
		id, token := w.begin(user, worker, &jobsv1.CreateJobRequest{})
		_, err := worker.CompleteJob(t.Context(), &jobsv1.CompleteJobRequest{JobId: id, LeaseToken: token,
			Result: document(t, map[string]any{"text": strings.Repeat("r", 1<<20)})})
		wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID)
		if err == nil || !strings.Contains(err.Error(), "limit is 1048576") {
			t.Errorf("a result above the limit gives %v", err)
		}
	}, func(c *jobs.Config) { c.MaxResultBytes = 1 << 20 })
}

func TestParkIsNeverRefusedForItsSize(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		ctx, user, worker := t.Context(), w.user("alice"), w.worker()
		get := func(id string) *jobsv1.Job {
			t.Helper()
			resp, err := user.GetJob(ctx, &jobsv1.GetJobRequest{JobId: id})
			if err != nil {
				t.Fatal(err)
			}
			return resp.GetJob()
		}
		id, token := w.begin(user, worker, &jobsv1.CreateJobRequest{Retry: &jobsv1.RetryPolicy{MaxAttempts: 5, BackoffSeconds: 0.001, MaxBackoffSeconds: 0.001}})
		_, err := worker.FailJob(ctx, &jobsv1.FailJobRequest{JobId: id, LeaseToken: token, ResultJson: `{"facts":"` + strings.Repeat("f", 20_000) + `"}`})
		if err != nil {
			t.Fatal(err)
		}
		park := func(question string) *jobsv1.Job {
			t.Helper()
			leased := w.lease(worker)
			resp, err := worker.ParkJob(ctx, &jobsv1.ParkJobRequest{JobId: id, LeaseToken: leased.GetLeaseToken(), QuestionJson: question})
			if err != nil {
				t.Fatal(err)
			}
			return resp.GetJob()
		}
		resume := func() {
			t.Helper()
			resp, err := user.ResumeJob(ctx, &jobsv1.ResumeJobRequest{JobId: id, AnswerJson: `{"yes":true}`, QuestionRevision: new(get(id).GetRevision())})
			if err != nil || resp.GetJob().QuestionBytes != nil || resp.GetJob().ResultBytes != nil {
				t.Fatalf("ResumeJob: %v, %v", resp, err)
			}
		}
		if parked := park(""); parked.QuestionBytes != nil || get(id).GetQuestion() != nil {
			t.Errorf("without a question, it is %v", parked)
		}
		resume()
		for _, size := range []int{9_000, 1_000_000} {
			question := `{"id":9007199254740993,"text":"` + strings.Repeat("q", size) + `"}`
			if parked := park(question); parked.GetQuestion() != nil || parked.GetQuestionBytes() != int64(len(question)) || parked.ResultBytes != nil {
				t.Errorf("the snapshot is %v", parked)
			}
			w.restart()
			if got := get(id); got.GetQuestionJson() != question || got.GetQuestion() == nil || got.GetResult() != nil {
				t.Errorf("GetJob returns a question of %d bytes, and the result %v", len(got.GetQuestionJson()), got.GetResult())
			}
			resume()
			if got := get(id); got.GetQuestion() != nil || got.GetResult() != nil || got.GetAnswerJson() != `{"yes":true}` {
				t.Errorf("after the answer, the job is %v", got)
			}
		}
		park(`{"text":"` + strings.Repeat("q", 9_000) + `"}`)
		if _, err := user.CancelJob(ctx, &jobsv1.CancelJobRequest{JobId: id}); err != nil {
			t.Fatal(err)
		}
		if got := get(id); got.QuestionBytes != nil || got.ResultBytes != nil || got.GetResult() != nil {
			t.Errorf("after the cancellation, the job is %v", got)
		}
		id, token = w.begin(user, worker, &jobsv1.CreateJobRequest{})
		_, err = worker.ParkJob(ctx, &jobsv1.ParkJobRequest{JobId: id, LeaseToken: token, QuestionJson: `{"text":"` + strings.Repeat("q", 1<<20) + `"}`})
		wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID)
	}, func(c *jobs.Config) { c.MaxResultBytes = 1 << 20 })
}

func TestNamesOfAnyConventionAreAccepted(t *testing.T) {
	w := setup(t)
	user, worker := w.user("alice"), w.worker()
	for _, kind := range []string{"SendEmail", "video.transcode", "userId", "apps/v1:resize"} {
		j := w.create(user, &jobsv1.CreateJobRequest{Kind: kind, Labels: map[string]string{"app.kubernetes.io/name": "x", "userId": "7"},
			Steps: []*jobsv1.StepPlan{{Name: "Download"}, {Name: "video.transcode", Title: "Vidéo"}, {Name: "Schritt 3"}}})
		leased := w.lease(worker, kind)
		resp, err := worker.Heartbeat(t.Context(), &jobsv1.HeartbeatRequest{JobId: j.GetJobId(), LeaseToken: leased.GetLeaseToken(),
			Progress: &jobsv1.ProgressReport{Steps: []*jobsv1.StepReport{{Name: "Schritt 3", Counters: map[string]float64{"rowsOK": 1, "http.status": 2}}}}})
		if err != nil || len(resp.GetRefused()) > 0 {
			t.Errorf("kind %s: %v, %v", kind, resp, err)
		}
		list, err := user.ListJobs(t.Context(), &jobsv1.ListJobsRequest{Kinds: []string{kind}, Labels: []string{"app.kubernetes.io/name=x"}})
		if err != nil || len(list.GetJobs()) != 1 {
			t.Errorf("kind %s: listed %v, %v", kind, list, err)
		}
	}
}

func TestHeartbeatWithBadTextsRenewsTheLease(t *testing.T) {
	w := setup(t, func(c *jobs.Config) {
		c.LeaseDuration, c.HeartbeatInterval, c.ProgressInterval = 400*time.Millisecond, 100*time.Millisecond, 10*time.Millisecond
	})
	user, worker := w.user("alice"), w.worker()
	id, token := w.begin(user, worker, &jobsv1.CreateJobRequest{Steps: []*jobsv1.StepPlan{{Name: "a"}}})
	var expires time.Time
	for range 3 {
		resp, err := worker.Heartbeat(t.Context(), &jobsv1.HeartbeatRequest{JobId: id, LeaseToken: token, Checkpoint: make([]byte, 65<<10),
			Plan:     []*jobsv1.StepPlan{{Name: "a", Title: strings.Repeat("t", 101)}},
			Progress: &jobsv1.ProgressReport{Steps: []*jobsv1.StepReport{{Name: "a", Message: new(strings.Repeat("m", 201))}}}})
		if err != nil {
			t.Fatal(err)
		}
		var fields []string
		for _, r := range resp.GetRefused() {
			fields = append(fields, r.GetField()+" "+r.GetReason())
		}
		want := "plan[0].title TRUNCATED,progress.steps[0].message TRUNCATED,checkpoint REQUEST_INVALID"
		if got := strings.Join(fields, ","); got != want {
			t.Errorf("refused: %s, want %s", got, want)
		}
		if next := resp.GetLeaseExpiresAt().AsTime(); !next.After(expires) {
			t.Errorf("the lease ends at %v, before at %v", next, expires)
		} else {
			expires = next
		}
	}
}

func TestHugeNumbersDoNotStopOtherJobs(t *testing.T) {
	w := setup(t)
	user, worker := w.user("alice"), w.worker()
	poisoned, token := w.begin(user, worker, &jobsv1.CreateJobRequest{Steps: []*jobsv1.StepPlan{{Name: "a"}}})
	beat := func(id, token string, done float64) *jobsv1.HeartbeatResponse {
		t.Helper()
		resp, err := worker.Heartbeat(t.Context(), &jobsv1.HeartbeatRequest{JobId: id, LeaseToken: token, Progress: &jobsv1.ProgressReport{
			Steps: []*jobsv1.StepReport{{Name: "a", State: jobsv1.StepState_STEP_STATE_ACTIVE, Done: new(done)}}}})
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	beat(poisoned, token, 0)
	if refused := beat(poisoned, token, 1.7e308).GetRefused(); len(refused) != 1 || refused[0].GetReason() != "PROGRESS_INVALID" {
		t.Errorf("refused: %v", refused)
	}
	beat(poisoned, token, 1e99)
	other, otherToken := w.begin(user, worker, &jobsv1.CreateJobRequest{Steps: []*jobsv1.StepPlan{{Name: "a"}}})
	beat(other, otherToken, 5)
	stream, err := user.WatchJob(t.Context(), &jobsv1.WatchJobRequest{JobId: other})
	if err != nil {
		t.Fatal(err)
	}
	for {
		resp, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if resp.GetJob().GetProgress().GetSteps()[0].GetDone() == 5 {
			break
		}
	}
	if resp, err := worker.CompleteJob(t.Context(), &jobsv1.CompleteJobRequest{JobId: poisoned, LeaseToken: token}); err != nil {
		t.Errorf("CompleteJob: %v, %v", resp, err)
	}
}

func TestRepeatedEndGetsTheSameAnswer(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		user, worker := w.user("alice"), w.worker()
		ctx := t.Context()
		for name, end := range map[string]func(id, token, variant string) (*jobsv1.Job, error){
			"complete": func(id, token, variant string) (*jobsv1.Job, error) {
				resp, err := worker.CompleteJob(ctx, &jobsv1.CompleteJobRequest{JobId: id, LeaseToken: token, Result: document(t, map[string]any{"v": variant})})
				return resp.GetJob(), err
			},
			"complete with numbers that JSON can't represent": func(id, token, variant string) (*jobsv1.Job, error) {
				resp, err := worker.CompleteJob(ctx, &jobsv1.CompleteJobRequest{JobId: id, LeaseToken: token, Progress: &jobsv1.ProgressReport{
					Message: variant, Steps: []*jobsv1.StepReport{{Name: "a", Done: new(math.NaN()), Total: new(math.Inf(1)),
						Counters: map[string]float64{"rows": math.Inf(-1)}}}}})
				return resp.GetJob(), err
			},
			"fail": func(id, token, variant string) (*jobsv1.Job, error) {
				resp, err := worker.FailJob(ctx, &jobsv1.FailJobRequest{JobId: id, LeaseToken: token, Error: &jobsv1.JobError{Reason: variant},
					Progress: &jobsv1.ProgressReport{Message: "last"}})
				return resp.GetJob(), err
			},
			"release": func(id, token, variant string) (*jobsv1.Job, error) {
				resp, err := worker.ReleaseJob(ctx, &jobsv1.ReleaseJobRequest{JobId: id, LeaseToken: token, Checkpoint: []byte(variant)})
				return resp.GetJob(), err
			},
			"park": func(id, token, variant string) (*jobsv1.Job, error) {
				resp, err := worker.ParkJob(ctx, &jobsv1.ParkJobRequest{JobId: id, LeaseToken: token, Question: document(t, map[string]any{"v": variant})})
				return resp.GetJob(), err
			},
		} {
			t.Run(name, func(t *testing.T) {
				id, token := w.begin(user, worker, &jobsv1.CreateJobRequest{Priority: 1, Retry: &jobsv1.RetryPolicy{BackoffSeconds: 3600}})
				first, err := end(id, token, "A")
				if err != nil {
					t.Fatal(err)
				}
				again, err := end(id, token, "A")
				if err != nil || !proto.Equal(first, again) {
					t.Errorf("the repeated call gives %v, %v; want %v", again, err, first)
				}
				_, err = end(id, token, "B")
				wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_LEASE_LOST)
				_, err = end(id, "another token", "A")
				wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_LEASE_LOST)
				if _, err := user.CancelJob(ctx, &jobsv1.CancelJobRequest{JobId: id}); err != nil && !strings.HasPrefix(name, "complete") {
					t.Fatal(err)
				}
			})
		}
	})
}

func TestCancelOfActiveJobKeepsItsReason(t *testing.T) {
	w := setup(t)
	user, worker := w.user("alice"), w.worker()
	id, token := w.begin(user, worker, &jobsv1.CreateJobRequest{})
	if _, err := user.CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: id, Error: &jobsv1.JobError{Reason: "SUPERSEDED", Message: "A later job does it."}}); err != nil {
		t.Fatal(err)
	}
	w.restart()
	resp, err := worker.FailJob(t.Context(), &jobsv1.FailJobRequest{JobId: id, LeaseToken: token, Error: &jobsv1.JobError{Reason: "CANCELLED_BY_USER"}})
	if err != nil || resp.GetJob().GetStatus() != jobsv1.JobStatus_JOB_STATUS_CANCELLED || resp.GetJob().GetError().GetReason() != "SUPERSEDED" {
		t.Errorf("FailJob: %v, %v", resp, err)
	}
}

func TestLeaseResponseStaysReadable(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		user, worker := w.user("alice"), w.worker()
		const n = 80
		for range n { // 80 checkpoints of 64 KiB exceed the size of a message
			id, token := w.begin(user, worker, &jobsv1.CreateJobRequest{})
			if _, err := worker.ParkJob(t.Context(), &jobsv1.ParkJobRequest{JobId: id, LeaseToken: token, Checkpoint: make([]byte, 64<<10)}); err != nil {
				t.Fatal(err)
			}
		}
		list, err := user.ListJobs(t.Context(), &jobsv1.ListJobsRequest{PageSize: n})
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range list.GetJobs() {
			if _, err := user.ResumeJob(t.Context(), &jobsv1.ResumeJobRequest{JobId: j.GetJobId()}); err != nil {
				t.Fatal(err)
			}
		}
		leased := 0
		for leased < n {
			resp, err := worker.LeaseJobs(t.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl"}, MaxJobs: 100, WaitSeconds: -1})
			if err != nil || len(resp.GetJobs()) == 0 {
				t.Fatalf("after %d jobs: leased %d, %v", leased, len(resp.GetJobs()), err)
			}
			for _, j := range resp.GetJobs() {
				if j.GetJob().GetAttempt() != 1 || len(j.GetCheckpoint()) != 64<<10 {
					t.Fatalf("attempt %d with a checkpoint of %d bytes", j.GetJob().GetAttempt(), len(j.GetCheckpoint()))
				}
			}
			leased += len(resp.GetJobs())
		}
	})
}
