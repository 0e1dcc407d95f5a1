package tus

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// handover is the maximum time that a request waits for another one to unlock an upload.
const handover = 10 * time.Second

// Lock lets one request of this process at a time use an upload. Stores use it for Lock and Unlock. It is safe for concurrent use.
type Lock struct {
	// taken holds one token while the lock is held.
	taken chan struct{}

	mu sync.Mutex
	// yield asks the request that holds the lock to release it. wanted is the number of requests that wait.
	yield  func()
	wanted int
}

// NewLock returns a Lock that is free.
func NewLock() *Lock { return &Lock{taken: make(chan struct{}, 1)} }

// IsHeld reports whether a request holds the lock.
func (l *Lock) IsHeld() bool { return len(l.taken) > 0 }

// TryAcquire takes the lock unless it is held. It reports whether it did.
func (l *Lock) TryAcquire() bool {
	select {
	case l.taken <- struct{}{}:
		return true
	default:
		return false
	}
}

// Acquire asks the request that holds the lock to yield, and waits for it. It returns ErrBusy if that takes too long. yield is
// called when another request wants the lock, and can be nil.
func (l *Lock) Acquire(ctx context.Context, yield func()) error {
	timeout := time.NewTimer(handover)
	defer timeout.Stop()
	l.want()
	defer l.unwant()
	select {
	case l.taken <- struct{}{}:
	case <-timeout.C:
		return ErrBusy
	case <-ctx.Done():
		return fmt.Errorf("wait for an upload: %w", ctx.Err())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.yield = yield; l.wanted > 1 && yield != nil { // another request arrived in the meantime
		yield()
	}
	return nil
}

// Release frees the lock.
func (l *Lock) Release() {
	l.mu.Lock()
	l.yield = nil
	l.mu.Unlock()
	<-l.taken
}

func (l *Lock) want() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wanted++
	if l.yield != nil {
		l.yield()
	}
}

func (l *Lock) unwant() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wanted--
}
