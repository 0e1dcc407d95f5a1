package sse

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"headway/internal/rpcerr"
	"headway/services/edge/internal/format"
	"headway/services/edge/internal/hub"
	"headway/services/edge/internal/sockets"
)

// headStart is the maximum age of a job that has ended when its stream begins. A page can open its stream and start the
// job at the same moment, and a short job can end before the stream has begun.
const headStart = 15 * time.Second

// follower is the state of a stream of a declared route: the job that it follows, and how much of it was sent.
type follower struct {
	// latest is set if the stream follows the user's latest job of a kind. It waits for a job that has not ended, or
	// that was created after since.
	latest        bool
	kind, subject string
	since         time.Time
	shown         *Shown
	// candidate is the latest job found so far, and picked is the ID of the one that the stream follows.
	candidate *hub.Snapshot
	picked    string
	// begun means that a state was sent. sent is the number of events of a growing format that were sent.
	begun bool
	sent  int
	// ended means that the terminal state was sent. The connection can end at the same time, on another goroutine.
	ended atomic.Bool
	// gone is called if the client disconnects before the end. It can be nil.
	gone func()
}

// next returns the next message of the stream.
func (f *follower) next(s *stream) (sockets.Message, bool) {
	for {
		item, ok := s.sub.Next()
		if !ok {
			if f.candidate == nil {
				return sockets.Message{}, false
			}
			item.Snapshot, f.candidate = f.candidate, nil
			f.picked = item.ID
			s.handlers.stopWaiting(s)
		} else if f.passes(&item) {
			continue
		}
		if item.Snapshot == nil {
			m, ok := s.tell(item)
			m.Last = m.Last || item.Deleted != ""
			return m, ok
		}
		if m, ok := f.tell(s, item.Snapshot); ok {
			return m, true
		}
	}
}

// passes reports whether the stream skips an item. It records candidates.
func (f *follower) passes(item *hub.Item) bool {
	switch {
	case !f.latest || item.End != nil:
		return false
	case item.Deleted != "":
		return item.Deleted != f.picked
	case f.picked != "":
		return item.ID != f.picked
	}
	if f.mayFollow(item.Snapshot) && (f.candidate == nil || item.Created >= f.candidate.Created) {
		f.candidate = item.Snapshot
	}
	return true
}

func (f *follower) mayFollow(s *hub.Snapshot) bool {
	if s.Kind != f.kind || s.Owner != f.subject {
		return false
	}
	return !s.Terminal || s.Created >= f.since.UnixMilli() && !f.shown.has(s.ID)
}

// tell returns the message of a state. It returns false if the state has nothing new.
func (f *follower) tell(s *stream, state *hub.Snapshot) (sockets.Message, bool) {
	m := sockets.Message{Last: f.latest && state.Terminal}
	var err error
	if growing, ok := s.encoder.format.(format.Growing); ok {
		var events [][]byte
		if events, err = s.encoder.growing(state, growing); err == nil {
			fresh := format.WithData(events[min(f.sent, len(events)):])
			f.sent = max(f.sent, len(events))
			m.Payload = s.encoder.framed(state, fresh)
		}
	} else {
		m.Payload, err = s.encoder.event(state, !f.begun)
	}
	if err != nil {
		s.handlers.cfg.Logger.Error("can't send a snapshot", "id", state.ID, "error", err)
		return sockets.Message{}, false
	}
	f.begun = true
	f.ended.Store(state.Terminal)
	if len(m.Bytes()) == 0 && !m.Last {
		return sockets.Message{}, false
	}
	s.handlers.messages.Inc()
	return m, true
}

// closed records that the connection has ended. A nil cause means that everything was sent.
func (f *follower) closed(s *stream, cause error) {
	s.handlers.stopWaiting(s)
	switch {
	case f.ended.Load() && cause == nil && f.latest:
		f.shown.add(f.picked)
	case !f.ended.Load() && f.gone != nil && clientLeft(cause):
		f.gone()
	}
}

// clientLeft reports whether a stream ended because its client disconnected, and not because of the server or a
// timeout.
func clientLeft(cause error) bool {
	for _, ours := range []error{hub.ErrDraining, hub.ErrReplaced, errExpired, sockets.ErrStopped} {
		if errors.Is(cause, ours) {
			return false
		}
	}
	return cause != nil
}

// Shown records the jobs whose end a route has recently sent, so that later streams don't send it again. The zero value
// is ready for use.
type Shown struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (l *Shown) has(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.at[id]
	return ok
}

func (l *Shown) add(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at == nil {
		l.at = make(map[string]time.Time)
	}
	now := time.Now()
	l.at[id] = now
	for id, at := range l.at {
		if now.Sub(at) > maxReplay { // streams don't look further back
			delete(l.at, id)
		}
	}
}

// failureKey identifies a failed attempt to start a job, by user and kind.
type failureKey struct{ subject, kind string }

type failure struct {
	err error
	at  time.Time
}

// maxFailures is the maximum number of recorded failures.
const maxFailures = 10_000

// await adds a stream to those that wait for a job to begin, or ends it if an attempt has just failed.
func (h *Handlers) await(s *stream) {
	f := s.encoder.follower
	key := failureKey{f.subject, f.kind}
	h.mu.Lock()
	known, failed := h.failures[key]
	delete(h.failures, key)
	if failed = failed && time.Since(known.at) < headStart; !failed {
		h.waiting = append(h.waiting, s)
	}
	h.mu.Unlock()
	if failed {
		s.finish(h.endEvent(s.encoder.format, known.err), nil)
	}
}

func (h *Handlers) stopWaiting(s *stream) {
	if !s.encoder.follower.latest {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if i := slices.Index(h.waiting, s); i >= 0 {
		h.waiting = slices.Delete(h.waiting, i, i+1)
	}
}

// Failed ends the caller's streams that wait for a job of this kind, because the attempt to start one failed. If there
// are none, the next such stream ends if it begins within a few seconds.
func (h *Handlers) Failed(subject, kind string, err error) {
	if rpcerr.Reason(err) == 0 {
		err = rpcerr.Internal(err)
	}
	key := failureKey{subject, kind}
	var ending []*stream
	h.mu.Lock()
	for _, s := range h.waiting {
		if f := s.encoder.follower; f.subject == subject && f.kind == kind {
			ending = append(ending, s)
		}
	}
	if len(ending) == 0 {
		now := time.Now()
		for k, known := range h.failures {
			if now.Sub(known.at) >= headStart {
				delete(h.failures, k)
			}
		}
		if len(h.failures) < maxFailures {
			h.failures[key] = failure{err, now}
		}
	}
	h.mu.Unlock()
	for _, s := range ending {
		s.finish(h.endEvent(s.encoder.format, err), nil)
	}
}
