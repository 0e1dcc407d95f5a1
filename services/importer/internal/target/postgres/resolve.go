package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// resolution is how a column finds the row that it refers to: the file has the value of one column of the parent (a code),
// and the database stores another one (a surrogate key, which it might have made in this run).
type resolution struct {
	// parent is the quoted table. id is the column that is stored, and code is the one that the file has.
	parent, id, code string
	// self means that the parent is the column's own table.
	self bool
	// alias is the parent's name in queries.
	alias string
}

// resolutionOf returns how a column of the schema finds its row, or nil if the database stores what the file has.
func resolutionOf(of *schema.Schema, c *schema.Column, a *attribute) *resolution {
	if c.References == nil || a.parent.column == "" || a.parent.column == c.References.Column {
		return nil
	}
	if parent := of.Sheet(c.References.Sheet); parent == nil || parent.Table != a.parent.name {
		return nil
	}
	return &resolution{parent: a.parent.table, id: a.parent.column, code: c.References.Column}
}

// resolve finds the columns that refer to rows by another value than the one that the database stores.
func (t *table) resolve(of *schema.Schema) error {
	t.resolved = map[string]*resolution{}
	for i, c := range t.sheet.Columns {
		a := t.attribute(c.Name)
		if a == nil {
			continue
		}
		r := resolutionOf(of, c, a)
		if r == nil {
			continue
		}
		if c.References.Sheet == t.sheet.Name && (slices.Contains(t.sheet.Key, c.Name) || isUnique(t.sheet, c)) {
			return &imports.TableConflictError{Table: t.sheet.Table,
				Detail: fmt.Sprintf("its column %s stores %s.%s of the same table, and the schema refers to %s. Such a column can't be unique or part of the key", c.Name, a.parent.name, r.id, r.code)}
		}
		r.self, r.alias = c.References.Sheet == t.sheet.Name, fmt.Sprintf("r%d", i)
		t.resolved[c.Name] = r
	}
	return nil
}

// codeType returns the type of the values by which the parent is found.
func (tx *transaction) codeType(ctx context.Context, r *resolution) (base string, f family, err error) {
	var typeName string
	err = tx.reader.QueryRow(ctx, `SELECT format_type(t.oid, NULL), t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
		WHERE a.attrelid = to_regclass($1) AND a.attname = $2 AND NOT a.attisdropped`, r.parent, r.code).Scan(&base, &typeName)
	if err != nil {
		return "", unknown, fmt.Errorf("read the type of %s.%s: %w", r.parent, r.code, failed(ctx, err))
	}
	if typeName == "bpchar" {
		base = typeName
	}
	return base, families[typeName], nil
}

// idOf is an expression of the key that the column stores for a row of a stage. It is null if there is no such parent.
func (r *resolution) idOf(c *schema.Column, staged string) string {
	return fmt.Sprintf("(SELECT q.%s FROM %s q WHERE q.%s = %s.%s)", name(r.id), r.parent, name(r.code), staged, name(c.Name))
}

// joins are the joins of a stage with the parents of its columns. Those of the table itself are left out, because their rows
// are written by the same statement.
func (t *table) joins() string {
	var all strings.Builder
	for _, c := range t.columns {
		if r := t.resolved[c.Name]; r != nil && !r.self {
			fmt.Fprintf(&all, " LEFT JOIN %s %s ON %s", r.parent, r.alias, t.found(c, r, "s"))
		}
	}
	return all.String()
}

// found is the condition that a parent is the one that a row of the stage refers to.
func (t *table) found(c *schema.Column, r *resolution, staged string) string {
	return fmt.Sprintf("%s.%s = %s.%s", r.alias, name(r.code), staged, name(c.Name))
}

// complete is the condition that all parents are found, if there are any.
func (t *table) complete() string {
	all := ""
	for _, c := range t.columns {
		if r := t.resolved[c.Name]; r != nil && !r.self {
			all += fmt.Sprintf(" AND (s.%s IS NULL OR %s.%s IS NOT NULL)", name(c.Name), r.alias, name(r.id))
		}
	}
	return all
}

// linkRows sets the columns that refer to rows of the table itself, when all of its rows are written.
func (t *table) linkRows() error {
	for _, c := range t.columns {
		r := t.resolved[c.Name]
		if r == nil || !r.self {
			continue
		}
		var lost int64
		column := name(c.Name)
		err := t.tx.writer.QueryRow(t.tx.ctx, fmt.Sprintf(`SELECT count(*) FROM %s s WHERE s.%s IS NOT NULL AND NOT EXISTS (SELECT FROM %s %s WHERE %s)`,
			t.stage, column, r.parent, r.alias, t.found(c, r, "s"))).Scan(&lost)
		if err != nil {
			return t.failed(err)
		}
		if lost > 0 {
			return &refusedError{table: t, cause: fmt.Errorf("references to rows that no longer exist: %s of the table %s", imports.Rows(uint32(lost)), t.sheet.Table)}
		}
		id := r.alias + "." + name(r.id)
		_, err = t.tx.writer.Exec(t.tx.ctx, fmt.Sprintf(`UPDATE %s t SET %s = %s FROM %s s LEFT JOIN %s %s ON %s WHERE %s AND t.%s IS DISTINCT FROM %s`,
			tableName(t.sheet.Table), column, id, t.stage, r.parent, r.alias, t.found(c, r, "s"), t.sameKey("t", "s"), column, id))
		if refusal(err) {
			return &refusedError{table: t, cause: err}
		}
		if err != nil {
			return t.failed(err)
		}
	}
	return nil
}
