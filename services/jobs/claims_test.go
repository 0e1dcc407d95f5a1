package jobs

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"headway/services/jobs/internal/dispatch"
	"headway/services/jobs/internal/job"
)

// claimCounter counts the claims of a store.
type claimCounter struct {
	job.Store
	claims atomic.Int64
}

func (c *claimCounter) Claim(ctx context.Context, claim job.Claim) (job.Claimed, error) {
	c.claims.Add(1)
	return c.Store.Claim(ctx, claim)
}

// Workers that wait cost nothing until there is a job for one of them, even while owners at their limit have ready jobs.
func TestWaitingWorkersClaimOnlyWhenNeeded(t *testing.T) {
	for name, open := range stores(t) {
		t.Run(name, func(t *testing.T) {
			openStore, outputs := open(t), filepath.Join(t.TempDir(), "outputs")
			synctest.Test(t, func(t *testing.T) {
				const owners, workers, later = 30, 20, 50
				counter, cfg := &claimCounter{}, testConfig
				cfg.MaxActive = 1
				running, stop := startOn(t, outputs, cfg, openStore, func(s job.Store) job.Store { counter.Store = s; return counter })
				defer stop()
				f := &fixture{running, t}
				for i := range owners { // each has an active job, and one that must wait for it
					for range 2 {
						f.create(func(s *job.Spec) { s.Owner = fmt.Sprint("owner ", i) })
					}
				}
				for range owners {
					if f.lease(0) == nil {
						t.Fatal("a job was not leased")
					}
				}
				ctx, cancel := context.WithCancel(t.Context())
				var waiting sync.WaitGroup
				var leased atomic.Int64
				for range workers {
					waiting.Go(func() {
						for ctx.Err() == nil {
							jobs, _ := f.Lease(ctx, dispatch.LeaseRequest{Kinds: []string{"crawl"}, Max: 1, Wait: time.Minute, Duration: time.Hour})
							leased.Add(int64(len(jobs)))
						}
					})
				}
				synctest.Wait()
				before := counter.claims.Load()
				for i := range later {
					f.create(func(s *job.Spec) { s.Owner = fmt.Sprint("later ", i) })
					synctest.Wait()
				}
				if n := leased.Load(); n != later {
					t.Errorf("%d of %d jobs were leased", n, later)
				}
				if n := counter.claims.Load() - before; n > 3*later {
					t.Errorf("%d claims for %d jobs", n, later)
				}
				before = counter.claims.Load()
				for range 50 { // more jobs of owners at their limit
					f.create(func(s *job.Spec) { s.Owner = "owner 0" })
					synctest.Wait()
				}
				if n := counter.claims.Load() - before; n > 50*2 {
					t.Errorf("%d claims for 50 jobs that must wait", n)
				}
				cancel()
				waiting.Wait()
			})
		})
	}
}
