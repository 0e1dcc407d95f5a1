// Package fanout delivers the latest state of things to subscribers that can be slower than the changes.
//
// It delivers state, not events: a later state replaces an earlier one that was not taken yet. So a slow subscriber
// uses memory for one state per key, doesn't delay other subscribers, and always gets the latest state. A subscriber
// that also reads the state from elsewhere must subscribe first, then read, and then report the revision that it has
// read. See Subscriber.Seen.
package fanout

// State is one version of a keyed thing. States are shared by all subscribers, so they must not change.
type State interface {
	// Key identifies the thing.
	Key() string
	// Rev grows with every version of the thing.
	Rev() uint32
	// Final reports whether the thing has ended.
	Final() bool
}

// Slot holds the latest state of one thing until it is taken. The zero value is empty and ready to use. A Slot is not
// safe for concurrent use.
type Slot[S State] struct {
	state S
	seen  uint32
	full  bool
}

// Offer adds a state that is later than the waiting one and the last one taken. A final state stays until it is taken,
// and later ones are ignored. Offer reports whether the slot took the state, and whether that replaced a state that was
// never taken.
func (s *Slot[S]) Offer(state S) (ready, skipped bool) {
	if state.Rev() <= s.seen || s.full && (s.state.Final() || state.Rev() <= s.state.Rev()) {
		return false, false
	}
	skipped = s.full
	s.state, s.full = state, true
	return true, skipped
}

// Take returns the waiting state and empties the slot. ok is false if the slot is empty.
func (s *Slot[S]) Take() (state S, ok bool) {
	if !s.full {
		return state, false
	}
	state = s.state
	s.Clear()
	s.seen = max(s.seen, state.Rev())
	return state, true
}

// Seen makes the slot ignore states up to this revision, including one that is waiting.
func (s *Slot[S]) Seen(rev uint32) {
	s.seen = max(s.seen, rev)
	if s.full && s.state.Rev() <= rev {
		s.Clear()
	}
}

// Clear empties the slot.
func (s *Slot[S]) Clear() {
	var none S
	s.state, s.full = none, false
}

// Full reports whether a state is waiting.
func (s *Slot[S]) Full() bool { return s.full }
