// Package sqlite stores jobs in one SQLite file.
//
// All changes go through one goroutine, which combines all waiting changes in one transaction. So many changes share
// one fsync. Each is acknowledged only after the commit. Reads have their own connections, and never wait for writes.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"headway/internal/migrate"
	"headway/services/jobs/internal/job"
)

//go:embed migrations/*.sql
var migrations embed.FS

// readers is the maximum number of concurrent reads.
const readers = 4

// Store is a job.Store in a SQLite file.
type Store struct {
	lock *os.File // held as long as the store is open

	reads *sql.DB
	get   *sql.Stmt
	ahead *sql.Stmt

	writes  *sql.DB
	changes *writer
}

var _ job.Store = (*Store)(nil)

// Open opens the file at path. Only this process can use it, because the state of watchers and waiting workers is in
// its memory. It creates the file and its folder if necessary, and migrates the tables. observe is called with every
// commit. It can be nil.
func Open(ctx context.Context, path string, observe job.Observer) (_ *Store, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the jobs database: %w", err)
	}
	if observe == nil {
		observe = func(*job.Commit) {}
	}
	s := &Store{}
	defer func() {
		if err != nil {
			s.closeDatabases()
		}
	}()
	if s.lock, err = lock(path); err != nil {
		return nil, err
	}
	if s.writes, err = sql.Open("sqlite", dsn(path)+"&_txlock=immediate"); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	s.writes.SetMaxOpenConns(1)
	if err := migrate.Up(ctx, s.writes, goose.DialectSQLite3, migrations); err != nil {
		return nil, fmt.Errorf("migrate %s: %w", path, err)
	}
	if s.reads, err = sql.Open("sqlite", dsn(path)+"&_pragma=query_only(1)"); err != nil {
		return nil, fmt.Errorf("open %s for reading: %w", path, err)
	}
	s.reads.SetMaxOpenConns(readers)
	s.reads.SetMaxIdleConns(readers)
	if s.get, err = s.reads.PrepareContext(ctx, "SELECT "+columns+" FROM jobs WHERE id = ?"); err != nil {
		return nil, fmt.Errorf("prepare reading of %s: %w", path, err)
	}
	if s.ahead, err = s.reads.PrepareContext(ctx, aheadOfOwnQuery); err != nil {
		return nil, fmt.Errorf("prepare reading of %s: %w", path, err)
	}
	if s.changes, err = startWriter(ctx, s.writes, observe); err != nil {
		return nil, fmt.Errorf("prepare writing of %s: %w", path, err)
	}
	return s, nil
}

// dsn returns the data source name of the file, with the settings of all connections.
func dsn(path string) string {
	pragmas := url.Values{"_pragma": {
		"busy_timeout(10000)",
		"journal_mode(WAL)",
		"synchronous(FULL)", // an acknowledged change survives a power cut
		"foreign_keys(0)",   // the writer keeps the tables consistent itself
		"cache_size(-32000)",
		"temp_store(MEMORY)",
	}}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: pragmas.Encode()}).String()
}

// Close waits for the changes that have begun, and closes the file.
func (s *Store) Close() error {
	s.changes.stop()
	return s.closeDatabases()
}

func (s *Store) closeDatabases() error {
	var first error
	for _, db := range []*sql.DB{s.reads, s.writes} {
		if db != nil {
			if err := db.Close(); err != nil && first == nil {
				first = err
			}
		}
	}
	if s.lock != nil {
		if err := s.lock.Close(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
