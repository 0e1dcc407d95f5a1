package jobs_test

import (
	"context"
	"math/rand/v2"
	"time"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// The workers of the crash test.

func (c *crash) work(ctx context.Context) {
	for ctx.Err() == nil {
		var leased []*jobsv1.LeasedJob
		if _, err := call(ctx, func(ctx context.Context) error {
			resp, err := c.worker.LeaseJobs(ctx, &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl"}, WaitSeconds: 1, MaxJobs: 2})
			leased = resp.GetJobs()
			return err
		}); err != nil {
			return // the test has ended
		}
		c.mu.Lock()
		for _, l := range leased {
			c.leased[l.GetJob().GetJobId()] = max(c.leased[l.GetJob().GetJobId()], l.GetJob().GetRevision())
		}
		c.mu.Unlock()
		for _, l := range leased {
			c.do(ctx, l)
		}
	}
}

// do works on one job: progress, output, and mostly its end.
func (c *crash) do(ctx context.Context, l *jobsv1.LeasedJob) {
	id, token := l.GetJob().GetJobId(), l.GetLeaseToken()
	c.shown(l.GetJob())
	if _, err := c.as(ctx, l, func(ctx context.Context) error {
		_, err := c.worker.Heartbeat(ctx, &jobsv1.HeartbeatRequest{JobId: id, LeaseToken: token,
			Plan: []*jobsv1.StepPlan{{Name: "fetch", Total: 10}}, Progress: &jobsv1.ProgressReport{Message: token}})
		return err
	}); err != nil {
		return // the lease is lost
	}
	if !c.append(ctx, l) {
		return
	}
	time.Sleep(time.Duration(rand.IntN(5)) * time.Millisecond)
	if rand.IntN(20) == 0 {
		return // the worker dies with the job in its hands
	}
	sure, err := c.as(ctx, l, func(ctx context.Context) error {
		resp, err := c.worker.CompleteJob(ctx, &jobsv1.CompleteJobRequest{JobId: id, LeaseToken: token,
			Result: document(c.t, map[string]any{"by": token})})
		if err == nil {
			c.shown(resp.GetJob())
		}
		return err
	})
	if err == nil {
		c.mu.Lock()
		c.completed[id] = append(c.completed[id], token)
		c.mu.Unlock()
	} else if sure && headway.Reason(err) != "LEASE_LOST" && ctx.Err() == nil {
		c.t.Errorf("complete %s: %v", id, err)
	}
}
