//go:build !linux

package stream

import (
	"errors"
	"net"
	"net/http"
	"time"
)

// Elsewhere than on Linux every stream keeps its handler's goroutine.
func hijackable(*http.Request) bool { return false }

func descriptor(net.Conn, time.Duration) (int, error) { return 0, errors.ErrUnsupported }

type poller struct{ ended chan struct{} }

func newPoller() (*poller, error) { return &poller{ended: make(chan struct{})}, nil }

func (p *poller) add(*watcher, int) error { return errors.ErrUnsupported }

func (p *poller) run() { <-p.ended }

func (p *poller) stop() { close(p.ended) }

type ring struct{}

func newRing(int) (*ring, error) { return nil, errors.ErrUnsupported }

func (r *ring) send([]write) error { return errors.ErrUnsupported }

func (r *ring) close() {}

func (w *watcher) write([]byte) (int, error) { return 0, errors.ErrUnsupported }

func (w *watcher) hangUp() {}

func (w *watcher) cut(bool) {}
