package jobs

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"headway/services/jobs/internal/heartbeat"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/watch"
)

func TestProgressIsWrittenFourTimesPerSecond(t *testing.T) {
	inBubble(t, testConfig, func(f *fixture) {
		f.create()
		j := f.lease(0)
		synctest.Wait()
		before := f.get(j.ID).Revision
		for i := range 200 { // 2 s
			go f.say(j, string(rune('a'+i%26)))
			time.Sleep(10 * time.Millisecond)
		}
		f.say(j, "the latest")
		time.Sleep(300 * time.Millisecond)
		synctest.Wait()
		got := f.get(j.ID)
		if n := got.Revision - before; n < 8 || n > 10 {
			t.Errorf("2.3 s of reports made %d revisions, want 8 to 10", n)
		}
		if got.Progress.Message != "the latest" {
			t.Errorf("the message is %q", got.Progress.Message)
		}
	})
}

// slow is the real store, whose updates take a while.
type slow struct {
	job.Store
	by atomic.Int64 // a time.Duration
}

func (s *slow) wrap(store job.Store) job.Store { s.Store = store; return s }

func (s *slow) Update(ctx context.Context, ids []string, change func(int, *job.Job) error) ([]job.Job, []error) {
	time.Sleep(time.Duration(s.by.Load()))
	return s.Store.Update(ctx, ids, change)
}

func TestSlowWritesDoNotDelayTheNextHeartbeat(t *testing.T) {
	store := &slow{}
	inBubble(t, testConfig, func(f *fixture) {
		f.create()
		j := f.lease(0)
		const write = 60 * time.Millisecond
		store.by.Store(int64(write))
		next := time.Now()
		for i := range 40 {
			time.Sleep(time.Until(next))
			sent := time.Now()
			f.say(j, string(rune('a'+i%26)))
			if took := time.Since(sent); took > write {
				t.Fatalf("heartbeat %d took %v, and its write %v: a worker that reports four times per second waits longer each time", i, took, write)
			}
			next = next.Add(testConfig.ProgressInterval)
		}
		store.by.Store(0)
	}, store.wrap)
}

func TestLateHeartbeatDoesNotDelayTheOthers(t *testing.T) {
	inBubble(t, testConfig, func(f *fixture) {
		f.create()
		j := f.lease(0)
		interval := testConfig.ProgressInterval
		next := time.Now()
		for i := range 12 {
			late := time.Duration(0)
			if i == 3 {
				late = interval * 2 / 5
			}
			time.Sleep(time.Until(next.Add(late)))
			sent := time.Now()
			f.say(j, string(rune('a'+i)))
			if took := time.Since(sent); took > 0 {
				t.Fatalf("heartbeat %d of a worker that reports once per interval waited %v", i, took)
			}
			next = next.Add(interval)
		}
	})
}

func TestHeartbeatIsAnsweredAfterItsCommit(t *testing.T) {
	store := &failing{}
	inBubble(t, testConfig, func(f *fixture) {
		f.create()
		j := f.lease(0)
		for _, message := range []string{"one", "two", "three"} { // the latter two arrive early, and are answered later
			f.say(j, message)
			if got := f.get(j.ID); got.Progress.Message != message {
				t.Errorf("after the answer to %q, %q is stored", message, got.Progress.Message)
			}
		}
		store.err.Store(&job.ErrUnavailable)
		time.Sleep(time.Second)
		beat := heartbeat.Heartbeat{ID: j.ID, Token: j.Lease.Token, Report: &job.Report{Message: "four"}}
		if _, err := f.Beat(f.t.Context(), beat); !errors.Is(err, job.ErrUnavailable) {
			t.Errorf("a heartbeat that cannot be written gives %v", err)
		}
		store.err.Store(nil)
		if _, err := f.Beat(f.t.Context(), beat); err != nil {
			t.Errorf("repeated, it gives %v", err)
		}
		if got := f.get(j.ID); got.Progress.Message != "four" {
			t.Errorf("%q is stored", got.Progress.Message)
		}
	}, store.wrap)
}

