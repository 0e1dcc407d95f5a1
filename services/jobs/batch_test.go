package jobs_test

import (
	"fmt"
	"testing"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

func TestBatchesHaveResultPerJob(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		user, worker := w.user("alice"), w.worker()
		var request jobsv1.CreateJobsRequest
		for i := range 20 {
			request.Jobs = append(request.Jobs, &jobsv1.CreateJobRequest{Kind: "crawl", RequestId: fmt.Sprint("r-", i), Title: fmt.Sprint("job ", i)})
		}
		request.Jobs[3].Owner = "bob" // not allowed
		first, err := user.CreateJobs(t.Context(), &request)
		if err != nil || len(first.GetResults()) != 20 {
			t.Fatal(first, err)
		}
		request.Jobs[4].Title = "another" // with a request ID that is already used
		second, err := user.CreateJobs(t.Context(), &request)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range second.GetResults() {
			was := first.GetResults()[i]
			switch i {
			case 3:
				if r.GetError().GetReason() != "SCOPE_MISSING" || was.GetJob() != nil {
					t.Errorf("a job for another user gives %v", r)
				}
			case 4:
				if r.GetError().GetReason() != "REQUEST_ID_REUSED" || was.GetJob() == nil {
					t.Errorf("another request with a used id gives %v", r)
				}
			default:
				if !r.GetReplayed() || was.GetReplayed() || r.GetJob().GetJobId() != was.GetJob().GetJobId() {
					t.Errorf("job %d was created as %v, and repeated as %v", i, was, r)
				}
			}
		}
		leased, err := worker.LeaseJobs(t.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl"}, MaxJobs: 100})
		if err != nil || len(leased.GetJobs()) != 19 {
			t.Fatalf("leased %d jobs, %v", len(leased.GetJobs()), err)
		}
		var complete jobsv1.CompleteJobsRequest
		for i, l := range leased.GetJobs() {
			want := first.GetResults()[i+min(1, i/3)] // except the refused one
			if l.GetJob().GetJobId() != want.GetJob().GetJobId() {
				t.Errorf("lease %d is %q, want %q: batches keep their order", i, l.GetJob().GetTitle(), want.GetJob().GetTitle())
			}
			complete.Jobs = append(complete.Jobs, &jobsv1.CompleteJobRequest{JobId: l.GetJob().GetJobId(), LeaseToken: l.GetLeaseToken()})
		}
		complete.Jobs[7].LeaseToken = "stale"
		for range 2 { // the repeated call gets the same response
			done, err := worker.CompleteJobs(t.Context(), &complete)
			if err != nil || len(done.GetResults()) != 19 {
				t.Fatal(done, err)
			}
			for i, r := range done.GetResults() {
				want := ""
				if i == 7 {
					want = "LEASE_LOST"
				}
				if r.GetJobId() != complete.GetJobs()[i].GetJobId() || r.GetError().GetReason() != want {
					t.Errorf("completing job %d gives %v, want %q", i, r, want)
				}
			}
		}
	})
}
