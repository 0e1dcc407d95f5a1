package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	statisticsInterval = 2 * time.Second // between two checks, if there are changes
	statisticsTimeout  = 5 * time.Second // of a check
)

// wrongStatistics finds the tables that have grown to more than ten times the rows that the planner knows of. Tables without any
// statistics are not a problem: the planner then estimates their rows from their sizes.
const wrongStatistics = `SELECT c.relname FROM pg_class AS c JOIN pg_stat_user_tables AS s ON s.relid = c.oid
	WHERE s.schemaname = current_schema() AND c.relpages > 0 AND c.reltuples >= 0 AND s.n_live_tup > 200 AND s.n_live_tup > 10 * c.reltuples`

// keepStatistics corrects the planner's statistics of tables that were empty before and have grown fast. The server does that itself,
// but a minute later at the earliest. Until then, its plans would be those of empty tables, and read a whole index for each row.
func (w *writer) keepStatistics() {
	if w.conn == nil || time.Since(w.analyzed) < statisticsInterval {
		return
	}
	w.analyzed = time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), statisticsTimeout)
	defer cancel()
	rows, err := w.conn.Query(ctx, wrongStatistics)
	if err != nil {
		return // the next change notices it
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return
	}
	for _, table := range tables {
		// Another process can vacuum or analyze the table.
		_, err := w.conn.Exec(ctx, `BEGIN; SET LOCAL lock_timeout = '100ms'; ANALYZE `+pgx.Identifier{table}.Sanitize()+`; COMMIT`)
		if err != nil {
			w.rollback(ctx, nil)
			return
		}
	}
}