// failing is the real store, whose updates can be made to fail.
type failing struct {
	job.Store
	err atomic.Pointer[error]
}

func (s *failing) wrap(store job.Store) job.Store { s.Store = store; return s }

func (s *failing) Update(ctx context.Context, ids []string, change func(int, *job.Job) error) ([]job.Job, []error) {
	err := s.err.Load()
	if err == nil {
		return s.Store.Update(ctx, ids, change)
	}
	errs := make([]error, len(ids))
	for i := range errs {
		errs[i] = *err
	}
	return make([]job.Job, len(ids)), errs
}

func TestStatusChangeIncludesUnwrittenProgress(t *testing.T) {
	inBubble(t, testConfig, func(f *fixture) {
		f.create()
		j := f.lease(0)
		f.say(j, "written immediately")
		synctest.Wait()
		go f.say(j, "not written yet")
		synctest.Wait()
		if _, err := f.Fail(f.t.Context(), j.ID, j.Lease.Token, job.Failing{Permanent: true}); err != nil {
			t.Fatal(err)
		}
		if got := f.get(j.ID); got.Progress.Message != "not written yet" {
			t.Errorf("the failed job says %q", got.Progress.Message)
		}
		time.Sleep(time.Second)
		if got := f.get(j.ID); got.Status != job.Failed {
			t.Errorf("a late write made the job %v", got.Status)
		}
	})
}

