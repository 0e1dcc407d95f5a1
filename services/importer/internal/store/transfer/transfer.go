// Package transfer copies the imports of an SQLite file, with all their data, to a PostgreSQL database.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"headway/internal/pgstore"
	"headway/services/importer/internal/store/postgres"
	"headway/services/importer/internal/store/sqlite"
)

// tables are the tables, which have the same names in both databases. A question mark marks a Boolean, and @ a time.
var tables = []struct{ name, columns string }{
	{"imports", `id, owner, schema, file_name, size_bytes, sha256, file_stored?, request_id, fingerprint, on_issues, mode, dry_run?, schema_digest,
		notices, unused, mapping, text_format, text_formats, created_at@, scheduled?, run, committed?, ended?, causes, review`},
	{"sheets", `import_id, position, name, source, counts, found, notices, changes`},
	{"outcomes", `import_id, sheet, packed, bits`},
	{"issues", `serial, import_id, sheet, row, cell_column, severity, code, cell, column_name, value, text, message, folded`},
	{"remembered_mappings", `owner, schema, headers, mapping, used_at@`},
	{"saved_mappings", `schema, owner, name, shared?, mapping, saved_at@`},
}

// Run copies the imports of the file at path to the empty database at the URL, and returns their number. It changes everything or
// nothing. No importer can use either at the same time. The file and the workbooks don't change.
func Run(ctx context.Context, path, url string) (imports int64, err error) {
	if _, err := os.Stat(path); err != nil {
		return 0, fmt.Errorf("the imports database to copy: %w", err)
	}
	source, err := sqlite.OpenAlone(ctx, path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	var all []pgstore.Table
	for _, t := range tables {
		all = append(all, table(source, t.name, t.columns))
	}
	counts, err := postgres.Import(ctx, url, all)
	return counts["imports"], err
}

func table(source *sqlite.Store, name, columns string) pgstore.Table {
	table := pgstore.Table{Name: name}
	truths, times := map[int]bool{}, map[int]bool{}
	for i, column := range strings.Split(columns, ",") {
		column = strings.TrimSpace(column)
		switch {
		case strings.HasSuffix(column, "?"):
			truths[i] = true
		case strings.HasSuffix(column, "@"):
			times[i] = true
		}
		table.Columns = append(table.Columns, strings.TrimRight(column, "?@"))
	}
	query := "SELECT " + strings.Join(table.Columns, ", ") + " FROM " + name
	table.Each = func(ctx context.Context, row func([]any) error) error {
		return source.Each(ctx, query, func(values []any) (err error) {
			for i := range truths {
				values[i] = values[i] != int64(0)
			}
			for i := range times {
				if values[i], err = nanoseconds(values[i]); err != nil {
					return fmt.Errorf("the column %s: %w", table.Columns[i], err)
				}
			}
			return row(values)
		})
	}
	return table
}

// nanoseconds converts a time that is a text (RFC 3339).
func nanoseconds(value any) (int64, error) {
	text, _ := value.(string)
	at, err := time.Parse(time.RFC3339Nano, text)
	return at.UnixNano(), err
}
