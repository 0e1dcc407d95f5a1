package sockets

import "sync"

// Slot holds the next message of a Source whose messages are produced one at a time, at the pace of the peer.
type Slot struct {
	mu      sync.Mutex
	payload Payload
	full    bool
	taken   chan struct{}
}

// NewSlot returns an empty Slot.
func NewSlot() *Slot { return &Slot{taken: make(chan struct{}, 1)} }

// Put fills the Slot. The producer must call it only when the Slot is empty, and then wake the connection.
func (s *Slot) Put(p Payload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.payload, s.full = p, true
	select {
	case <-s.taken: // of a connection that had nothing to send before
	default:
	}
}

// Take empties the Slot. It returns false if the Slot is empty.
func (s *Slot) Take() (Payload, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, full := s.payload, s.full
	s.payload, s.full = Payload{}, false
	if !full {
		select {
		case s.taken <- struct{}{}:
		default:
		}
	}
	return p, full
}

// Taken receives a value when the peer's kernel has all of the payload, and the connection asks for the next one. Only
// then is it read, so that a slow peer holds one.
func (s *Slot) Taken() <-chan struct{} { return s.taken }
