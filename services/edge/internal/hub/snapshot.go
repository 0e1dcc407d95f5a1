package hub

import (
	"sync"
	"sync/atomic"
)

// Topic names a job or an import.
type Topic struct {
	Import bool
	ID     string
}

// Snapshot is a job or an import at one revision. It is immutable, and all subscriptions share it.
type Snapshot struct {
	Topic
	Owner, Kind string
	Revision    uint32
	Terminal    bool
	// At is the time of this revision, and Created the creation time of the job, in milliseconds since 1970.
	At, Created int64
	// Raw is the job or import in the wire format, without the job's payload. It is set in all snapshots that
	// subscribers receive.
	Raw []byte

	mu       sync.Mutex
	encoded  atomic.Pointer[[]encoding]
	recently atomic.Bool
}

// encoding is a Snapshot in one form. There are only a few forms, so linear search is fastest.
type encoding struct {
	form  any
	value any
	err   error
}

// Key implements fanout.State.
func (s *Snapshot) Key() string { return s.ID }

// Rev implements fanout.State.
func (s *Snapshot) Rev() uint32 { return s.Revision }

// Final implements fanout.State.
func (s *Snapshot) Final() bool { return s.Terminal }

// Encoded returns the snapshot in a form, which is any comparable value. The first caller encodes it, and all others share
// the result.
func (s *Snapshot) Encoded(form any, encode func() (any, error)) (any, error) {
	if !s.recently.Load() {
		s.recently.Store(true)
	}
	if e := s.find(form); e != nil {
		return e.value, e.err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.find(form); e != nil {
		return e.value, e.err
	}
	var list []encoding
	if old := s.encoded.Load(); old != nil {
		list = append(list, *old...)
	}
	e := encoding{form: form}
	e.value, e.err = encode()
	list = append(list, e)
	s.encoded.Store(&list)
	return e.value, e.err
}

func (s *Snapshot) find(form any) *encoding {
	list := s.encoded.Load()
	if list == nil {
		return nil
	}
	for i := range *list {
		if e := &(*list)[i]; e.form == form {
			return e
		}
	}
	return nil
}

// dropUnused drops the encodings if no client has requested them since the last call.
func (s *Snapshot) dropUnused() {
	if !s.recently.Swap(false) {
		s.encoded.Store(nil)
	}
}

// head returns the snapshot without Raw.
func (s *Snapshot) head() *Snapshot {
	return &Snapshot{
		Topic: s.Topic, Owner: s.Owner, Kind: s.Kind, Revision: s.Revision, Terminal: s.Terminal, At: s.At, Created: s.Created,
	}
}
