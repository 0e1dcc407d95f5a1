package follow

import (
	"context"
	"errors"
	"math"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	headway "headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/importer/internal/imports"
)

// latestIssues is the number of issues in a snapshot.
const latestIssues = 20

// Snapshot is an import at one revision of its job.
type Snapshot struct {
	Import imports.Import
	// Job is nil if the jobs service has purged it.
	Job *jobsv1.Job
	// Latest are the latest issues, newest first.
	Latest     []imports.Issue
	RootCauses []imports.RootCause
}

// Key implements fanout.State.
func (s *Snapshot) Key() string { return s.Import.ID }

// Rev implements fanout.State. The final snapshot is later than every other, so it is never skipped.
func (s *Snapshot) Rev() uint32 {
	if s.Final() {
		return math.MaxUint32
	}
	return s.Job.GetRevision()
}

// Final implements fanout.State. An import is final when its job has ended or was purged.
func (s *Snapshot) Final() bool { return s.Job == nil || headway.Terminal(s.Job.GetStatus()) }

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

// Current reads an import and its job. Watches that begin later send no older snapshot.
func (f *Follower) Current(ctx context.Context, id string) (*Snapshot, error) {
	// The job is read first, so that the import is never older than its job.
	job, err := f.Job(ctx, id)
	if err != nil {
		return nil, err
	}
	s, err := f.snapshot(ctx, id, job)
	if err != nil {
		return nil, err
	}
	f.offer(s)
	return s, nil
}

func (f *Follower) snapshot(ctx context.Context, id string, job *jobsv1.Job) (*Snapshot, error) {
	s := &Snapshot{Job: job}
	var err error
	if s.Import, err = f.config.Store.Get(ctx, id); err != nil {
		return nil, err
	}
	if s.Latest, err = f.config.Store.Latest(ctx, id, latestIssues); err != nil {
		return nil, err
	}
	if s.RootCauses, err = f.config.Store.RootCauses(ctx, id); err != nil {
		return nil, err
	}
	return s, nil
}
