// Package records is the target database on SQLite: the tables that workbooks are loaded into, and one table of what
// was applied (headway_imports).
//
// A value is held exactly as imports.Value says: whole numbers and booleans as INTEGER, everything else as TEXT.
// Decimals are TEXT because SQLite's numbers are binary fractions, which cannot hold 0.1. Tables are STRICT.
package records

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"headway/services/importer/internal/imports"
)

// cacheKiB is SQLite's page cache while an import writes: the index of a million keys fits, so that keys in random
// order do not fall off a cliff.
const cacheKiB = 64 << 10

// lockRetry is how often a write lock that another process holds is asked for again.
const lockRetry = 50 * time.Millisecond

// SQLite is an imports.Target. Readers of the database are not blocked while an import writes (WAL).
type SQLite struct {
	db    *sql.DB
	queue queue
	// keeper stays open as long as the database is in use: when the last connection closes, SQLite locks readers out
	// until all of the log is written back.
	keeper *sql.Conn
	// background is the checkpoint that follows a commit.
	background sync.WaitGroup
}

// Open opens the database at path, which is created if it is not there.
func Open(ctx context.Context, path string) (*SQLite, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + url.Values{"_pragma": {
		"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", fmt.Sprintf("cache_size(-%d)", cacheKiB),
		"wal_autocheckpoint(0)", "journal_size_limit(67108864)", "busy_timeout(0)", "temp_store(MEMORY)",
	}}.Encode()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	// Each run has a connection of its own, which is closed with it: an idle one would keep its page cache.
	db.SetMaxIdleConns(0)
	s := &SQLite{db: db}
	if s.keeper, err = db.Conn(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, unavailable(err)), db.Close())
	}
	const create = `CREATE TABLE IF NOT EXISTS headway_imports (
		import_id TEXT PRIMARY KEY,
		schema TEXT NOT NULL,
		run INTEGER NOT NULL,
		applied_at TEXT,
		sheets TEXT
	) STRICT, WITHOUT ROWID`
	err = retryLocked(ctx, func() error {
		_, err := s.keeper.ExecContext(ctx, create)
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare %s: %w", path, unavailable(err)), s.Close())
	}
	return s, nil
}

// Close ends the use of the database, once the last commit is written back to its file.
func (s *SQLite) Close() error {
	s.background.Wait()
	return errors.Join(s.keeper.Close(), s.db.Close())
}

// Begin implements imports.Target.
func (s *SQLite) Begin(ctx context.Context, run imports.Run, waiting func(int)) (imports.TargetTx, error) {
	leave, err := s.queue.enter(ctx, waiting)
	if err != nil {
		return nil, err
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		leave()
		return nil, fmt.Errorf("open the target database: %w", unavailable(err))
	}
	tx := &transaction{store: s, conn: conn, run: run, leave: leave}
	if err := tx.begin(ctx); err != nil {
		tx.end()
		return nil, err
	}
	return tx, nil
}

// transaction is an imports.TargetTx.
type transaction struct {
	store *SQLite
	conn  *sql.Conn
	run   imports.Run
	leave func()
	// statements are closed with the transaction.
	statements []driver.Stmt
	open       bool
	ended      bool
}

