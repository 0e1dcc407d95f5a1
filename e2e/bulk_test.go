package e2e

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// frozenService leases one job. Its first heartbeat is never answered, and its output is accepted when that heartbeat has arrived.
type frozenService struct {
	jobsv1.UnimplementedWorkerServiceServer
	lease  chan *jobsv1.LeasedJob
	first  chan struct{} // has a value before the first heartbeat
	frozen chan struct{} // closed with the first heartbeat
	plans  chan []*jobsv1.StepPlan
	ended  chan *jobsv1.ProgressReport
}

func (s *frozenService) LeaseJobs(ctx context.Context, _ *jobsv1.LeaseJobsRequest) (*jobsv1.LeaseJobsResponse, error) {
	select {
	case job := <-s.lease:
		return &jobsv1.LeaseJobsResponse{Jobs: []*jobsv1.LeasedJob{job}}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *frozenService) Heartbeat(ctx context.Context, r *jobsv1.HeartbeatRequest) (*jobsv1.HeartbeatResponse, error) {
	select {
	case <-s.first:
		close(s.frozen)
		<-ctx.Done()
		return nil, ctx.Err()
	default:
	}
	if len(r.GetPlan()) > 0 {
		s.plans <- r.GetPlan()
	}
	return &jobsv1.HeartbeatResponse{ReportSeconds: 0.01}, nil
}

func (s *frozenService) AppendOutput(ctx context.Context, _ *jobsv1.AppendOutputRequest) (*jobsv1.AppendOutputResponse, error) {
	select {
	case <-s.frozen:
		return &jobsv1.AppendOutputResponse{}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *frozenService) CompleteJob(_ context.Context, r *jobsv1.CompleteJobRequest) (*jobsv1.CompleteJobResponse, error) {
	s.ended <- r.GetProgress()
	return &jobsv1.CompleteJobResponse{}, nil
}

func TestBulkSendsAnUnansweredPlanAtTheEnd(t *testing.T) {
	s := &frozenService{lease: make(chan *jobsv1.LeasedJob, 1), first: make(chan struct{}, 1), frozen: make(chan struct{}),
		plans: make(chan []*jobsv1.StepPlan, 9), ended: make(chan *jobsv1.ProgressReport, 9)}
	s.first <- struct{}{}
	now := time.Now()
	s.lease <- &jobsv1.LeasedJob{Job: &jobsv1.Job{JobId: "a", Kind: "bulk", PayloadJson: `{"rows": 3, "rowsPerSecond": 0}`, UpdatedAt: timestamppb.New(now)},
		LeaseToken: "token", LeaseExpiresAt: timestamppb.New(now.Add(time.Minute)), HeartbeatSeconds: 20, ReportSeconds: 0.01}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	jobsv1.RegisterWorkerServiceServer(server, s)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	bulk, err := filepath.Abs("../examples/bulk/bulk.py")
	if err != nil {
		t.Fatal(err)
	}
	worker := exec.CommandContext(t.Context(), python, bulk)
	worker.Env = append(os.Environ(), "HEADWAY_JOBS_ADDRESS="+listener.Addr().String(), "HEADWAY_TOKEN=token")
	worker.Stdout, worker.Stderr = t.Output(), t.Output()
	exited := make(chan error, 1)
	if err := worker.Start(); err != nil {
		t.Fatalf("the worker in Python can't run. Run make test-programs (%v)", err)
	}
	go func() { exited <- worker.Wait() }()
	var end *jobsv1.ProgressReport
	select {
	case end = <-s.ended:
	case err := <-exited:
		t.Fatalf("the worker has exited: %v", err)
	}
	select {
	case plan := <-s.plans:
		if len(plan) != 1 || plan[0].GetName() != "letters" || plan[0].GetTotal() != 3 {
			t.Errorf("the plan is %v", plan)
		}
	default:
		t.Error("the plan is lost")
	}
	if steps := end.GetSteps(); len(steps) != 1 || steps[0].GetDone() != 3 {
		t.Errorf("the last progress is %v", steps)
	}
	if err := worker.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := <-exited; err != nil {
		t.Errorf("the worker has exited: %v", err)
	}
}
