package watch

import (
	"testing"
	"time"

	"headway/services/jobs/internal/job"
)

func TestStatesOfReplicasNeverGoBack(t *testing.T) {
	w := New()
	watcher := w.AllOwners(nil)
	defer watcher.Stop()
	created := time.Now()
	deliver := func(created time.Time, revision uint32) {
		w.Deliver([]*Snapshot{NewSnapshot(&job.Job{ID: "one", Owner: "alice", Kind: "crawl", Revision: revision, CreatedAt: created}, nil)}, nil, nil)
	}
	drop := func(created time.Time) {
		w.Deliver(nil, []job.Deleted{{ID: "one", Owner: "alice", Kind: "crawl", CreatedAt: created}}, nil)
	}
	next := func() (revision uint32, deleted bool) {
		t.Helper()
		states, gone, err := watcher.Next(t.Context(), 10)
		if err != nil || len(states)+len(gone) != 1 {
			t.Fatalf("got %v, %v, %v", states, gone, err)
		}
		if len(gone) > 0 {
			return 0, true
		}
		return states[0].Revision, false
	}
	deliver(created, 7)
	if got, _ := next(); got != 7 {
		t.Errorf("got revision %d, want 7", got)
	}
	deliver(created, 6) // of another replica, and late
	deliver(created, 8)
	if got, _ := next(); got != 8 {
		t.Errorf("got revision %d, want 8", got)
	}
	drop(created)
	if _, deleted := next(); !deleted {
		t.Error("the deletion is missing")
	}
	deliver(created, 9) // late
	later := created.Add(time.Second)
	deliver(later, 1) // another job with the same ID
	if got, _ := next(); got != 1 {
		t.Errorf("got revision %d of the new job, want 1", got)
	}
	drop(created) // late
	deliver(later, 2)
	if got, deleted := next(); got != 2 || deleted {
		t.Errorf("got revision %d, deleted %v, want revision 2", got, deleted)
	}
	w.End(job.ErrIncomplete)
	if _, _, err := watcher.Next(t.Context(), 1); err != job.ErrIncomplete { //nolint:errorlint // it is passed on as it is
		t.Errorf("the end is %v", err)
	}
}
