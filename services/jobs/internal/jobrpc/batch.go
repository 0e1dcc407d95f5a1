package jobrpc

import (
	"context"

	"google.golang.org/grpc/status"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/services/jobs/internal/bulk"
	"headway/services/jobs/internal/heartbeat"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/lifecycle"
)

// CreateJobs implements JobService.
func (s *Jobs) CreateJobs(ctx context.Context, r *jobsv1.CreateJobsRequest) (*jobsv1.CreateJobsResponse, error) {
	results := make([]*jobsv1.CreateJobResult, len(r.GetJobs()))
	var specs []job.Spec
	var of []int // the index in results of each of specs
	for i, one := range r.GetJobs() {
		spec, err := s.spec(ctx, one)
		if err != nil {
			results[i] = &jobsv1.CreateJobResult{Error: failed(err)}
			continue
		}
		specs, of = append(specs, spec), append(of, i)
	}
	for k, created := range s.Lifecycle.CreateAll(ctx, specs) {
		if created.Err != nil {
			results[of[k]] = &jobsv1.CreateJobResult{Error: failed(toStatus(created.Err))}
			continue
		}
		results[of[k]] = &jobsv1.CreateJobResult{Job: toProto(&created.Job), Replayed: created.Replayed}
	}
	return &jobsv1.CreateJobsResponse{Results: results}, nil
}

// Heartbeats implements WorkerService. A heartbeat without an ID or token belongs to no lease.
func (s *Workers) Heartbeats(ctx context.Context, r *jobsv1.HeartbeatsRequest) (*jobsv1.HeartbeatsResponse, error) {
	if err := allowed(ctx); err != nil {
		return nil, err
	}
	all := make([]heartbeat.Heartbeat, len(r.GetHeartbeats()))
	for i, one := range r.GetHeartbeats() {
		all[i] = fromHeartbeat(one)
	}
	results := make([]*jobsv1.HeartbeatResult, len(all))
	for i, result := range s.Keeper.BeatAll(ctx, all) {
		results[i] = &jobsv1.HeartbeatResult{JobId: all[i].ID}
		if result.Err != nil {
			results[i].Error = failed(toStatus(result.Err))
			continue
		}
		results[i].Lease = toLease(&result.Answer)
	}
	return &jobsv1.HeartbeatsResponse{Results: results}, nil
}

// CompleteJobs implements WorkerService.
func (s *Workers) CompleteJobs(ctx context.Context, r *jobsv1.CompleteJobsRequest) (*jobsv1.CompleteJobsResponse, error) {
	if err := allowed(ctx); err != nil {
		return nil, err
	}
	results := make([]*jobsv1.CompleteJobResult, len(r.GetJobs()))
	var all []lifecycle.Completion
	var of []int // the index in results of each of all
	for i, one := range r.GetJobs() {
		results[i] = &jobsv1.CompleteJobResult{JobId: one.GetJobId()}
		result, err := fromDocument("result", one.GetResult(), one.GetResultJson())
		if err != nil {
			results[i].Error = failed(toStatus(err))
			continue
		}
		all, of = append(all, lifecycle.Completion{ID: one.GetJobId(), Token: one.GetLeaseToken(), Result: result, Last: fromReport(one.GetProgress())}), append(of, i)
	}
	for k, err := range s.Lifecycle.CompleteAll(ctx, all) {
		if err != nil {
			results[of[k]].Error = failed(toStatus(err))
		}
	}
	return &jobsv1.CompleteJobsResponse{Results: results}, nil
}

// ChangeJobs implements JobService.
func (s *Jobs) ChangeJobs(ctx context.Context, r *jobsv1.ChangeJobsRequest) (*jobsv1.ChangeJobsResponse, error) {
	id := caller(ctx)
	switch {
	case r.GetAllOwners() && !id.SeesAll():
		return nil, rpcerr.ScopeMissing("Changing all users' jobs", auth.ScopeAdmin)
	case !id.May(auth.ScopeRun) && !id.May(auth.ScopeImport):
		return nil, rpcerr.ScopeMissing("Changing jobs", auth.ScopeRun)
	}
	labels, err := fromLabels(r.GetLabels())
	if err != nil {
		return nil, toStatus(err)
	}
	var times times
	request := bulk.Request{
		Action: bulk.Action(r.GetChange()), Kinds: r.GetKinds(), Labels: labels, Statuses: fromStatuses(r.GetStatuses()),
		After: times.from("created_after", r.GetCreatedAfter()), Before: times.from("created_before", r.GetCreatedBefore()), Everyone: r.GetAllOwners(), As: id,
	}
	if times.err != nil {
		return nil, toStatus(times.err)
	}
	spec, err := request.Spec(r.GetRequestId())
	if err != nil {
		return nil, toStatus(err)
	}
	j, replayed, err := s.Lifecycle.Create(ctx, spec)
	if err != nil {
		return nil, toStatus(err)
	}
	return &jobsv1.ChangeJobsResponse{Job: toProto(&j), Replayed: replayed}, nil
}

// failed returns the error of one job of a batch.
func failed(err error) *jobsv1.JobError {
	return &jobsv1.JobError{Reason: rpcerr.Word(rpcerr.Reason(err)), Message: status.Convert(err).Message()}
}
