package upload

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"headway/internal/stall"
)

var (
	// ErrBody means that a body could not be read to its end. It wraps the cause.
	ErrBody = errors.New("read the body")
	// ErrStopped means that Stop was called.
	ErrStopped = errors.New("stopped for another request")
)

// Body reads a request's body as long as bytes arrive: an upload can take hours, but it must not stall.
type Body struct {
	body    io.Reader
	control *http.ResponseController
	timeout time.Duration
	left    stall.Timeout

	mu      sync.Mutex
	until   time.Time
	stopped bool
}

// NewBody returns the body of a request. A read fails if the sender has stalled for the timeout.
func NewBody(w http.ResponseWriter, r *http.Request, timeout time.Duration) *Body {
	return &Body{body: r.Body, control: http.NewResponseController(w), timeout: timeout, left: stall.NewTimeout(timeout)}
}

// Read implements io.Reader.
func (p *Body) Read(b []byte) (int, error) {
	if !p.extend() {
		return 0, ErrStopped
	}
	start := time.Now()
	n, err := p.body.Read(b)
	p.left.Waited(time.Since(start), n)
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
	// Setting the deadline takes a lock, so it is set only if it moves by a tenth of the timeout.
	until := time.Now().Add(p.left.Left())
	if !p.stopped && until.Sub(p.until).Abs() > p.timeout/10 {
		p.until = until
		_ = p.control.SetReadDeadline(until) // net/http's can
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
