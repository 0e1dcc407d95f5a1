package jobrpc

import (
	"context"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/services/jobs/internal/job"
)

// spec returns the requested job, or an error if the caller is not allowed to create it.
func (s *Jobs) spec(ctx context.Context, r *jobsv1.CreateJobRequest) (job.Spec, error) {
	id := caller(ctx)
	if !id.May(auth.ScopeRun) {
		return job.Spec{}, rpcerr.ScopeMissing("Creating a job", auth.ScopeRun)
	}
	if err := mayRun(ctx, r.GetKind()); err != nil {
		return job.Spec{}, err
	}
	if r.GetPriority() > 0 && !id.May(auth.ScopePriority) {
		return job.Spec{}, rpcerr.ScopeMissing("Creating a job with a priority above 0", auth.ScopePriority)
	}
	owner := id.Subject
	if !id.Has(auth.ScopeService) {
		switch {
		case r.GetOwner() != "":
			return job.Spec{}, rpcerr.ScopeMissing("Creating a job for another user", auth.ScopeService)
		case r.GetJobId() != "":
			return job.Spec{}, rpcerr.ScopeMissing("Choosing a job's ID", auth.ScopeService)
		}
	} else if r.GetOwner() != "" {
		owner = r.GetOwner()
	}
	spec, err := fromCreate(r, owner)
	if err != nil {
		return job.Spec{}, toStatus(err)
	}
	return spec, nil
}
