package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"headway/services/importer/internal/imports"
)

// ErrInUse means that another process has the database open.
var ErrInUse = errors.New("the database is in use. Stop the importer first")

// OpenAlone is Open for tools that copy the database. While it is open, no other process can use it.
func OpenAlone(ctx context.Context, path string) (*Store, error) {
	store, err := open(ctx, path, 1, "busy_timeout(1000)", "locking_mode(EXCLUSIVE)")
	if err != nil {
		return nil, inUse(unavailable(err))
	}
	if err := store.write(ctx, func(*sql.Tx) error { return nil }); err != nil { // the first one takes the lock, and the connection keeps it
		return nil, errors.Join(inUse(err), store.Close())
	}
	return store, nil
}

func inUse(err error) error {
	if errors.Is(err, imports.ErrStoreUnavailable) {
		return fmt.Errorf("%w: %w", ErrInUse, err)
	}
	return err
}

// Each calls row with every row of a query. The values are only valid until it returns.
func (s *Store) Each(ctx context.Context, query string, row func(values []any) error) error {
	rows, err := s.db.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("read the imports database: %w", err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return fmt.Errorf("read the imports database: %w", err)
	}
	values, targets := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return fmt.Errorf("read the imports database: %w", err)
		}
		if err := row(values); err != nil {
			return err
		}
	}
	return rows.Err()
}
