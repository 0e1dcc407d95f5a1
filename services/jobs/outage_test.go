package jobs_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/pgtest"
	"headway/services/jobs"
)

// The database stops for longer than a lease. No live worker loses its job because of that, and the job of a worker that is gone is
// taken from it afterwards. The workers send their heartbeats at the same time, as real ones do: one after the other, those of a slow
// machine would come after their leases.
func TestDatabaseOutageExtendsAllLeases(t *testing.T) {
	server, err := pgtest.Start("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	const lease = 4 * time.Second
	w := setup(t, func(c *jobs.Config) {
		c.JobsDatabase, c.LeaseDuration, c.HeartbeatInterval = server.Database(t, "jobs"), lease, 500*time.Millisecond
	})
	user, worker := w.user("alice"), w.worker()
	beat := func(l *jobsv1.LeasedJob) error {
		_, err := call(t.Context(), func(ctx context.Context) error {
			_, err := worker.Heartbeat(ctx, &jobsv1.HeartbeatRequest{JobId: l.GetJob().GetJobId(), LeaseToken: l.GetLeaseToken()})
			return err
		})
		return err
	}
	var workers sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer workers.Wait()
	defer stop()
	var beats atomic.Int64
	work := func(l *jobsv1.LeasedJob) {
		for ctx.Err() == nil {
			if err := beat(l); err != nil && t.Context().Err() == nil {
				t.Errorf("the heartbeat of a live worker gives %v", err)
				return
			}
			beats.Add(1)
		}
	}
	const alive = 7
	for range alive {
		w.create(user, &jobsv1.CreateJobRequest{})
		l := w.lease(worker)
		workers.Go(func() { work(l) })
	}
	w.create(user, &jobsv1.CreateJobRequest{})
	dead := w.lease(worker)
	if err := beat(dead); err != nil { // so that its attempt counts
		t.Fatal(err)
	}
	server.Freeze()
	time.Sleep(lease + 2*time.Second) // the outage
	server.Thaw()
	before := beats.Load()
	again := w.lease(worker) // as soon as the lease of the worker that is gone has expired
	if again.GetJob().GetJobId() != dead.GetJob().GetJobId() || again.GetJob().GetError().GetReason() != "LEASE_EXPIRED" {
		t.Errorf("the next lease is that of job %s after %v, want %s", again.GetJob().GetJobId(), again.GetJob().GetError(), dead.GetJob().GetJobId())
	}
	if n := beats.Load() - before; n < alive {
		t.Errorf("after the outage, there were only %d heartbeats", n)
	}
}
