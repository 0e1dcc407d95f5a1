package jobs_test

import (
	"context"
	"slices"
	"testing"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

func TestListKindsNamesKindsWithWorkers(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	kinds := func() []string {
		t.Helper()
		resp, err := user.ListKinds(t.Context(), &jobsv1.ListKindsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return resp.GetKinds()
	}
	w.create(user, &jobsv1.CreateJobRequest{Kind: "nobody-runs-this"})
	if got := kinds(); len(got) > 0 {
		t.Errorf("without a worker: %v", got)
	}
	begun, end := make(chan struct{}), make(chan struct{})
	w.work(func(context.Context, *headway.Task) (any, error) {
		close(begun)
		<-end
		return nil, nil
	})
	id := w.create(user, &jobsv1.CreateJobRequest{}).GetJobId()
	<-begun
	if got := kinds(); !slices.Equal(got, []string{"crawl"}) {
		t.Errorf("with a busy worker: %v", got)
	}
	close(end)
	last(t, user, id)
	if got := kinds(); !slices.Equal(got, []string{"crawl"}) {
		t.Errorf("with a worker that waits for a job: %v", got)
	}
}
