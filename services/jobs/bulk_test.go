package jobs_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/services/jobs"
)

// onBothStores runs a test on a service with each database.
func onBothStores(t *testing.T, test func(t *testing.T, w *world), change ...func(*jobs.Config)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { test(t, setup(t, change...)) })
	t.Run("PostgreSQL", func(t *testing.T) {
		url := jobs.NewDatabase(t)
		test(t, setup(t, append(change, func(c *jobs.Config) { c.JobsDatabase = url })...))
	})
}

// createMany creates jobs with a label.
func (w *world) createMany(user jobsv1.JobServiceClient, n int, label string) {
	w.t.Helper()
	for n > 0 {
		request := &jobsv1.CreateJobsRequest{}
		for range min(n, 100) {
			request.Jobs = append(request.Jobs, &jobsv1.CreateJobRequest{Kind: "crawl", Labels: map[string]string{"batch": label}})
		}
		resp, err := user.CreateJobs(w.t.Context(), request)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range resp.GetResults() {
			if r.GetError() != nil {
				w.t.Fatal(r.GetError())
			}
		}
		n -= len(request.Jobs)
	}
}

// change calls ChangeJobs, and returns the job at its end.
func (w *world) change(user jobsv1.JobServiceClient, r *jobsv1.ChangeJobsRequest) *jobsv1.Job {
	w.t.Helper()
	resp, err := user.ChangeJobs(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return last(w.t, user, resp.GetJob().GetJobId())
}

// TestChangeAfterStepBackConcernsAllJobs sets the clock back between the jobs and the request: the request has the earlier time. A server of
// PostgreSQL has its own clock.
func TestChangeAfterStepBackConcernsAllJobs(t *testing.T) {
	var by atomic.Int64
	w := setup(t, func(c *jobs.Config) {
		c.SetWallClock(func() time.Time { return time.Now().Add(time.Duration(by.Load())) })
	})
	user := w.user("alice")
	const n = 5
	w.createMany(user, n, "early")
	by.Store(-int64(time.Hour))
	for time.Until(w.create(user, &jobsv1.CreateJobRequest{Kind: "probe"}).GetCreatedAt().AsTime()) > -30*time.Minute {
		time.Sleep(10 * time.Millisecond) // the service has not noticed
	}
	ended := w.change(user, &jobsv1.ChangeJobsRequest{Change: jobsv1.JobChange_JOB_CHANGE_CANCEL, Kinds: []string{"crawl"}})
	if changed := ended.GetResult().AsMap()["changed"]; changed != float64(n) {
		t.Errorf("%v jobs were changed, want %d", changed, n)
	}
}

// counts returns how many of the jobs have each status.
func (w *world) counts(user jobsv1.JobServiceClient, label string) map[jobsv1.JobStatus]int {
	w.t.Helper()
	counts, token := map[jobsv1.JobStatus]int{}, ""
	for {
		resp, err := user.ListJobs(w.t.Context(), &jobsv1.ListJobsRequest{Labels: []string{"batch=" + label}, PageSize: 500, PageToken: token})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, j := range resp.GetJobs() {
			counts[j.GetStatus()]++
		}
		if token = resp.GetNextPageToken(); token == "" {
			return counts
		}
	}
}

const (
	queued    = jobsv1.JobStatus_JOB_STATUS_QUEUED
	completed = jobsv1.JobStatus_JOB_STATUS_COMPLETED
	cancelled = jobsv1.JobStatus_JOB_STATUS_CANCELLED
)

func TestJobsAreChangedByFilter(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		user, other := w.user("alice"), w.user("bob")
		w.createMany(user, 1200, "a")
		w.createMany(user, 10, "b")
		w.createMany(other, 10, "a")
		wantResult := func(done *jobsv1.Job, changed, refused float64) {
			t.Helper()
			got := done.GetResult().AsMap()
			if done.GetStatus() != completed || got["changed"] != changed || got["refused"] != refused || done.GetProgress().GetSteps()[0].GetDone() != changed+refused {
				t.Errorf("the change ended as %v with %v and %v, want %v changed and %v refused", done.GetStatus(), got, done.GetProgress(), changed, refused)
			}
		}
		wantCounts := func(label string, status jobsv1.JobStatus, n int) {
			t.Helper()
			if got := w.counts(user, label); got[status] != n {
				t.Errorf("the jobs %q are %v, want %d %v", label, got, n, status)
			}
		}
		cancel := &jobsv1.ChangeJobsRequest{Change: jobsv1.JobChange_JOB_CHANGE_CANCEL, Labels: []string{"batch=a"}, RequestId: "r-1"}
		wantResult(w.change(user, cancel), 1200, 0)
		wantCounts("a", cancelled, 1200)
		wantCounts("b", queued, 10)
		if got := w.counts(other, "a"); got[queued] != 10 {
			t.Errorf("another user's jobs are %v", got)
		}
		again, err := user.ChangeJobs(t.Context(), cancel)
		if err != nil || !again.GetReplayed() || again.GetJob().GetStatus() != completed {
			t.Errorf("the repeated call gives %v, %v", again, err)
		}
		wantResult(w.change(user, &jobsv1.ChangeJobsRequest{Change: jobsv1.JobChange_JOB_CHANGE_RETRY, Labels: []string{"batch=a"}}), 1200, 0)
		wantCounts("a", queued, 1200)
		wantResult(w.change(user, &jobsv1.ChangeJobsRequest{Change: jobsv1.JobChange_JOB_CHANGE_DELETE, Labels: []string{"batch=a"},
			Statuses: []jobsv1.JobStatus{queued}}), 0, 1200)
		wantResult(w.change(user, &jobsv1.ChangeJobsRequest{Change: jobsv1.JobChange_JOB_CHANGE_CANCEL, Kinds: []string{"crawl"}}), 1210, 0)
		wantResult(w.change(user, &jobsv1.ChangeJobsRequest{Change: jobsv1.JobChange_JOB_CHANGE_DELETE, Kinds: []string{"crawl"}}), 1210, 0)
		wantCounts("a", cancelled, 0)
		admin := w.user("root", auth.ScopeAdmin)
		wantResult(w.change(admin, &jobsv1.ChangeJobsRequest{Change: jobsv1.JobChange_JOB_CHANGE_CANCEL, AllOwners: true}), 10, 0)
	})
}

