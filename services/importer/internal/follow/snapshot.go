package follow

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/importer/internal/imports"
)

// latestIssues is how many issues a snapshot holds.
const latestIssues = 20

// Snapshot is an import at one revision of its job.
type Snapshot struct {
	Import imports.Import
	// Job is nil if the jobs service has purged it.
	Job *jobsv1.Job
	// Latest are the issues that were found last, the latest first.
	Latest     []imports.Issue
	RootCauses []imports.RootCause
}

// Job returns an import's job, or nil if the jobs service has purged it.
func (f *Follower) Job(ctx context.Context, id string) (*jobsv1.Job, error) {
	answer, err := f.config.Jobs.GetJob(ctx, &jobsv1.GetJobRequest{JobId: id})
	if status.Code(err) == codes.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, errors.Join(err, ctx.Err())
	}
	return answer.GetJob(), nil
}

// Current reads an import and its job.
func (f *Follower) Current(ctx context.Context, id string) (Snapshot, error) {
	// The job comes first: the import is then never older than its job.
	job, err := f.Job(ctx, id)
	if err != nil {
		return Snapshot{}, err
	}
	return f.snapshot(ctx, id, job)
}

func (f *Follower) snapshot(ctx context.Context, id string, job *jobsv1.Job) (s Snapshot, err error) {
	s.Job = job
	if s.Import, err = f.config.Store.Get(ctx, id); err != nil {
		return s, err
	}
	if s.Latest, err = f.config.Store.Latest(ctx, id, latestIssues); err != nil {
		return s, err
	}
	s.RootCauses, err = f.config.Store.RootCauses(ctx, id)
	return s, err
}
