package postgres

import (
	"context"
	"errors"
	"fmt"

	"headway/internal/pgstore"

	"github.com/jackc/pgx/v5"
)

// ErrNotEmpty means that the database to import into already has imports or mappings.
var ErrNotEmpty = errors.New("the PostgreSQL database already has imports. Use an empty database")

// Import fills an empty database with the tables, in one transaction. It creates the tables if necessary, and returns the number of
// rows of each.
func Import(ctx context.Context, url string, tables []pgstore.Table) (map[string]int64, error) {
	config, err := configure(url)
	if err != nil {
		return nil, err
	}
	if err := pgstore.Migrate(ctx, config.ConnConfig, schema, migrations); err != nil {
		return nil, fmt.Errorf("migrate the imports database: %w", err)
	}
	conn, err := pgstore.Connect(ctx, config.ConnConfig)
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
			n, err := table.Copy(ctx, tx, encode)
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
