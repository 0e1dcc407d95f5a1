package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// ErrNotEmpty means that the database to import into already has imports or mappings.
var ErrNotEmpty = errors.New("the PostgreSQL database already has imports. Use an empty database")

// Table is a table to import. Each calls row with the values of each of its rows, in the order of Columns.
type Table struct {
	Name    string
	Columns []string
	Each    func(ctx context.Context, row func(values []any) error) error
}

// Import fills an empty database with the tables, in one transaction. It creates the tables if necessary, and returns the number of
// rows of each.
func Import(ctx context.Context, url string, tables []Table) (map[string]int64, error) {
	config, err := configure(url)
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, config.ConnConfig); err != nil {
		return nil, fmt.Errorf("migrate the imports database: %w", err)
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return nil, fmt.Errorf("open the imports database: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	counts := map[string]int64{}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if err := lockEmpty(ctx, tx); err != nil {
			return err
		}
		for _, table := range tables {
			n, err := copyTable(ctx, tx, table)
			if err != nil {
				return fmt.Errorf("copy the table %s: %w", table.Name, err)
			}
			counts[table.Name] = n
		}
		_, err := tx.Exec(ctx, `SELECT setval(pg_get_serial_sequence('issues', 'serial'), (SELECT coalesce(max(serial), 0) + 1 FROM issues), false)`)
		return err
	})
	return counts, err
}

// lockEmpty keeps importers that start in the meantime from writing, and checks that none has.
func lockEmpty(ctx context.Context, tx pgx.Tx) error {
	var used bool
	if _, err := tx.Exec(ctx, `LOCK TABLE imports, remembered_mappings, saved_mappings IN EXCLUSIVE MODE`); err != nil {
		return err
	}
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM imports) OR EXISTS (SELECT 1 FROM remembered_mappings) OR EXISTS (SELECT 1 FROM saved_mappings)`).Scan(&used)
	if err == nil && used {
		err = ErrNotEmpty
	}
	return err
}

// copyTable copies the rows while they are read.
func copyTable(ctx context.Context, tx pgx.Tx, table Table) (int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows, read := make(chan []any, 64), make(chan error, 1)
	go func() {
		defer close(rows)
		read <- table.Each(ctx, func(values []any) error {
			row := slices.Clone(values)
			for i, value := range row {
				if s, ok := value.(string); ok {
					row[i] = encode(s)
				}
			}
			select {
			case rows <- row:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	}()
	var readErr error
	n, err := tx.CopyFrom(ctx, pgx.Identifier{table.Name}, table.Columns, pgx.CopyFromFunc(func() ([]any, error) {
		row, ok := <-rows
		if !ok {
			readErr = <-read
			read <- readErr
			return nil, readErr // without it, a table that was read in part would be copied
		}
		return row, nil
	}))
	cancel()
	for range rows { // until the reader has ended
	}
	return n, errors.Join(err, readErr)
}
