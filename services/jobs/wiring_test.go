package jobs

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"headway/services/jobs/internal/dispatch"
	"headway/services/jobs/internal/heartbeat"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/lifecycle"
)

// fixture is a running service. The test moves its clock.
type fixture struct {
	*service
	t *testing.T
}

// inBubble runs the test with a new service whose time advances only while all goroutines wait.
func inBubble(t *testing.T, cfg Config, test func(f *fixture), wrap ...func(job.Store) job.Store) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jobs.db")
	synctest.Test(t, func(t *testing.T) {
		d, stop := start(t, path, cfg, wrap...)
		defer stop()
		test(&fixture{d, t})
	})
}

func (f *fixture) create(change ...func(*job.Spec)) job.Job {
	f.t.Helper()
	spec := job.Spec{Kind: "crawl", Owner: "alice"}
	for _, c := range change {
		c(&spec)
	}
	j, _, err := f.Create(f.t.Context(), spec)
	if err != nil {
		f.t.Fatal(err)
	}
	return j
}

func (f *fixture) lease(wait time.Duration) *job.Job {
	f.t.Helper()
	jobs, err := f.Lease(f.t.Context(), dispatch.LeaseRequest{Kinds: []string{"crawl"}, Max: 1, Wait: wait})
	if err != nil {
		f.t.Fatal(err)
	}
	if len(jobs) == 0 {
		return nil
	}
	return &jobs[0]
}

func (f *fixture) get(id string) job.Job {
	f.t.Helper()
	j, err := f.Get(f.t.Context(), id)
	if err != nil {
		f.t.Fatal(err)
	}
	return j
}

func (f *fixture) say(j *job.Job, message string) {
	f.t.Helper()
	if _, err := f.Beat(f.t.Context(), heartbeat.Heartbeat{ID: j.ID, Token: j.Lease.Token, Report: &job.Report{Message: message}}); err != nil {
		f.t.Error(err)
	}
}

func TestWaitingWorkerGetsJobWhenItIsReady(t *testing.T) {
	inBubble(t, testConfig, func(f *fixture) {
		begun := time.Now()
		var wg sync.WaitGroup
		got := make(chan time.Duration, 3)
		for range 3 {
			wg.Go(func() {
				if f.lease(10*time.Second) != nil {
					got <- time.Since(begun)
				}
			})
		}
		time.Sleep(5 * time.Second)
		f.create()
		f.create(func(s *job.Spec) { s.NotBefore = time.Now().Add(3 * time.Second) })
		wg.Wait()
		close(got)
		var after []time.Duration
		for d := range got {
			after = append(after, d.Round(50*time.Millisecond))
		}
		if len(after) != 2 || after[0] != 5*time.Second || after[1] != 8*time.Second {
			t.Errorf("jobs were leased after %v, want 5s and 8s", after)
		}
	})
}

func TestDisconnectedWorkerLosesNoJob(t *testing.T) {
	store := &meddled{}
	inBubble(t, testConfig, func(f *fixture) {
		j := f.create()
		ctx, cancel := context.WithCancelCause(f.t.Context())
		defer cancel(nil)
		gone := errors.New("the worker went away")
		store.claimed.Store(new(func() { cancel(gone) }))
		if got, err := f.Lease(ctx, dispatch.LeaseRequest{Kinds: []string{"crawl"}, Max: 1}); !errors.Is(err, gone) {
			t.Errorf("leased %v, %v", got, err)
		}
		if got := f.get(j.ID); got.Status != job.Queued || got.Attempt != 0 {
			t.Errorf("the job is %v in attempt %d", got.Status, got.Attempt)
		}
	}, store.wrap)
}

func TestEndOfCappedOwnersJobWakesWorker(t *testing.T) {
	cfg := testConfig
	cfg.MaxActive = 1
	inBubble(t, cfg, func(f *fixture) {
		f.create()
		second := f.create()
		first := f.lease(0)
		got := make(chan *job.Job, 1)
		go func() { got <- f.lease(time.Minute) }()
		synctest.Wait()
		begun := time.Now()
		if _, err := f.Complete(f.t.Context(), lifecycle.Completion{ID: first.ID, Token: first.Lease.Token}); err != nil {
			t.Fatal(err)
		}
		if j := <-got; j == nil || j.ID != second.ID || time.Since(begun) > time.Second {
			t.Errorf("the waiting worker got %v after %v", j, time.Since(begun))
		}
	})
}

func TestQueuePositionsFollowTheQueue(t *testing.T) {
	inBubble(t, testConfig, func(f *fixture) {
		first, second, third := f.create(), f.create(), f.create()
		urgent := f.create(func(s *job.Spec) { s.Priority = 5 })
		if third.QueuePosition != 2 || urgent.QueuePosition != 0 {
			t.Errorf("new jobs have the places %d and %d, want 2 and 0", third.QueuePosition, urgent.QueuePosition)
		}
		check := func(want map[string]uint32) {
			t.Helper()
			time.Sleep(time.Second)
			synctest.Wait()
			for id, position := range want {
				if got := f.get(id).QueuePosition; got != position {
					t.Errorf("job %s has position %d, want %d", id, got, position)
				}
			}
		}
		check(map[string]uint32{urgent.ID: 0, first.ID: 1, second.ID: 2, third.ID: 3})
		f.lease(0)
		if _, err := f.Cancel(f.t.Context(), first.ID, job.Failure{}, everyone); err != nil {
			t.Fatal(err)
		}
		check(map[string]uint32{urgent.ID: 0, first.ID: 0, second.ID: 0, third.ID: 1})
	})
}

func TestRequeuedJobShowsItsPosition(t *testing.T) {
	inBubble(t, testConfig, func(f *fixture) {
		f.create()
		j := f.lease(0)
		for range 4 {
			f.create(func(s *job.Spec) { s.Priority = 1 })
		}
		time.Sleep(time.Second)
		if got, err := f.Release(f.t.Context(), j.ID, j.Lease.Token, nil); err != nil || got.QueuePosition != 4 {
			t.Errorf("the released job has place %d, %v; want 4", got.QueuePosition, err)
		}
		j = f.lease(0)
		failed, err := f.Fail(f.t.Context(), j.ID, j.Lease.Token, job.Failing{})
		if err != nil || failed.QueuePosition != 0 || failed.Ready() {
			t.Errorf("a job that waits for its next attempt has place %d, ready %v, %v", failed.QueuePosition, failed.Ready(), err)
		}
		time.Sleep(time.Until(failed.NotBefore) + time.Second)
		synctest.Wait()
		if got := f.get(j.ID); !got.Ready() || got.QueuePosition != 0 { // it is urgent, and the oldest of the urgent jobs
			t.Errorf("the job is ready: %v, at place %d; want 0", got.Ready(), got.QueuePosition)
		}
	})
}

func TestDeepQueueShowsRoundedPositions(t *testing.T) {
	cfg := testConfig
	cfg.MaxActive = 0
	inBubble(t, cfg, func(f *fixture) {
		const deep = 320
		var ids []string
		for range deep {
			ids = append(ids, f.create().ID)
		}
		last := uint32(300)
		for leased := 0; ; leased += 40 {
			time.Sleep(2 * time.Second)
			synctest.Wait()
			ahead := deep - 1 - leased
			got := f.get(ids[deep-1])
			if got.Status != job.Queued {
				break
			}
			if got.QueuePosition != job.ShownPosition(ahead) || got.QueuePosition > last {
				t.Fatalf("with %d jobs before it the last one shows place %d, before %d", ahead, got.QueuePosition, last)
			}
			last = got.QueuePosition
			gone, err := f.Lease(f.t.Context(), dispatch.LeaseRequest{Kinds: []string{"crawl"}, Max: 40, Duration: time.Hour})
			if err != nil || len(gone) != 40 {
				t.Fatalf("leased %d jobs, %v", len(gone), err)
			}
		}
		if last != 39 {
			t.Errorf("the last place shown was %d, want 39", last)
		}
	})
}

func TestOldJobsAreRemovedAfterRetention(t *testing.T) {
	cfg := testConfig
	cfg.Retention = time.Hour
	inBubble(t, cfg, func(f *fixture) {
		old := f.create()
		if _, err := f.Cancel(f.t.Context(), old.ID, job.Failure{}, everyone); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Minute)
		f.get(old.ID)
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if _, err := f.Get(f.t.Context(), old.ID); err != job.ErrNotFound {
			t.Errorf("after the retention time the job gives %v", err)
		}
	})
}

func TestUnwritableJobDelaysNoExpiry(t *testing.T) {
	store := &meddled{}
	inBubble(t, testConfig, func(f *fixture) {
		var jobs []*job.Job
		for range 3 {
			f.create()
			jobs = append(jobs, f.lease(0))
		}
		store.decided.Store(new(func(j *job.Job) {
			if j.ID == jobs[0].ID {
				j.Progress.Rate = math.Inf(1)
			}
		}))
		time.Sleep(testConfig.LeaseDuration + time.Second)
		synctest.Wait()
		for i, want := range []job.Status{job.Active, job.Queued, job.Queued} {
			if got := f.get(jobs[i].ID).Status; got != want {
				t.Errorf("after the leases have expired, job %d is %v, want %v", i, got, want)
			}
		}
		store.decided.Store(nil)
		time.Sleep(2 * time.Second)
		if got := f.get(jobs[0].ID).Status; got != job.Queued {
			t.Errorf("a job that can be written again is %v", got)
		}
	}, store.wrap)
}

func TestLostLeaseResponseUsesNoAttempt(t *testing.T) {
	for _, c := range []struct {
		name        string
		maxAttempts uint32
		confirms    bool
		attempts    []uint32 // after each lease that expires without a call
		end         job.Status
	}{
		{"several attempts", 2, false, []uint32{0, 0, 0, 1}, job.Queued},
		{"one attempt, and the worker may have started", 1, false, []uint32{1}, job.Failed},
		{"one attempt, and the worker would have called", 1, true, []uint32{0, 0, 0, 1}, job.Failed},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, testConfig, func(f *fixture) {
				j := f.create(func(s *job.Spec) { s.MaxAttempts = c.maxAttempts })
				var got job.Job
				for i, want := range c.attempts {
					leased, err := f.Lease(f.t.Context(), dispatch.LeaseRequest{Kinds: []string{"crawl"}, Max: 1, Confirms: c.confirms})
					if err != nil || len(leased) != 1 {
						t.Fatalf("lease %d: %v, %v", i+1, leased, err)
					}
					time.Sleep(testConfig.LeaseDuration + time.Second)
					synctest.Wait()
					if got = f.get(j.ID); got.Attempt != want || got.Error.Reason != job.ReasonLeaseExpired {
						t.Errorf("after lease %d, %d attempts count, %+v; want %d", i+1, got.Attempt, got.Error, want)
					}
				}
				if got.Status != c.end {
					t.Errorf("in the end the job is %v, want %v", got.Status, c.end)
				}
			})
		})
	}
}
