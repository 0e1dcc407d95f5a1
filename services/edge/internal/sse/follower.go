package sse

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"headway/internal/rpcerr"
	"headway/services/edge/internal/format"
	"headway/services/edge/internal/hub"
	"headway/services/edge/internal/shown"
	"headway/services/edge/internal/sockets"
)

// headStart is the maximum age of a job that has ended when its stream begins. A page can open its stream and start the
// job at the same moment, and a short job can end before the stream has begun.
const headStart = 15 * time.Second

// startGrace is the time for which a new stream delays the end of an earlier job. A page opens its stream and starts its own job at
// the same moment, but the two requests can arrive in any order.
const startGrace = 500 * time.Millisecond

// follower is the state of a stream of a declared route: the job that it follows, and how much of it was sent.
type follower struct {
	// latest is set if the stream follows the user's latest job of a kind. It waits for a job that has not ended, or
	// that was created after since.
	latest        bool
	kind, subject string
	since         time.Time
	shown         *shown.Route
	// opened is when the client opened the stream, in milliseconds since 1970.
	opened int64
	// resumed, if not 0, is when a client that has come back opened its first stream, on which it received no job.
	resumed int64
	// candidate is the latest job found so far. picked is the ID of the one that the stream follows, and created is when that
	// was created, in milliseconds since 1970.
	candidate *hub.Snapshot
	picked    string
	created   int64
	// told is the ID of the job whose states were sent.
	told string
	// graceBegun and graceOver mean that startGrace has begun, and that it has passed.
	graceBegun bool
	graceOver  atomic.Bool
	// begun means that a state was sent. sent is the number of events of a growing format that were sent.
	begun bool
	sent  int
	// ended means that the terminal state was sent, or is about to be. The connection can end at the same time, on another
	// goroutine.
	ended atomic.Bool
	// unshow is set once the end is about to be sent. It undoes that.
	unshow func()
	// ending is the terminal state while it waits until its end is stored as shown, and stored means that it is.
	ending *hub.Snapshot
	stored atomic.Bool
	// gone is called if the client disconnects before the end. It can be nil.
	gone func()
}

// next returns the next message of the stream.
func (f *follower) next(s *stream) (sockets.Message, bool) {
	if f.ending != nil {
		if !f.stored.Load() {
			return sockets.Message{}, false
		}
		state := f.ending
		f.ending = nil
		if m, ok := f.tell(s, state); ok {
			return m, true
		}
	}
	for {
		item, ok := s.sub.Next()
		if !ok {
			if f.candidate == nil || f.waits(s, f.candidate) {
				return sockets.Message{}, false
			}
			item.Snapshot, f.candidate = f.candidate, nil
			f.pick(item.Snapshot)
			s.handlers.stopWaiting(s)
		} else if f.passes(&item) {
			continue
		}
		if f.isEarlier(item.Snapshot) && f.waits(s, item.Snapshot) {
			f.candidate, f.picked = item.Snapshot, ""
			s.handlers.wait(s)
			continue
		}
		if f.isEarlier(item.Snapshot) && s.handlers.isStarting(f.subject, f.kind) {
			f.picked = ""
			s.handlers.wait(s)
			continue
		}
		if item.Snapshot == nil {
			m, ok := s.tell(item)
			m.Last = m.Last || item.Deleted != ""
			return m, ok
		}
		if f.shown != nil && item.Terminal {
			f.record(s, item.Snapshot)
			return f.next(s)
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
	case f.picked != "" && item.ID == f.picked:
		return false
	case f.picked != "" && (f.created >= f.opened || item.Created < f.opened):
		return true
	}
	// The page opens its stream at the same moment as it starts a job. So a job that existed before is not the page's own, and
	// the stream follows it only until its own is created.
	if f.mayFollow(item.Snapshot) && (f.candidate == nil || item.Created >= f.candidate.Created) {
		f.candidate = item.Snapshot
	}
	return true
}

// pick decides which job the stream follows from now on.
func (f *follower) pick(state *hub.Snapshot) {
	f.picked, f.created = state.ID, state.Created
	if f.told != state.ID {
		f.told, f.sent, f.begun = state.ID, 0, false
	}
}

// waits reports whether the stream still waits with this state, because its client may be about to start another job. The
// stream is woken at the end of that time.
func (f *follower) waits(s *stream, state *hub.Snapshot) bool {
	if !state.Terminal || state.Created >= f.opened || f.graceOver.Load() {
		return false
	}
	if !f.graceBegun {
		f.graceBegun = true
		time.AfterFunc(startGrace, func() {
			f.graceOver.Store(true)
			s.wake()
		})
	}
	return true
}

// isEarlier reports whether a state is the end of a job that existed before the stream. The client of the stream may be
// about to start its own.
func (f *follower) isEarlier(state *hub.Snapshot) bool {
	return f.latest && state != nil && state.Terminal && state.ID == f.picked && f.created < f.opened
}

func (f *follower) mayFollow(s *hub.Snapshot) bool {
	if s.Kind != f.kind || s.Owner != f.subject {
		return false
	}
	switch {
	case f.resumed > 0 && s.Created >= f.resumed: // its client has come back, and has seen nothing of it
		return true
	case !s.Terminal: // its end may be known elsewhere already
		return !f.shown.IsLatest(f.subject, s.ID)
	}
	return s.Created >= f.since.UnixMilli() && !f.shown.Has(f.subject, s.Created)
}

// record records that the end of a job is shown. The record is stored before the end is sent, because its client can open its next
// stream immediately, or after a restart.
func (f *follower) record(s *stream, state *hub.Snapshot) {
	f.ending = state
	f.unshow = f.shown.Add(f.subject, state.ID, state.Created, func() {
		f.stored.Store(true)
		s.wake()
	})
	f.ended.Store(true)
}

// tell returns the message of a state. It returns false if the state has nothing new.
func (f *follower) tell(s *stream, state *hub.Snapshot) (sockets.Message, bool) {
	m := sockets.Message{Last: f.latest && state.Terminal}
	var err error
	if growing, ok := s.encoder.format.(format.Growing); ok {
		var events [][]byte
		if events, err = s.encoder.growing(state, growing); err == nil {
			m.Payload, err = s.encoder.rest(state, events, min(f.sent, len(events)))
			f.sent = max(f.sent, len(events))
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
	case f.ended.Load() && cause != nil && f.unshow != nil:
		f.unshow()
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

// startKey identifies the jobs of one user and kind that are about to begin.
type startKey struct{ subject, kind string }

type failure struct {
	err error
	at  time.Time
}

// maxFailures is the maximum number of recorded failures.
const maxFailures = 10_000

// await adds a stream to those that wait for a job to begin, or ends it if an attempt has just failed.
func (h *Handlers) await(s *stream) {
	f := s.encoder.follower
	key := startKey{f.subject, f.kind}
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

// wait lists a stream again as waiting for a job to begin.
func (h *Handlers) wait(s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting = append(h.waiting, s)
}

// Starting records that the caller is about to begin a job of this kind. Call the returned function when the attempt is over.
func (h *Handlers) Starting(subject, kind string) (done func()) {
	key := startKey{subject, kind}
	h.mu.Lock()
	h.starting[key]++
	h.mu.Unlock()
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.starting[key]--; h.starting[key] == 0 {
			delete(h.starting, key)
		}
	}
}

func (h *Handlers) isStarting(subject, kind string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.starting[startKey{subject, kind}] > 0
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
	key := startKey{subject, kind}
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
