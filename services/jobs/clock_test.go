package jobs

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"headway/services/jobs/internal/heartbeat"
	"headway/services/jobs/internal/job"
)

// shifted is a wall clock and a monotonic clock that the test can move in addition to the time of its bubble.
type shifted struct {
	start         time.Time
	wall, elapsed atomic.Int64 // the time by which each was moved
}

func (s *shifted) clock() *job.Clock {
	s.start = time.Now()
	return job.NewClockFrom(
		func() time.Time { return time.Now().Add(time.Duration(s.wall.Load())) },
		func() time.Duration { return time.Since(s.start) + time.Duration(s.elapsed.Load()) })
}

// freeze simulates that the process was stopped: both clocks have advanced, and nothing else has happened.
func (s *shifted) freeze(d time.Duration) {
	s.wall.Add(int64(d))
	s.elapsed.Add(int64(d))
}

func (s *shifted) setWallClock(by time.Duration) { s.wall.Add(int64(by)) }

func TestFrozenServiceExtendsAllLeases(t *testing.T) {
	clockTest(t, func(t *testing.T, s *shifted) { s.freeze(12 * time.Second) })
}

func TestForwardStepOfWallClockEndsNoLease(t *testing.T) {
	clockTest(t, func(t *testing.T, s *shifted) { s.setWallClock(time.Hour) })
}

func TestBackwardStepOfWallClockKeepsNoDeadLease(t *testing.T) {
	clockTest(t, func(t *testing.T, s *shifted) { s.setWallClock(-time.Hour) })
}

// TestHeartbeatBeforeStepKeepsNoDeadLease sets the clock back while a heartbeat waits for its write, and then the worker dies.
func TestHeartbeatBeforeStepKeepsNoDeadLease(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	synctest.Test(t, func(t *testing.T) {
		cfg, s := testConfig, &shifted{}
		cfg.clock, cfg.ProgressInterval = s.clock(), 2*time.Second // a check of the clock comes before the write
		running, stop := start(t, path, cfg)
		defer stop()
		f := &fixture{running, t}
		f.create()
		j := f.lease(0)
		beat := func(message string) {
			if _, err := f.Beat(f.t.Context(), heartbeat.Heartbeat{ID: j.ID, Token: j.Lease.Token, Report: &job.Report{Message: message}}); err != nil {
				t.Errorf("the heartbeat gives %v", err)
			}
		}
		beat("first")
		go beat("second")
		synctest.Wait()
		s.setWallClock(-time.Hour)
		time.Sleep(cfg.LeaseDuration + cfg.ProgressInterval + time.Second)
		synctest.Wait()
		if got := f.get(j.ID); got.Status != job.Queued {
			t.Errorf("the job of the dead worker is %v, with a lease for %v", got.Status, got.Lease.ExpiresAt.Sub(cfg.clock.Now()))
		}
	})
}

// clockTest checks that a change of the clocks doesn't end the lease of a live worker, and that a dead worker still
// loses its job, at most a lease duration later. A worker that was asked to stop has its whole grace period from then on.
func clockTest(t *testing.T, happen func(t *testing.T, s *shifted)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "jobs.db")
	synctest.Test(t, func(t *testing.T) {
		cfg, s := testConfig, &shifted{}
		cfg.MaxActive, cfg.clock = -1, s.clock()
		running, stop := start(t, path, cfg)
		defer stop()
		f := &fixture{running, t}
		var jobs []*job.Job
		for range 20 {
			f.create()
			jobs = append(jobs, f.lease(0))
		}
		dead, alive, asked := jobs[0], jobs[1:], jobs[1]
		beat := func(when string) {
			t.Helper()
			for _, j := range alive {
				if _, err := f.Beat(f.t.Context(), heartbeat.Heartbeat{ID: j.ID, Token: j.Lease.Token}); err != nil {
					t.Fatalf("%s, the heartbeat of a live worker gives %v", when, err)
				}
			}
		}
		time.Sleep(3 * time.Second)
		beat("before")
		if _, err := f.Cancel(t.Context(), asked.ID, job.Failure{}, func(*job.Job) error { return nil }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		happen(t, s)
		for i := range 6 {
			time.Sleep(2 * time.Second)
			synctest.Wait()
			beat("after " + (time.Duration(i+1) * 2 * time.Second).String())
		}
		if got := f.get(dead.ID); got.Status != job.Queued || got.Error == nil || got.Error.Reason != job.ReasonLeaseExpired {
			t.Errorf("12 s later, the job of the dead worker is %v with %+v", got.Status, got.Error)
		}
		for _, j := range alive {
			if got := f.get(j.ID); got.Status != job.Active || got.Progress.Stalled {
				t.Errorf("the job of a live worker is %v, stalled %v", got.Status, got.Progress.Stalled)
			}
		}
		time.Sleep(cfg.CancelGrace - 10*time.Second) // a check of the clock comes up to half a second later
		alive = alive[1:]
		beat("later")
		synctest.Wait()
		if got := f.get(asked.ID); got.Status != job.Cancelled {
			t.Errorf("after its grace period, the job of a worker that did not stop is %v", got.Status)
		}
		f.create()
		if next := f.lease(0); next == nil || next.Lease.ExpiresAt.Sub(next.UpdatedAt) != cfg.LeaseDuration {
			t.Errorf("a new lease does not last for its duration: %+v", next) // workers measure it by these two times
		}
		if now := time.Now().Add(time.Duration(s.wall.Load())); f.create().CreatedAt.Sub(now).Abs() > 3*time.Second {
			t.Error("the times of new jobs do not follow the wall clock")
		}
	})
}
