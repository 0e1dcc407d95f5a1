package postgres

import (
	"context"
	"errors"
	"fmt"
	"headway/internal/pgstore"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrNotEmpty means that the database to import into already has jobs.
var ErrNotEmpty = errors.New("the PostgreSQL database already has jobs. Use an empty database")

// Import fills an empty database with the tables, in one transaction. It creates the tables if necessary, and returns
// the number of rows of each.
func Import(ctx context.Context, url string, tables []pgstore.Table) (map[string]int64, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("the jobs database: %w", err)
	}
	if err := pgstore.Migrate(ctx, config.ConnConfig, "", migrations); err != nil {
		return nil, fmt.Errorf("migrate the jobs database: %w", err)
	}
	w := &writer{config: config.ConnConfig}
	if err := w.connect(ctx); err != nil { // no service uses the database in the meantime
		return nil, fmt.Errorf("open the jobs database: %w", err)
	}
	defer w.disconnect()
	counts := map[string]int64{}
	err = pgx.BeginFunc(ctx, w.conn, func(tx pgx.Tx) error {
		var used bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM jobs)`).Scan(&used); err != nil {
			return err
		}
		if used {
			return ErrNotEmpty
		}
		for _, table := range tables {
			n, err := table.Copy(ctx, tx, text)
			if err != nil {
				return fmt.Errorf("copy the table %s: %w", table.Name, err)
			}
			counts[table.Name] = n
			// Statistics of the table while it was empty would make each check of a foreign key read a whole index.
			if _, err := tx.Exec(ctx, "ANALYZE "+pgx.Identifier{table.Name}.Sanitize()); err != nil {
				return fmt.Errorf("analyze the table %s: %w", table.Name, err)
			}
		}
		return finishImport(ctx, tx)
	})
	return counts, err
}

// finishImport derives the data that is not copied: the next number of a job, and the lanes in the order of their
// oldest jobs.
func finishImport(ctx context.Context, tx pgx.Tx) error {
	for _, statement := range []string{
		`SELECT setval(pg_get_serial_sequence('jobs', 'seq'), (SELECT coalesce(max(seq), 0) + 1 FROM jobs), false)`,
		`UPDATE lane_limit SET active = 0`,
		`INSERT INTO queue (kind, owner, rank, seq) SELECT kind, owner, ` + rank + `, seq FROM jobs WHERE ready`,
		`INSERT INTO lanes (kind, owner, ready, active, state, round, stamp, granted)
			SELECT kind, owner, ready, active, CASE WHEN ready > 0 THEN 1 ELSE 3 END, 0, row_number() OVER (ORDER BY first), 0
			FROM (SELECT kind, owner, count(*) FILTER (WHERE ready) AS ready, count(*) FILTER (WHERE status = 2) AS active,
				min(seq) FILTER (WHERE ready) AS first FROM jobs WHERE ready OR status = 2 GROUP BY kind, owner) AS counted`,
		`SELECT setval('lane_stamps', (SELECT coalesce(max(stamp), 0) + 1 FROM lanes), false)`,
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("count the imported jobs: %w", err)
		}
	}
	return nil
}
