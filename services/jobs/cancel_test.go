package jobs_test

import (
	"testing"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// TestCancelReasonIsNotThatOfAnEarlierLease cancels a job after a lease that no worker has confirmed. That lease used no attempt, so
// its error has the number of the current one.
func TestCancelReasonIsNotThatOfAnEarlierLease(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		user, worker := w.user("alice"), w.worker()
		for _, reason := range []string{"", "CANCELLED_BY_USER"} {
			id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
			if _, err := worker.LeaseJobs(t.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl"}, LeaseSeconds: 1}); err != nil {
				t.Fatal(err)
			}
			second := w.lease(worker)
			if j := second.GetJob(); j.GetJobId() != id || j.GetAttempt() != 1 || j.GetError().GetReason() != "LEASE_EXPIRED" {
				t.Fatalf("the second lease is %v", j)
			}
			if _, err := user.CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: id}); err != nil {
				t.Fatal(err)
			}
			ended, err := worker.FailJob(t.Context(), &jobsv1.FailJobRequest{JobId: id, LeaseToken: second.GetLeaseToken(), Error: &jobsv1.JobError{Reason: reason}})
			if err != nil || ended.GetJob().GetStatus() != jobsv1.JobStatus_JOB_STATUS_CANCELLED || ended.GetJob().GetError().GetReason() != "CANCELLED_BY_USER" {
				t.Errorf("the job is %v with %v, %v", ended.GetJob().GetStatus(), ended.GetJob().GetError(), err)
			}
		}
	})
}
