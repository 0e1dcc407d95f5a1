package jobs_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/jobs"
)

// Many workers run jobs that share a limit. Never are more of them active than allowed, all of them end, and also those that fail and
// are tried again.
func TestLimitsHoldWithManyWorkers(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		const most, n = 3, 30
		user := w.user("alice")
		var active, highest atomic.Int32
		for range 4 {
			w.work(func(_ context.Context, task *headway.Task) (any, error) {
				now := active.Add(1)
				defer active.Add(-1)
				for seen := highest.Load(); now > seen && !highest.CompareAndSwap(seen, now); seen = highest.Load() {
				}
				if task.Job().GetAttempt() == 1 {
					return nil, headway.Fail("AGAIN", "Every first attempt fails.")
				}
				return nil, nil
			}, func(c *headway.WorkerConfig) { c.Concurrency = 4 })
		}
		var ids []string
		for range n {
			ids = append(ids, w.create(user, &jobsv1.CreateJobRequest{Limit: &jobsv1.Limit{Key: "site", MaxActive: most},
				Retry: &jobsv1.RetryPolicy{BackoffSeconds: 0.01}}).GetJobId())
		}
		for _, id := range ids {
			if done := last(t, user, id); done.GetStatus() != completed || done.GetAttempt() != 2 || done.GetLimited() {
				t.Errorf("a job ended as %v in attempt %d", done.GetStatus(), done.GetAttempt())
			}
		}
		if got := highest.Load(); got > most || got == 0 {
			t.Errorf("%d jobs were active at a time, want %d at most", got, most)
		}
	})
}

// Leases of jobs with the same key are an interval apart, though a worker asks for all of them.
func TestStartsAreSpreadByTheirLimit(t *testing.T) {
	w := setup(t)
	user, worker := w.user("alice"), w.worker()
	const n, interval = 5, 50 * time.Millisecond
	for range n {
		w.create(user, &jobsv1.CreateJobRequest{Limit: &jobsv1.Limit{Key: "api", MaxStarts: 20, PerSeconds: 1}})
	}
	var starts []time.Time
	for len(starts) < n {
		resp, err := worker.LeaseJobs(t.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"crawl"}, MaxJobs: 10, WaitSeconds: 20})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range resp.GetJobs() {
			starts = append(starts, l.GetJob().GetStartedAt().AsTime())
		}
	}
	for i := range n - 1 {
		if apart := starts[i+1].Sub(starts[i]); apart < interval {
			t.Errorf("two leases are %v apart, want %v at least", apart, interval)
		}
	}
}

// One user floods the queue with urgent jobs. A job of another user is among the next two leases.
func TestFloodDoesNotDelayOtherOwners(t *testing.T) {
	onBothStores(t, func(t *testing.T, w *world) {
		const flood = 100_000
		user, other, worker := w.user("flood"), w.user("bob"), w.worker()
		batch := &jobsv1.CreateJobsRequest{}
		for range 100 {
			batch.Jobs = append(batch.Jobs, &jobsv1.CreateJobRequest{Kind: "crawl", Priority: 100})
		}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for range flood / 100 / 10 {
					if _, err := user.CreateJobs(t.Context(), batch); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		w.lease(worker) // the flood runs
		for i := range 3 {
			mine := w.create(other, &jobsv1.CreateJobRequest{Title: fmt.Sprint(i)})
			if got := []string{w.lease(worker).GetJob().GetJobId(), w.lease(worker).GetJob().GetJobId()}; got[0] != mine.GetJobId() && got[1] != mine.GetJobId() {
				t.Errorf("the next two leases are %v, want %s among them", got, mine.GetJobId())
			}
			if mine.GetQueuePosition() > 1 {
				t.Errorf("the job's queue position is %d", mine.GetQueuePosition())
			}
		}
	}, func(c *jobs.Config) { c.MaxQueued = -1 })
}

// A job with the most steps, whose snapshots fold them, runs to its end, also by a worker that continues.
func TestJobWithThousandStepsRuns(t *testing.T) {
	w := setup(t)
	user := w.user("alice")
	const n = 1000
	w.work(func(_ context.Context, task *headway.Task) (any, error) {
		if task.Job().GetAttempt() == 1 {
			var plan []headway.StepPlan
			for i := range n {
				plan = append(plan, headway.StepPlan{Name: fmt.Sprint("page ", i), Title: fmt.Sprint("Page ", i)})
			}
			task.Plan(plan...)
			task.Step("page 0").Start().Complete()
			task.Checkpoint([]byte("page 1"))
			return nil, headway.Fail("AGAIN", "The second attempt continues.")
		}
		if got := len(task.Job().GetProgress().GetSteps()); got != n {
			t.Errorf("the worker that continues gets %d steps", got)
		}
		for i := range n {
			task.Step(fmt.Sprint("page ", i)).Start().Complete()
		}
		return nil, nil
	})
	id := w.create(user, &jobsv1.CreateJobRequest{Retry: &jobsv1.RetryPolicy{BackoffSeconds: 0.01}}).GetJobId()
	done := last(t, user, id)
	steps := done.GetProgress().GetSteps()
	folded := 0
	for _, s := range steps {
		folded += int(max(s.GetFoldedSteps(), 1))
	}
	if done.GetStatus() != completed || done.GetProgress().GetPercent() != 100 || len(steps) > 65 || folded != n {
		t.Errorf("the job ended as %v at %v %% with %d steps that stand for %d", done.GetStatus(), done.GetProgress().GetPercent(), len(steps), folded)
	}
	whole, err := user.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: id})
	if err != nil || len(whole.GetJob().GetProgress().GetSteps()) != n {
		t.Errorf("GetJob returns %d steps, %v", len(whole.GetJob().GetProgress().GetSteps()), err)
	}
}