// begin claims the import for this run in a transaction of its own, so that an earlier run cannot commit any more,
// and opens the run's.
func (tx *transaction) begin(ctx context.Context) error {
	if err := tx.lock(ctx); err != nil {
		return err
	}
	var number int64
	var applied sql.NullString
	row := tx.conn.QueryRowContext(ctx, `SELECT run, sheets FROM headway_imports WHERE import_id = ?`, tx.run.ImportID)
	switch err := row.Scan(&number, &applied); {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return fmt.Errorf("look for the import: %w", unavailable(err))
	case applied.Valid:
		done := &imports.AppliedError{}
		if err := json.Unmarshal([]byte(applied.String), &done.Sheets); err != nil {
			return fmt.Errorf("read the numbers of the applied import: %w", err)
		}
		return done
	case number > tx.run.Number:
		return imports.ErrFenced
	}
	_, err := tx.conn.ExecContext(ctx, `INSERT INTO headway_imports (import_id, schema, run) VALUES (?, ?, ?)
		ON CONFLICT (import_id) DO UPDATE SET run = excluded.run`, tx.run.ImportID, tx.run.Schema, tx.run.Number)
	if err != nil {
		return fmt.Errorf("claim the import: %w", unavailable(err))
	}
	if _, err := tx.conn.ExecContext(ctx, `COMMIT`); err != nil {
		return fmt.Errorf("claim the import: %w", unavailable(err))
	}
	tx.open = false
	return tx.lock(ctx)
}

// lock begins a transaction that may write, waiting for other processes that do.
func (tx *transaction) lock(ctx context.Context) error {
	err := retryLocked(ctx, func() error {
		_, err := tx.conn.ExecContext(ctx, `BEGIN IMMEDIATE`)
		return err
	})
	if err != nil {
		return fmt.Errorf("begin: %w", unavailable(err))
	}
	tx.open = true
	return nil
}

// Commit implements imports.TargetTx.
func (tx *transaction) Commit(ctx context.Context, sheets map[string]imports.Counts) error {
	numbers, err := json.Marshal(sheets)
	if err != nil {
		return fmt.Errorf("write down the numbers: %w", err)
	}
	// What has begun to be committed is not to be cut short: its outcome would be unknown.
	ctx = context.WithoutCancel(ctx)
	result, err := tx.conn.ExecContext(ctx, `UPDATE headway_imports SET applied_at = ?, sheets = ?
		WHERE import_id = ? AND run = ? AND applied_at IS NULL`,
		time.Now().UTC().Format(time.RFC3339Nano), string(numbers), tx.run.ImportID, tx.run.Number)
	if err != nil {
		return fmt.Errorf("note the import as applied: %w", unavailable(err))
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(imports.ErrFenced, err)
	}
	if _, err := tx.conn.ExecContext(ctx, `COMMIT`); err != nil {
		return fmt.Errorf("commit: %w", unavailable(err))
	}
	tx.open = false
	tx.end()
	tx.store.checkpoint()
	return nil
}

// Rollback implements imports.TargetTx.
func (tx *transaction) Rollback() error {
	return tx.end()
}

// end closes the connection, and with it whatever is still open, and lets the next run begin.
func (tx *transaction) end() error {
	if tx.ended {
		return nil
	}
	tx.ended = true
	defer tx.leave()
	var err error
	for _, s := range tx.statements {
		err = errors.Join(err, s.Close())
	}
	if tx.open {
		_, rollback := tx.conn.ExecContext(context.Background(), `ROLLBACK`)
		err = errors.Join(err, rollback)
	}
	return errors.Join(err, tx.conn.Close())
}

// checkpoint writes committed pages back to the database file while others go on.
func (s *SQLite) checkpoint() {
	s.background.Go(func() {
		// A checkpoint that does not get through is made up for by the next.
		_, _ = s.keeper.ExecContext(context.Background(), `PRAGMA wal_checkpoint(PASSIVE)`)
	})
}

// retryLocked asks again while another process holds the lock.
func retryLocked(ctx context.Context, do func() error) error {
	for {
		err := do()
		if code := resultCode(err); code != sqlite3.SQLITE_BUSY && code != sqlite3.SQLITE_LOCKED {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockRetry):
		}
	}
}

// resultCode is SQLite's primary result code of an error; 0 if it is none of SQLite's.
func resultCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// unavailable marks what a database may be over later; the end of a context stays what it is.
func unavailable(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if resultCode(err) == sqlite3.SQLITE_INTERRUPT {
		return fmt.Errorf("%w: %w", context.Canceled, err)
	}
	return fmt.Errorf("%w: %w", imports.ErrTargetUnavailable, err)
}
