package jobrpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/internal/rpcserver"
	"headway/services/jobs/internal/dispatch"
	"headway/services/jobs/internal/heartbeat"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/lifecycle"
)

// defaultWait is how long LeaseJobs waits by default.
const defaultWait = 20 * time.Second

// Workers is the WorkerService.
type Workers struct {
	jobsv1.UnimplementedWorkerServiceServer
	Rooms
}

// allowed returns an error unless the caller is a worker or a service.
func allowed(ctx context.Context) error {
	id := caller(ctx)
	if id.Has(auth.ScopeWorker) || id.Has(auth.ScopeService) {
		return nil
	}
	return rpcerr.ScopeMissing("Working on jobs", auth.ScopeWorker)
}

// LeaseJobs implements WorkerService.
func (s *Workers) LeaseJobs(ctx context.Context, r *jobsv1.LeaseJobsRequest) (*jobsv1.LeaseJobsResponse, error) {
	if err := allowed(ctx); err != nil {
		return nil, err
	}
	for _, kind := range r.GetKinds() {
		if err := mayRun(ctx, kind); err != nil {
			return nil, err
		}
	}
	descriptions, err := fromDescriptions(r)
	if err != nil {
		return nil, toStatus(err)
	}
	wait := seconds(r.GetWaitSeconds())
	if wait == 0 {
		wait = defaultWait
	}
	leased, err := s.Dispatcher.Lease(ctx, dispatch.LeaseRequest{
		Kinds:    r.GetKinds(),
		Max:      max(int(r.GetMaxJobs()), 1),
		Wait:     wait,
		Duration: seconds(r.GetLeaseSeconds()),
		Worker:   r.GetWorker(),
		Confirms: r.GetConfirms(),
		Stop:     rpcserver.Draining(ctx),

		Descriptions: descriptions,
	})
	if err != nil {
		return nil, toStatus(err)
	}
	resp := &jobsv1.LeaseJobsResponse{}
	size := 0
	for i := range leased {
		j := &leased[i]
		one := &jobsv1.LeasedJob{
			Job:              toWhole(j), // a worker that continues needs all steps
			LeaseToken:       j.Lease.Token,
			LeaseExpiresAt:   timestamppb.New(j.Lease.ExpiresAt),
			Checkpoint:       j.Checkpoint,
			HeartbeatSeconds: min(s.HeartbeatInterval, j.Lease.Duration/3).Seconds(),
			ReportSeconds:    s.Keeper.FirstProgress().Seconds(),
			Epoch:            j.Lease.Epoch(),
		}
		if size += proto.Size(one); size > maxMessage && i > 0 {
			s.Dispatcher.Requeue(leased[i:]) // a larger response, with all its jobs, would be lost
			break
		}
		resp.Jobs = append(resp.Jobs, one)
	}
	return resp, nil
}

// Heartbeat implements WorkerService.
func (s *Workers) Heartbeat(ctx context.Context, r *jobsv1.HeartbeatRequest) (*jobsv1.HeartbeatResponse, error) {
	if err := allowed(ctx); err != nil {
		return nil, err
	}
	answer, err := s.Keeper.Beat(ctx, fromHeartbeat(r))
	if err != nil {
		return nil, toStatus(err)
	}
	return toLease(&answer), nil
}

func fromHeartbeat(r *jobsv1.HeartbeatRequest) heartbeat.Heartbeat {
	return heartbeat.Heartbeat{
		ID: r.GetJobId(), Token: r.GetLeaseToken(),
		Plan: fromPlan(r.GetPlan()), Report: fromReport(r.GetProgress()), Checkpoint: r.Checkpoint,
	}
}

func toLease(answer *heartbeat.Answer) *jobsv1.HeartbeatResponse {
	return &jobsv1.HeartbeatResponse{
		LeaseExpiresAt:  timestamppb.New(answer.LeaseExpiresAt),
		CancelRequested: answer.CancelRequested,
		ReportSeconds:   answer.ProgressInterval.Seconds(),
		Refused:         refusals(answer.Refused),
	}
}

// AppendOutput implements WorkerService.
func (s *Workers) AppendOutput(ctx context.Context, r *jobsv1.AppendOutputRequest) (*jobsv1.AppendOutputResponse, error) {
	if err := allowed(ctx); err != nil {
		return nil, err
	}
	length, err := s.Output.Append(ctx, r.GetJobId(), r.GetLeaseToken(), r.GetOffset(), r.GetData())
	if err != nil {
		return nil, toStatus(err)
	}
	return &jobsv1.AppendOutputResponse{OutputBytes: length}, nil
}

// CompleteJob implements WorkerService.
func (s *Workers) CompleteJob(ctx context.Context, r *jobsv1.CompleteJobRequest) (*jobsv1.CompleteJobResponse, error) {
	if err := allowed(ctx); err != nil {
		return nil, err
	}
	result, err := fromDocument("result", r.GetResult(), r.GetResultJson())
	if err != nil {
		return nil, toStatus(err)
	}
	j, err := s.Lifecycle.Complete(ctx, lifecycle.Completion{ID: r.GetJobId(), Token: r.GetLeaseToken(), Result: result, Last: fromReport(r.GetProgress())})
	if err != nil {
		return nil, toStatus(err)
	}
	return &jobsv1.CompleteJobResponse{Job: toProto(&j)}, nil
}

// FailJob implements WorkerService.
func (s *Workers) FailJob(ctx context.Context, r *jobsv1.FailJobRequest) (*jobsv1.FailJobResponse, error) {
	if err := allowed(ctx); err != nil {
		return nil, err
	}
	result, err := fromDocument("result", r.GetResult(), r.GetResultJson())
	if err != nil {
		result = nil // the end of the attempt is more important than its facts
	}
	j, err := s.Lifecycle.Fail(ctx, r.GetJobId(), r.GetLeaseToken(), job.Failing{
		Failure:   job.Failure{Reason: r.GetError().GetReason(), Message: r.GetError().GetMessage()},
		Permanent: r.GetPermanent(),
		Result:    result,
		Last:      fromReport(r.GetProgress()),
	})
	if err != nil {
		return nil, toStatus(err)
	}
	return &jobsv1.FailJobResponse{Job: toProto(&j)}, nil
}

// ReleaseJob implements WorkerService.
func (s *Workers) ReleaseJob(ctx context.Context, r *jobsv1.ReleaseJobRequest) (*jobsv1.ReleaseJobResponse, error) {
	if err := allowed(ctx); err != nil {
		return nil, err
	}
	j, err := s.Lifecycle.Release(ctx, r.GetJobId(), r.GetLeaseToken(), r.Checkpoint)
	if err != nil {
		return nil, toStatus(err)
	}
	return &jobsv1.ReleaseJobResponse{Job: toProto(&j)}, nil
}

// ParkJob implements WorkerService.
func (s *Workers) ParkJob(ctx context.Context, r *jobsv1.ParkJobRequest) (*jobsv1.ParkJobResponse, error) {
	if err := allowed(ctx); err != nil {
		return nil, err
	}
	question, err := fromDocument("question", r.GetQuestion(), r.GetQuestionJson())
	if err != nil {
		return nil, toStatus(err)
	}
	j, err := s.Lifecycle.Park(ctx, r.GetJobId(), r.GetLeaseToken(), question, fromReport(r.GetProgress()), r.Checkpoint)
	if err != nil {
		return nil, toStatus(err)
	}
	return &jobsv1.ParkJobResponse{Job: toProto(&j)}, nil
}
