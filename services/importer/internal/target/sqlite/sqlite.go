// Package sqlite is the target database on SQLite: the tables that workbooks are loaded into, and one table of the applied
// imports (headway_imports).
//
// Values are stored as imports.Value defines them: whole numbers and booleans as INTEGER, everything else as TEXT.
// Decimals are TEXT because SQLite's numbers are binary fractions, which cannot hold 0.1. Tables are STRICT.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"headway/internal/backoff"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/target/sqlite/sqlitedirect"
	"headway/services/importer/internal/target/turns"
)

// cacheKiB is the initial size of SQLite's page cache in an import. It is enough for rows in key order. wideCacheKiB is
// the size for rows in another order: the index of a million keys fits into it, so such rows are not much slower. A
// page of 4 KiB takes 8 KiB of memory: with its header, SQLite allocates the next power of two.
const (
	cacheKiB     = 8 << 10
	wideCacheKiB = 32 << 10
)

// lockRetry is the interval between attempts to get a write lock that another process holds.
const lockRetry = 50 * time.Millisecond

// Options are the settings of a target.
type Options struct {
	// Manage determines what imports may change in the tables.
	Manage imports.Manage
}

// DefaultOptions returns the options of a target without a configuration.
func DefaultOptions() Options { return Options{Manage: imports.ManageExtend} }

// Target is an imports.Target. Readers of the database are not blocked while an import writes (WAL).
type Target struct {
	path    string
	options Options
	queue   turns.Queue

	mu sync.Mutex
	// keeper stays open as long as the database is in use: when the last connection closes, SQLite blocks readers until
	// the whole log is written back. kept is the file that keeper has open.
	keeper *sqlitedirect.Conn
	kept   os.FileInfo
	// background is the checkpoint that follows a commit.
	background sync.WaitGroup
}

// Open opens the database at path. It creates the database if it doesn't exist.
func Open(ctx context.Context, path string, o Options) (*Target, error) {
	s := &Target{path: path, options: o}
	if err := s.keep(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Ping implements imports.Target.
func (s *Target) Ping(ctx context.Context) error { return s.keep(ctx) }

// keep opens the keeper, and opens it again if another file has replaced the one that it has open.
func (s *Target) keep(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if file, err := os.Stat(s.path); err == nil && s.kept != nil && os.SameFile(file, s.kept) {
		return nil
	}
	conn, err := connect(ctx, s.path)
	if err != nil {
		return fmt.Errorf("open %s: %w", s.path, err)
	}
	const owners = `CREATE TABLE IF NOT EXISTS headway_tables (
		name TEXT PRIMARY KEY COLLATE NOCASE,
		schema TEXT NOT NULL
	) STRICT, WITHOUT ROWID`
	const create = `CREATE TABLE IF NOT EXISTS headway_imports (
		import_id TEXT PRIMARY KEY,
		schema TEXT NOT NULL,
		run INTEGER NOT NULL,
		applied_at TEXT,
		sheets TEXT
	) STRICT, WITHOUT ROWID`
	err = retryLocked(ctx, func() error { return errors.Join(conn.Exec(create), conn.Exec(owners)) })
	file, found := os.Stat(s.path)
	if err := errors.Join(err, found); err != nil {
		return errors.Join(fmt.Errorf("prepare %s: %w", s.path, unavailable(err)), conn.Close())
	}
	if s.keeper != nil {
		// The open file no longer has a name.
		_ = s.keeper.Close()
	}
	s.keeper, s.kept = conn, file
	return nil
}

// connect opens a connection with the settings of all connections.
func connect(ctx context.Context, path string) (*sqlitedirect.Conn, error) {
	conn, err := sqlitedirect.Open(path)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, setting := range []string{
		"journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(0)", "journal_size_limit(67108864)", "temp_store(MEMORY)",
	} {
		if err := retryLocked(ctx, func() error { return conn.Exec("PRAGMA " + setting) }); err != nil {
			return nil, errors.Join(fmt.Errorf("set %s: %w", setting, unavailable(err)), conn.Close())
		}
	}
	return conn, nil
}

// Close closes the database after the last commit has been written back to its file.
func (s *Target) Close() error {
	s.background.Wait()
	return s.keeper.Close()
}

// Begin implements imports.Target.
func (s *Target) Begin(ctx context.Context, run imports.Run, waiting func(int)) (imports.TargetTx, error) {
	leave, err := s.queue.Enter(ctx, waiting)
	if err != nil {
		return nil, err
	}
	tx := &transaction{store: s, run: run, began: time.Now().UTC(), leave: leave}
	if err := tx.begin(ctx); err != nil {
		return nil, errors.Join(err, tx.end())
	}
	return tx, nil
}

// checkpoint writes committed pages back to the database file while other imports run.
func (s *Target) checkpoint() {
	s.background.Go(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		// If a checkpoint fails, the next one does its work.
		_ = s.keeper.Exec(`PRAGMA wal_checkpoint(PASSIVE)`)
	})
}

// retryLocked tries again while another process holds the lock.
func retryLocked(ctx context.Context, do func() error) error {
	for {
		err := do()
		if code := resultCode(err); code != sqlite3.SQLITE_BUSY && code != sqlite3.SQLITE_LOCKED {
			return err
		}
		if !backoff.Sleep(ctx, lockRetry) {
			return ctx.Err()
		}
	}
}

// resultCode returns SQLite's primary result code of an error. It returns 0 for other errors.
func resultCode(err error) int {
	var e *sqlitedirect.Error
	if errors.As(err, &e) {
		return e.Code & 0xff
	}
	return 0
}

// sqliteMessage returns SQLite's own message of an error.
func sqliteMessage(err error) string {
	var e *sqlitedirect.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}

// permanent reports whether SQLite refused the statement itself, so that a retry can't succeed.
func permanent(err error) bool {
	switch resultCode(err) {
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_MISUSE:
		return true
	}
	return false
}

// unavailable marks temporary errors of the database. It doesn't change a context's error.
func unavailable(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if resultCode(err) == sqlite3.SQLITE_INTERRUPT {
		return fmt.Errorf("%w: %w", context.Canceled, err)
	}
	return fmt.Errorf("%w: %w", imports.ErrTargetUnavailable, err)
}
