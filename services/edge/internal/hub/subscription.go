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
	// ErrDraining ends all subscriptions when the server shuts down.
	ErrDraining = errors.New("the server is shutting down")
)

// DeletedError ends the subscription of a job or import that was deleted.
type DeletedError struct{ ID string }

// Error implements error.
func (e DeletedError) Error() string { return e.ID + " was deleted" }

// Subscription is what one stream has yet to send: the latest state of one job or import, or the latest of each of a
// user's jobs. A terminal state waits until it is sent. So a slow reader costs no memory and delays no other.
//
// The fields that every state uses come first, so that they share a line of the processor's cache.
type Subscription struct {
	// Receiver is for the caller, who sets it before Admit.
	Receiver any

	mu sync.Mutex
	// told: a state was taken out. over: there is an end. ended: the end was taken out.
	told, over, ended bool
	slot              fanout.Slot[*Snapshot]
	// box replaces slot for the subscription of a user's jobs.
	box *fanout.Mailbox[*Snapshot]
	end error

	hub *Hub
	// These belong to the hub, under its lock.
	user             *user
	feed             *feed
	index, feedIndex int32
	linked           bool
}

// Item is what a subscription has to tell next: a state, a deletion or the end.
type Item struct {
	*Snapshot
	// First marks the first state that the subscription tells of a job or import.
	First bool
	// Deleted is the id of a job or import that was deleted.
	Deleted string
	// End is why nothing more comes.
	End error
}

// Next returns what to tell next. It reports false if there is nothing for now.
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

// offer puts a state in, and never waits. ready reports whether it was taken, and skipped whether it replaced one that
// was never sent.
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

// drop tells the subscription of a user's jobs that one of those that it told of was deleted.
func (s *Subscription) drop(jobID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || s.box == nil || !s.box.Knows(jobID) {
		return false
	}
	s.box.Drop(jobID)
	return true
}

// finish ends the subscription, and drops the states that wait. It reports false if the subscription had an end.
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

// rememberEnded is how many ended jobs a subscription remembers, so that hearing of one twice does not tell it twice.
const rememberEnded = 256

func newBox() *fanout.Mailbox[*Snapshot] {
	return &fanout.Mailbox[*Snapshot]{KeepFinal: true, Remember: rememberEnded}
}

// maySee reports whether the identity may see what this snapshot is of.
func (s *Snapshot) maySee(as auth.Identity) bool { return as.MaySee(s.Owner) }