func TestBareHeartbeatKeepsLeaseWithoutRevision(t *testing.T) {
	inBubble(t, testConfig, func(f *fixture) {
		f.create()
		j := f.lease(0)
		for range 8 {
			time.Sleep(3 * time.Second)
			if _, err := f.Beat(f.t.Context(), heartbeat.Heartbeat{ID: j.ID, Token: j.Lease.Token}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Second)
		if got := f.get(j.ID); got.Status != job.Active || got.Revision != j.Revision || got.Progress.Stalled {
			t.Errorf("the job is %v at revision %d, stalled %v", got.Status, got.Revision, got.Progress.Stalled)
		}
		time.Sleep(time.Second)
		if _, err := f.Beat(f.t.Context(), heartbeat.Heartbeat{ID: j.ID, Token: j.Lease.Token}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := f.get(j.ID); !got.Progress.Stalled || got.Revision != j.Revision+1 {
			t.Errorf("after 30 s without movement stalled is %v at revision %d", got.Progress.Stalled, got.Revision)
		}
	})
}

func TestWatchedJobReportsMoreOften(t *testing.T) {
	inBubble(t, testConfig, func(f *fixture) {
		f.create()
		j := f.lease(0)
		wanted := func() time.Duration {
			t.Helper()
			beat, err := f.Beat(f.t.Context(), heartbeat.Heartbeat{ID: j.ID, Token: j.Lease.Token})
			if err != nil {
				t.Fatal(err)
			}
			return beat.ProgressInterval
		}
		if got := wanted(); got != testConfig.IdleProgressInterval {
			t.Errorf("for a job that is not watched, progress is wanted every %v", got)
		}
		for what, begin := range map[string]func() *watch.Watcher{
			"the job":                func() *watch.Watcher { return f.Watchers.Job(j.ID) },
			"the owner's":            func() *watch.Watcher { return f.Watchers.Owner("alice", nil) },
			"everyone's of the kind": func() *watch.Watcher { return f.Watchers.AllOwners([]string{"crawl"}) },
		} {
			watcher := begin()
			if got := wanted(); got != testConfig.ProgressInterval {
				t.Errorf("while %s is watched, progress is wanted every %v", what, got)
			}
			watcher.Stop()
		}
		other := f.Watchers.AllOwners([]string{"media"})
		defer other.Stop()
		if got := wanted(); got != testConfig.IdleProgressInterval {
			t.Errorf("after all watches have ended, progress is wanted every %v", got)
		}
	})
}

func TestUnwrittenRenewalCountsAtExpiry(t *testing.T) {
	cfg := testConfig
	cfg.ProgressInterval = time.Minute // renewals after the first heartbeat are written long after the stored lease has expired
	inBubble(t, cfg, func(f *fixture) {
		f.create()
		j := f.lease(0)
		beat := func() {
			if _, err := f.Beat(f.t.Context(), heartbeat.Heartbeat{ID: j.ID, Token: j.Lease.Token}); err != nil {
				t.Error(err)
			}
		}
		beat()
		synctest.Wait()
		time.Sleep(5 * time.Second)
		go beat()
		time.Sleep(7 * time.Second) // 12 s after the stored renewal, 7 s after the last heartbeat
		if got := f.get(j.ID); got.Status != job.Active {
			t.Errorf("the job is %v, %+v", got.Status, got.Error)
		}
		time.Sleep(5 * time.Second)
		if got := f.get(j.ID); got.Status != job.Queued || got.Error.Reason != job.ReasonLeaseExpired {
			t.Errorf("a lease after the last sign of life the job is %v, %+v", got.Status, got.Error)
		}
	})
}

// meddled is the real store, with a hook that is called when a change has been decided and is not durable yet.
type meddled struct {
	job.Store
	decided atomic.Pointer[func(*job.Job)]
	claimed atomic.Pointer[func()]
}

func (m *meddled) wrap(real job.Store) job.Store {
	m.Store = real
	return m
}

// Claim calls claimed when the jobs are leased, before their worker receives them.
func (m *meddled) Claim(ctx context.Context, c job.Claim) (job.Claimed, error) {
	got, err := m.Store.Claim(ctx, c)
	if claimed := m.claimed.Load(); claimed != nil && len(got.Jobs) > 0 { // the service itself also asks for jobs
		(*claimed)()
	}
	return got, err
}

func (m *meddled) Update(ctx context.Context, ids []string, change func(int, *job.Job) error) ([]job.Job, []error) {
	return m.Store.Update(ctx, ids, func(i int, j *job.Job) error {
		err := change(i, j)
		if decided := m.decided.Load(); decided != nil {
			(*decided)(j)
		}
		return err
	})
}

func TestHeartbeatIsRefusedOnceItsLeaseEnds(t *testing.T) {
	store := &meddled{}
	inBubble(t, testConfig, func(f *fixture) {
		f.create()
		j := f.lease(0)
		f.say(j, "started") // so that the attempt counts
		synctest.Wait()
		var refused atomic.Int32
		decided := func(stored *job.Job) {
			if stored.Status == job.Active {
				return
			}
			beat := heartbeat.Heartbeat{ID: j.ID, Token: j.Lease.Token, Checkpoint: []byte("a promise that could not be kept")}
			if _, err := f.Beat(f.t.Context(), beat); !errors.Is(err, job.ErrLeaseLost) {
				t.Errorf("a heartbeat just before the commit gives %v", err)
			}
			refused.Add(1)
		}
		store.decided.Store(&decided)
		time.Sleep(testConfig.LeaseDuration)
		synctest.Wait()
		if next := f.lease(0); next == nil || next.Attempt != 2 || refused.Load() != 1 {
			t.Errorf("the next worker got %+v after %d refusals", next, refused.Load())
		} else if _, err := f.Beat(f.t.Context(), heartbeat.Heartbeat{ID: next.ID, Token: next.Lease.Token}); err != nil {
			t.Errorf("the next worker's heartbeat gives %v", err)
		}
	}, store.wrap)
}

func TestUnwrittenProgressIsWrittenWhenTheServiceStops(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	synctest.Test(t, func(t *testing.T) {
		d, stop := start(t, path, testConfig)
		f := &fixture{d, t}
		f.create()
		j := f.lease(0)
		f.say(j, "one")
		synctest.Wait()
		f.say(j, "two")
		stop()
		d, stop = start(t, path, testConfig)
		defer stop()
		if got, err := d.Get(t.Context(), j.ID); err != nil || got.Progress.Message != "two" {
			t.Errorf("after the restart the message is %q, %v", got.Progress.Message, err)
		}
	})
}
