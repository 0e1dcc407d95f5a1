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

// TestCancelReasonIsKeptWhateverItIsCalled cancels active jobs with reasons that the service itself uses for other ends, and with a
// message alone.
func TestCancelReasonIsKeptWhateverItIsCalled(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		user, worker := w.user("alice"), w.worker()
		for _, c := range []struct{ reason, want string }{
			{"LEASE_EXPIRED", "LEASE_EXPIRED"}, {"WORKER_FAILED", "WORKER_FAILED"}, {"wrong file", "wrong_file"}, {"", "CANCELLED_BY_USER"},
		} {
			for _, active := range []bool{true, false} {
				id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
				var token string
				if active {
					token = w.lease(worker).GetLeaseToken()
				}
				why := &jobsv1.JobError{Reason: c.reason, Message: "The file has changed."}
				cancelled, err := user.CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: id, Error: why})
				if err != nil {
					t.Fatal(err)
				}
				ended := cancelled.GetJob()
				if active {
					failed, err := worker.FailJob(t.Context(), &jobsv1.FailJobRequest{JobId: id, LeaseToken: token})
					if err != nil {
						t.Fatal(err)
					}
					ended = failed.GetJob()
				}
				if e := ended.GetError(); ended.GetStatus() != jobsv1.JobStatus_JOB_STATUS_CANCELLED || e.GetReason() != c.want || e.GetMessage() != why.GetMessage() {
					t.Errorf("active %v, reason %q: the job is %v with %v", active, c.reason, ended.GetStatus(), e)
				}
			}
		}
	})
}
