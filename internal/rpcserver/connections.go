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
	// left is set when the connection is no longer counted. user is who has proved to use it, and entry its entry among those of the user, or
	// among those without one. The mutex of the limit guards them.
	left  bool
	entry *list.Element
	user  string
}

// close ends the connection and all its calls. The transport reports the end.
func (c *connection) close() { _ = c.raw.Close() }

// connectionLimit limits the open connections of a server. At the limit, a new connection replaces the oldest one that has had no call with
// a valid token, or whose user had a quarter of all. If there is none, it replaces the last one of the user who has the most. So neither
// callers without a token nor a few users can keep the others out.
type connectionLimit struct {
	most    int
	logger  *slog.Logger
	refused prometheus.Counter

	mu   sync.Mutex
	open int
	// idle are the connections that are closed first, the oldest one first.
	idle *list.List
	// proven are the other connections, by subject.
	proven map[string]*list.List
	// full is set from the first connection that was refused or closed until there is room again.
	full bool
}

func newConnectionLimit(cfg Config) *connectionLimit {
	labels := prometheus.Labels{"service": cfg.Service}
	l := &connectionLimit{most: cfg.Connections, logger: cfg.Logger, idle: list.New(), proven: make(map[string]*list.List),
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
			l.logger.Warn("there are too many gRPC connections, so new ones replace those without a valid token, or of users who have many. "+
				"Find out who opens them, or raise the limit", "limit", l.most, "peer", raw.RemoteAddr().String())
		}
		entry := l.replaceable()
		if entry == nil {
			return nil, errTooManyConnections
		}
		// It is no longer counted from now on: gRPC doesn't close it if its handshake has just ended.
		replaced := entry.Value.(*connection) //nolint:forcetypeassert // the lists have nothing else
		replaced.forget()
		replaced.close()
	}
	l.open++
	c.entry = l.idle.PushBack(c)
	return c, nil
}

// replaceable returns the connection to close for a new one, or nil. A user's only connection is kept. The mutex must be held.
func (l *connectionLimit) replaceable() *list.Element {
	if oldest := l.idle.Front(); oldest != nil {
		return oldest
	}
	var most *list.List
	for _, conns := range l.proven {
		if conns.Len() > 1 && (most == nil || conns.Len() > most.Len()) {
			most = conns
		}
	}
	if most == nil {
		return nil
	}
	return most.Back()
}

// prove records that a call of the user came over the connection.
func (c *connection) prove(user string) {
	if c.proven.Swap(true) {
		return
	}
	l := c.limit
	l.mu.Lock()
	defer l.mu.Unlock()
	conns := l.proven[user]
	if conns == nil {
		conns = list.New()
	}
	if c.left || conns.Len() >= max(l.most/4, 1) {
		return
	}
	l.idle.Remove(c.entry)
	c.entry, c.user = conns.PushBack(c), user
	l.proven[user] = conns
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
	if c.user == "" {
		l.idle.Remove(c.entry)
		return
	}
	conns := l.proven[c.user]
	if conns.Remove(c.entry); conns.Len() == 0 {
		delete(l.proven, c.user)
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
