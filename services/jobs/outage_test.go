package jobs_test

import (
	"context"
	"testing"
	"time"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/pgtest"
	"headway/services/jobs"
)

// The database stops for longer than a lease. No live worker loses its job because of that, and the job of a worker that is gone is
// taken from it afterwards.
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
	w := setup(t, func(c *jobs.Config) {
		c.JobsDatabase, c.LeaseDuration, c.HeartbeatInterval = server.Database(t, "jobs"), 2*time.Second, 500*time.Millisecond
	})
	user, worker := w.user("alice"), w.worker()
	var leased []*jobsv1.LeasedJob
	for range 8 {
		w.create(user, &jobsv1.CreateJobRequest{})
		leased = append(leased, w.lease(worker))
	}
	dead, alive := leased[0], leased[1:]
	beat := func(l *jobsv1.LeasedJob) error {
		_, err := call(t.Context(), func(ctx context.Context) error {
			_, err := worker.Heartbeat(ctx, &jobsv1.HeartbeatRequest{JobId: l.GetJob().GetJobId(), LeaseToken: l.GetLeaseToken()})
			return err
		})
		return err
	}
	for _, l := range leased { // also that of the worker that is gone, so that its attempt counts
		if err := beat(l); err != nil {
			t.Fatal(err)
		}
	}
	server.Freeze()
	time.Sleep(4 * time.Second) // the outage
	server.Thaw()
	for range 3 {
		for _, l := range alive {
			if err := beat(l); err != nil {
				t.Fatalf("after the outage, the heartbeat of a live worker gives %v", err)
			}
		}
	}
	beating, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for beating.Err() == nil {
			for _, l := range alive {
				if err := beat(l); err != nil {
					t.Errorf("later, the heartbeat of a live worker gives %v", err)
				}
			}
		}
	}()
	again := w.lease(worker) // as soon as the lease of the worker that is gone has expired
	stop()
	<-done
	if again.GetJob().GetJobId() != dead.GetJob().GetJobId() || again.GetJob().GetError().GetReason() != "LEASE_EXPIRED" {
		t.Errorf("the next lease is that of job %s after %v, want %s", again.GetJob().GetJobId(), again.GetJob().GetError(), dead.GetJob().GetJobId())
	}
}
