package sockets

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// Config configures a Loop.
type Config struct {
	// WriteTimeout is the maximum time in which a peer accepts none of its waiting data.
	WriteTimeout time.Duration
	// Ring determines whether io_uring is used for sending. The zero value is RingAuto.
	Ring Ring
}

// Ring determines whether one system call sends to many peers (io_uring).
type Ring string

const (
	// RingAuto uses a ring if the kernel allows it.
	RingAuto Ring = "auto"
	// RingOn makes Run fail if the kernel does not allow it.
	RingOn Ring = "on"
	// RingOff never uses a ring.
	RingOff Ring = "off"
)

// Loop serves connections. Call Run once.
type Loop struct {
	writeTimeout time.Duration
	ring         Ring
	writers      *writers
	wheel        *wheel
	// poller is created by Run, before ready is closed.
	poller *poller
	ready  chan struct{}

	mu sync.Mutex
	// handlers are the connections that keep their handlers' goroutines. It is nil after the loop has ended.
	handlers map[*Conn]struct{}
}

// New returns a Loop.
func New(cfg Config) *Loop {
	l := &Loop{
		writeTimeout: cfg.WriteTimeout, ring: cfg.Ring, wheel: newWheel(), ready: make(chan struct{}),
		handlers: make(map[*Conn]struct{}),
	}
	l.writers = newWriters(l.wheel, cfg.WriteTimeout)
	return l
}

// Now returns the time of the Loop's clock in seconds. The clock is monotonic: changes of the system's time don't
// affect it.
func (l *Loop) Now() int64 { return l.wheel.now() }

// Run serves connections until ctx ends. It then closes the remaining ones.
func (l *Loop) Run(ctx context.Context) (err error) {
	if l.poller, err = newPoller(); err != nil {
		return fmt.Errorf("sockets: %w", err)
	}
	senders := make([]*sender, runtime.GOMAXPROCS(0))
	for i := range senders {
		if senders[i], err = newSender(l.ring); err != nil {
			return errors.Join(fmt.Errorf("sockets: %w", err), l.poller.abandon())
		}
	}
	close(l.ready)
	var own sync.WaitGroup
	for _, s := range senders {
		own.Go(func() { l.writers.run(s) })
	}
	own.Go(l.poller.run)
	own.Go(func() { l.wheel.run(ctx, l.writers.collect) })
	<-ctx.Done()
	l.mu.Lock()
	open := l.handlers
	l.handlers = nil
	l.mu.Unlock()
	for c := range open {
		c.close(ErrStopped)
	}
	l.writers.stop()
	l.poller.stop()
	own.Wait()
	return nil
}

// Wake makes the Loop ask the connections' sources for data to send.
func (l *Loop) Wake(ready ...*Conn) {
	bare := ready[:0]
	for _, c := range ready {
		switch {
		case !c.schedule():
		case c.wake != nil:
			c.call()
		default:
			bare = append(bare, c)
		}
	}
	if len(bare) > 0 {
		l.writers.push(bare...)
	}
}

// enter registers a connection that keeps its handler's goroutine. It returns false if the loop has ended.
func (l *Loop) enter(c *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.handlers == nil {
		return false
	}
	l.handlers[c] = struct{}{}
	return true
}

func (l *Loop) leave(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.handlers, c)
}
