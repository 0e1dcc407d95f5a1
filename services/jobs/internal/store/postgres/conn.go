package postgres

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// conn is the connection of one transaction. It begins the transaction with the first statements, in their round trip if they are a
// batch. So a transaction that reads nothing takes one round trip.
type conn struct {
	*pgx.Conn
	begun   bool
	turn    bool // the transaction begins with the turn of this replica
	granted bool // it has the turn
	waited  bool // another replica had the turn
}

// opening returns the statements that begin the transaction.
func (c *conn) opening() []*pgx.QueuedQuery {
	c.begun = true
	b := &pgx.Batch{}
	b.Queue("BEGIN")
	if c.turn {
		b.Queue(`SET LOCAL lock_timeout = ` + milliseconds(turnTimeout))
		b.Queue(`SELECT CASE WHEN pg_try_advisory_xact_lock($1) THEN false ELSE pg_advisory_xact_lock($1) IS NOT NULL END`, int64(turnLock)).
			QueryRow(func(r pgx.Row) error { err := r.Scan(&c.waited); c.granted = err == nil; return err })
		b.Queue(`SET LOCAL lock_timeout = ` + milliseconds(lockTimeout))
	}
	return b.QueuedQueries
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// SendBatch is SendBatch of pgx.Conn.
func (c *conn) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if !c.begun {
		b.QueuedQueries = slices.Concat(c.opening(), b.QueuedQueries)
	}
	return c.Conn.SendBatch(ctx, b)
}

// Exec is Exec of pgx.Conn.
func (c *conn) Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error) {
	if err := c.begin(ctx); err != nil {
		return pgconn.CommandTag{}, err
	}
	return c.Conn.Exec(ctx, query, args...)
}

// Query is Query of pgx.Conn.
func (c *conn) Query(ctx context.Context, query string, args ...any) (pgx.Rows, error) {
	if err := c.begin(ctx); err != nil {
		return nil, err
	}
	return c.Conn.Query(ctx, query, args...)
}

// QueryRow is QueryRow of pgx.Conn.
func (c *conn) QueryRow(ctx context.Context, query string, args ...any) pgx.Row {
	if err := c.begin(ctx); err != nil {
		return failedRow{err}
	}
	return c.Conn.QueryRow(ctx, query, args...)
}

func (c *conn) begin(ctx context.Context) error {
	if c.begun {
		return nil
	}
	return c.Conn.SendBatch(ctx, &pgx.Batch{QueuedQueries: c.opening()}).Close()
}

// failedRow is the result of a query that was not sent.
type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }
