package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"headway/services/jobs/internal/job"
)

// at returns alice's job at a revision.
func at(id string, revision uint32, status job.Status) job.Job {
	return job.Job{ID: id, Owner: "alice", Kind: "crawl", Revision: revision, Status: status}
}

func publish(h *Watchers, jobs ...job.Job) { h.Observe(&job.Commit{Jobs: jobs}) }

// next returns the snapshots that a watcher receives without waiting, as IDs with revisions and deleted IDs.
func next(t *testing.T, w *Watcher, limit int) (got map[string]uint32, deleted []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	jobs, deleted, err := w.Next(ctx, limit)
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	got = map[string]uint32{}
	for _, j := range jobs {
		got[j.ID] = j.Revision
	}
	return got, deleted
}

func TestSlowWatcherSkipsToLatestState(t *testing.T) {
	h := New()
	w := h.Owner("alice", nil)
	defer w.Stop()
	for revision := range uint32(1000) {
		publish(h, at("one", revision+1, job.Active), at("two", revision+1, job.Active))
	}
	got, _ := next(t, w, 10)
	if got["one"] != 1000 || got["two"] != 1000 || len(got) != 2 {
		t.Errorf("got %v, want both at revision 1000", got)
	}
	if got, _ := next(t, w, 10); len(got) != 0 {
		t.Errorf("got %v again", got)
	}
}

func TestFinalStateWaitsForItsWatcher(t *testing.T) {
	h := New()
	w := h.Job("one")
	defer w.Stop()
	publish(h, at("one", 2, job.Failed))
	publish(h, at("one", 3, job.Queued)) // retried immediately
	h.Observe(&job.Commit{Deleted: []job.Deleted{{ID: "one", Owner: "alice", Kind: "crawl"}}})
	if got, deleted := next(t, w, 1); got["one"] != 2 || len(deleted) != 0 {
		t.Errorf("got %v, deleted %v; want the failed job at revision 2", got, deleted)
	}
}

func TestStateReadFromStoreIsNotDeliveredAgain(t *testing.T) {
	for _, c := range []struct {
		name                       string
		before, read, after, given uint32
	}{
		{"published before it was read", 3, 3, 0, 0},
		{"read before it was published", 0, 3, 3, 0},
		{"older than the state that was read", 2, 3, 0, 0},
		{"newer than the state that was read", 4, 3, 0, 4},
		{"newer, published later", 0, 3, 4, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := New()
			w := h.Job("one")
			defer w.Stop()
			if c.before > 0 {
				publish(h, at("one", c.before, job.Active))
			}
			w.Seen("one", c.read)
			if c.after > 0 {
				publish(h, at("one", c.after, job.Active))
			}
			if got, _ := next(t, w, 1); got["one"] != c.given {
				t.Errorf("got revision %d, want %d", got["one"], c.given)
			}
		})
	}
}

func TestWatchersGetOnlyTheirOwnersAndKinds(t *testing.T) {
	h := New()
	alice, bob, all, media := h.Owner("alice", nil), h.Owner("bob", nil), h.AllOwners(nil), h.AllOwners([]string{"media"})
	for _, w := range []*Watcher{alice, bob, all, media} {
		defer w.Stop()
	}
	publish(h, at("one", 1, job.Queued))
	for _, c := range []struct {
		name string
		w    *Watcher
		want int
	}{{"alice", alice, 1}, {"bob", bob, 0}, {"all owners", all, 1}, {"media", media, 0}} {
		if got, _ := next(t, c.w, 10); len(got) != c.want {
			t.Errorf("%s got %v, want %d", c.name, got, c.want)
		}
	}
}

func TestDeletionReplacesTheSnapshot(t *testing.T) {
	h := New()
	w := h.AllOwners(nil)
	defer w.Stop()
	publish(h, at("one", 2, job.Completed), at("two", 1, job.Queued))
	h.Observe(&job.Commit{Deleted: []job.Deleted{{ID: "one", Owner: "alice", Kind: "crawl"}}})
	got, deleted := next(t, w, 10)
	if len(got) != 1 || got["two"] != 1 || !slices.Equal(deleted, []string{"one"}) {
		t.Errorf("got %v, deleted %v", got, deleted)
	}
}

func TestPageHoldsLongestWaitingJobsFirst(t *testing.T) {
	h := New()
	w := h.AllOwners(nil)
	defer w.Stop()
	publish(h, at("one", 1, job.Queued), at("two", 1, job.Queued), at("three", 1, job.Queued))
	publish(h, at("one", 2, job.Active))
	if got, _ := next(t, w, 2); got["one"] != 2 || got["two"] != 1 {
		t.Errorf("the first page is %v", got)
	}
	if got, _ := next(t, w, 2); got["three"] != 1 || len(got) != 1 {
		t.Errorf("the second page is %v", got)
	}
}

func TestStoppedWatchLeavesNoState(t *testing.T) {
	h := New()
	for range 10 {
		for _, w := range []*Watcher{h.Job("one"), h.Owner("alice", nil), h.AllOwners(nil)} {
			w.Stop()
		}
		_, stop := h.Output("one")
		stop()
	}
	if jobs, owners, all, outputs := h.Count(); jobs+owners+all+outputs != 0 {
		t.Errorf("there are still %d, %d, %d and %d watchers", jobs, owners, all, outputs)
	}
	if h.Watched("one", "alice", "crawl") {
		t.Error("the job counts as watched")
	}
}

func TestSnapshotIsEncodedOnceForAllWatchers(t *testing.T) {
	h := New()
	watchers := make([]*Watcher, 0, 1001)
	for range 1000 {
		watchers = append(watchers, h.Job("one"))
	}
	watchers = append(watchers, h.AllOwners(nil))
	for revision := range uint32(3) {
		publish(h, at("one", revision+1, job.Active))
		encoded := 0
		for _, w := range watchers {
			got, _, err := w.Next(t.Context(), 1)
			if err != nil || len(got) != 1 {
				t.Fatalf("a watcher got %d snapshots of revision %d: %v", len(got), revision+1, err)
			}
			text := got[0].Encoded(func(j *job.Job) []byte { encoded++; return []byte{byte(j.Revision)} })
			if text[0] != byte(revision+1) {
				t.Fatalf("revision %d came encoded as %v", revision+1, text)
			}
		}
		if encoded != 1 {
			t.Errorf("revision %d was encoded %d times", revision+1, encoded)
		}
	}
	for _, w := range watchers {
		w.Stop()
	}
}

// Documents of jobs wait for a watcher only up to a limit. After that, only the IDs wait.
func TestWaitingStatesTakeLittleMemory(t *testing.T) {
	h := New()
	watchers := []*Watcher{h.AllOwners(nil), h.Owner("alice", nil)}
	const n = 10_000
	for i := range n {
		j := at(fmt.Sprint(i), 1, job.Queued)
		j.Payload = make([]byte, job.MaxDocument)
		publish(h, j)
	}
	for _, w := range watchers {
		full, stubs := 0, 0
		for full+stubs < n {
			jobs, _, err := w.Next(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			for _, j := range jobs {
				if j.Job == nil {
					stubs++
				} else {
					full++
				}
			}
		}
		if full == 0 || full > maxWaitingBytes/job.MaxDocument {
			t.Errorf("%d of %d payloads have waited", full, n)
		}
		w.Stop()
	}
}
