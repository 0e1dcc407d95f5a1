package jobs_test

import (
	"testing"

	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/services/jobs"
)

// TestUsersNeedTheScopeOfTheirCall checks that a token with only the read scope can't change jobs, and that one with
// only the run scope can't read them.
func TestUsersNeedTheScopeOfTheirCall(t *testing.T) {
	w := setup(t)
	const missing = errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING
	ctx := t.Context()
	reader, runner, importing := w.user("alice", auth.ScopeRead), w.user("alice", auth.ScopeRun), w.user("alice", auth.ScopeImport)
	id := w.create(runner, &jobsv1.CreateJobRequest{}).GetJobId()
	if _, err := reader.GetJob(ctx, &jobsv1.GetJobRequest{JobId: id}); err != nil {
		t.Error(err)
	}
	for name, call := range map[string]func(jobsv1.JobServiceClient) error{
		"create": func(c jobsv1.JobServiceClient) error {
			_, err := c.CreateJob(ctx, &jobsv1.CreateJobRequest{Kind: "crawl"})
			return err
		},
		"cancel": func(c jobsv1.JobServiceClient) error {
			_, err := c.CancelJob(ctx, &jobsv1.CancelJobRequest{JobId: id})
			return err
		},
		"retry": func(c jobsv1.JobServiceClient) error {
			_, err := c.RetryJob(ctx, &jobsv1.RetryJobRequest{JobId: id})
			return err
		},
		"resume": func(c jobsv1.JobServiceClient) error {
			_, err := c.ResumeJob(ctx, &jobsv1.ResumeJobRequest{JobId: id})
			return err
		},
		"delete": func(c jobsv1.JobServiceClient) error {
			_, err := c.DeleteJob(ctx, &jobsv1.DeleteJobRequest{JobId: id})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			wantReason(t, call(reader), missing)
			wantReason(t, call(importing), missing)
		})
	}
	for name, call := range map[string]func(jobsv1.JobServiceClient) error{
		"get": func(c jobsv1.JobServiceClient) error {
			_, err := c.GetJob(ctx, &jobsv1.GetJobRequest{JobId: id})
			return err
		},
		"list": func(c jobsv1.JobServiceClient) error {
			_, err := c.ListJobs(ctx, &jobsv1.ListJobsRequest{})
			return err
		},
		"watch": func(c jobsv1.JobServiceClient) error {
			stream, err := c.WatchJob(ctx, &jobsv1.WatchJobRequest{JobId: id})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		},
		"watch all": func(c jobsv1.JobServiceClient) error {
			stream, err := c.WatchJobs(ctx, &jobsv1.WatchJobsRequest{})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		},
		"output": func(c jobsv1.JobServiceClient) error {
			stream, err := c.ReadOutput(ctx, &jobsv1.ReadOutputRequest{JobId: id})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) { wantReason(t, call(runner), missing) })
	}
	// A job of another user remains invisible: the error about the missing scope does not reveal that the job exists.
	_, err := w.user("bob", auth.ScopeRead).CancelJob(ctx, &jobsv1.CancelJobRequest{JobId: id})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_FOUND)
}

// TestImportJobsNeedRightsOfImports checks that jobs of imports can be changed with the scope for imports, and run
// again only with the right to their schema.
func TestImportJobsNeedRightsOfImports(t *testing.T) {
	w := setup(t)
	ctx := t.Context()
	service := w.user("importer", auth.ScopeService, auth.ScopeImporter)
	id := w.create(service, &jobsv1.CreateJobRequest{Kind: "import", Owner: "alice", Payload: document(t, map[string]any{"schema": "workforce"})}).GetJobId()
	_, err := w.user("alice", auth.ScopeRun).CancelJob(ctx, &jobsv1.CancelJobRequest{JobId: id})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
	if _, err := w.user("alice", auth.ScopeImport).CancelJob(ctx, &jobsv1.CancelJobRequest{JobId: id}); err != nil {
		t.Error(err)
	}
	fleet := jobsv1.NewJobServiceClient(w.connAs(auth.Identity{Subject: "alice", Schemas: []string{"fleet"}}))
	_, err = fleet.RetryJob(ctx, &jobsv1.RetryJobRequest{JobId: id})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
	if _, err := w.user("alice").RetryJob(ctx, &jobsv1.RetryJobRequest{JobId: id}); err != nil {
		t.Error(err)
	}
}

func TestWorkersLeaseTheKindsOfTheirTokens(t *testing.T) {
	w := setup(t)
	worker := jobsv1.NewWorkerServiceClient(w.connAs(auth.Identity{Subject: "w", Scopes: []string{auth.ScopeWorker}, Kinds: []string{"crawl"}}))
	w.create(w.user("alice"), &jobsv1.CreateJobRequest{})
	w.lease(worker)
	_, err := worker.LeaseJobs(t.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl", "media"}})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
}

func TestPriorityAboveNormalNeedsItsScope(t *testing.T) {
	w := setup(t)
	runner, urgent := w.user("alice", auth.ScopeRun), w.user("alice", auth.ScopeRun, auth.ScopePriority)
	const missing = errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING
	_, err := runner.CreateJob(t.Context(), &jobsv1.CreateJobRequest{Kind: "crawl", Priority: 1})
	wantReason(t, err, missing)
	batch := &jobsv1.CreateJobsRequest{Jobs: []*jobsv1.CreateJobRequest{{Kind: "crawl"}, {Kind: "crawl", Priority: 100}, {Kind: "crawl", Priority: -100}}}
	some, err := runner.CreateJobs(t.Context(), batch)
	if err != nil || some.GetResults()[0].GetJob() == nil || some.GetResults()[1].GetError().GetReason() != "SCOPE_MISSING" || some.GetResults()[2].GetJob() == nil {
		t.Errorf("a batch: %v, %v", some, err)
	}
	for name, user := range map[string]jobsv1.JobServiceClient{"with the scope": urgent, "without scopes": w.user("alice"),
		"an administrator": w.user("root", auth.ScopeAdmin), "a service": w.user("gateway", auth.ScopeService)} {
		if _, err := user.CreateJob(t.Context(), &jobsv1.CreateJobRequest{Kind: "crawl", Priority: 1}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestQueueOfOneUserIsLimited also checks that other users, and the user's other calls, are not affected.
func TestQueueOfOneUserIsLimited(t *testing.T) {
	w := setup(t, func(c *jobs.Config) { c.MaxQueued = 3 })
	alice := w.user("alice")
	var ids []string
	for range 3 {
		ids = append(ids, w.create(alice, &jobsv1.CreateJobRequest{}).GetJobId())
	}
	_, err := alice.CreateJob(t.Context(), &jobsv1.CreateJobRequest{Kind: "crawl"})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_QUOTA_EXCEEDED)
	w.create(w.user("bob"), &jobsv1.CreateJobRequest{})
	batch := []*jobsv1.CreateJobRequest{{Kind: "crawl"}, {Kind: "crawl"}, {Kind: "crawl"}, {Kind: "crawl"}}
	some, err := w.user("carol").CreateJobs(t.Context(), &jobsv1.CreateJobsRequest{Jobs: batch})
	if err != nil || some.GetResults()[2].GetJob() == nil || some.GetResults()[3].GetJob() != nil {
		t.Errorf("a batch of four: %v, %v", some, err)
	}
	if _, err := alice.CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: ids[0]}); err != nil {
		t.Fatal(err)
	}
	w.create(alice, &jobsv1.CreateJobRequest{})
}
