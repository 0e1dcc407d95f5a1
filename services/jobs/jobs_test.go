package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/services/jobs"
)

func TestWatcherSeesWholeLifeOfJob(t *testing.T) {
	w := setup(t)
	user, worker := w.user("alice"), w.worker()
	payload, _ := structpb.NewStruct(map[string]any{"url": "https://example.org", "depth": 3})
	created := w.create(user, &jobsv1.CreateJobRequest{Payload: payload, Title: "A crawl"})
	seen := make(chan []*jobsv1.Job, 1)
	go func() { seen <- watchToEnd(t, user, created.GetJobId()) }()

	leased := w.lease(worker)
	if got := leased.GetJob().GetPayload().AsMap()["depth"]; got != 3.0 {
		t.Errorf("the worker got depth %v, want 3", got)
	}
	_, err := worker.Heartbeat(t.Context(), &jobsv1.HeartbeatRequest{
		JobId: created.GetJobId(), LeaseToken: leased.GetLeaseToken(),
		Plan: []*jobsv1.StepPlan{{Name: "fetch", Total: 10, Unit: "pages"}, {Name: "index"}},
		Progress: &jobsv1.ProgressReport{Steps: []*jobsv1.StepReport{{Name: "fetch", State: jobsv1.StepState_STEP_STATE_ACTIVE,
			Done: new(5.0), Counters: map[string]float64{"errors": 1}}}},
	})
	if err != nil {
		t.Fatalf("Heartbeat: %v", err)
	}
	result, _ := structpb.NewStruct(map[string]any{"pages": 10})
	if _, err := worker.CompleteJob(t.Context(), &jobsv1.CompleteJobRequest{JobId: created.GetJobId(),
		LeaseToken: leased.GetLeaseToken(), Result: result}); err != nil {
		t.Fatalf("CompleteJob: %v", err)
	}

	snapshots := <-seen
	last := snapshots[len(snapshots)-1]
	if last.GetStatus() != jobsv1.JobStatus_JOB_STATUS_COMPLETED || last.GetProgress().GetPercent() != 100 ||
		last.GetResult().AsMap()["pages"] != 10.0 || last.GetProgress().GetSteps()[0].GetCounters()["errors"] != 1 {
		t.Errorf("the last snapshot is %v", last)
	}
	for i := 1; i < len(snapshots); i++ {
		if snapshots[i].GetRevision() <= snapshots[i-1].GetRevision() {
			t.Errorf("revision %d came after %d", snapshots[i].GetRevision(), snapshots[i-1].GetRevision())
		}
	}
}

func TestFailedAttemptIsRetriedUntilTheLast(t *testing.T) {
	w := setup(t)
	user, worker := w.user("alice"), w.worker()
	id := w.create(user, &jobsv1.CreateJobRequest{Retry: &jobsv1.RetryPolicy{MaxAttempts: 2, BackoffSeconds: 0.001}}).GetJobId()
	for attempt := uint32(1); attempt <= 2; attempt++ {
		leased := w.lease(worker)
		if leased.GetJob().GetAttempt() != attempt {
			t.Fatalf("attempt %d, want %d", leased.GetJob().GetAttempt(), attempt)
		}
		_, err := worker.FailJob(t.Context(), &jobsv1.FailJobRequest{JobId: id, LeaseToken: leased.GetLeaseToken(),
			Error: &jobsv1.JobError{Reason: "SITE_DOWN", Message: "The site is down."}})
		if err != nil {
			t.Fatal(err)
		}
	}
	seen := watchToEnd(t, user, id)
	if last := seen[len(seen)-1]; last.GetStatus() != jobsv1.JobStatus_JOB_STATUS_FAILED || last.GetError().GetReason() != "SITE_DOWN" ||
		last.GetError().GetAttempt() != 2 {
		t.Errorf("the job ended as %v", last)
	}
}

