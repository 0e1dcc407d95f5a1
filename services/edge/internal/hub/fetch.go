package hub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
)

const (
	// fetchTimeout is the maximum time that a new stream waits for a service that does not respond.
	fetchTimeout = 8 * time.Second
	// maxFetches is the maximum number of jobs that are read at a time.
	maxFetches = 64
	// syncTimeout is the maximum time that an unknown job waits until the new upstream of all jobs sends it. Otherwise,
	// clients that reconnect after a restart would request thousands of jobs one at a time.
	syncTimeout = time.Second
	// maxReplays is the maximum number of reconnecting clients that receive ended jobs at a time.
	maxReplays = 8
)

// NotFound returns the error for a topic that does not exist, or that the caller is not allowed to see. Both cases have
// the same error.
func NotFound(t Topic) error {
	if t.Import {
		return rpcerr.ImportNotFound()
	}
	return rpcerr.JobNotFound()
}

// Unavailable returns the error for a topic whose service does not respond.
func Unavailable(cause error) error {
	return rpcerr.Wrap(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE,
		"The server can't reach one of its services. Try again in a few seconds.", cause)
}

// Watch subscribes to a job or import, and returns its current state, which is also the subscription's first item. It
// subscribes first, and then reads, so that no change in between is lost.
func (h *Hub) Watch(ctx context.Context, s *Subscription, t Topic, as auth.Identity) (*Snapshot, error) {
	h.mu.Lock()
	f := h.feedFor(t)
	s.feed, s.feedIndex = f, int32(len(f.subscribers))
	f.subscribers = append(f.subscribers, s)
	fetching := f.fetch
	h.mu.Unlock()
	if fetching != nil {
		select {
		case <-fetching.done:
		case <-ctx.Done():
			return nil, rpcerr.Internal(ctx.Err())
		}
		if fetching.err != nil {
			return nil, fetching.err
		}
	}
	h.mu.Lock()
	latest, behind := f.latest, f.isBehind()
	h.mu.Unlock()
	if latest == nil || !latest.maySee(as) {
		return nil, NotFound(t)
	}
	if behind {
		read, err := h.Refresh(ctx, s, latest)
		if err != nil {
			return nil, err
		}
		latest = read
	}
	s.offer(latest)
	return latest, nil
}

// feedFor returns a feed. If its state is unknown, feedFor starts to read it. The lock must be held.
func (h *Hub) feedFor(t Topic) *feed {
	feeds := h.jobs
	if t.Import {
		feeds = h.imports
	}
	f := feeds[t.ID]
	if f == nil {
		f = &feed{Topic: t, liveIndex: -1}
		feeds[t.ID] = f
	}
	if f.latest != nil && f.latest.Raw != nil || f.fetch != nil {
		return f
	}
	f.fetch = &fetch{done: make(chan struct{})}
	if h.closed {
		f.told(Unavailable(ErrDraining))
		return f
	}
	if t.Import {
		ctx, cancel := context.WithCancel(h.ctx)
		f.stop = cancel
		h.tasks.Go(func() { h.watchImport(ctx, f) })
		return f
	}
	done := f.fetch.done
	h.tasks.Go(func() { h.fetchJob(h.ctx, f, done) })
	return f
}

// Refresh reads a topic again if the client has seen a later state than the hub.
func (h *Hub) Refresh(ctx context.Context, s *Subscription, old *Snapshot) (*Snapshot, error) {
	read, err := h.Read(ctx, old.Topic)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	f := s.feed
	h.mu.Unlock()
	switch {
	case f == nil: // it was closed in the meantime
	case old.Import:
		h.publishImport(f, read)
	default:
		h.publishJob(read, 0)
	}
	if read.Revision < old.Revision {
		return old, nil
	}
	return read, nil
}

// Read returns a topic's current state from its service.
func (h *Hub) Read(ctx context.Context, t Topic) (*Snapshot, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	s, err := h.cfg.Upstream.Read(ctx, t)
	if err != nil {
		return nil, fetchError(t, err)
	}
	return s, nil
}

// fetchJob reads a watched job whose state is unknown.
func (h *Hub) fetchJob(ctx context.Context, f *feed, told <-chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	if !h.Synced() {
		timer := time.NewTimer(syncTimeout)
		defer timer.Stop()
		select {
		case <-told:
			return
		case <-h.synced:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	select {
	case <-told:
		return
	default:
	}
	select {
	case <-told: // while this waited for its turn
		return
	case h.fetches <- struct{}{}:
		defer func() { <-h.fetches }()
	case <-ctx.Done():
		h.fetched(f, status.FromContextError(ctx.Err()).Err())
		return
	}
	s, err := h.cfg.Upstream.Read(ctx, f.Topic)
	if err == nil {
		h.publishJob(s, 0)
	}
	h.fetched(f, err)
}

// fetched ends the wait of all subscriptions since the read began. Only the first call for a feed has an effect.
func (h *Hub) fetched(f *feed, err error) {
	if err != nil {
		err = fetchError(f.Topic, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	f.told(err)
}

// told ends the wait of all subscriptions. The hub's lock must be held.
func (f *feed) told(err error) {
	if f.fetch != nil {
		f.fetch.err = err
		close(f.fetch.done)
		f.fetch = nil
	}
}

func fetchError(t Topic, err error) error {
	err = fmt.Errorf("read %s: %w", t.ID, err)
	switch status.Code(err) {
	case codes.NotFound, codes.InvalidArgument: // InvalidArgument means an ID that no job can have
		return NotFound(t)
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return Unavailable(err)
	}
	return rpcerr.Internal(err)
}

// WatchMine subscribes to all jobs of the user. It begins with unfinished jobs, and, unless the time is zero, with jobs
// that have ended since that time. ctx must contain the user's own token.
func (h *Hub) WatchMine(ctx context.Context, s *Subscription, since time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	select {
	case <-h.synced:
	case <-ctx.Done():
		return Unavailable(errors.New("the stream of jobs has not started yet"))
	}
	h.mu.Lock()
	s.mu.Lock()
	if !s.over {
		s.box = newBox()
	}
	s.mu.Unlock()
	s.user.mine = append(s.user.mine, s)
	known, missing := make([]*Snapshot, 0, len(s.user.live)), false
	for _, f := range s.user.live {
		if f.latest.Raw == nil || f.isBehind() {
			missing = true
		} else {
			known = append(known, f.latest)
		}
	}
	h.mu.Unlock()
	for _, state := range known {
		s.offer(state)
	}
	if !missing && since.IsZero() {
		return nil
	}
	return h.replay(ctx, s, since)
}

// replay reads the user's live jobs, and those that ended since then, which the hub doesn't have.
func (h *Hub) replay(ctx context.Context, s *Subscription, since time.Time) error {
	select {
	case h.replays <- struct{}{}:
		defer func() { <-h.replays }()
	case <-ctx.Done():
		return Unavailable(errors.New("too many streams are starting at the same time"))
	}
	if !since.IsZero() {
		since = since.Add(-overlap)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	synced := false
	err := h.cfg.Upstream.Jobs(ctx, false, since, func(changed []*Snapshot, _ []string, done bool) {
		for _, state := range changed {
			s.offer(state)
		}
		if done {
			synced = true
			cancel()
		}
	})
	if synced {
		return nil
	}
	if code := status.Code(err); code == codes.Unavailable || code == codes.DeadlineExceeded || code == codes.Canceled {
		return Unavailable(err)
	}
	return err
}
