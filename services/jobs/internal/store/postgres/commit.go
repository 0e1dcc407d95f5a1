package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"headway/internal/backoff"
	"headway/internal/pgerr"
)

// Each transaction stores a random mark in its writer's row of the table writers. If the response to a commit is lost, the mark
// shows whether the transaction was committed. Its ID would not: after a crash, the server can give it to another transaction. Each
// writer has its own row, because another process can write before the question is asked.

// The names of the prepared statements that commit.
const (
	markStatement   = "headway_mark"
	commitStatement = "headway_commit"
)

// register adds the writer's row, deletes those of processes that ended long ago, and prepares the statements of commits.
func (w *writer) register(ctx context.Context, conn *pgx.Conn) error {
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO writers (id, mark, used_at) VALUES ($1, '', now()) ON CONFLICT (id) DO NOTHING`, w.id)
	b.Queue(`DELETE FROM writers WHERE id <> $1 AND used_at < now() - interval '30 days'`, w.id)
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	if _, err := conn.Prepare(ctx, markStatement, `UPDATE writers SET mark = $2, number = $3, used_at = now() WHERE id = $1 RETURNING xmin::text`); err != nil {
		return err
	}
	_, err := conn.Prepare(ctx, commitStatement, `COMMIT`)
	return err
}

// commit commits the transaction of the connection, in one round trip with its last writes and its mark, and returns its ID. If it returns an error,
// nothing has changed.
func (w *writer) commit(ctx context.Context, c *conn, b *pgx.Batch, number uint64) (id string, err error) {
	mark := rand.Text()
	b.Queue(markStatement, w.id, mark, int64(number)).QueryRow(func(r pgx.Row) error { return r.Scan(&id) })
	b.Queue(commitStatement)
	err = c.SendBatch(ctx, b).Close()
	if err == nil {
		return id, nil
	}
	if pgerr.Refused(err) {
		w.rollback(ctx, err)
		return "", err
	}
	w.disconnect()
	committed, known := w.outcome(mark)
	switch {
	case !known:
		return "", unavailable(fmt.Errorf("the outcome of a change is not known: %w", err))
	case !committed:
		return "", &lostError{err}
	}
	return "", nil
}

// outcome determines whether the transaction with the mark was committed if the response to its commit was lost. Until then,
// nothing else is changed, because observers must receive all commits in order. known is false if the store is closed before, or
// if the writer's row was deleted.
func (w *writer) outcome(mark string) (committed, known bool) {
	wait := backoff.New(firstRetry, lastRetry)
	for {
		latest, err := w.latestMark()
		if err == nil || errors.Is(err, pgx.ErrNoRows) {
			return latest == mark, err == nil
		}
		select { // the database is unavailable, or the server has not noticed yet that its client has disconnected
		case <-w.stopping:
			return false, false
		case <-time.After(wait.Next()):
		}
	}
}

// latestMark reads the mark of this writer's latest transaction. It waits until the transaction that might have been committed has
// ended: a new connection gets the lock of the one before, and a transaction in progress holds the row.
func (w *writer) latestMark() (mark string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), w.timeout)
	defer cancel()
	if err := w.connect(ctx); err != nil {
		return "", err
	}
	err = w.conn.QueryRow(ctx, `SELECT mark FROM writers WHERE id = $1 FOR UPDATE`, w.id).Scan(&mark)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		w.disconnect()
	}
	return mark, err
}