func TestCancelReachesWorkerWithNextHeartbeat(t *testing.T) {
	w := setup(t)
	user, worker := w.user("alice"), w.worker()
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	leased := w.lease(worker)
	if _, err := user.CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: id}); err != nil {
		t.Fatal(err)
	}
	beat, err := worker.Heartbeat(t.Context(), &jobsv1.HeartbeatRequest{JobId: id, LeaseToken: leased.GetLeaseToken()})
	if err != nil || !beat.GetCancelRequested() {
		t.Fatalf("Heartbeat: %v, %v; want cancel_requested", beat, err)
	}
	failed, err := worker.FailJob(t.Context(), &jobsv1.FailJobRequest{JobId: id, LeaseToken: leased.GetLeaseToken(),
		Error: &jobsv1.JobError{Reason: "CANCELLED_BY_USER"}})
	if err != nil || failed.GetJob().GetStatus() != jobsv1.JobStatus_JOB_STATUS_CANCELLED {
		t.Errorf("FailJob: %v, %v; want cancelled", failed, err)
	}
	_, err = worker.Heartbeat(t.Context(), &jobsv1.HeartbeatRequest{JobId: id, LeaseToken: leased.GetLeaseToken()})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_LEASE_LOST)
}

func TestOthersJobsDoNotExist(t *testing.T) {
	w := setup(t)
	id := w.create(w.user("alice"), &jobsv1.CreateJobRequest{}).GetJobId()
	bob, ctx := w.user("bob"), t.Context()
	_, get := bob.GetJob(ctx, &jobsv1.GetJobRequest{JobId: id})
	_, cancel := bob.CancelJob(ctx, &jobsv1.CancelJobRequest{JobId: id})
	_, retry := bob.RetryJob(ctx, &jobsv1.RetryJobRequest{JobId: id})
	_, resume := bob.ResumeJob(ctx, &jobsv1.ResumeJobRequest{JobId: id})
	_, del := bob.DeleteJob(ctx, &jobsv1.DeleteJobRequest{JobId: id})
	watch, err := bob.WatchJob(ctx, &jobsv1.WatchJobRequest{JobId: id})
	if err == nil {
		_, err = watch.Recv()
	}
	output, err2 := bob.ReadOutput(ctx, &jobsv1.ReadOutputRequest{JobId: id})
	if err2 == nil {
		_, err2 = output.Recv()
	}
	for _, err := range []error{get, cancel, retry, resume, del, err, err2} {
		wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_FOUND)
	}
	list, err := bob.ListJobs(ctx, &jobsv1.ListJobsRequest{})
	if err != nil || len(list.GetJobs()) != 0 {
		t.Errorf("bob lists %v, %v", list, err)
	}
	if _, err := w.user("root", auth.ScopeAdmin).GetJob(ctx, &jobsv1.GetJobRequest{JobId: id}); err != nil {
		t.Errorf("an admin does not see the job: %v", err)
	}
}

func TestScopesAreNeededForWorkingAndForActingForOthers(t *testing.T) {
	w := setup(t)
	ctx, alice := t.Context(), w.user("alice")
	_, err := jobsv1.NewWorkerServiceClient(w.conn("alice")).LeaseJobs(ctx, &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl"}})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
	_, err = alice.CreateJob(ctx, &jobsv1.CreateJobRequest{Kind: "crawl", Owner: "bob"})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
	_, err = alice.ListJobs(ctx, &jobsv1.ListJobsRequest{AllOwners: true})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
	stream, err := alice.WatchJobs(ctx, &jobsv1.WatchJobsRequest{AllOwners: true})
	if err == nil {
		_, err = stream.Recv()
	}
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
}

// TestOnlyTheImporterRunsImports: the result of such a job reports what is in the database.
func TestOnlyTheImporterRunsImports(t *testing.T) {
	w := setup(t)
	for _, scope := range []string{auth.ScopeAdmin, auth.ScopeService, auth.ScopeWorker} {
		_, err := w.user("edge", scope).CreateJob(t.Context(), &jobsv1.CreateJobRequest{Kind: "import"})
		wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
	}
	service := jobsv1.NewWorkerServiceClient(w.conn("edge", auth.ScopeService))
	_, err := service.LeaseJobs(t.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"import"}})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
	_, err = w.worker().LeaseJobs(t.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl", "import"}})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
}