func TestChangesNeedTheRightsOfTheirCalls(t *testing.T) {
	w := setup(t)
	user, reader, worker := w.user("alice"), w.user("alice", auth.ScopeRead), w.worker()
	_, err := reader.ChangeJobs(t.Context(), &jobsv1.ChangeJobsRequest{Change: jobsv1.JobChange_JOB_CHANGE_CANCEL})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
	_, err = user.ChangeJobs(t.Context(), &jobsv1.ChangeJobsRequest{Change: jobsv1.JobChange_JOB_CHANGE_CANCEL, AllOwners: true})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
	_, err = user.ChangeJobs(t.Context(), &jobsv1.ChangeJobsRequest{})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID)
	service := w.user("service", auth.ScopeService)
	for name, one := range map[string]jobsv1.JobServiceClient{"a user": user, "a service": service} {
		if _, err := one.CreateJob(t.Context(), &jobsv1.CreateJobRequest{Kind: "headway.change", PayloadJson: `{"action":1,"all_owners":true}`}); err == nil {
			t.Errorf("%s creates a job of the kind headway.change", name)
		}
	}
	_, err = worker.LeaseJobs(t.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"headway.change"}, WaitSeconds: -1})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID)
	// A token that runs one kind cancels jobs of others, as with CancelJob, but does not retry them.
	limited := jobsv1.NewJobServiceClient(w.connAs(auth.Identity{Subject: "alice", Scopes: []string{auth.ScopeRun, auth.ScopeRead}, Kinds: []string{"crawl"}}))
	w.create(user, &jobsv1.CreateJobRequest{Kind: "story"})
	if done := w.change(limited, &jobsv1.ChangeJobsRequest{Change: jobsv1.JobChange_JOB_CHANGE_CANCEL}); done.GetResult().AsMap()["changed"] != 1.0 {
		t.Errorf("the cancellation gives %v", done.GetResult())
	}
	done := w.change(limited, &jobsv1.ChangeJobsRequest{Change: jobsv1.JobChange_JOB_CHANGE_RETRY})
	if got := done.GetResult().AsMap(); got["changed"] != 0.0 || got["refused"] != 1.0 {
		t.Errorf("the retry gives %v", got)
	}
	_, err = user.RetryJob(t.Context(), &jobsv1.RetryJobRequest{JobId: done.GetJobId()})
	if err == nil {
		t.Error("a change is retried, although the rights of its call might be gone")
	}
	if kinds, err := user.ListKinds(t.Context(), &jobsv1.ListKindsRequest{}); err != nil || len(kinds.GetKinds()) > 0 {
		t.Errorf("workers run the kinds %v, %v", kinds, err)
	}
}

func TestChangeContinuesAfterRestart(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	const n = 3000
	w.createMany(user, n, "a")
	resp, err := user.ChangeJobs(t.Context(), &jobsv1.ChangeJobsRequest{Change: jobsv1.JobChange_JOB_CHANGE_CANCEL, Labels: []string{"batch=a"}})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.restart()
	}
	done := last(t, user, resp.GetJob().GetJobId())
	if got := done.GetResult().AsMap(); done.GetStatus() != completed || got["changed"] != float64(n) || got["refused"] != 0.0 {
		t.Errorf("the change ended as %v with %v", done.GetStatus(), got)
	}
	if got := w.counts(user, "a"); got[cancelled] != n {
		t.Errorf("the jobs are %v", got)
	}
	if done.GetAttempt() > 1 {
		t.Errorf("restarts have used up %d attempts", done.GetAttempt())
	}
	if steps := done.GetProgress().GetSteps(); steps[0].GetTotal() != n || fmt.Sprint(steps[0].GetCounters()["changed"]) != fmt.Sprint(n) {
		t.Errorf("the progress is %v", steps)
	}
}

