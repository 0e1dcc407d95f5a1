package hub

import (
	"errors"
	"sync"

	"headway/internal/auth"
	"headway/internal/fanout"
)

var (
	// ErrEnded ends the subscription of one job or import after its terminal state.
	ErrEnded = errors.New("the job has ended")
	// ErrReplaced ends the oldest subscription of a user who has opened more than the limit.
	ErrReplaced = errors.New("closed for a newer stream of the same user")
	// ErrSignedOut ends the subscriptions of a session that was signed out.
	ErrSignedOut = errors.New("the session was signed out")
	// ErrDraining ends all subscriptions when the server shuts down.
	ErrDraining = errors.New("the server is shutting down")
)

// DeletedError ends the subscription of a job or import that was deleted.
type DeletedError struct{ ID string }

// Error implements error.
func (e DeletedError) Error() string { return e.ID + " was deleted" }

// Subscription holds the states that one stream has not sent yet: the latest state of one job or import, or the latest state
// of each of a user's jobs. A terminal state stays until it is sent. So a slow reader doesn't use more memory or delay
// others.
//
// The fields that are used for every state come first, so that they share a CPU cache line.
type Subscription struct {
	// Receiver is for the caller, who sets it before Admit.
	Receiver any

	mu sync.Mutex
	// told means that a state was taken out, over that the subscription has an end, and ended that the end was taken
	// out.
	told, over, ended bool
	// session is a tag of the session that the caller is signed in with, or 0.
	session uint32
	slot    fanout.Slot[*Snapshot]
	// box replaces slot for the subscription of a user's jobs.
	box *fanout.Mailbox[*Snapshot]
	end error

	hub *Hub
	// The hub's lock guards these fields.
	user             *user
	feed             *feed
	index, feedIndex int32
	linked           bool
	// opened is when the subscription was registered, in milliseconds since 1970 modulo 2^32.
	opened uint32
}

// Item is the next item of a subscription: a state, a deletion, or the end.
type Item struct {
	*Snapshot
	// First marks the subscription's first state of a job or import.
	First bool
	// Deleted is the ID of a job or import that was deleted.
	Deleted string
	// End is the reason for the end.
	End error
}

// Next returns the next item. It returns false if there is currently none.
func (s *Subscription) Next() (Item, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over && s.box != nil {
		item, ok := s.box.Take()
		if item.Deleted {
			return Item{Deleted: item.Key}, ok
		}
		return Item{Snapshot: item.State, First: item.First}, ok
	}
	if !s.over {
		state, ok := s.slot.Take()
		if !ok {
			return Item{}, false
		}
		item := Item{Snapshot: state, First: !s.told}
		s.told = true
		if state.Terminal {
			s.over, s.end = true, ErrEnded
		}
		return item, true
	}
	if s.ended {
		return Item{}, false
	}
	s.ended = true
	return Item{End: s.end}, true
}

// Close ends the subscription without an Item.
func (s *Subscription) Close() {
	if s.hub != nil {
		s.hub.forget(s)
	}
}

// offer adds a state without waiting. ready reports whether the state was accepted, and skipped whether it replaced a
// state that was never sent.
func (s *Subscription) offer(state *Snapshot) (ready, skipped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over:
		return false, false
	case s.box != nil:
		return s.box.Offer(state)
	}
	return s.slot.Offer(state)
}

// drop notifies the subscription of a user's jobs that one of its sent jobs was deleted.
func (s *Subscription) drop(jobID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || s.box == nil || !s.box.Knows(jobID) {
		return false
	}
	s.box.Drop(jobID)
	return true
}

// finish ends the subscription, and drops its waiting states. It returns false if the subscription has already ended.
func (s *Subscription) finish(cause error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false
	}
	s.over, s.end, s.box = true, cause, nil
	s.slot.Clear()
	return true
}

// rememberEnded is the number of ended jobs that a subscription remembers, so that it sends the end of each only once.
const rememberEnded = 256

func newBox() *fanout.Mailbox[*Snapshot] {
	return &fanout.Mailbox[*Snapshot]{KeepFinal: true, Remember: rememberEnded}
}

// maySee reports whether the identity may see the job or import of this snapshot.
func (s *Snapshot) maySee(as auth.Identity) bool { return as.MaySee(s.Owner) }
