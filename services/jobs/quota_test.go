package jobs_test

import (
	"context"
	"strings"
	"testing"

	"headway/clients/go"
	errorsv1 "headway/gen/go/headway/errors/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/jobs"
)

// TestOutputsOfOneUserAreLimited: together, in all of the user's jobs. A repeated append needs no room, deleting a job makes
// some, and a caller without the lease learns nothing about the quota.
func TestOutputsOfOneUserAreLimited(t *testing.T) {
	w := setup(t, func(c *jobs.Config) { c.OutputBytesPerUser = 1000 })
	alice, worker := w.user("alice"), w.worker()
	add := func(l *jobsv1.LeasedJob, token string, offset, n int64) error {
		_, err := worker.AppendOutput(t.Context(), &jobsv1.AppendOutputRequest{JobId: l.GetJob().GetJobId(), LeaseToken: token, Offset: offset, Data: make([]byte, n)})
		return err
	}
	w.create(alice, &jobsv1.CreateJobRequest{})
	first := w.lease(worker)
	for range 3 {
		if err := add(first, first.GetLeaseToken(), 0, 600); err != nil {
			t.Fatal(err)
		}
	}
	w.create(alice, &jobsv1.CreateJobRequest{})
	second := w.lease(worker)
	wantReason(t, add(second, second.GetLeaseToken(), 0, 401), errorsv1.ErrorReason_ERROR_REASON_QUOTA_EXCEEDED)
	wantReason(t, add(second, first.GetLeaseToken(), 0, 401), errorsv1.ErrorReason_ERROR_REASON_LEASE_LOST)
	if err := add(second, second.GetLeaseToken(), 0, 400); err != nil {
		t.Errorf("the last 400 bytes: %v", err)
	}
	w.create(w.user("bob"), &jobsv1.CreateJobRequest{})
	other := w.lease(worker)
	if err := add(other, other.GetLeaseToken(), 0, 1000); err != nil {
		t.Errorf("another user: %v", err)
	}
	id := first.GetJob().GetJobId()
	if _, err := worker.CompleteJob(t.Context(), &jobsv1.CompleteJobRequest{JobId: id, LeaseToken: first.GetLeaseToken()}); err != nil {
		t.Fatal(err)
	}
	if _, err := alice.DeleteJob(t.Context(), &jobsv1.DeleteJobRequest{JobId: id}); err != nil {
		t.Fatal(err)
	}
	if err := add(second, second.GetLeaseToken(), 400, 600); err != nil {
		t.Errorf("after a deletion: %v", err)
	}
	w.create(alice, &jobsv1.CreateJobRequest{})
	w.work(func(_ context.Context, task *headway.Task) (any, error) {
		_, err := task.Output().Write(make([]byte, 1))
		return nil, err
	})
	page, err := alice.ListJobs(t.Context(), &jobsv1.ListJobsRequest{PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	failed := last(t, alice, page.GetJobs()[0].GetJobId())
	if failed.GetError().GetReason() != "QUOTA_EXCEEDED" || !strings.Contains(failed.GetError().GetMessage(), "--output-bytes-per-user") || failed.GetAttempt() != 1 {
		t.Errorf("the job of a worker without room ended as %v", failed)
	}
}
