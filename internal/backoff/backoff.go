// Package backoff waits between attempts: longer after each failure up to a limit, with jitter, so that many clients
// do not retry at the same moment.
package backoff

import (
	"context"
	"time"

	"github.com/sethvargo/go-retry"
)

// jitterPercent is how far a wait can be from its nominal length, in either direction.
const jitterPercent = 25

// Backoff is the state of one retry loop. It is not safe for concurrent use.
type Backoff struct {
	first, max time.Duration
	next       retry.Backoff
}

// New returns a Backoff whose first wait is first. Each further wait is twice as long, but never longer than max.
func New(first, max time.Duration) *Backoff {
	b := &Backoff{first: first, max: max}
	b.Reset()
	return b
}

// Reset starts over with the first wait. Call it after a success.
func (b *Backoff) Reset() {
	b.next = retry.WithCappedDuration(b.max, retry.WithJitterPercent(jitterPercent, retry.NewExponential(b.first)))
}

// Next returns the delay before the next attempt.
func (b *Backoff) Next() time.Duration {
	wait, _ := b.next.Next() // never stops: there is no limit on the number of attempts
	return wait
}

// Wait waits for Next. It reports false if ctx was done before that.
func (b *Backoff) Wait(ctx context.Context) bool { return Sleep(ctx, b.Next()) }

// Sleep waits for d. It reports false if ctx was done before that.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
