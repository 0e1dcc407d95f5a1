package follow

import (
	"context"
	"testing"

	"google.golang.org/grpc"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/importer/internal/imports"
)

// lateJobs is a jobs service whose stream sends one snapshot, and has not sent the later one that GetJob returns.
type lateJobs struct {
	jobsv1.JobServiceClient
	streamed, current *jobsv1.Job
}

func (j *lateJobs) GetJob(context.Context, *jobsv1.GetJobRequest, ...grpc.CallOption) (*jobsv1.GetJobResponse, error) {
	return &jobsv1.GetJobResponse{Job: j.current}, nil
}

func (j *lateJobs) WatchJob(ctx context.Context, _ *jobsv1.WatchJobRequest, _ ...grpc.CallOption) (grpc.ServerStreamingClient[jobsv1.WatchJobResponse], error) {
	return &lateStream{ctx: ctx, job: j.streamed}, nil
}

type lateStream struct {
	grpc.ServerStreamingClient[jobsv1.WatchJobResponse]
	ctx context.Context
	job *jobsv1.Job
}

func (s *lateStream) Recv() (*jobsv1.WatchJobResponse, error) {
	if job := s.job; job != nil {
		s.job = nil
		return &jobsv1.WatchJobResponse{Job: job}, nil
	}
	<-s.ctx.Done()
	return nil, s.ctx.Err()
}

// store is a store with any import.
type store struct{ imports.Store }

func (store) Get(_ context.Context, id string) (imports.Import, error) {
	return imports.Import{ID: id}, nil
}

func (store) Latest(context.Context, string, int) ([]imports.Issue, error) { return nil, nil }

func (store) RootCauses(context.Context, string) ([]imports.RootCause, error) { return nil, nil }

// TestWatchIsNotOlderThanCall has a watch whose stream is late. A second one begins after a call has returned a later snapshot.
func TestWatchIsNotOlderThanCall(t *testing.T) {
	f := New(Config{Store: store{}, Jobs: &lateJobs{
		streamed: &jobsv1.Job{JobId: "i", Revision: 3, Status: jobsv1.JobStatus_JOB_STATUS_WAITING},
		current:  &jobsv1.Job{JobId: "i", Revision: 4, Status: jobsv1.JobStatus_JOB_STATUS_QUEUED},
	}})
	ctx, cancel := context.WithCancel(t.Context())
	revisions := make(chan uint32, 2)
	go func() {
		_ = f.Watch(ctx, "i", 0, func(s *Snapshot) error { revisions <- s.Rev(); return nil }) // ends with ctx
		close(revisions)
	}()
	if got := <-revisions; got != 3 {
		t.Fatalf("the watch begins with revision %d", got)
	}
	if _, err := f.Current(t.Context(), "i"); err != nil {
		t.Fatal(err)
	}
	second, stop := context.WithCancel(t.Context())
	defer stop()
	_ = f.Watch(second, "i", 0, func(s *Snapshot) error { // ends with its context
		if s.Rev() != 4 {
			t.Errorf("the second watch begins with revision %d", s.Rev())
		}
		stop()
		return nil
	})
	cancel()
	for range revisions { // until it has returned
	}
	f.Close()
}
