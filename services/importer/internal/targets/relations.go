package targets

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/sqlite"
)

// sqliteHeader are the first bytes of an SQLite file.
const sqliteHeader = "SQLite format 3\x00"

// IsDatabase reports whether a text is the URL of a PostgreSQL database, or names an SQLite file.
func IsDatabase(records string) (bool, error) {
	if isURL(records) {
		return true, nil
	}
	info, err := os.Stat(records)
	if err != nil || info.IsDir() {
		return false, err
	}
	file, err := os.Open(records)
	if err != nil {
		return false, err
	}
	defer file.Close()
	first, err := io.ReadAll(io.LimitReader(file, int64(len(sqliteHeader))))
	return bytes.Equal(first, []byte(sqliteHeader)), err
}

// NameOf returns the name of a database.
func NameOf(records string) string {
	if u, err := url.Parse(records); err == nil && isURL(records) {
		return strings.TrimPrefix(u.Path, "/")
	}
	return strings.TrimSuffix(filepath.Base(records), filepath.Ext(records))
}

// toolTables are those in which tools record their own migrations and sessions.
var toolTables = []string{"schema_migrations", "ar_internal_metadata", "django_migrations", "django_content_type", "django_session", "django_admin_log",
	"_prisma_migrations", "flyway_schema_history", "databasechangelog", "databasechangeloglock", "alembic_version", "__EFMigrationsHistory", "goose_db_version"}

// Relations returns the tables of a database that match one of the patterns, such as "hr.*" and "employees". A name with
// other characters can be written with or without quotation marks. Without patterns, it
// returns all but those in which tools record their migrations. It doesn't change the database.
func Relations(ctx context.Context, records string, patterns []string) ([]imports.Relation, error) {
	all, err := relations(ctx, Single(records).Targets["records"])
	if err != nil {
		return nil, err
	}
	if len(patterns) == 0 {
		return slices.DeleteFunc(all, func(r imports.Relation) bool { return slices.Contains(toolTables, r.Name.Name) }), nil
	}
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, fmt.Errorf("%q is not a pattern. Use * for any characters, as in hr.*", pattern)
		}
	}
	return slices.DeleteFunc(all, func(r imports.Relation) bool {
		return !slices.ContainsFunc(patterns, func(pattern string) bool {
			asInSQL, _ := path.Match(pattern, r.Name.String())
			asItIs, _ := path.Match(pattern, plainName(r.Name))
			return asInSQL || asItIs
		})
	}), nil
}

// plainName returns a name without quotation marks, such as Sales Dept.orders.
func plainName(t schema.TableName) string {
	if t.Schema == "" {
		return t.Name
	}
	return t.Schema + "." + t.Name
}

func relations(ctx context.Context, d *Database) ([]imports.Relation, error) {
	if d.URL == "" {
		return sqlite.Relations(ctx, d.File)
	}
	t, err := openPostgres(d)
	if err != nil {
		return nil, err
	}
	return t.Relations(ctx)
}
