package headway

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/timestamppb"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// frozenHeartbeat is a service that leases one job, and whose first heartbeat is never answered: it is at a replica that is frozen.
type frozenHeartbeat struct {
	jobsv1.UnimplementedWorkerServiceServer
	lease    chan *jobsv1.LeasedJob
	frozen   chan struct{} // closed with the first heartbeat
	plans    chan []*jobsv1.StepPlan
	released chan *jobsv1.ReleaseJobRequest
	ended    chan *jobsv1.CompleteJobRequest
	failed   chan *jobsv1.FailJobRequest
	saved    chan *jobsv1.HeartbeatRequest // answered heartbeats with a checkpoint
	first    chan struct{}                 // has a value before the first heartbeat
}

func (s *frozenHeartbeat) LeaseJobs(ctx context.Context, _ *jobsv1.LeaseJobsRequest) (*jobsv1.LeaseJobsResponse, error) {
	select {
	case job := <-s.lease:
		return &jobsv1.LeaseJobsResponse{Jobs: []*jobsv1.LeasedJob{job}}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *frozenHeartbeat) Heartbeat(ctx context.Context, r *jobsv1.HeartbeatRequest) (*jobsv1.HeartbeatResponse, error) {
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
	if r.Checkpoint != nil {
		s.saved <- r
	}
	return &jobsv1.HeartbeatResponse{}, nil
}

func (s *frozenHeartbeat) CompleteJob(_ context.Context, r *jobsv1.CompleteJobRequest) (*jobsv1.CompleteJobResponse, error) {
	s.ended <- r
	return &jobsv1.CompleteJobResponse{}, nil
}

func (s *frozenHeartbeat) ReleaseJob(_ context.Context, r *jobsv1.ReleaseJobRequest) (*jobsv1.ReleaseJobResponse, error) {
	s.released <- r
	return &jobsv1.ReleaseJobResponse{}, nil
}

func (s *frozenHeartbeat) FailJob(_ context.Context, r *jobsv1.FailJobRequest) (*jobsv1.FailJobResponse, error) {
	s.failed <- r
	return &jobsv1.FailJobResponse{}, nil
}

// runOne runs a handler for one job, until stop is called.
func runOne(t *testing.T, handler Handler) (s *frozenHeartbeat, stop context.CancelFunc) {
	t.Helper()
	s = &frozenHeartbeat{lease: make(chan *jobsv1.LeasedJob, 1), frozen: make(chan struct{}), plans: make(chan []*jobsv1.StepPlan, 9),
		released: make(chan *jobsv1.ReleaseJobRequest, 9), ended: make(chan *jobsv1.CompleteJobRequest, 9), first: make(chan struct{}, 1),
		failed: make(chan *jobsv1.FailJobRequest, 9), saved: make(chan *jobsv1.HeartbeatRequest, 9)}
	s.first <- struct{}{}
	now := time.Now()
	s.lease <- &jobsv1.LeasedJob{Job: &jobsv1.Job{JobId: "a", Kind: "count", MaxAttempts: 5, UpdatedAt: timestamppb.New(now)}, LeaseToken: "token",
		LeaseExpiresAt: timestamppb.New(now.Add(time.Minute)), HeartbeatSeconds: 20, ReportSeconds: 0.01}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	jobsv1.RegisterWorkerServiceServer(server, s)
	go func() { _ = server.Serve(listener) }()
	conn, err := Dial(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	worker := NewWorker(conn, WorkerConfig{Handlers: map[string]Handler{"count": func(ctx context.Context, task *Task) (any, error) { return handler(ctx, task) }}})
	go func() { ran <- worker.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		conn.Close()
		server.Stop()
	})
	return s, stop
}

func TestPlanOfUnansweredHeartbeatIsDeclaredAtTheEnd(t *testing.T) {
	proceed := make(chan struct{})
	s, _ := runOne(t, func(_ context.Context, task *Task) (any, error) {
		task.Plan(StepPlan{Name: "count", Total: 1})
		task.Step("count").Complete()
		<-proceed
		return nil, nil
	})
	<-s.frozen
	close(proceed)
	end := <-s.ended
	select {
	case plan := <-s.plans:
		if len(plan) != 1 || plan[0].GetName() != "count" {
			t.Errorf("the plan is %v", plan)
		}
	default:
		t.Error("the plan is lost")
	}
	if steps := end.GetProgress().GetSteps(); len(steps) != 1 || steps[0].GetState() != jobsv1.StepState_STEP_STATE_COMPLETED {
		t.Errorf("the last progress is %v", steps)
	}
}

func TestCheckpointOfUnansweredHeartbeatIsReleased(t *testing.T) {
	s, stop := runOne(t, func(ctx context.Context, task *Task) (any, error) {
		task.Checkpoint([]byte("page 7"))
		<-ctx.Done()
		return nil, context.Cause(ctx)
	})
	<-s.frozen
	stop()
	if r := <-s.released; string(r.GetCheckpoint()) != "page 7" {
		t.Errorf("the checkpoint is %q", r.GetCheckpoint())
	}
}

// If the answer to the last call is lost, the next attempt begins at the checkpoint, with the progress that is stored.
func TestCheckpointAtTheEndIsSentWithItsProgress(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context, stop func()) error{
		"completed": func(context.Context, func()) error { return nil },
		"failed":    func(context.Context, func()) error { return errors.New("out of luck") },
		"released": func(ctx context.Context, stop func()) error {
			stop()
			<-ctx.Done()
			return context.Cause(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			stops := make(chan func(), 1)
			s, stop := runOne(t, func(ctx context.Context, task *Task) (any, error) {
				task.Plan(StepPlan{Name: "count", Total: 5})
				task.Step("count").Set(5)
				task.Checkpoint([]byte("5"))
				return nil, end(ctx, <-stops)
			})
			<-s.frozen // the plan, the progress, and the checkpoint are unanswered
			stops <- stop
			saved := <-s.saved
			if steps := saved.GetProgress().GetSteps(); string(saved.GetCheckpoint()) != "5" || len(steps) != 1 || steps[0].GetDone() != 5 {
				t.Errorf("the checkpoint %q is sent with the steps %v", saved.GetCheckpoint(), steps)
			}
		})
	}
}

func TestCheckpointIsSentBeforeAFailure(t *testing.T) {
	for _, waits := range []bool{false, true} {
		var s *frozenHeartbeat
		given := make(chan struct{})
		s, _ = runOne(t, func(_ context.Context, task *Task) (any, error) {
			<-given
			if !waits {
				<-s.first // no heartbeat is frozen
			}
			task.Checkpoint([]byte("page 7"))
			if waits {
				<-s.frozen
			}
			return nil, errors.New("out of luck")
		})
		close(given)
		<-s.failed
		select {
		case saved := <-s.saved:
			if string(saved.GetCheckpoint()) != "page 7" {
				t.Errorf("the checkpoint is %q", saved.GetCheckpoint())
			}
		default:
			t.Errorf("the checkpoint is lost, with an unanswered heartbeat: %v", waits)
		}
	}
}
