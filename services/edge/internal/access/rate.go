package access

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// rates limits the requests per second of each user. Safe for concurrent use.
type rates struct {
	perSecond rate.Limit
	burst     int

	mu    sync.Mutex
	users map[string]*rate.Limiter
	// swept is the last time when users whose bursts had refilled were deleted.
	swept time.Time
}

// rateSweep is the interval at which users whose bursts have refilled are deleted.
const rateSweep = time.Minute

// newRates returns limits of perSecond requests per second, with bursts of burst. If perSecond is 0, there is no limit.
func newRates(perSecond float64, burst int) *rates {
	return &rates{perSecond: rate.Limit(perSecond), burst: burst, users: make(map[string]*rate.Limiter)}
}

// take counts one request, and reports whether it is within the user's limit.
func (r *rates) take(subject string, now time.Time) bool {
	if r.perSecond <= 0 {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.swept) > rateSweep {
		r.sweep(now)
	}
	limiter := r.users[subject]
	if limiter == nil {
		limiter = rate.NewLimiter(r.perSecond, r.burst)
		r.users[subject] = limiter
	}
	return limiter.AllowN(now, 1)
}

// sweep deletes the users whose bursts have refilled: a new limiter would treat them the same.
func (r *rates) sweep(now time.Time) {
	r.swept = now
	for subject, limiter := range r.users {
		if limiter.TokensAt(now) >= float64(r.burst) {
			delete(r.users, subject)
		}
	}
}
