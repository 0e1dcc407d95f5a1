package stream

import (
	"slices"
	"time"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
)

// limitRetry is how long a stream that was closed for a newer one should stay away: at once, the two would push each
// other out for ever.
const limitRetry = 5 * time.Minute

// admit makes a watcher for the caller. It has no bytes yet, and must be forgotten when it comes to nothing.
func (h *Hub) admit(as auth.Identity, hijacked bool) (*watcher, error) {
	<-h.ready
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.draining {
		return nil, rpcerr.New(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN,
			"The server is shutting down; connect again in a few seconds.")
	}
	if h.cfg.MaxStreams > 0 && len(h.streams) >= h.cfg.MaxStreams {
		return nil, rpcerr.New(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_STREAM_LIMIT,
			"This server has as many live streams as it can hold; try again later, or poll GET /api/v1/jobs/{job_id}.")
	}
	w := &watcher{hub: h, subject: as.Subject, linked: true, index: int32(len(h.streams)), fd: -1, lastWrite: h.wheel.now()}
	w.expires, w.reauth = tokenTimes(as.ExpiresAt, time.Now())
	if !hijacked {
		w.wake = make(chan struct{}, 1)
	}
	h.streams = append(h.streams, w)
	h.opened++
	h.metrics.streams.Inc()
	p := h.person(as.Subject)
	p.streams = append(p.streams, w)
	return w, nil
}

// enforceLimit closes the user's oldest streams beyond the limit, telling them why. It comes after a stream has proved
// to be a good one: an attempt that is refused pushes nobody out.
func (h *Hub) enforceLimit(subject string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.people[subject]
	if p == nil || h.cfg.StreamsPerUser == 0 {
		return
	}
	for over := len(p.streams) - h.cfg.StreamsPerUser; over > 0; over-- {
		oldest := p.streams[0]
		p.streams = p.streams[1:]
		oldest.finish(limitEvent("You have too many live streams open: this one, the oldest, ends here for your newest.", jittered(limitRetry)), errOverLimit)
	}
}

// forget takes a watcher off every list.
func (h *Hub) forget(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !w.linked {
		return
	}
	w.linked = false
	h.metrics.streams.Dec()
	last := h.streams[len(h.streams)-1]
	h.streams[w.index], last.index = last, w.index
	h.streams[len(h.streams)-1] = nil
	h.streams = h.streams[:len(h.streams)-1]
	if t := w.topic; t != nil {
		last := t.watchers[len(t.watchers)-1]
		t.watchers[w.topicIndex], last.topicIndex = last, w.topicIndex
		t.watchers[len(t.watchers)-1] = nil
		t.watchers = t.watchers[:len(t.watchers)-1]
		w.topic = nil
		h.dropUnused(t)
	}
	p := h.people[w.subject]
	if p == nil {
		return
	}
	p.streams = remove(p.streams, w)
	if w.mine {
		p.mine = remove(p.mine, w)
	}
	h.dropPerson(w.subject)
}

func remove(list []*watcher, w *watcher) []*watcher {
	if i := slices.Index(list, w); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
