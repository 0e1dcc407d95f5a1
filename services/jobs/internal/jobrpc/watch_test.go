package jobrpc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/lifecycle"
	"headway/services/jobs/internal/watch"
)

// shelf is a store that only reads. It counts its calls.
type shelf struct {
	job.Store
	jobs  map[string]job.Job
	calls int
}

func (s *shelf) Get(_ context.Context, id string) (job.Job, error) {
	s.calls++
	j, ok := s.jobs[id]
	if !ok {
		return job.Job{}, job.ErrNotFound
	}
	return j, nil
}

func (s *shelf) GetAll(_ context.Context, ids []string) (found []job.Job, err error) {
	s.calls++
	for _, id := range ids {
		if j, ok := s.jobs[id]; ok {
			found = append(found, j)
		}
	}
	return found, nil
}

// A watcher that is far behind reads the jobs of a message with one call, not with one for each job.
func TestJobsOfWhichOnlyIDsWaitedAreReadTogether(t *testing.T) {
	store, watchers := &shelf{jobs: map[string]job.Job{}}, watch.New()
	s := &Jobs{Rooms: Rooms{Lifecycle: lifecycle.New(lifecycle.Config{}, store, nil, nil)}}
	watcher := watchers.Owner("ann", nil)
	defer watcher.Stop()
	payload := []byte(`{"text":"` + strings.Repeat("p", 8000) + `"}`)
	const n = 1500
	for i := range n {
		j := job.Job{ID: fmt.Sprint("job-", i), Kind: "crawl", Owner: "ann", Revision: 1, Payload: payload}
		watchers.Deliver([]*watch.Snapshot{watch.NewSnapshot(&j, nil)}, nil, nil)
		switch i {
		case n - 1: // was deleted
			continue
		case n - 2: // is another one by now
			j.Owner = "bob"
		case n - 3:
			j.Revision = 5
		}
		store.jobs[j.ID] = j
	}
	revisions, messages := map[string]uint32{}, 0
	for len(revisions) < n-2 {
		jobs, _, err := watcher.Next(t.Context(), watchPage)
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := s.latest(t.Context(), watcher, jobs, "ann")
		if err != nil {
			t.Fatal(err)
		}
		messages++
		var resp jobsv1.WatchJobsResponse
		if err := proto.Unmarshal(slices.Concat(encoded...), &resp); err != nil {
			t.Fatal(err)
		}
		for _, j := range resp.GetJobs() {
			if _, again := revisions[j.GetJobId()]; again || j.GetOwner() != "ann" || len(j.GetPayload().GetFields()) == 0 {
				t.Fatalf("unexpected job %s of %s", j.GetJobId(), j.GetOwner())
			}
			revisions[j.GetJobId()] = j.GetRevision()
		}
	}
	if store.calls == 0 || store.calls > messages {
		t.Errorf("the store was called %d times for %d messages", store.calls, messages)
	}
	if got := revisions[fmt.Sprint("job-", n-3)]; got != 5 {
		t.Errorf("a job that has changed came with revision %d", got)
	}
}