func TestServiceCreatesJobsForUsersAndWatchesAll(t *testing.T) {
	w := setup(t)
	importer := w.user("importer", auth.ScopeService, auth.ScopeImporter)
	const id = "01890a5d-ac96-774b-bcce-b302099a8057"
	first := w.create(importer, &jobsv1.CreateJobRequest{Kind: "import", Owner: "alice", JobId: id})
	if first.GetJobId() != id || first.GetOwner() != "alice" {
		t.Fatalf("created %v", first)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := importer.WatchJobs(ctx, &jobsv1.WatchJobsRequest{AllOwners: true})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := stream.Recv()
	if err != nil || !resp.GetSynced() || len(resp.GetJobs()) != 1 || resp.GetJobs()[0].GetJobId() != id {
		t.Fatalf("the first message is %v, %v", resp, err)
	}
	second := w.create(w.user("bob"), &jobsv1.CreateJobRequest{})
	resp, err = stream.Recv()
	if err != nil || len(resp.GetJobs()) != 1 || resp.GetJobs()[0].GetJobId() != second.GetJobId() {
		t.Fatalf("the next message is %v, %v", resp, err)
	}
}

func TestQueuedAndActiveJobsSurviveRestart(t *testing.T) {
	w := setup(t)
	user, worker := w.user("alice"), w.worker()
	active := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	leased := w.lease(worker)
	queued := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()

	w.restart()

	ready := grpc.WaitForReady(true)
	if _, err := worker.Heartbeat(t.Context(), &jobsv1.HeartbeatRequest{JobId: active, LeaseToken: leased.GetLeaseToken()}, ready); err != nil {
		t.Fatalf("the worker's heartbeat after the restart: %v", err)
	}
	if got := w.lease(worker).GetJob().GetJobId(); got != queued {
		t.Errorf("leased %s after the restart, want %s", got, queued)
	}
	if _, err := worker.CompleteJob(t.Context(), &jobsv1.CompleteJobRequest{JobId: active, LeaseToken: leased.GetLeaseToken()}); err != nil {
		t.Errorf("CompleteJob after the restart: %v", err)
	}
}

func TestStreamsEndWithShuttingDownAndRunReturns(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	stream, err := user.WatchJob(t.Context(), &jobsv1.WatchJobRequest{JobId: id})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	go w.stop()
	_, err = stream.Recv()
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN)
}

