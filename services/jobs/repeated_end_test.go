package jobs_test

import (
	"testing"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// TestRepeatedEndIsRecognizedAfterTheNextLease repeats calls whose responses were lost when another worker already has the job.
func TestRepeatedEndIsRecognizedAfterTheNextLease(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		user, worker := w.user("alice"), w.worker()
		for name, end := range map[string]func(id, token string) (*jobsv1.Job, error){
			"fail": func(id, token string) (*jobsv1.Job, error) {
				resp, err := worker.FailJob(t.Context(), &jobsv1.FailJobRequest{JobId: id, LeaseToken: token})
				return resp.GetJob(), err
			},
			"release": func(id, token string) (*jobsv1.Job, error) {
				resp, err := worker.ReleaseJob(t.Context(), &jobsv1.ReleaseJobRequest{JobId: id, LeaseToken: token})
				return resp.GetJob(), err
			},
		} {
			t.Run(name, func(t *testing.T) {
				id, token := w.begin(user, worker, &jobsv1.CreateJobRequest{Retry: &jobsv1.RetryPolicy{BackoffSeconds: 1e-6}})
				if _, err := end(id, token); err != nil {
					t.Fatal(err)
				}
				second := w.lease(worker)
				again, err := end(id, token)
				if err != nil || again.GetStatus() != jobsv1.JobStatus_JOB_STATUS_ACTIVE {
					t.Errorf("the repeated call gives %v, %v", again, err)
				}
				if _, err := worker.CompleteJob(t.Context(), &jobsv1.CompleteJobRequest{JobId: second.GetJob().GetJobId(), LeaseToken: second.GetLeaseToken()}); err != nil {
					t.Errorf("the other worker gets %v", err)
				}
			})
		}
	})
}
