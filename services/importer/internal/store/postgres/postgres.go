// Package postgres stores imports, their counts, and their issues in a PostgreSQL database that several importers share.
//
// Its tables are in a separate schema, so that the database can be that of the jobs and of the rows. A transaction that writes what
// belongs to an import locks the row of the import first, so that a run is fenced against all importers.
package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"headway/internal/backoff"
	"headway/internal/pgerr"
	"headway/internal/pgstore"
	"headway/services/importer/internal/imports"
)

//go:embed migrations/*.sql
var migrations embed.FS

// schema is the schema of the tables.
const schema = "headway_importer"

const (
	connections = 16
	openTimeout = 30 * time.Second // to connect
	// callTimeout is how long a call can take, with all attempts. A network that drops packets must not block a caller forever.
	callTimeout = 30 * time.Second
	// retryFor is how long a call is attempted again while connections are lost: a restart of the server takes that long.
	retryFor = 10 * time.Second
	// The waits between two attempts.
	firstRetry, lastRetry = 20 * time.Millisecond, time.Second
)

// Store is an imports.Store in a PostgreSQL database.
type Store struct {
	pool *pgxpool.Pool
}

var _ imports.Shared = (*Store)(nil)

// Open opens the database at the URL, such as postgres://user@host/database?sslmode=verify-full&passfile=/path. It migrates the
// tables, one process at a time.
func Open(ctx context.Context, url string) (*Store, error) {
	config, err := configure(url)
	if err != nil {
		return nil, err
	}
	opening, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	wait := backoff.New(firstRetry, lastRetry)
	for {
		err := pgstore.Migrate(ctx, config.ConnConfig, schema, migrations)
		if err == nil {
			break
		}
		if !pgerr.Lost(err) || pgerr.Denied(err) || !wait.Wait(opening) {
			return nil, fmt.Errorf("migrate the imports database: %w", err)
		}
	}
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return nil, fmt.Errorf("open the imports database: %w", err)
	}
	return &Store{pool: pool}, nil
}

func configure(url string) (*pgxpool.Config, error) {
	config, err := pgstore.Configure(url, "headway-importer", schema)
	if err != nil {
		return nil, fmt.Errorf("the imports database: %w", err)
	}
	config.MaxConns = connections
	return config, nil
}

// Close implements imports.Store.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

// querier is implemented by *pgxpool.Pool and pgx.Tx.
type querier interface {
	Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) pgx.Row
}

// do makes an attempt, and makes it again while connections are lost or transactions conflict, for some seconds. An attempt that
// might have changed something is only made again if repeatable is set. An error that is temporary wraps
// imports.ErrStoreUnavailable.
func (s *Store) do(ctx context.Context, repeatable bool, attempt func(ctx context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	retrying, stop := context.WithTimeout(limited, retryFor)
	defer stop()
	wait := backoff.New(firstRetry, lastRetry)
	var uncertain *uncertainError // the error of an attempt that might have changed something
	for {
		err := attempt(limited)
		errors.As(err, &uncertain)
		failed := err
		if uncertain != nil && err != nil {
			failed = errors.Join(err, uncertain)
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return failed
		case uncertain != nil && !repeatable:
			return unavailable(failed)
		case !pgerr.Lost(err) && !pgerr.Conflict(err):
			if limited.Err() != nil || pgerr.Passing(pgerr.Code(err)) {
				return unavailable(failed)
			}
			return err
		case !wait.Wait(retrying):
			return unavailable(failed)
		}
	}
}

// read runs queries that change nothing.
func (s *Store) read(ctx context.Context, query func(ctx context.Context, q querier) error) error {
	return s.do(ctx, true, func(ctx context.Context) error { return query(ctx, s.pool) })
}

// write runs a transaction. If it is repeatable, its second run after a commit that was not confirmed changes nothing.
func (s *Store) write(ctx context.Context, repeatable bool, change func(ctx context.Context, tx pgx.Tx) error) error {
	return s.do(ctx, repeatable, func(ctx context.Context) error {
		tx, err := s.pool.Begin(ctx)
		if err != nil {
			return err
		}
		if err := change(ctx, tx); err != nil {
			_ = tx.Rollback(context.WithoutCancel(ctx)) // the first error is the one to return, and the server rolls back as well
			return err
		}
		if err := tx.Commit(ctx); err != nil {
			if !pgerr.Refused(err) {
				err = &uncertainError{err}
			}
			return err
		}
		return nil
	})
}

// change runs a statement that must change a row. It returns missing if it changes none.
func (s *Store) change(ctx context.Context, doing string, missing error, statement string, args ...any) error {
	err := s.write(ctx, true, func(ctx context.Context, tx pgx.Tx) error { return change(ctx, tx, missing, statement, args...) })
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

func change(ctx context.Context, q querier, missing error, statement string, args ...any) error {
	tag, err := q.Exec(ctx, statement, args...)
	if err == nil && tag.RowsAffected() == 0 {
		return missing
	}
	return err
}
