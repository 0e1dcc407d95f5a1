// Package follow watches imports. All callers that watch one import share one watch of its job.
package follow

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/backoff"
	"headway/internal/fanout"
	"headway/services/importer/internal/imports"
)

// The backoff while the jobs service can't be reached.
const (
	firstWait = 250 * time.Millisecond
	maxWait   = 2 * time.Second
)

// Config configures a Follower. All fields are required.
type Config struct {
	Store imports.Store
	// Jobs is called with the importer's own identity.
	Jobs jobsv1.JobServiceClient
}

// Follower watches imports. Close it after its last caller has returned.
type Follower struct {
	config Config
	// ctx ends with Close.
	ctx    context.Context
	cancel context.CancelFunc
	active sync.WaitGroup
	topics fanout.Topics[*watch, *Snapshot]

	mu   sync.Mutex
	byID map[string]*watch
}

// watch follows one import while it has callers. All fields but id and cancel are guarded by Follower.mu.
type watch struct {
	id      string
	cancel  context.CancelFunc
	callers map[*caller]struct{}
	// latest is the first snapshot for a new caller.
	latest *Snapshot
	// err is the error that ended the watch.
	err error
}

// caller receives the snapshots of a watch.
type caller = fanout.Subscriber[*watch, *Snapshot]

// New returns a new Follower.
func New(config Config) *Follower {
	ctx, cancel := context.WithCancel(context.Background())
	return &Follower{config: config, ctx: ctx, cancel: cancel, byID: map[string]*watch{}}
}

// Close ends all watches, and waits for them.
func (f *Follower) Close() {
	f.cancel()
	f.active.Wait()
}

// Watch sends the current snapshot of an import if its job's revision is above after, and then each later one. A slow
// caller skips snapshots, but always receives the latest. Watch returns after the final one, which it always sends, or
// with the first error.
func (f *Follower) Watch(ctx context.Context, id string, after uint32, send func(*Snapshot) error) error {
	w, c := f.join(id, after)
	defer f.leave(w, c)
	for {
		snapshots, _, err := c.Next(ctx, 1)
		if err != nil {
			return err
		}
		if err := send(snapshots[0]); err != nil || snapshots[0].Final() {
			return err
		}
	}
}

// join subscribes to the import's watch, and starts it for the first caller. A watch that has ended is started again:
// the import might have been confirmed or retried since.
func (f *Follower) join(id string, after uint32) (*watch, *caller) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.byID[id]
	if w == nil || w.err != nil || w.latest != nil && w.latest.Final() {
		ctx, cancel := context.WithCancel(f.ctx)
		w = &watch{id: id, cancel: cancel, callers: map[*caller]struct{}{}}
		f.byID[id] = w
		f.active.Go(func() { f.follow(ctx, w) })
	}
	c := f.topics.Subscribe(true, w)
	w.callers[c] = struct{}{}
	if after > 0 {
		c.Seen(id, after)
	}
	if w.latest != nil {
		c.Offer(w.latest)
	}
	return w, c
}

// leave removes a caller. The last caller ends the watch.
func (f *Follower) leave(w *watch, c *caller) {
	c.Stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(w.callers, c)
	if len(w.callers) > 0 {
		return
	}
	w.cancel()
	if f.byID[w.id] == w {
		delete(f.byID, w.id)
	}
}

func (f *Follower) publish(w *watch, snapshot *Snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w.latest != nil && snapshot.Rev() <= w.latest.Rev() {
		return
	}
	w.latest = snapshot
	f.topics.Publish(func() *Snapshot { return snapshot }, w)
}

// offer publishes a snapshot that a call has read to the import's watch, if there is one. Otherwise, a caller could get an older one
// from the watch, whose stream is later than the answer to the call.
func (f *Follower) offer(snapshot *Snapshot) {
	f.mu.Lock()
	w := f.byID[snapshot.Key()]
	f.mu.Unlock()
	if w != nil {
		f.publish(w, snapshot)
	}
}

func (f *Follower) fail(w *watch, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.err = err
	for c := range w.callers {
		c.End(err)
	}
}

// follow publishes a snapshot for each change of the job until the job ends. It continues after restarts of the jobs
// service.
func (f *Follower) follow(ctx context.Context, w *watch) {
	var seen uint32
	wait := backoff.New(firstWait, maxWait)
	for {
		err := f.stream(ctx, w, &seen, wait.Reset)
		switch code := status.Code(err); {
		case err == nil || ctx.Err() != nil:
			return
		case code == codes.NotFound:
			// The job was purged: the stored import is final.
			snapshot, err := f.Current(ctx, w.id)
			if err != nil {
				f.fail(w, err)
				return
			}
			f.publish(w, snapshot)
			return
		case code != codes.Unavailable && code != codes.Unauthenticated && code != codes.DeadlineExceeded && code != codes.Canceled:
			f.fail(w, err)
			return
		}
		if !wait.Wait(ctx) {
			return
		}
	}
}

// stream follows the job over one stream, and calls received for every message. It returns nil after it has published
// the final snapshot.
func (f *Follower) stream(ctx context.Context, w *watch, seen *uint32, received func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := f.config.Jobs.WatchJob(ctx, &jobsv1.WatchJobRequest{JobId: w.id, AfterRevision: *seen})
	if err != nil {
		return err
	}
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return status.Error(codes.Unavailable, "the watch ended before the job")
		}
		if err != nil {
			return err
		}
		received()
		job := answer.GetJob()
		snapshot, err := f.snapshot(ctx, w.id, job)
		if err != nil {
			return err
		}
		f.publish(w, snapshot)
		*seen = job.GetRevision()
		if snapshot.Final() {
			return nil
		}
	}
}
