package jobs_test

import (
	"maps"
	"strings"
	"testing"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// A watcher that doesn't read for a while gets the latest state of every job, even though the service keeps only the IDs of most.
func TestWatcherThatIsFarBehindGetsAllJobs(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		user, worker := w.user("alice"), w.worker()
		stream, err := user.WatchJobs(patient(t), &jobsv1.WatchJobsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if first, err := stream.Recv(); err != nil || !first.GetSynced() {
			t.Fatalf("the first message is %v, %v", first, err)
		}
		const n = 1500
		payload := `{"text":"` + strings.Repeat("p", 8000) + `"}`
		want := map[string]jobsv1.JobStatus{}
		var ids []string
		for len(ids) < n {
			r := &jobsv1.CreateJobsRequest{}
			for range 100 {
				r.Jobs = append(r.Jobs, &jobsv1.CreateJobRequest{Kind: "crawl", PayloadJson: payload})
			}
			resp, err := user.CreateJobs(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			for _, created := range resp.GetResults() {
				ids = append(ids, created.GetJob().GetJobId())
				want[created.GetJob().GetJobId()] = jobsv1.JobStatus_JOB_STATUS_QUEUED
			}
		}
		leased, err := worker.LeaseJobs(t.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl"}, MaxJobs: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range leased.GetJobs() {
			if _, err := worker.CompleteJob(t.Context(), &jobsv1.CompleteJobRequest{JobId: l.GetJob().GetJobId(), LeaseToken: l.GetLeaseToken()}); err != nil {
				t.Fatal(err)
			}
			want[l.GetJob().GetJobId()] = jobsv1.JobStatus_JOB_STATUS_COMPLETED
		}
		last := ids[n-1]
		if _, err := user.CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: last}); err != nil {
			t.Fatal(err)
		}
		if _, err := user.DeleteJob(t.Context(), &jobsv1.DeleteJobRequest{JobId: last}); err != nil {
			t.Fatal(err)
		}
		delete(want, last)
		got, revisions, deleted := map[string]jobsv1.JobStatus{}, map[string]uint32{}, false
		for !deleted || !maps.Equal(got, want) {
			resp, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			for _, j := range resp.GetJobs() {
				id := j.GetJobId()
				if j.GetRevision() <= revisions[id] {
					t.Errorf("job %s came with revision %d after %d", id, j.GetRevision(), revisions[id])
				}
				if text, _ := j.GetPayload().AsMap()["text"].(string); len(text) != 8000 {
					t.Fatalf("job %s came without its payload", id)
				}
				got[id], revisions[id] = j.GetStatus(), j.GetRevision()
			}
			for _, id := range resp.GetDeletedJobIds() {
				deleted = deleted || id == last
				delete(got, id)
			}
		}
	})
}
