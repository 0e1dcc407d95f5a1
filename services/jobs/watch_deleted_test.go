package jobs_test

import (
	"strings"
	"testing"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// A watcher that does not read for a while gets many deletions. No message has more than a page of them.
func TestManyDeletionsFitIntoMessages(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	const n, page = 500, 200
	payload := document(t, map[string]any{"text": strings.Repeat("x", 8000)}) // so that the stream is full before the deletions
	for range n / 100 {
		request := &jobsv1.CreateJobsRequest{}
		for range 100 {
			request.Jobs = append(request.Jobs, &jobsv1.CreateJobRequest{Kind: "crawl", Payload: payload})
		}
		if _, err := user.CreateJobs(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}
	stream, err := user.WatchJobs(t.Context(), &jobsv1.WatchJobsRequest{Kinds: []string{"crawl"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	for _, change := range []jobsv1.JobChange{jobsv1.JobChange_JOB_CHANGE_CANCEL, jobsv1.JobChange_JOB_CHANGE_DELETE} {
		if got := w.change(user, &jobsv1.ChangeJobsRequest{Change: change, Kinds: []string{"crawl"}}).GetResult().AsMap()["changed"]; got != float64(n) {
			t.Fatalf("%v has changed %v jobs", change, got)
		}
	}
	deleted := map[string]bool{}
	for len(deleted) < n {
		resp, err := stream.Recv()
		if err != nil {
			t.Fatalf("after %d deletions: %v", len(deleted), err)
		}
		if got := len(resp.GetDeletedJobIds()); got > page {
			t.Errorf("a message has %d deletions", got)
		}
		for _, id := range resp.GetDeletedJobIds() {
			deleted[id] = true
		}
	}
}
