package access

import (
	"sync"
	"time"
)

// rate says how often each user may call: so many times a second, and as many at once as a burst holds. Safe for
// concurrent use.
type rate struct {
	perSecond, burst float64

	mu    sync.Mutex
	users map[string]*allowance
	// swept is when users with a full allowance were forgotten last.
	swept time.Time
}

// allowance is how many calls a user had left at a time; it fills up by itself.
type allowance struct {
	left float64
	at   time.Time
}

// rateSweep is how often users with a full allowance are forgotten.
const rateSweep = time.Minute

func newRate(perSecond float64, burst int) *rate {
	return &rate{perSecond: perSecond, burst: float64(burst), users: make(map[string]*allowance)}
}

// take uses up one call; false if none is left.
func (r *rate) take(subject string, now time.Time) bool {
	if r.perSecond <= 0 {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.swept) > rateSweep {
		r.sweep(now)
	}
	a := r.users[subject]
	if a == nil {
		a = &allowance{left: r.burst, at: now}
		r.users[subject] = a
	}
	a.left, a.at = r.filled(a, now), now
	if a.left < 1 {
		return false
	}
	a.left--
	return true
}

func (r *rate) filled(a *allowance, now time.Time) float64 {
	return min(r.burst, a.left+now.Sub(a.at).Seconds()*r.perSecond)
}

func (r *rate) sweep(now time.Time) {
	r.swept = now
	for subject, a := range r.users {
		if r.filled(a, now) >= r.burst {
			delete(r.users, subject)
		}
	}
}
