// Package governor shares a memory budget among the consumers of a process. A consumer acquires its share before it grows.
// If the budget has no room, it waits, writes to disk, or is refused.
package governor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// maxWait is the maximum time that Acquire waits. A caller that is refused is asked to retry after the same time.
const maxWait = 5 * time.Second

// ErrTooLarge means that a consumer needs more than its whole budget, so waiting does not help.
var ErrTooLarge = errors.New("more memory is needed than the budget has")

// OverloadedError means that the budget currently has no room.
type OverloadedError struct {
	// RetryAfter is the time after which another attempt can succeed.
	RetryAfter time.Duration
}

func (e *OverloadedError) Error() string {
	return fmt.Sprintf("the memory budget is used up. Retry after %s", e.RetryAfter)
}

// Budget is an amount of memory that several consumers share.
type Budget struct {
	size     int64
	perShare int64

	mu      sync.Mutex
	used    int64
	waiting []*waiter // in their order
}

// waiter is a call of Acquire that waits.
type waiter struct {
	bytes int64
	ready chan struct{}
}

// New returns a budget of size bytes, of which one share can have up to perShare bytes.
func New(size, perShare int64) *Budget { return &Budget{size: size, perShare: perShare} }

// Size returns the size of the budget in bytes.
func (b *Budget) Size() int64 { return b.size }

// Used returns the number of bytes that are in use.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Acquire returns a share of the given size. It waits for its turn, but only for some seconds. The caller releases the
// share. A caller that has a share must not acquire another one, because two such callers could wait for each other. A nil
// Budget returns a nil Share.
//
// It returns ErrTooLarge, *OverloadedError, or the error of ctx.
func (b *Budget) Acquire(ctx context.Context, bytes int64) (*Share, error) {
	if b == nil {
		return nil, nil
	}
	if bytes > b.perShare {
		return nil, ErrTooLarge
	}
	b.mu.Lock()
	if len(b.waiting) == 0 && b.used+bytes <= b.size {
		b.used += bytes
		b.mu.Unlock()
		return &Share{budget: b, bytes: bytes}, nil
	}
	w := &waiter{bytes: bytes, ready: make(chan struct{})}
	b.waiting = append(b.waiting, w)
	b.mu.Unlock()
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case <-w.ready:
		return &Share{budget: b, bytes: bytes}, nil
	case <-ctx.Done():
	case <-timer.C:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-w.ready: // at the last moment
		return &Share{budget: b, bytes: bytes}, nil
	default:
	}
	for i := range b.waiting {
		if b.waiting[i] == w {
			b.waiting = append(b.waiting[:i], b.waiting[i+1:]...)
			break
		}
	}
	b.admit()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, &OverloadedError{RetryAfter: maxWait}
}

// admit admits the waiters for which the budget has room. The lock must be held.
func (b *Budget) admit() {
	for len(b.waiting) > 0 && b.used+b.waiting[0].bytes <= b.size {
		b.used += b.waiting[0].bytes
		close(b.waiting[0].ready)
		b.waiting = b.waiting[1:]
	}
}

// Share is one consumer's part of a budget. Several goroutines can use it. A nil Share has no limit.
type Share struct {
	budget *Budget
	bytes  int64 // guarded by the budget's mutex
}

// Grow adds bytes to the share. It never waits: if the budget has no room, it returns *OverloadedError, or ErrTooLarge if
// this share alone exceeds the maximum.
func (s *Share) Grow(bytes int64) error {
	if s == nil {
		return nil
	}
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case s.bytes+bytes > b.perShare:
		return ErrTooLarge
	case b.used+bytes > b.size:
		return &OverloadedError{RetryAfter: maxWait}
	}
	b.used += bytes
	s.bytes += bytes
	return nil
}

// Shrink returns bytes to the budget.
func (s *Share) Shrink(bytes int64) {
	if s == nil {
		return
	}
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	bytes = min(bytes, s.bytes)
	s.bytes -= bytes
	b.used -= bytes
	b.admit()
}

// Release returns the whole share to the budget. It can be called twice.
func (s *Share) Release() {
	if s == nil {
		return
	}
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= s.bytes
	s.bytes = 0
	b.admit()
}
