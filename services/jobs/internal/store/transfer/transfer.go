// Package transfer copies the jobs of an SQLite file, with all their data, to a PostgreSQL database.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"headway/internal/pgstore"
	"headway/services/jobs/internal/store/postgres"
	"headway/services/jobs/internal/store/sqlite"
)

// tables are the tables of PostgreSQL, and the sources of their rows in SQLite. An expression for a column follows an
// equals sign, and a question mark marks a Boolean.
var tables = []struct{ name, columns, from string }{
	{"jobs", `seq, id, kind, owner, title, status, ready?, revision, priority, labels, attempt, max_attempts, backoff,
		max_backoff, payload, result, result_bytes, question, answer, error, progress, cancel_requested?, cancel_by, created_at,
		started_at, updated_at, completed_at, not_before, deadline, due_at=iif(status = 2, 0, due_at), ready_at, worker,
		lease_token, lease_duration, unheard, queue_position, has_checkpoint?, ended_token, ended_call, request_id, fingerprint, limit_key, limit_active,
		limit_interval, limited?`, "jobs ORDER BY seq"},
	{"runs", `seq, revision, progress, cancel_requested?, cancel_by, updated_at, due_at, lease_expires_at, lease_heard,
		has_checkpoint?`, "jobs WHERE status = 2"},
	{"outputs", `seq, bytes=output_bytes, sealed=output_sealed`, "jobs WHERE output_bytes > 0"},
	{"checkpoints", `seq, data`, "checkpoints"},
	{"results", `seq, data`, "results"},
	{"output", `seq, begins_at, data`, "output"},
	{"output_segments", `seq, begins_at, length, key`, "output_segments"},
	{"unreferenced_blobs", `key, since`, "unreferenced_blobs"},
	{"limits", `owner, key, max_active, interval, admitted, ready, held, next_start, due_at`, "limits"},
	{"job_labels", `name, value, owner, created_at, seq`, "job_labels"},
}

// Run copies the jobs of the file at path to the empty database at the URL, and returns their number. No service can
// use either at the same time. The file and the blobs of outputs don't change.
func Run(ctx context.Context, path, url string) (jobs int64, err error) {
	if _, err := os.Stat(path); err != nil {
		return 0, fmt.Errorf("the jobs database to copy: %w", err)
	}
	source, err := sqlite.Open(ctx, path, nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	var all []pgstore.Table
	for _, t := range tables {
		table := pgstore.Table{Name: t.name}
		var selected []string
		truth := map[int]bool{}
		for i, c := range splitColumns(t.columns) {
			name, expression, computed := strings.Cut(c, "=")
			if name, truth[i] = strings.CutSuffix(name, "?"); !computed {
				expression = name
			}
			table.Columns, selected = append(table.Columns, name), append(selected, expression)
		}
		query := "SELECT " + strings.Join(selected, ", ") + " FROM " + t.from
		table.Each = func(ctx context.Context, row func([]any) error) error {
			return source.Each(ctx, query, func(values []any) error {
				for i, value := range values {
					if n, isNumber := value.(int64); isNumber && truth[i] {
						values[i] = n != 0
					}
				}
				return row(values)
			})
		}
		all = append(all, table)
	}
	counts, err := postgres.Import(ctx, url, all)
	return counts["jobs"], err
}

// splitColumns splits at the commas outside parentheses.
func splitColumns(list string) (all []string) {
	depth, begin := 0, 0
	for i, r := range list + "," {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			all = append(all, strings.TrimSpace(list[begin:i]))
			begin = i + 1
		}
	}
	return all
}
