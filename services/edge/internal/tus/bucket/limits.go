package bucket

import (
	"context"
	"time"
)

// reserve checks whether there is room for another upload. If there isn't, it removes the owner's unfinished uploads that have been
// idle for the longest time.
func (s *Store) reserve(ctx context.Context, owner string, length int64) error {
	if err := s.countAll(ctx); err != nil {
		return err
	}
	own, err := s.list(ctx, folderOf(owner))
	if err != nil {
		return err
	}
	size := max(length, 0)
	count, bytes := 1, size
	var idle []*state
	for _, u := range own {
		if u.draft == "" {
			continue
		}
		bytes += u.reserved(s.cfg.IdleAfter)
		if !u.complete() {
			count++
		}
		if u.idle(s.cfg.IdleAfter) && !s.isLocked(u.id) {
			idle = append(idle, u)
		}
	}
	byAge(idle)
	for {
		err := s.fits(count, bytes, size)
		if err == nil {
			return nil
		}
		if len(idle) == 0 {
			return err
		}
		if err := s.remove(ctx, idle[0]); err != nil {
			return err
		}
		count--
		bytes -= idle[0].reserved(s.cfg.IdleAfter)
		idle = idle[1:]
	}
}

// fits returns the reason why there is no room for an upload of that size, or nil. Then the size is counted. The user would
// have count uploads of so many bytes.
func (s *Store) fits(count int, bytes, size int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.cfg.Check(count, bytes, s.total+size); err != nil {
		return err
	}
	s.total += size
	return nil
}

// count changes the size of all uploads.
func (s *Store) count(change int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total += change
}

// countAll counts the size of all uploads, including those of other edges, unless it was counted recently.
func (s *Store) countAll(ctx context.Context) error {
	s.mu.Lock()
	recent := time.Since(s.counted) < recount
	s.mu.Unlock()
	if recent || s.cfg.Bytes == 0 {
		return nil
	}
	all, err := s.list(ctx, "")
	if err != nil {
		return err
	}
	var total int64
	for _, u := range all {
		total += u.reserved(s.cfg.IdleAfter)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total, s.counted = total, time.Now()
	return nil
}
