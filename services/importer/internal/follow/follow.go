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

	headway "headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/backoff"
	"headway/services/importer/internal/imports"
)

// The waits before a watch calls a jobs service again that could not be reached.
const (
	firstWait = 250 * time.Millisecond
	maxWait   = 2 * time.Second
)

// Config holds what a Follower reads. All fields are required.
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

	mu   sync.Mutex
	byID map[string]*watch
}

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

// Watch sends the current snapshot of an import if its job's revision is above after, and then each later one. A caller
// that is slower than the import changes skips snapshots, but always gets the latest. Watch returns after the final
// one, which it always sends, or with the first error.
func (f *Follower) Watch(ctx context.Context, id string, after uint32, send func(Snapshot) error) error {
	w := f.join(id)
	defer f.leave(w)
	seen := after
	for {
		latest, changed := w.state()
		if latest.snapshot != nil {
			revision := latest.snapshot.Job.GetRevision()
			if revision > seen || latest.last {
				if err := send(*latest.snapshot); err != nil {
					return err
				}
				seen = revision
			}
		}
		if latest.last {
			return nil
		}
		if latest.err != nil {
			return latest.err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// watch follows one import while it has callers. Each caller takes the latest snapshot when it is ready for it, so a
// slow one costs nothing.
type watch struct {
	id      string
	cancel  context.CancelFunc
	callers int // guarded by Follower.mu

	mu      sync.Mutex
	latest  latest
	changed chan struct{} // closed with every change
}

type latest struct {
	snapshot *Snapshot
	// last means that no other snapshot follows.
	last bool
	err  error
}

// join returns the import's watch, and starts it for the first caller. A watch that has ended is started again: the
// import may have been confirmed or retried since.
func (f *Follower) join(id string) *watch {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.byID[id]
	if w == nil || w.ended() {
		ctx, cancel := context.WithCancel(f.ctx)
		w = &watch{id: id, cancel: cancel, changed: make(chan struct{})}
		f.byID[id] = w
		f.active.Go(func() { f.follow(ctx, w) })
	}
	w.callers++
	return w
}

// leave ends the watch with its last caller.
func (f *Follower) leave(w *watch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w.callers--
	if w.callers > 0 {
		return
	}
	w.cancel()
	if f.byID[w.id] == w {
		delete(f.byID, w.id)
	}
}

func (w *watch) ended() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.latest.last || w.latest.err != nil
}

func (w *watch) state() (latest, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.latest, w.changed
}

func (w *watch) publish(l latest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.latest = l
	close(w.changed)
	w.changed = make(chan struct{})
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
			w.publish(latest{snapshot: &snapshot, last: err == nil, err: err})
			return
		case code != codes.Unavailable && code != codes.Unauthenticated && code != codes.DeadlineExceeded && code != codes.Canceled:
			w.publish(latest{err: err})
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
		last := headway.Terminal(job.GetStatus())
		w.publish(latest{snapshot: &snapshot, last: last})
		*seen = job.GetRevision()
		if last {
			return nil
		}
	}
}
