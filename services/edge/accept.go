package edge

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

// acceptor is a listener that notices when the process has no descriptors left for new connections.
type acceptor struct {
	net.Listener
	exhausted *exhaustion
}

// Accept implements net.Listener.
func (a acceptor) Accept() (net.Conn, error) {
	conn, err := a.Listener.Accept()
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		a.exhausted.note(err)
	}
	return conn, err
}

const (
	// exhaustedLogInterval is how often the log says that there are no descriptors left, while that lasts.
	exhaustedLogInterval = time.Minute
	// exhaustedUnready is how long the edge is not ready after a connection could not be accepted.
	exhaustedUnready = 10 * time.Second
)

// exhaustion knows whether the process has run out of descriptors.
type exhaustion struct {
	logger *slog.Logger

	mu           sync.Mutex
	last, logged time.Time
}

func (e *exhaustion) note(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = time.Now()
	if e.logged.IsZero() || e.last.Sub(e.logged) > exhaustedLogInterval {
		e.logged = e.last
		e.logger.Error("there are no file descriptors left for new connections; raise the limit (ulimit -n), or lower --max-streams", "error", err)
	}
}

// lately reports whether a connection could not be accepted a moment ago.
func (e *exhaustion) lately() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.last.IsZero() && time.Since(e.last) < exhaustedUnready
}
