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

// headStart is the maximum age of a job that has ended when its stream begins. A page opens its stream at the same moment as
// it starts the job, and a short job can end before the stream has begun.
const headStart = 15 * time.Second

// follower is what a stream of a route remembers: which job it follows, and how much of it was sent.
type follower struct {
	// latest is set if the stream follows the latest job of a kind. It belongs to a user, and waits for a job that has not
	// ended, or was created after since.
	latest        bool
	kind, subject string
	since         time.Time
	shown         *Shown
	// candidate is the latest job found so far, and picked is the ID of the one that the stream follows.
	candidate *hub.Snapshot
	picked    string
	// begun: a state was sent. sent is how many events of a growing format were.
	begun bool
	sent  int
	// ended: the terminal state was sent. The connection can end at the same time, on another goroutine.
	ended atomic.Bool
	// gone is called if the client leaves before the end. It can be nil.
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

// passes reports whether the stream does not tell of an item. It notes candidates.
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

// tell returns the message of a state. It reports false if the state has nothing new.
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
		s.handlers.cfg.Logger.Error("a state cannot be sent", "id", state.ID, "error", err)
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

// closed notes that the connection has ended. A nil cause means that everything was sent.
func (f *follower) closed(s *stream, cause error) {
	s.handlers.stopWaiting(s)
	switch {
	case f.ended.Load() && cause == nil && f.latest:
		f.shown.add(f.picked)
	case !f.ended.Load() && f.gone != nil && clientLeft(cause):
		f.gone()
	}
}

// clientLeft reports whether a stream ended because of its client, and not because of the server or of its time.
func clientLeft(cause error) bool {
	for _, ours := range []error{hub.ErrDraining, hub.ErrReplaced, errExpired, sockets.ErrStopped} {
		if errors.Is(cause, ours) {
			return false
		}
	}
	return cause != nil
}

// Shown remembers the jobs whose end a route has sent lately, so that a stream that begins later does not tell of them
// again. The zero value is ready for use.
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
		if now.Sub(at) > maxReplay { // no stream looks further back
			delete(l.at, id)
		}
	}
}

// failureKey names what failed to begin: a job of a user's, of a kind.
type failureKey struct{ subject, kind string }

type failure struct {
	err error
	at  time.Time
}

// maxFailures bounds the failures that are remembered.
const maxFailures = 10_000

// await lists a stream as waiting for a job to begin, or ends it if an attempt failed a moment ago.
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

// Failed ends the caller's streams that wait for a job of this kind, because the attempt to begin one failed. If none waits
// yet, the next one that begins within a few seconds ends.
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
