package jobs_test

import (
	"testing"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// TestKindNamedTwiceLeasesEachJobOnce asks for the same kind twice. Each job is still leased once, and in its order.
func TestKindNamedTwiceLeasesEachJobOnce(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		user, worker := w.user("alice"), w.worker()
		const n = 5
		for range n {
			w.create(user, &jobsv1.CreateJobRequest{})
		}
		resp, err := worker.LeaseJobs(t.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl", "crawl", "crawl"}, MaxJobs: 2 * n, WaitSeconds: -1})
		if err != nil || len(resp.GetJobs()) != n {
			t.Fatalf("LeaseJobs: %d jobs, %v, want %d", len(resp.GetJobs()), err, n)
		}
		seen := map[string]bool{}
		for _, l := range resp.GetJobs() {
			if seen[l.GetJob().GetJobId()] {
				t.Errorf("job %s is leased twice", l.GetJob().GetJobId())
			}
			seen[l.GetJob().GetJobId()] = true
			if _, err := worker.CompleteJob(t.Context(), &jobsv1.CompleteJobRequest{JobId: l.GetJob().GetJobId(), LeaseToken: l.GetLeaseToken()}); err != nil {
				t.Error(err)
			}
		}
		list, err := user.ListJobs(t.Context(), &jobsv1.ListJobsRequest{Kinds: []string{"crawl", "crawl"}, PageSize: 100})
		if err != nil || len(list.GetJobs()) != n {
			t.Errorf("a list of the kind named twice has %d jobs, %v, want %d", len(list.GetJobs()), err, n)
		}
		list, err = user.ListJobs(t.Context(), &jobsv1.ListJobsRequest{PageSize: 100, Statuses: []jobsv1.JobStatus{4, 4, 2}})
		if err != nil || len(list.GetJobs()) != n {
			t.Errorf("a list of a status named twice has %d jobs, %v, want %d", len(list.GetJobs()), err, n)
		}
	})
}
