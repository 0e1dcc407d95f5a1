package importrpc

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// resumeAfter is how long a watch waits before it looks for a jobs service that went away.
const resumeAfter = 500 * time.Millisecond

// WatchImport implements headway.imports.v1.ImportService.
func (s *Service) WatchImport(r *importsv1.WatchImportRequest, stream grpc.ServerStreamingServer[importsv1.WatchImportResponse]) error {
	ctx := stream.Context()
	if _, err := s.visible(ctx, r.GetImportId()); err != nil {
		return toStatus(err)
	}
	w := s.watches.join(r.GetImportId())
	defer s.watches.leave(w)
	seen := r.GetAfterRevision()
	for {
		latest, changed := w.state()
		if snapshot := latest.snapshot; snapshot != nil {
			revision := snapshot.GetJob().GetRevision()
			if revision > seen || latest.last {
				if err := stream.Send(&importsv1.WatchImportResponse{Import: snapshot}); err != nil {
					return err
				}
				seen = revision
			}
		}
		if latest.last {
			return nil
		}
		if latest.err != nil {
			return toStatus(latest.err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// watches shares one watch of an import's job between all who watch the import.
type watches struct {
	service *Service
	// ctx ends with the service.
	ctx    context.Context
	cancel context.CancelFunc
	active sync.WaitGroup

	mu   sync.Mutex
	byID map[string]*watch
}

// watch follows one import while somebody watches it. Each watcher takes the newest snapshot when it is ready for it,
// so a slow one costs nothing.
type watch struct {
	id       string
	cancel   context.CancelFunc
	watchers int // guarded by watches.mu

	mu      sync.Mutex
	latest  latest
	changed chan struct{} // closed with every change
}

type latest struct {
	snapshot *importsv1.Import
	// last: nothing comes after this snapshot.
	last bool
	err  error
}

func newWatches(s *Service) *watches {
	ctx, cancel := context.WithCancel(context.Background())
	return &watches{service: s, ctx: ctx, cancel: cancel, byID: map[string]*watch{}}
}

func (ws *watches) close() {
	ws.cancel()
	ws.active.Wait()
}

// join gives the import's watch, and begins it for the first watcher. A watch that has ended is begun anew: the
// import may have been confirmed or retried since.
func (ws *watches) join(id string) *watch {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w := ws.byID[id]
	if w == nil || w.ended() {
		ctx, cancel := context.WithCancel(ws.ctx)
		w = &watch{id: id, cancel: cancel, changed: make(chan struct{})}
		ws.byID[id] = w
		ws.active.Go(func() { ws.follow(ctx, w) })
	}
	w.watchers++
	return w
}

// leave ends the watch with its last watcher.
func (ws *watches) leave(w *watch) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w.watchers--
	if w.watchers > 0 {
		return
	}
	w.cancel()
	if ws.byID[w.id] == w {
		delete(ws.byID, w.id)
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

// follow turns the job's snapshots into the import's until the job ends. It outlives restarts of the jobs service.
func (ws *watches) follow(ctx context.Context, w *watch) {
	var seen uint32
	for {
		err := ws.stream(ctx, w, &seen)
		switch code := status.Code(err); {
		case err == nil || ctx.Err() != nil:
			return
		case code == codes.NotFound:
			// The job was purged; what the books hold is all there is to come.
			snapshot, err := ws.service.current(ctx, w.id)
			w.publish(latest{snapshot: snapshot, last: err == nil, err: err})
			return
		case code != codes.Unavailable && code != codes.Unauthenticated && code != codes.DeadlineExceeded && code != codes.Canceled:
			w.publish(latest{err: err})
			return
		}
		select {
		case <-time.After(resumeAfter):
		case <-ctx.Done():
			return
		}
	}
}

// stream follows the job over one stream; nil once the last snapshot is published.
func (ws *watches) stream(ctx context.Context, w *watch, seen *uint32) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := ws.service.Jobs.WatchJob(ctx, &jobsv1.WatchJobRequest{JobId: w.id, AfterRevision: *seen})
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
		job := answer.GetJob()
		im, err := ws.service.Books.Get(ctx, w.id)
		if err != nil {
			return err
		}
		snapshot, err := ws.service.snapshot(ctx, im, job)
		if err != nil {
			return err
		}
		last := terminal(job.GetStatus())
		w.publish(latest{snapshot: snapshot, last: last})
		*seen = job.GetRevision()
		if last {
			return nil
		}
	}
}

func terminal(s jobsv1.JobStatus) bool {
	return s == jobsv1.JobStatus_JOB_STATUS_COMPLETED || s == jobsv1.JobStatus_JOB_STATUS_FAILED || s == jobsv1.JobStatus_JOB_STATUS_CANCELLED
}
