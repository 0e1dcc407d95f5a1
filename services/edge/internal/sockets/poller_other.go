//go:build !linux

package sockets

import (
	"errors"
	"net"
	"net/http"
	"time"
)

// On systems other than Linux, every connection keeps its handler's goroutine.
func hijackable(*http.Request) bool { return false }

func descriptor(net.Conn, time.Duration, bool) (int, error) { return 0, errors.ErrUnsupported }

type poller struct{ ended chan struct{} }

func newPoller() (*poller, error) { return &poller{ended: make(chan struct{})}, nil }

func (p *poller) add(*Conn, int) error { return errors.ErrUnsupported }

func (p *poller) run() { <-p.ended }

func (p *poller) abandon() error { return nil }

func (p *poller) stop() { close(p.ended) }

type ring struct{}

func newRing(int) (*ring, error) { return nil, errors.ErrUnsupported }

func (r *ring) send([]write) error { return errors.ErrUnsupported }

func (r *ring) close() {}

func (c *Conn) write([]byte, bool) (int, error) { return 0, errors.ErrUnsupported }

func (c *Conn) acknowledged() int64 { return c.sent.Load() }

func (c *Conn) hangUp() {}

func (c *Conn) cut(bool) {}
