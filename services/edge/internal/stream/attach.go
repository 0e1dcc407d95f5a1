package stream

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
)

// errNotFound is what everybody gets who may not see something, or asks for what is not there: the two must look alike.
func errNotFound(isImport bool) error {
	if isImport {
		return rpcerr.New(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_IMPORT_NOT_FOUND,
			"There is no import with this id that you may see; look at GET /api/v1/imports.")
	}
	return rpcerr.New(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_FOUND,
		"There is no job of this kind with this id that you may see; look at GET /api/v1/jobs.")
}

func errUnavailable(cause error) error {
	return rpcerr.Wrap(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE,
		"The service that knows this cannot be reached for the moment; try again.", cause)
}

// attach has the watcher follow a job or import, and gives it and its current state. Watching comes first and reading second,
// so that nothing between the two is lost.
func (h *Hub) attach(ctx context.Context, w *watcher, id, kind string, isImport bool, as auth.Identity) (*topic, *frame, error) {
	h.mu.Lock()
	t := h.topicFor(id, isImport)
	w.topic, w.topicIndex = t, int32(len(t.watchers))
	t.watchers = append(t.watchers, w)
	f := t.fetch
	h.mu.Unlock()
	if f != nil {
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, nil, rpcerr.Internal(ctx.Err())
		}
		if f.err != nil {
			return nil, nil, f.err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !t.known || !as.MaySee(t.owner) || !isImport && t.kind != kind {
		return nil, nil, errNotFound(isImport)
	}
	current, err := t.encoded()
	if err != nil {
		return nil, nil, rpcerr.Internal(err)
	}
	return t, current, nil
}

// topicFor gives a topic, and begins to read one that is not known. The hub's lock must be held.
func (h *Hub) topicFor(id string, isImport bool) *topic {
	topics := h.jobs
	if isImport {
		topics = h.imports
	}
	t := topics[id]
	if t == nil {
		t = &topic{id: id, isImport: isImport, liveIndex: -1}
		topics[id] = t
	}
	if t.known || t.fetch != nil {
		return t
	}
	t.fetch = &fetch{done: make(chan struct{})}
	if h.closed {
		t.fetch.err = errUnavailable(errDrained)
		close(t.fetch.done)
		return t
	}
	ctx, cancel := context.WithCancel(h.ctx)
	if isImport {
		t.stop = cancel
		h.conns.Go(func() { h.watchImport(ctx, t) })
		return t
	}
	told := t.fetch.done
	h.conns.Go(func() {
		defer cancel()
		h.fetchJob(ctx, t, told)
	})
	return t
}

// catchUp reads a topic anew whose state here is behind what a client has seen.
func (h *Hub) catchUp(ctx context.Context, t *topic, behind *frame) (*frame, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	if t.isImport {
		resp, err := h.cfg.Imports.GetImport(ctx, &importsv1.GetImportRequest{ImportId: t.id}, h.cfg.AsService, grpc.WaitForReady(true))
		if err != nil {
			return nil, fetchError(t, err)
		}
		h.publishImport(t, resp.GetImport())
	} else {
		job, err := h.readJob(ctx, t.id)
		if err != nil {
			return nil, err
		}
		h.publishJob(job, 0)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.revision <= behind.revision {
		return behind, nil
	}
	current, err := t.encoded()
	if err != nil {
		return nil, rpcerr.Internal(err)
	}
	return current, nil
}

const (
	// fetchTimeout is how long a stream that begins waits for a service that cannot be reached.
	fetchTimeout = 8 * time.Second
	// fetchesAtOnce is how many jobs are read one by one at a time.
	fetchesAtOnce = 64
)

// syncPatience is how long a job that is not known waits for the stream of all jobs to tell of it, while that begins:
// a crowd that comes back to a fresh edge would otherwise ask for thousands of jobs one by one.
const syncPatience = time.Second

// fetchJob reads a job that is watched and not known.
func (h *Hub) fetchJob(ctx context.Context, t *topic, told <-chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	if !h.Synced() {
		patience := time.NewTimer(syncPatience)
		defer patience.Stop()
		select {
		case <-told:
			return
		case <-h.synced:
		case <-patience.C:
		case <-ctx.Done():
		}
	}
	select {
	case <-told:
		return
	default:
	}
	select {
	case <-told: // while it waited for its turn
		return
	case h.fetches <- struct{}{}:
		defer func() { <-h.fetches }()
	case <-ctx.Done():
		h.fetched(t, status.FromContextError(ctx.Err()).Err())
		return
	}
	resp, err := h.cfg.Jobs.GetJob(ctx, &jobsv1.GetJobRequest{JobId: t.id}, h.cfg.AsService, grpc.WaitForReady(true))
	if err == nil {
		h.publishJob(resp.GetJob(), 0)
	}
	h.fetched(t, err)
}

// fetched ends the wait of those who attached meanwhile. Only the first call for a topic counts.
func (h *Hub) fetched(t *topic, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.fetch != nil {
		if err != nil {
			t.fetch.err = fetchError(t, err)
		}
		t.tell()
	}
}

// tell ends the wait of those who attached. The hub's lock must be held.
func (t *topic) tell() {
	if t.fetch != nil {
		close(t.fetch.done)
		t.fetch = nil
	}
}

func fetchError(t *topic, err error) error {
	err = fmt.Errorf("read %s: %w", t.id, err)
	switch status.Code(err) {
	case codes.NotFound, codes.InvalidArgument: // the latter: no id of anything
		return errNotFound(t.isImport)
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return errUnavailable(err)
	}
	return rpcerr.Internal(err)
}
