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
	// opened is when the client opened the stream, in milliseconds since 1970.
	opened int64
	// resumed, if not 0, is when a client that has come back opened its first stream, which told it of no job.
	resumed int64
	// candidate is the latest job found so far. picked is the ID of the one that the stream follows, and created is when that
	// was created, in milliseconds since 1970.
	candidate *hub.Snapshot
	picked    string
	created   int64
	// begun means that a state was sent. sent is the number of events of a growing format that were sent.
	begun bool
	sent  int
	// ended means that the terminal state was sent. The connection can end at the same time, on another goroutine.
	ended atomic.Bool
	// unshow is set once the end is about to be sent. It takes that back.
	unshow func()
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
			f.pick(item.Snapshot)
			s.handlers.stopWaiting(s)
		} else if f.passes(&item) {
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
	// The page opens its stream at the same moment as it starts a job. So a job that was there before is another one's, and
	// the stream follows it only until its own is created.
	if f.mayFollow(item.Snapshot) && (f.candidate == nil || item.Created >= f.candidate.Created) {
		f.candidate = item.Snapshot
	}
	return true
}

// pick decides which job the stream follows from now on.
func (f *follower) pick(state *hub.Snapshot) {
	f.picked, f.created = state.ID, state.Created
	f.sent, f.begun = 0, false
}

// isEarlier reports whether a state is the end of a job that was there before the stream. The client of the stream may be
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
		return !f.shown.isLatest(f.subject, s.ID)
	}
	return s.Created >= f.since.UnixMilli() && !f.shown.has(f.subject, s.Created)
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
	if state.Terminal && f.shown != nil { // before it is sent: a client that has it may open its next stream immediately
		f.unshow = f.shown.add(f.subject, state.ID, state.Created)
	}
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

// Shown remembers the latest job of each user whose end a route has sent lately, so that a stream that begins later tells
// neither of it again nor of an older one. The zero value is ready for use.
type Shown struct {
	mu     sync.Mutex
	latest map[string]shownEnd
}

// shownEnd is a job, when it was created, in milliseconds since 1970, and when its end was sent.
type shownEnd struct {
	id      string
	created int64
	at      time.Time
}

// isLatest reports whether the end that was sent last was that of this job.
func (l *Shown) isLatest(subject, id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.latest[subject].id == id
}

// has reports whether the end of a job of that time, or of a later one, was sent.
func (l *Shown) has(subject string, created int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	end, ok := l.latest[subject]
	return ok && created <= end.created
}

// add notes that an end is sent. The returned function takes that back, for an end that did not arrive.
func (l *Shown) add(subject, id string, created int64) (undo func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.latest == nil {
		l.latest = make(map[string]shownEnd)
	}
	now := time.Now()
	for subject, end := range l.latest {
		if now.Sub(end.at) > maxReplay { // no stream looks further back
			delete(l.latest, subject)
		}
	}
	before, sent := l.latest[subject], shownEnd{id, created, now}
	if created < before.created {
		return func() {}
	}
	l.latest[subject] = sent
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.latest[subject] == sent {
			l.latest[subject] = before
		}
	}
}

// startKey names what is begun: a job of a user's, of a kind.
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

// Starting notes that the caller is about to begin a job of this kind. Call the returned function when the attempt is over.
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
