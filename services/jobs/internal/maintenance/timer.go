package maintenance

import (
	"sync"
	"time"
)

// expiryTimer wakes the loop that checks for due jobs.
type expiryTimer struct {
	mu      sync.Mutex
	looking bool
	next    time.Time // time of the next check; during a check, the earliest time that was expected in the meantime
	wake    chan struct{}
}

func newExpiryTimer() *expiryTimer { return &expiryTimer{wake: make(chan struct{}, 1)} }

// expect makes sure that the loop checks at the time due. The zero time means never.
func (t *expiryTimer) expect(due time.Time) {
	if due.IsZero() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.next.IsZero() && !due.Before(t.next) {
		return
	}
	t.next = due
	if !t.looking {
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

// look starts a check of the store.
func (t *expiryTimer) look() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looking, t.next = true, time.Time{}
}

// sleep ends the check, which found that the next job is due at found. It returns the time of the next check.
func (t *expiryTimer) sleep(found time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next.IsZero() || found.Before(t.next) {
		t.next = found
	}
	t.looking = false
	return t.next
}
