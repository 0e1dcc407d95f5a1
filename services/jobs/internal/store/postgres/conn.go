package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// conn is the connection of one transaction. It begins the transaction with the first statements, in their round trip if they are a
// batch. So a transaction that reads nothing takes one round trip.
type conn struct {
	*pgx.Conn
	begun bool
}

// SendBatch is SendBatch of pgx.Conn.
func (c *conn) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if !c.begun {
		c.begun = true
		b.QueuedQueries = slices.Insert(b.QueuedQueries, 0, &pgx.QueuedQuery{SQL: "BEGIN"})
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
	c.begun = true
	_, err := c.Conn.Exec(ctx, "BEGIN")
	return err
}

// failedRow is the result of a query that was not sent.
type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }
