package fanout

import (
	"context"
	"sync"
)

// Topics delivers states to the subscribers of topics. The zero value has no subscribers and is ready to use. It is
// safe for concurrent use.
type Topics[T comparable, S State] struct {
	// Bounds limit the memory of each subscriber. Set it before the first Subscribe.
	Bounds Bounds[S]

	mu          sync.Mutex
	subscribers map[T]map[*Subscriber[T, S]]struct{}
}

// Subscribe returns a new subscriber of the topics. Stop it when done. With keepFinal, a final state that was not taken
// yet is delivered even if later states, or a deletion, follow.
func (t *Topics[T, S]) Subscribe(keepFinal bool, topics ...T) *Subscriber[T, S] {
	s := &Subscriber[T, S]{of: t, topics: topics, wake: make(chan struct{}, 1)}
	s.box.KeepFinal, s.box.Bounds = keepFinal, t.Bounds
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.subscribers == nil {
		t.subscribers = make(map[T]map[*Subscriber[T, S]]struct{})
	}
	for _, topic := range topics {
		set := t.subscribers[topic]
		if set == nil {
			set = make(map[*Subscriber[T, S]]struct{})
			t.subscribers[topic] = set
		}
		set[s] = struct{}{}
	}
	return s
}

// Publish delivers a state to the subscribers of the topics. It calls state once, and only if there are subscribers.
// States of one thing must be published in the order of their revisions.
func (t *Topics[T, S]) Publish(state func() S, topics ...T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var made bool
	var latest S
	for _, topic := range topics {
		for s := range t.subscribers[topic] {
			if !made {
				latest, made = state(), true
			}
			s.Offer(latest)
		}
	}
}

// Drop notifies the subscribers of the topics that the thing was deleted.
func (t *Topics[T, S]) Drop(key string, topics ...T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, topic := range topics {
		for s := range t.subscribers[topic] {
			s.drop(key)
		}
	}
}

// End makes Next of all current subscribers return err after everything that is waiting.
func (t *Topics[T, S]) End(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, set := range t.subscribers {
		for s := range set {
			s.End(err)
		}
	}
}

// Watched reports whether any of the topics has a subscriber.
func (t *Topics[T, S]) Watched(topics ...T) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, topic := range topics {
		if len(t.subscribers[topic]) > 0 {
			return true
		}
	}
	return false
}

// Subscriber receives the states published on its topics. Call Next from one goroutine at a time. All other methods are
// safe for concurrent use.
type Subscriber[T comparable, S State] struct {
	of     *Topics[T, S]
	topics []T
	wake   chan struct{}

	mu   sync.Mutex
	box  Mailbox[S]
	end  error
	over bool // it was too far behind, and gets nothing more
}

// Stop ends the subscription.
func (s *Subscriber[T, S]) Stop() {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	for _, topic := range s.topics {
		delete(s.of.subscribers[topic], s)
		if len(s.of.subscribers[topic]) == 0 {
			delete(s.of.subscribers, topic)
		}
	}
}

// Offer delivers a state to this subscriber only, such as the state at the time of its subscription.
func (s *Subscriber[T, S]) Offer(state S) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	if ready, _ := s.box.Offer(state); ready {
		s.check()
		s.signal()
	}
}

// check ends a subscriber that is too far behind, and releases its memory. The lock is held.
func (s *Subscriber[T, S]) check() {
	bounds := s.box.Bounds
	if bounds.Things == 0 || s.box.Len() <= bounds.Things {
		return
	}
	s.box, s.over = Mailbox[S]{}, true
	if s.end == nil {
		s.end = bounds.Err
	}
}

// Seen reports that the subscriber has the thing at this revision from elsewhere. It will not get this state or an
// earlier one. A later one that is waiting stays.
func (s *Subscriber[T, S]) Seen(key string, rev uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.box.Seen(key, rev)
}

// End makes Next return err after everything that is waiting. Only the first call has an effect.
func (s *Subscriber[T, S]) End(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == nil {
		s.end = err
	}
	s.signal()
}

func (s *Subscriber[T, S]) drop(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.box.Drop(key)
	s.check()
	s.signal()
}

func (s *Subscriber[T, S]) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Next waits for changes and returns at most limit of them: states, each later than all before of its thing, and the
// keys of things that were deleted, which come after the states. The error is that of End, or the context's cause.
func (s *Subscriber[T, S]) Next(ctx context.Context, limit int) (states []S, deleted []string, err error) {
	for {
		if states, deleted, err = s.take(limit); len(states)+len(deleted) > 0 || err != nil {
			return states, deleted, err
		}
		select {
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		case <-s.wake:
		}
	}
}

func (s *Subscriber[T, S]) take(limit int) (states []S, deleted []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.box.Len() == 0 {
		return nil, nil, s.end
	}
	for len(states)+len(deleted) < limit {
		item, ok := s.box.Take()
		if !ok {
			break
		}
		if item.Deleted {
			deleted = append(deleted, item.Key)
			if s.box.waits(item.Key) {
				break // a later state of the same thing belongs in the next batch
			}
			continue
		}
		states = append(states, item.State)
	}
	return states, deleted, nil
}
