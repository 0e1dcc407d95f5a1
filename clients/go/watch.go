package headway

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// Watch returns an iterator over the snapshots of a job: the current one first, then each later one. Revisions only grow. It
// ends after the snapshot that says how the job ended, and only then: a connection that is lost, or a service that is
// restarted, is connected to again.
//
// What ends it early comes as an error, once, with a nil job: the context's cause, or a refusal of the service (see
// Reason), as when the job is deleted or was never there.
func Watch(ctx context.Context, client jobsv1.JobServiceClient, jobID string) iter.Seq2[*jobsv1.Job, error] {
	return func(yield func(*jobsv1.Job, error) bool) {
		w := watch{client: client, id: jobID, pause: newPause(2 * time.Second)}
		for {
			more, err := w.stream(ctx, yield)
			switch {
			case !more:
				return
			case ctx.Err() != nil:
				yield(nil, context.Cause(ctx))
				return
			case err != nil && !passing(err):
				yield(nil, err)
				return
			}
			w.pause.wait(ctx)
		}
	}
}

// watch is what a watch remembers from one stream to the next.
type watch struct {
	client   jobsv1.JobServiceClient
	id       string
	revision uint32 // of the last snapshot given
	pause    pause
}

// stream yields the snapshots of one stream. more is false when the job has ended, or the consumer has stopped.
func (w *watch) stream(ctx context.Context, yield func(*jobsv1.Job, error) bool) (more bool, err error) {
	ctx, cancel := context.WithCancel(ctx) // ends the stream when we do
	defer cancel()
	stream, err := w.client.WatchJob(ctx, &jobsv1.WatchJobRequest{JobId: w.id, AfterRevision: w.revision})
	if err != nil {
		return true, err
	}
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return true, nil // without a terminal snapshot: something in between has cut it
		}
		if err != nil {
			return true, err
		}
		w.pause = newPause(w.pause.most)
		job := resp.GetJob()
		ended := Terminal(job.GetStatus())
		if job.GetRevision() <= w.revision && !ended {
			continue
		}
		w.revision = job.GetRevision()
		if !yield(job, nil) || ended {
			return false, nil
		}
	}
}
