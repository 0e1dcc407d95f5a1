package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// unread is a codec of a client that ignores messages, so that the service is measured.
type unread struct{ encoding.CodecV2 }

func (unread) Unmarshal(mem.BufferSlice, any) error { return nil }

// BenchmarkManyWatchersOfOneJob measures the CPU time per snapshot for each of 1,000 watchers of the same job, including gRPC
// and the kernel. The snapshot has 12 steps, like that of an import.
func BenchmarkManyWatchersOfOneJob(b *testing.B) {
	const watchersInAll, reports = 1000, 20
	m := medians{}
	for range *runs {
		s := startJobs(b, b.TempDir(), "")
		ctx, cancel := context.WithCancel(b.Context())
		conn := s.conn()
		user, worker := jobsv1.NewJobServiceClient(conn), jobsv1.NewWorkerServiceClient(conn)
		id, token := s.activeJob(ctx, user, worker)
		var ready, watchers sync.WaitGroup
		var delivered atomic.Int64
		conns := [8]*grpc.ClientConn{}
		for i := range conns {
			conns[i] = s.conn()
		}
		for i := range watchersInAll {
			ready.Add(1)
			watchers.Go(func() {
				stream, err := jobsv1.NewJobServiceClient(conns[i%len(conns)]).WatchJob(ctx, &jobsv1.WatchJobRequest{JobId: id},
					grpc.ForceCodecV2(unread{encoding.GetCodecV2(proto.Name)}))
				if err == nil {
					_, err = stream.Recv()
				}
				ready.Done()
				for ; err == nil; _, err = stream.Recv() {
					delivered.Add(1)
				}
			})
		}
		ready.Wait()
		delivered.Store(0)
		before, begun := processorTime(b), time.Now()
		for i := range reports {
			steps := make([]*jobsv1.StepReport, 12)
			for k := range steps {
				steps[k] = &jobsv1.StepReport{Name: fmt.Sprint("step-", k), State: jobsv1.StepState_STEP_STATE_ACTIVE, Done: new(float64(i)),
					Counters: map[string]float64{"read": float64(i), "inserted": float64(i), "updated": 1, "rejected": 2, "blocked": 3}}
			}
			if _, err := worker.Heartbeat(ctx, &jobsv1.HeartbeatRequest{JobId: id, LeaseToken: token,
				Progress: &jobsv1.ProgressReport{Message: fmt.Sprint("report ", i), Steps: steps}}); err != nil {
				b.Fatal(err)
			}
			for delivered.Load() < int64(watchersInAll*(i+1)) && time.Since(begun) < time.Minute {
				time.Sleep(time.Millisecond)
			}
		}
		used, n := processorTime(b)-before, delivered.Load()
		cancel()
		watchers.Wait()
		s.stop()
		if n != watchersInAll*reports {
			b.Errorf("%d of %d snapshots arrived", n, watchersInAll*reports)
		}
		m.add("µs-cpu/snapshot", float64(used.Nanoseconds())/1000/float64(n))
	}
	m.report(b)
}

// activeJob creates a leased job with 12 steps.
func (s *jobsService) activeJob(ctx context.Context, user jobsv1.JobServiceClient, worker jobsv1.WorkerServiceClient) (id, token string) {
	s.b.Helper()
	request := &jobsv1.CreateJobRequest{Kind: "bench", Title: "personnel-2026-03.xlsx"}
	for k := range 12 {
		request.Steps = append(request.Steps, &jobsv1.StepPlan{Name: fmt.Sprint("step-", k), Title: fmt.Sprint("The step ", k), Group: "Sheets",
			Total: 100_000, Unit: "rows"})
	}
	if _, err := user.CreateJob(ctx, request); err != nil {
		s.b.Fatal(err)
	}
	leased, err := worker.LeaseJobs(ctx, &jobsv1.LeaseJobsRequest{Kinds: []string{"bench"}, LeaseSeconds: 300})
	if err != nil || len(leased.GetJobs()) != 1 {
		s.b.Fatalf("lease: %v, %v", leased, err)
	}
	return leased.GetJobs()[0].GetJob().GetJobId(), leased.GetJobs()[0].GetLeaseToken()
}

// processorTime returns the CPU time of this process, in user and kernel mode.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
