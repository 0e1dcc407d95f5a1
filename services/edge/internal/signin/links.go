package signin

import (
	"crypto/rand"
	"sync"
	"time"
)

const (
	// linkTTL is the lifetime of an unused sign-in link.
	linkTTL = 24 * time.Hour
	// maxLinks is the number of unused links that work at a time. The oldest is dropped for a new one.
	maxLinks = 16
)

// Fragment starts the part of a sign-in link with the secret. Browsers never send this part, so proxies, logs, and
// Referer headers don't contain the secret.
const Fragment = "#sign-in="

// links has the secrets of unused sign-in links. It is safe for concurrent use.
type links struct {
	mu     sync.Mutex
	unused []link
}

type link struct {
	secret  string
	expires time.Time
}

// issue returns a new secret and its expiry time.
func (l *links) issue(now time.Time) (secret string, expires time.Time) {
	fresh := link{rand.Text(), now.Add(linkTTL)}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.unused) == maxLinks {
		l.unused = l.unused[1:]
	}
	l.unused = append(l.unused, fresh)
	return fresh.secret, fresh.expires
}

// redeem uses up a secret, and reports whether it was valid.
func (l *links) redeem(secret string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, unused := range l.unused {
		if unused.secret == secret {
			l.unused = append(l.unused[:i:i], l.unused[i+1:]...)
			return now.Before(unused.expires)
		}
	}
	return false
}
