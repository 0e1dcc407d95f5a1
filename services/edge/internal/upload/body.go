package upload

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

var (
	// ErrBody wraps what ended a body before its end.
	ErrBody = errors.New("read the body")
	// ErrStopped ends the reading of a body that somebody else wants out of the way.
	ErrStopped = errors.New("stopped for another request")
)

// Body reads a request's body, and gives every read its own time: an upload may take hours, but not stand still.
type Body struct {
	body    io.Reader
	control *http.ResponseController
	timeout time.Duration

	mu      sync.Mutex
	until   time.Time
	stopped bool
}

// NewBody returns the body of a request whose reads fail when no byte arrives for the given time.
func NewBody(w http.ResponseWriter, r *http.Request, timeout time.Duration) *Body {
	return &Body{body: r.Body, control: http.NewResponseController(w), timeout: timeout}
}

// Read implements io.Reader.
func (p *Body) Read(b []byte) (int, error) {
	if !p.extend() {
		return 0, ErrStopped
	}
	n, err := p.body.Read(b)
	switch {
	case err == nil, errors.Is(err, io.EOF):
	case p.isStopped():
		err = ErrStopped
	default:
		err = fmt.Errorf("%w: %w", ErrBody, err)
	}
	return n, err
}

// extend moves the deadline on, unless the reader was stopped.
func (p *Body) extend() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	// Moving the deadline costs a lock; a tenth of the timeout is near enough.
	if now := time.Now(); !p.stopped && p.until.Sub(now) < p.timeout*9/10 {
		p.until = now.Add(p.timeout)
		_ = p.control.SetReadDeadline(p.until) // net/http's can
	}
	return !p.stopped
}

func (p *Body) isStopped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped
}

// Stop ends a read that is under way, and all that would follow. It may be called from any goroutine.
func (p *Body) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	_ = p.control.SetReadDeadline(time.Unix(1, 0)) // net/http's can
}
