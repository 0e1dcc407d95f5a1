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
	// ErrBody means that a body could not be read to its end. It wraps the cause.
	ErrBody = errors.New("read the body")
	// ErrStopped means that Stop was called.
	ErrStopped = errors.New("stopped for another request")
)

// Body reads a request's body with a timeout per read: an upload can take hours, but it must not stall.
type Body struct {
	body    io.Reader
	control *http.ResponseController
	timeout time.Duration

	mu      sync.Mutex
	until   time.Time
	stopped bool
}

// NewBody returns the body of a request. A read fails if no byte arrives within the timeout.
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

// extend moves the read deadline, unless the body was stopped. It reports whether reading can continue.
func (p *Body) extend() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	// Extending the deadline takes a lock, so it is extended only after a tenth of the timeout.
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

// Stop makes the current read and all later ones fail with ErrStopped. It is safe to call from any goroutine.
func (p *Body) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	_ = p.control.SetReadDeadline(time.Unix(1, 0)) // net/http's can
}
