// Package alarm tracks what only an operator can repair, such as a full disk, exhausted file descriptors, and refused access, for logs and
// readiness.
package alarm

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// logInterval is how often the log repeats an alarm, while it lasts.
	logInterval = time.Minute
	// unready is how long a process is not ready after its last failure.
	unready = 10 * time.Second
)

// Alarm is a resource that can be exhausted, or to which access can be refused. It is safe for concurrent use.
type Alarm struct {
	logger  *slog.Logger
	message string

	mu           sync.Mutex
	last, logged time.Time
}

// New returns an alarm. The message is for the log. It names the resource, and what an operator can do.
func New(logger *slog.Logger, message string) *Alarm {
	return &Alarm{logger: logger, message: message}
}

// Note records that an operation failed with err because of the resource.
func (a *Alarm) Note(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = time.Now()
	if a.logged.IsZero() || a.last.Sub(a.logged) > logInterval {
		a.logged = a.last
		a.logger.Error(a.message, "error", err)
	}
}

// Lately reports whether an operation has recently failed.
func (a *Alarm) Lately() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.last.IsZero() && time.Since(a.last) < unready
}
