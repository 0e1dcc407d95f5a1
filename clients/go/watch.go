package headway

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// Watch returns an iterator over the snapshots of a job: the current one first, then each later one. Revisions only grow. It
// reconnects after a lost connection or a restart of the service, and ends after the job's final snapshot.
//
// If it ends early, its last value is a nil job with an error: the context's cause, or an error of the service (see Reason),
// for example because the job was deleted or does not exist.
//
// While the service can't be reached, Watch tries again until ctx ends. OnInterruption shows that to users.
func Watch(ctx context.Context, client jobsv1.JobServiceClient, jobID string, options ...WatchOption) iter.Seq2[*jobsv1.Job, error] {
	return func(yield func(*jobsv1.Job, error) bool) {
		w := watch{client: client, id: jobID, pause: newPause(2 * time.Second)}
		for _, option := range options {
			option(&w)
		}
		for {
			before := w.revision
			more, err := w.stream(ctx, yield)
			if w.revision != before || w.connected && time.Since(w.opened) > stable {
				w.pause = newPause(w.pause.most)
			}
			switch {
			case !more:
				return
			case ctx.Err() != nil:
				yield(nil, context.Cause(ctx))
				return
			case err != nil && !passing(err) && status.Code(err) != codes.Canceled: // by a proxy that ends its connections
				yield(nil, err)
				return
			}
			w.failed(err)
			w.pause.wait(ctx)
		}
	}
}

// WatchOption is an option of Watch.
type WatchOption func(*watch)

// OnInterruption calls f with the error when an attempt to connect again, or for the first time, has failed, and with nil when the connection is
// back, before the next snapshot. A service that is back at the first attempt is not reported.
func OnInterruption(f func(error)) WatchOption { return func(w *watch) { w.onInterruption = f } }

// stable is how long a stream without a change must have been open so that the pauses start from the first one again. A proxy can accept
// streams that it can't pass on.
const stable = 5 * time.Second

// watch is the state of a watch between two streams.
type watch struct {
	client         jobsv1.JobServiceClient
	id             string
	revision       uint32 // of the last yielded snapshot
	pause          pause
	onInterruption func(error)
	connected      bool      // since the last failure
	opened         time.Time // when the service answered, if it is connected
	interrupted    bool      // reported
}

// failed reports an interruption if the last attempt has not connected.
func (w *watch) failed(err error) {
	if err != nil && !w.connected && !w.interrupted && w.onInterruption != nil {
		w.interrupted = true
		w.onInterruption(err)
	}
	w.connected = false
}

// succeeded reports the end of an interruption.
func (w *watch) succeeded() {
	w.opened, w.connected = time.Now(), true
	if w.interrupted {
		w.interrupted = false
		w.onInterruption(nil)
	}
}

// stream yields the snapshots of one stream. more is false if the job has ended, or if the consumer has stopped.
func (w *watch) stream(ctx context.Context, yield func(*jobsv1.Job, error) bool) (more bool, err error) {
	ctx, cancel := context.WithCancel(ctx) // ends the stream on return
	defer cancel()
	stream, err := w.client.WatchJob(ctx, &jobsv1.WatchJobRequest{JobId: w.id, AfterRevision: w.revision})
	if err != nil {
		return true, err
	}
	if header, err := stream.Header(); err == nil && header != nil { // a service sends it even if the job has not changed
		w.succeeded()
	}
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return true, nil // a proxy or the service ended the stream before the terminal snapshot
		}
		if err != nil {
			return true, err
		}
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
