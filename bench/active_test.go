package bench

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// BenchmarkActiveJobs measures the heartbeats of 5,000 active jobs, each with progress 4 times per second, while one stream watches
// all of them, as an edge does. 50 workers run 100 jobs each, and send their heartbeats together. The latency is that of a call,
// from its scheduled time to the response, which comes after the commit of all its heartbeats. CPU time is that of this process,
// which is the service and its clients.
func BenchmarkActiveJobs(b *testing.B) {
	m, d := medians{}, startDatabases(b)
	for range *runs {
		m.add("postgres-updates/s", d.plainUpdates())
		m.add("plain/s", perSecond(plainTransactions(b)))
		d.onEach(func(prefix string, s *jobsService) {
			server := d.busy()
			took, seen, perBeat := activeJobs(b, s)
			m.add(prefix+"ms-p50", percentile(took, 0.5))
			m.add(prefix+"ms-p99", percentile(took, 0.99))
			m.add(prefix+"watched/s", seen)
			m.add(prefix+"µs-cpu/heartbeat", perBeat)
			if prefix != "" {
				m.add("µs-server-cpu/heartbeat", float64((d.busy()-server).Microseconds())/float64(active*rounds))
			}
		})
	}
	m.report(b)
}

// The active jobs of BenchmarkActiveJobs, and how often each reports.
const (
	active     = 5000
	eachWorker = 100
	interval   = 250 * time.Millisecond
	rounds     = 20
)

// activeJobs returns how long calls took, how many snapshots a watcher got per second, and the CPU time of a heartbeat in µs.
func activeJobs(b *testing.B, s *jobsService) (took []time.Duration, seen, perBeat float64) {
	defer s.stop()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	leased := leaseActive(b, s)
	var snapshots atomic.Int64
	var watching sync.WaitGroup
	stream, err := jobsv1.NewJobServiceClient(s.conn()).WatchJobs(ctx, &jobsv1.WatchJobsRequest{AllOwners: true})
	if err != nil {
		b.Fatal(err)
	}
	watching.Go(func() {
		for {
			resp, err := stream.Recv()
			if err != nil {
				return
			}
			snapshots.Add(int64(len(resp.GetJobs())))
		}
	})
	var mu sync.Mutex
	var beats sync.WaitGroup
	begun, own := time.Now(), busy(b, os.Getpid())
	for i := 0; i < active; i += eachWorker {
		worker := jobsv1.NewWorkerServiceClient(s.conn())
		beats.Go(func() {
			mine := beatOften(b, worker, leased[i:i+eachWorker], begun.Add(interval*time.Duration(i)/active)) // spread evenly
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
		})
	}
	beats.Wait()
	seconds := time.Since(begun).Seconds()
	perBeat = float64((busy(b, os.Getpid()) - own).Microseconds()) / (active * rounds)
	cancel()
	watching.Wait()
	return took, float64(snapshots.Load()) / seconds, perBeat
}

// leaseActive creates and leases the jobs.
func leaseActive(b *testing.B, s *jobsService) (leased []*jobsv1.LeasedJob) {
	user, worker := jobsv1.NewJobServiceClient(s.conn()), jobsv1.NewWorkerServiceClient(s.conn())
	create := &jobsv1.CreateJobsRequest{}
	for range 100 {
		create.Jobs = append(create.Jobs, &jobsv1.CreateJobRequest{Kind: "bench", Steps: []*jobsv1.StepPlan{{Name: "rows", Total: rounds, Unit: "rows"}}})
	}
	for len(leased) < active {
		if _, err := user.CreateJobs(b.Context(), create); err != nil {
			b.Fatal(err)
		}
		resp, err := worker.LeaseJobs(b.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"bench"}, MaxJobs: 100, LeaseSeconds: 300})
		if err != nil {
			b.Fatal(err)
		}
		leased = append(leased, resp.GetJobs()...)
	}
	return leased
}

// beatOften sends the heartbeats of a worker's jobs every interval from a time on, and returns how long each call took.
func beatOften(b *testing.B, worker jobsv1.WorkerServiceClient, leased []*jobsv1.LeasedJob, next time.Time) (took []time.Duration) {
	for n := range rounds {
		r := &jobsv1.HeartbeatsRequest{}
		for _, l := range leased {
			r.Heartbeats = append(r.Heartbeats, &jobsv1.HeartbeatRequest{JobId: l.GetJob().GetJobId(), LeaseToken: l.GetLeaseToken(),
				Progress: &jobsv1.ProgressReport{Steps: []*jobsv1.StepReport{{Name: "rows", State: jobsv1.StepState_STEP_STATE_ACTIVE, Done: proto.Float64(float64(n))}}}})
		}
		time.Sleep(time.Until(next))
		resp, err := worker.Heartbeats(b.Context(), r)
		if err != nil {
			b.Error(err)
			return took
		}
		for _, result := range resp.GetResults() {
			if result.GetError() != nil {
				b.Error(result)
			}
		}
		took, next = append(took, time.Since(next)), next.Add(interval)
	}
	return took
}
