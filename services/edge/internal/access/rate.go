package access

import (
	"maps"
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
	// spent counts the accepted requests of users since the last call of Spent. It is nil unless the usage is shared with other edges.
	spent map[string]int
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
	ok := limiter.AllowN(now, 1)
	if ok && r.spent != nil {
		r.spent[subject]++
	}
	return ok
}

// share makes take record usage for Spent.
func (r *rates) share() { r.spent = make(map[string]int) }

// Spent implements peers.Rate.
func (r *rates) Spent(fraction float64, interval time.Duration) map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	spent := r.spent
	r.spent = make(map[string]int)
	least := fraction * float64(r.perSecond) * interval.Seconds()
	maps.DeleteFunc(spent, func(_ string, n int) bool { return float64(n) < least })
	return spent
}

// Spend implements peers.Rate. A user who does more than the limit on several edges has to wait, but not longer than it takes to
// refill the burst.
func (r *rates) Spend(user string, requests int) { r.spend(user, requests, time.Now()) }

func (r *rates) spend(user string, requests int, now time.Time) {
	if r.perSecond <= 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	limiter := r.users[user]
	if limiter == nil {
		limiter = rate.NewLimiter(r.perSecond, r.burst)
		r.users[user] = limiter
	}
	room := int(limiter.TokensAt(now)) + r.burst // to a negative burst
	for requests = min(requests, room); requests > 0; requests -= r.burst {
		limiter.ReserveN(now, min(requests, r.burst))
	}
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