// heldChange starts to cancel n jobs, of which some are held, and returns the change when the others of the first page are cancelled.
func (w *world) heldChange(user jobsv1.JobServiceClient, gate *jobs.Gate, n, held int) (change string, cancelledNow int) {
	w.t.Helper()
	w.createMany(user, n, "a")
	resp, err := user.ListJobs(w.t.Context(), &jobsv1.ListJobsRequest{Labels: []string{"batch=a"}, PageSize: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, j := range resp.GetJobs()[:held] {
		ids[j.GetJobId()] = true
	}
	gate.Pass.Store(new(func(ctx context.Context, id string) error {
		if !ids[id] {
			return nil
		}
		<-ctx.Done()
		return context.Cause(ctx)
	}))
	started, err := user.ChangeJobs(w.t.Context(), &jobsv1.ChangeJobsRequest{Change: jobsv1.JobChange_JOB_CHANGE_CANCEL, Labels: []string{"batch=a"}})
	if err != nil {
		w.t.Fatal(err)
	}
	const page = 500
	for w.counts(user, "a")[cancelled] < page-held {
		if err := w.t.Context().Err(); err != nil {
			w.t.Fatal(err)
		}
	}
	return started.GetJob().GetJobId(), page - held
}

func TestCancelledChangeStops(t *testing.T) {
	gate := &jobs.Gate{}
	onBothStores(t, func(t *testing.T, w *world) {
		defer gate.Pass.Store(nil)
		user := w.user("alice")
		const n = 700
		id, changed := w.heldChange(user, gate, n, 10)
		if _, err := user.CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: id}); err != nil {
			t.Fatal(err)
		}
		done := last(t, user, id)
		if got := done.GetProgress().GetSteps()[0].GetCounters()["changed"]; done.GetStatus() != cancelled || got != float64(changed) {
			t.Errorf("the change ended as %v with %v of %d changed jobs", done.GetStatus(), got, changed)
		}
		if got := w.counts(user, "a"); got[cancelled] != changed || got[queued] != n-changed {
			t.Errorf("the jobs are %v", got)
		}
		gate.Pass.Store(nil)
		again := w.change(user, &jobsv1.ChangeJobsRequest{Change: jobsv1.JobChange_JOB_CHANGE_CANCEL, Labels: []string{"batch=a"}})
		if got := again.GetResult().AsMap()["changed"]; got != float64(n-changed) {
			t.Errorf("the next change has changed %v", got)
		}
	}, func(c *jobs.Config) { c.SetGate(gate) })
}

// TestRefusedJobDoesNotStopChange has a job that the database refuses. All jobs of its page are changed in one step, but it does not keep
// the others from being changed.
func TestRefusedJobDoesNotStopChange(t *testing.T) {
	gate := &jobs.Gate{}
	w := setup(t, func(c *jobs.Config) { c.SetGate(gate) })
	user := w.user("alice")
	const n = 20
	w.createMany(user, n-1, "a")
	gate.Refused.Store(new(w.create(user, &jobsv1.CreateJobRequest{Labels: map[string]string{"batch": "a"}}).GetJobId()))
	done := w.change(user, &jobsv1.ChangeJobsRequest{Change: jobsv1.JobChange_JOB_CHANGE_CANCEL, Labels: []string{"batch=a"}})
	if got := done.GetResult().AsMap(); got["changed"] != float64(n-1) || got["refused"] != 1.0 {
		t.Errorf("the change ended as %v", got)
	}
}

func TestInterruptedPageIsCounted(t *testing.T) {
	gate := &jobs.Gate{}
	w := setup(t, func(c *jobs.Config) { c.SetGate(gate) })
	user := w.user("alice")
	const n = 700
	id, _ := w.heldChange(user, gate, n, 10)
	w.stop()
	gate.Pass.Store(nil)
	w.start()
	done := last(t, user, id)
	if got := done.GetResult().AsMap()["changed"]; done.GetStatus() != completed || got != float64(n) {
		t.Errorf("the change ended as %v with %v changed jobs", done.GetStatus(), got)
	}
}

func TestOutageDoesNotEndChange(t *testing.T) {
	gate := &jobs.Gate{}
	w := setup(t, func(c *jobs.Config) { c.SetGate(gate) })
	user := w.user("alice")
	const n = 600
	w.createMany(user, n, "a")
	var calls atomic.Int64
	gate.Pass.Store(new(func(context.Context, string) error {
		if i := calls.Add(1); i > 100 && i <= 500 {
			return jobs.ErrUnavailable
		}
		return nil
	}))
	done := w.change(user, &jobsv1.ChangeJobsRequest{Change: jobsv1.JobChange_JOB_CHANGE_CANCEL, Labels: []string{"batch=a"}})
	if got := done.GetResult().AsMap()["changed"]; done.GetStatus() != completed || got != float64(n) || done.GetAttempt() != 1 {
		t.Errorf("the change ended as %v in attempt %d with %v changed jobs", done.GetStatus(), done.GetAttempt(), got)
	}
}
