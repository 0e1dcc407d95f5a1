// Package postgres stores jobs in a PostgreSQL database.
//
// All changes of a process go through one goroutine. It combines all waiting changes in one transaction, and processes
// them in sets: one statement locks and reads all jobs of a transaction, and one writes them. So the number of
// statements does not grow with the number of changes. Each change is acknowledged after the commit. Reads have their
// own connections.
//
// The database is the only source of truth. Rows are locked before they are read, queues skip locked rows, and the
// turns of owners are stored, so that several processes, called replicas, share a database (record 0072).
package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"headway/internal/backoff"
	"headway/internal/pgerr"
	"headway/internal/pgstore"
	"headway/services/jobs/internal/job"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	readers     = 8                // concurrent reads
	openTimeout = 30 * time.Second // to connect, and to wait for the lock of another process
	readTimeout = 10 * time.Second // of a read, so that a network that drops packets doesn't block a caller forever
)

// Store is a job.Store in a PostgreSQL database.
type Store struct {
	reads   *pgxpool.Pool
	changes *writer
}

var _ job.Shared = (*Store)(nil)

// Open opens the database at the URL, such as postgres://user@host/database?sslmode=verify-full&passfile=/path. It migrates the
// tables, one process at a time. observe is called with every commit of this process. It can be nil.
func Open(ctx context.Context, url string, observe job.Observer) (*Store, error) {
	return openWithin(ctx, url, observe, openTimeout)
}

func openWithin(ctx context.Context, url string, observe job.Observer, timeout time.Duration) (*Store, error) {
	config, err := pgstore.Configure(url, "headway-jobs", "")
	if err != nil {
		return nil, fmt.Errorf("the jobs database: %w", err)
	}
	config.MaxConns, config.AfterConnect = readers, planByIndex
	if observe == nil {
		observe = func(*job.Commit) {}
	}
	opening, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := reached(opening, func() error { return pgstore.Migrate(ctx, config.ConnConfig, "", migrations) }); err != nil {
		return nil, fmt.Errorf("migrate the jobs database: %w", err)
	}
	opening, cancel = context.WithTimeout(ctx, timeout) // the migration can have taken longer
	defer cancel()
	s := &Store{}
	err = reached(opening, func() (err error) {
		s.changes, err = startWriter(opening, config.ConnConfig, observe)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open the jobs database: %w", err)
	}
	if s.reads, err = pgxpool.NewWithConfig(context.WithoutCancel(ctx), config); err != nil {
		s.changes.stop()
		return nil, fmt.Errorf("open the jobs database for reading: %w", err)
	}
	return s, nil
}

// planByIndex makes a connection find rows by an index. All statements can. Without it, the plans of prepared statements would be made
// while the tables are small or have no statistics, would read whole tables, and would be kept while the tables grow.
// So a statement is planned once, and not for each execution.
func planByIndex(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;
		SET plan_cache_mode = force_generic_plan`)
	return err
}

// reached repeats a step of opening the database while connections are lost, until ctx ends. A rejected password is reported
// immediately. Each step can be repeated: a migration is a transaction, and is recorded in it.
func reached(ctx context.Context, step func() error) error {
	wait := backoff.New(firstRetry, lastRetry)
	for {
		err := step()
		if !isLost(err) || pgerr.Denied(err) || !wait.Wait(ctx) {
			return err
		}
	}
}

// Close waits for the changes that have begun, and closes the connections.
func (s *Store) Close() error {
	s.changes.stop()
	s.reads.Close()
	return nil
}

// Now returns the time of the database's clock.
func (s *Store) Now(ctx context.Context) (now time.Time, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		return s.reads.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&now)
	})
	return now, err
}

// read runs read-only queries. A lost connection is replaced once. If the database can't be reached, read returns
// job.ErrUnavailable.
func (s *Store) read(ctx context.Context, query func(ctx context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	err := query(limited)
	if isLost(err) && limited.Err() == nil {
		err = query(limited)
	}
	if err != nil && ctx.Err() == nil && (isLost(err) || errors.Is(limited.Err(), context.DeadlineExceeded)) {
		return unavailable(err)
	}
	return err
}
