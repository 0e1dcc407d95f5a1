package folder

import (
	"slices"
	"time"
)

// reserve adds an upload to the list if there is room for it. If there isn't, it removes the owner's unfinished uploads
// that have been idle for the longest time from the list, and returns them, locked.
func (s *Store) reserve(u *upload) (evicted []*upload, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := s.idleOf(u.owner)
	for {
		err := s.fits(u)
		if err == nil {
			s.uploads[u.id] = u
			return evicted, nil
		}
		for len(idle) > 0 && !idle[0].lock.TryAcquire() {
			idle = idle[1:]
		}
		if len(idle) == 0 {
			return evicted, err
		}
		delete(s.uploads, idle[0].id)
		evicted, idle = append(evicted, idle[0]), idle[1:]
	}
}

// idleOf returns the idle uploads of a user. Those that have been idle for the longest time come first.
func (s *Store) idleOf(owner string) []*upload {
	var idle []*upload
	for _, u := range s.uploads {
		if u.owner == owner && !u.decided() && u.idle(s.cfg.IdleAfter) && s.uploads[u.joinedBy] == nil {
			idle = append(idle, u)
		}
	}
	slices.SortFunc(idle, func(a, b *upload) int { return a.lastTouched().Compare(b.lastTouched()) })
	return idle
}

// fits returns the reason why there is no room for an upload, or nil.
func (s *Store) fits(u *upload) error {
	count, bytes := 1, s.reserved(u)
	all := bytes
	for _, other := range s.uploads {
		if other.decided() || len(other.parts) > 0 { // its parts are counted
			continue
		}
		size := s.reserved(other)
		all += size
		if other.owner == u.owner {
			bytes += size
			if !other.complete() {
				count++
			}
		}
	}
	return s.cfg.Check(count, bytes, all)
}

// reserved returns the bytes that count for an upload: its whole length while it makes progress, and the received bytes
// when it is idle.
func (s *Store) reserved(u *upload) int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	if time.Since(u.touched) > s.cfg.IdleAfter {
		return u.offset
	}
	return max(u.length, u.offset)
}
