package sse

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"headway/internal/auth"
	"headway/services/edge/internal/hub"
	"headway/services/edge/internal/sockets"
)

var errExpired = errors.New("the token has expired, or the route's timeout has been reached")

// limitRetry is how long the client of a stream that was closed for a later one should wait. If it reconnected
// immediately, the two streams would close each other endlessly.
const limitRetry = 5 * time.Minute

// rateRetry is how long a client that has requested too many streams should wait.
const rateRetry = 15 * time.Second

// stream is one open stream: the connection, its subscription, and messages about the stream itself. It is one
// allocation.
//
// The fields that are used for every message come first, in three CPU cache lines.
type stream struct {
	conn     sockets.Conn
	handlers *Handlers
	// encoder encodes the events of states.
	encoder *encoder
	// output feeds an output stream. It is nil for others.
	output *output
	// said means that Next has to send something because of own, ending, or keepaliveDue. It is set before the first
	// event.
	said atomic.Bool
	// greeted means that the first event was sent. reauthSent belongs to the wheel. ending means that the stream ends
	// after the waiting messages.
	greeted, reauthSent, ending, keepaliveDue bool
	sub                                       hub.Subscription

	// expires is the time when the token expires, and reauth the time when the client is notified, by the loop's clock.
	expires, reauth int32
	// done writes the request's log line. stop, if not nil, stops the goroutine that feeds this stream.
	done func(bytes int64, err error)
	stop func()

	mu sync.Mutex
	// own is nil most of the time.
	own *words
}

// words are the messages about the stream itself.
type words struct {
	// control is sent before any state: the first event, and messages about the stream.
	control []byte
	// cause is the reason why the stream ends. It is nil for the usual end.
	cause error
}

// words returns the stream's words, and creates them if necessary. The lock must be held.
func (s *stream) words() *words {
	if s.own == nil {
		s.own = &words{}
	}
	return s.own
}

// takeControl returns the messages to send before any state. The lock must be held.
func (s *stream) takeControl() []byte {
	if s.own == nil {
		return nil
	}
	control := s.own.control
	if s.own.control = nil; s.own.cause == nil {
		s.own = nil
	}
	return control
}

// never is later than any time of the loop's clock.
const never = math.MaxInt32

// setToken sets the time when the token expires. The client is notified a minute before, or when a third of the time is
// left, whichever is later.
func (s *stream) setToken(as auth.Identity) {
	s.expires, s.reauth = never, never
	if as.ExpiresAt.IsZero() {
		return
	}
	left := time.Until(as.ExpiresAt)
	now := s.handlers.cfg.Loop.Now()
	s.expires = int32(min(now+int64(left/time.Second), never))
	s.reauth = int32(min(now+int64((left-min(time.Minute, left/3))/time.Second), never))
}

// Next implements sockets.Source.
func (s *stream) Next() (sockets.Message, bool) {
	if !s.said.Load() {
		return s.nextState()
	}
	s.mu.Lock()
	control, ending, greeted, keepaliveDue := s.takeControl(), s.ending, s.greeted, s.keepaliveDue
	s.greeted, s.keepaliveDue = true, false
	s.said.Store(ending)
	s.mu.Unlock()
	if !greeted && !ending { // the first event and the first state are sent in one packet
		if m, ok := s.nextState(); ok {
			return sockets.Message{Payload: sockets.NewPayload(append(control, m.Bytes()...)), Last: m.Last}, true
		}
	}
	if len(control) > 0 {
		return sockets.Message{Payload: sockets.NewPayload(control), Last: ending}, true
	}
	if ending {
		return sockets.Message{Last: true}, true
	}
	if m, ok := s.nextState(); ok {
		return m, true // it keeps the connection alive, too
	}
	return sockets.Message{Payload: keepalive}, keepaliveDue
}

// nextState returns the next state, deletion, end, or part of the output.
func (s *stream) nextState() (sockets.Message, bool) {
	if f := s.encoder.follower; f != nil {
		return f.next(s)
	}
	for item, ok := s.sub.Next(); ok; item, ok = s.sub.Next() {
		if m, ok := s.tell(item); ok {
			return m, true
		}
	}
	if s.output != nil {
		if p, ok := s.output.event.Take(); ok {
			return sockets.Message{Payload: p}, true
		}
	}
	return sockets.Message{}, false
}

// tell returns the message of an item. It returns false if the item has none.
func (s *stream) tell(item hub.Item) (sockets.Message, bool) {
	switch {
	case item.End != nil:
		s.setCause(item.End)
		return sockets.Message{Payload: sockets.NewPayload(s.handlers.endEvent(s.encoder.format, item.End)), Last: true}, true
	case item.Deleted != "":
		return sockets.Message{Payload: sockets.NewPayload(appendEvent(nil, "", 0, s.encoder.format.Deleted(item.Deleted)))}, true
	}
	event, err := s.encoder.event(item.Snapshot, item.First)
	if err != nil {
		s.handlers.cfg.Logger.Error("can't send a snapshot", "id", item.ID, "error", err)
		return sockets.Message{}, false
	}
	s.handlers.messages.Inc()
	return sockets.Message{Payload: event}, true
}

// setCause records why the stream ends, unless it ends regularly.
func (s *stream) setCause(cause error) {
	var deleted hub.DeletedError
	if errors.Is(cause, hub.ErrEnded) || errors.As(cause, &deleted) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.words().cause = cause
}

// say sends an event about the stream, before any state.
func (s *stream) say(event []byte) {
	s.mu.Lock()
	if !s.ending {
		own := s.words()
		own.control = append(own.control, event...)
		s.said.Store(true)
	}
	s.mu.Unlock()
	s.wake()
}

// finish ends the stream after a last event, and drops the waiting states.
func (s *stream) finish(event []byte, cause error) {
	s.mu.Lock()
	if !s.ending {
		own := s.words()
		own.control, own.cause, s.ending = append(own.control, event...), cause, true
		s.said.Store(true)
	}
	s.mu.Unlock()
	s.wake()
}

func (s *stream) wake() { s.handlers.cfg.Loop.Wake(&s.conn) }

// Tick implements sockets.Source: it sends messages that are due by the clock.
func (s *stream) Tick(now int64) (next int64) {
	var reauth []byte
	if now >= int64(s.reauth) && !s.reauthSent {
		s.reauthSent = true
		reauth = appendEvent(nil, "", 0, s.encoder.format.Reauth())
	}
	if now >= int64(s.expires) { // after a pause of the process or the machine, both are due
		s.finish(reauth, errExpired)
		return never
	}
	lastWrite := s.conn.LastWrite()
	if reauth != nil {
		s.say(reauth)
		lastWrite = now
	}
	interval := s.handlers.keepaliveSeconds
	if now >= lastWrite+interval {
		if !s.conn.Busy() { // a busy connection has more to send, or its peer does not read. Then the write deadline applies
			s.mu.Lock()
			s.keepaliveDue = true
			s.said.Store(true)
			s.mu.Unlock()
			s.wake()
		}
		lastWrite = now
	}
	next = min(lastWrite+interval, int64(s.expires))
	if !s.reauthSent {
		next = min(next, int64(s.reauth))
	}
	return next
}

// Closed implements sockets.Source.
func (s *stream) Closed(sent int64, cause error) {
	s.sub.Close()
	if s.stop != nil {
		s.stop()
	}
	s.mu.Lock()
	own := s.words()
	if own.cause != nil {
		cause = own.cause
	}
	own.cause = cause
	s.mu.Unlock()
	if f := s.encoder.follower; f != nil {
		f.closed(s, cause)
	}
	if s.done != nil {
		s.done(sent, cause)
	}
}