func TestMetricsShowExpiredLeasesAndWatchers(t *testing.T) {
	registry := prometheus.NewRegistry()
	w := setup(t, func(c *jobs.Config) {
		c.LeaseDuration, c.HeartbeatInterval, c.Metrics = time.Second, 100*time.Millisecond, registry
	})
	user, worker := w.user("alice"), w.worker()
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	w.lease(worker) // and the worker makes no further calls
	next, err := worker.LeaseJobs(t.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl"}, WaitSeconds: 30, LeaseSeconds: 120})
	if err != nil || len(next.GetJobs()) != 1 {
		t.Fatalf("LeaseJobs: %v, %v", next, err)
	}
	stream, err := user.WatchJob(t.Context(), &jobsv1.WatchJobRequest{JobId: id})
	if err == nil {
		_, err = stream.Recv()
	}
	if err != nil {
		t.Fatal(err)
	}
	want := `
# HELP headway_jobs Unfinished jobs.
# TYPE headway_jobs gauge
headway_jobs{kind="crawl",status="active"} 1
headway_jobs{kind="crawl",status="queued"} 0
headway_jobs{kind="crawl",status="waiting"} 0
headway_jobs{kind="headway.change",status="active"} 0
headway_jobs{kind="headway.change",status="queued"} 0
headway_jobs{kind="headway.change",status="waiting"} 0
headway_jobs{kind="other",status="active"} 0
headway_jobs{kind="other",status="queued"} 0
headway_jobs{kind="other",status="waiting"} 0
# HELP headway_jobs_leases_expired_total Leases that expired because their worker stopped sending heartbeats.
# TYPE headway_jobs_leases_expired_total counter
headway_jobs_leases_expired_total{kind="crawl"} 1
# HELP headway_jobs_leases_granted_total Leases granted to workers.
# TYPE headway_jobs_leases_granted_total counter
headway_jobs_leases_granted_total{kind="crawl"} 2
# HELP headway_jobs_watchers Open watches of a job, of an owner's jobs, of all jobs, or of an output.
# TYPE headway_jobs_watchers gauge
headway_jobs_watchers{of="everyone"} 0
headway_jobs_watchers{of="job"} 1
headway_jobs_watchers{of="output"} 0
headway_jobs_watchers{of="owner"} 0
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "headway_jobs", "headway_jobs_leases_expired_total",
		"headway_jobs_leases_granted_total", "headway_jobs_watchers"); err != nil {
		t.Error(err)
	}
	if _, err := worker.CompleteJob(t.Context(), &jobsv1.CompleteJobRequest{JobId: id, LeaseToken: next.GetJobs()[0].GetLeaseToken()}); err != nil {
		t.Fatal(err)
	}
}

func TestDeadWorkersJobMovesWithItsCheckpoint(t *testing.T) {
	w := setup(t, func(c *jobs.Config) { c.LeaseDuration, c.HeartbeatInterval = time.Second, 100*time.Millisecond })
	user, worker := w.user("alice"), w.worker()
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	dead := w.lease(worker)
	if _, err := worker.Heartbeat(t.Context(), &jobsv1.HeartbeatRequest{JobId: id, LeaseToken: dead.GetLeaseToken(),
		Checkpoint: []byte("page 7")}); err != nil {
		t.Fatal(err)
	}
	taken := w.lease(worker)
	if taken.GetJob().GetJobId() != id || string(taken.GetCheckpoint()) != "page 7" || taken.GetJob().GetAttempt() != 2 {
		t.Errorf("the other worker got %v", taken)
	}
	_, err := worker.CompleteJob(t.Context(), &jobsv1.CompleteJobRequest{JobId: id, LeaseToken: dead.GetLeaseToken()})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_LEASE_LOST)
}

func TestOutputIsReadWhileItGrowsAndEndsWithTheJob(t *testing.T) {
	w := setup(t)
	user, worker := w.user("alice"), w.worker()
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	stream, err := user.ReadOutput(t.Context(), &jobsv1.ReadOutputRequest{JobId: id})
	if err != nil {
		t.Fatal(err)
	}
	token := w.lease(worker).GetLeaseToken()
	add := func(offset int64, data string) error {
		_, err := worker.AppendOutput(t.Context(), &jobsv1.AppendOutputRequest{JobId: id, LeaseToken: token, Offset: offset, Data: []byte(data)})
		return err
	}
	for i, piece := range []string{"Once ", "upon ", "a time"} {
		if err := add(int64(5*i), piece); err != nil {
			t.Fatal(err)
		}
		got, err := stream.Recv()
		if err != nil || got.GetOffset() != int64(5*i) || string(got.GetData()) != piece {
			t.Fatalf("read %v, %v; want %q at %d", got, err, piece, 5*i)
		}
	}
	wantReason(t, add(17, "gap"), errorsv1.ErrorReason_ERROR_REASON_OUTPUT_GAP)
	wantReason(t, add(0, "Twice"), errorsv1.ErrorReason_ERROR_REASON_OUTPUT_CONFLICT)
	if _, err := worker.CompleteJob(t.Context(), &jobsv1.CompleteJobRequest{JobId: id, LeaseToken: token}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("after the job has ended the stream gives %v", err)
	}
	beyond, err := user.ReadOutput(t.Context(), &jobsv1.ReadOutputRequest{JobId: id, Offset: 17})
	if err == nil {
		_, err = beyond.Recv()
	}
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_OUTPUT_GAP)
}

func TestJobIsLeasedOnceForRepeatedKind(t *testing.T) {
	w := setup(t)
	w.create(w.user("alice"), &jobsv1.CreateJobRequest{})
	resp, err := w.worker().LeaseJobs(t.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl", "crawl"}, MaxJobs: 5})
	if err != nil || len(resp.GetJobs()) != 1 || resp.GetJobs()[0].GetJob().GetAttempt() != 1 {
		t.Errorf("LeaseJobs: %v, %v", resp, err)
	}
}

func TestRefusedProgressStillRenewsTheLease(t *testing.T) {
	w := setup(t)
	user, worker := w.user("alice"), w.worker()
	id := w.create(user, &jobsv1.CreateJobRequest{Steps: []*jobsv1.StepPlan{{Name: "a", Total: 10}}}).GetJobId()
	token := w.lease(worker).GetLeaseToken()
	long := strings.Repeat("é", 200)
	var plan []*jobsv1.StepPlan
	var steps []*jobsv1.StepReport
	for i := range 1000 {
		name := fmt.Sprint("s", i)
		plan = append(plan, &jobsv1.StepPlan{Name: name})
		steps = append(steps, &jobsv1.StepReport{Name: name, Message: &long})
	}
	for _, c := range []struct {
		plan   []*jobsv1.StepPlan
		report []*jobsv1.StepReport
		want   errorsv1.ErrorReason
	}{
		{nil, []*jobsv1.StepReport{{Name: "b"}}, errorsv1.ErrorReason_ERROR_REASON_STEP_UNKNOWN},
		{nil, []*jobsv1.StepReport{{Name: "a", Done: new(11.0)}}, errorsv1.ErrorReason_ERROR_REASON_PROGRESS_INVALID},
		{nil, []*jobsv1.StepReport{{Name: "a", Done: new(math.NaN())}}, errorsv1.ErrorReason_ERROR_REASON_PROGRESS_INVALID},
		{plan, steps, errorsv1.ErrorReason_ERROR_REASON_SNAPSHOT_TOO_LARGE},
	} {
		resp, err := worker.Heartbeat(t.Context(), &jobsv1.HeartbeatRequest{JobId: id, LeaseToken: token, Plan: c.plan,
			Progress: &jobsv1.ProgressReport{Steps: c.report}})
		refused := resp.GetRefused()
		if err != nil || len(refused) == 0 || refused[len(refused)-1].GetReason() != rpcerr.Word(c.want) {
			t.Errorf("Heartbeat: %v, %v; want refused progress with reason %v", refused, err, c.want)
		}
	}
	if _, err := worker.Heartbeat(t.Context(), &jobsv1.HeartbeatRequest{JobId: id, LeaseToken: token}); err != nil {
		t.Errorf("the lease did not survive: %v", err)
	}
}

func TestRequestIDMakesCreatingSafeToRepeat(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	request := &jobsv1.CreateJobRequest{Kind: "crawl", RequestId: "r-1", Payload: document(t, map[string]any{"b": 1, "a": "<&>"})}
	first, err := user.CreateJob(t.Context(), request)
	if err != nil || first.GetReplayed() {
		t.Fatalf("CreateJob: %v, %v", first, err)
	}
	second, err := user.CreateJob(t.Context(), request)
	if err != nil || !second.GetReplayed() || second.GetJob().GetJobId() != first.GetJob().GetJobId() {
		t.Errorf("the repeated request gives %v, %v", second, err)
	}
	request.Title = "something else"
	_, err = user.CreateJob(t.Context(), request)
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED)
}
