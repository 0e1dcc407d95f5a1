package bench

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/jobs"
)

// BenchmarkCappedOwner measures 64 workers on the jobs of 3,000 owners, with and without an owner who has the maximum of active jobs
// and many jobs in front of the others.
func BenchmarkCappedOwner(b *testing.B) {
	m, d := medians{}, startDatabases(b)
	for range *runs {
		for _, prefix := range []string{"", "postgres-"} {
			rates := map[bool]float64{}
			for _, capped := range []bool{false, true} {
				url := ""
				if prefix != "" {
					url = d.url()
				}
				rates[capped] = manyOwners(b, startJobs(b, b.TempDir(), url, func(s *jobs.Settings) { s.MaxActive = 100 }), capped)
			}
			m.add(prefix+"jobs/s", rates[true])
			m.add(prefix+"×uncapped", rates[true]/rates[false])
		}
	}
	m.report(b)
}

// manyOwners returns the number of jobs of 3,000 owners that are completed per second.
func manyOwners(b *testing.B, s *jobsService, capped bool) float64 {
	const owners, each, workers = 3000, 2, 64
	defer s.stop()
	user, worker := jobsv1.NewJobServiceClient(s.conn()), jobsv1.NewWorkerServiceClient(s.conn())
	create := func(all []*jobsv1.CreateJobRequest) {
		for len(all) > 0 {
			n := min(len(all), 100)
			if _, err := user.CreateJobs(b.Context(), &jobsv1.CreateJobsRequest{Jobs: all[:n]}); err != nil {
				b.Fatal(err)
			}
			all = all[n:]
		}
	}
	if capped {
		var all []*jobsv1.CreateJobRequest
		for range 1100 {
			all = append(all, &jobsv1.CreateJobRequest{Kind: "bench", Owner: "greedy", Priority: 100})
		}
		create(all)
		if resp, err := worker.LeaseJobs(b.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"bench"}, MaxJobs: 100, LeaseSeconds: 300}); err != nil || len(resp.GetJobs()) != 100 {
			b.Fatal(len(resp.GetJobs()), err)
		}
	}
	var all []*jobsv1.CreateJobRequest
	for i := range owners * each {
		all = append(all, &jobsv1.CreateJobRequest{Kind: "bench", Owner: fmt.Sprint("user-", i%owners)})
	}
	create(all)
	var done atomic.Int64
	var wg sync.WaitGroup
	begun := time.Now()
	for range workers {
		worker := jobsv1.NewWorkerServiceClient(s.conn())
		wg.Go(func() {
			for done.Load() < owners*each {
				leased, err := worker.LeaseJobs(b.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"bench"}, WaitSeconds: -1})
				if err != nil {
					b.Error(err)
					return
				}
				for _, l := range leased.GetJobs() {
					if _, err := worker.CompleteJob(b.Context(), &jobsv1.CompleteJobRequest{JobId: l.GetJob().GetJobId(), LeaseToken: l.GetLeaseToken()}); err != nil {
						b.Error(err)
					}
					done.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return owners * each / time.Since(begun).Seconds()
}
