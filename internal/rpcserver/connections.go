package rpcserver

import (
	"container/list"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/credentials"
)

// errTooManyConnections is the error of a handshake that is refused.
var errTooManyConnections = errors.New("too many connections")

// connection is a connection of a caller. It counts the calls whose caller is not known, and those whose responses were not read.
type connection struct {
	// answers are the responses that the caller has not read yet. The mutex of unreadLimit guards them.
	answers map[*answer]struct{}

	unproven, unread atomic.Int32
	// proven is set when a call had a valid token.
	proven atomic.Bool

	raw   net.Conn
	limit *connectionLimit
	// left is set when the connection is no longer counted. entry is its entry among those that can be closed for another one, or nil.
	// user is who has proved to use it. The mutex of the limit guards them.
	left  bool
	entry *list.Element
	user  string
}

// close ends the connection and all its calls. The transport reports the end.
func (c *connection) close() { _ = c.raw.Close() }

// connectionLimit limits the open connections of a server. At the limit, a new connection replaces the oldest one that has had no call with
// a valid token, or whose user had a quarter of all. So neither callers without a token nor one user can keep the others out.
type connectionLimit struct {
	most    int
	logger  *slog.Logger
	refused prometheus.Counter

	mu   sync.Mutex
	open int
	// idle are the connections that can be closed, the oldest one first.
	idle *list.List
	// proven counts the other connections, by subject.
	proven map[string]int
	// full is set from the first connection that was refused or closed until there is room again.
	full bool
}

func newConnectionLimit(cfg Config) *connectionLimit {
	labels := prometheus.Labels{"service": cfg.Service}
	l := &connectionLimit{most: cfg.Connections, logger: cfg.Logger, idle: list.New(), proven: make(map[string]int),
		refused: prometheus.NewCounter(prometheus.CounterOpts{Name: "headway_rpc_connections_refused_total",
			Help: "gRPC connections that were refused, or closed for another one, because there were too many.", ConstLabels: labels})}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(l.refused, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "headway_rpc_connections",
			Help: "Open gRPC connections.", ConstLabels: labels}, func() float64 {
			l.mu.Lock()
			defer l.mu.Unlock()
			return float64(l.open)
		}))
	}
	return l
}

// enter admits a new connection, or reports that there are too many.
func (l *connectionLimit) enter(raw net.Conn) (*connection, error) {
	c := &connection{answers: make(map[*answer]struct{}), raw: raw, limit: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.most >= 0 && l.open >= l.most {
		l.refused.Inc()
		if !l.full {
			l.full = true
			l.logger.Warn("there are too many gRPC connections, so new ones replace those without a valid token, or are refused. "+
				"Find out who opens them, or raise the limit", "limit", l.most, "peer", raw.RemoteAddr().String())
		}
		oldest := l.idle.Front()
		if oldest == nil {
			return nil, errTooManyConnections
		}
		// It is no longer counted from now on: gRPC doesn't close it if its handshake has just ended.
		replaced := oldest.Value.(*connection) //nolint:forcetypeassert // the list has nothing else
		replaced.forget()
		replaced.close()
	}
	l.open++
	c.entry = l.idle.PushBack(c)
	return c, nil
}

// prove records that a call of the user came over the connection.
func (c *connection) prove(user string) {
	if c.proven.Swap(true) {
		return
	}
	l := c.limit
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.entry == nil || l.proven[user] >= max(l.most/4, 1) {
		return
	}
	l.idle.Remove(c.entry)
	c.entry, c.user = nil, user
	l.proven[user]++
}

// leave records that the connection has ended.
func (c *connection) leave() {
	l := c.limit
	l.mu.Lock()
	defer l.mu.Unlock()
	c.forget()
	if l.full && l.open < l.most-l.most/10 {
		l.full = false
		l.logger.Info("there are no longer too many gRPC connections", "open", l.open)
	}
}

// forget no longer counts the connection. The mutex of the limit must be held.
func (c *connection) forget() {
	if c.left {
		return
	}
	c.left = true
	l := c.limit
	l.open--
	if c.entry != nil {
		l.idle.Remove(c.entry)
		c.entry = nil
	}
	if c.user != "" {
		if l.proven[c.user]--; l.proven[c.user] == 0 {
			delete(l.proven, c.user)
		}
	}
}

// limited are credentials whose connections are limited, and can be closed while they are in use. gRPC offers no such method, but it passes
// the address of a connection on.
type limited struct {
	credentials.TransportCredentials
	connections *connectionLimit
}

// ServerHandshake implements credentials.TransportCredentials.
func (l limited) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, err := l.connections.enter(raw)
	if err != nil {
		return nil, nil, err
	}
	conn, info, err := l.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		c.leave()
		return nil, nil, err
	}
	return whenReady(&limitedConn{Conn: conn, of: c}), info, nil
}

// limitedConn is a connection whose address refers to it.
type limitedConn struct {
	net.Conn
	of *connection
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	c.of.leave()
	return c.Conn.Close()
}

// RemoteAddr implements net.Conn.
func (c *limitedConn) RemoteAddr() net.Addr { return remoteAddr{c.Conn.RemoteAddr(), c.of} }

// remoteAddr is the address of a connection, with the connection.
type remoteAddr struct {
	net.Addr
	conn *connection
}
