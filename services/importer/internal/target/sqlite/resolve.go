package sqlite

import (
	"context"
	"fmt"

	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/sqlite/sqlitedirect"
)

// resolution is how a column finds the row that it refers to: the file has the value of one column of the parent (a code), and the
// database stores another one (a surrogate key, which it might have made in this run).
type resolution struct {
	// parent is the table. id is the column that is stored, and code is the one that the file has.
	parent, id, code string
	// self means that the parent is the column's own table.
	self bool
}

// resolutions returns the resolutions of the sheet's columns, by their names.
func (tx *transaction) resolutions(ctx context.Context, sheet *schema.Sheet, parent func(schema.Reference) (string, string)) (map[string]*resolution, error) {
	all := map[string]*resolution{}
	for _, c := range sheet.Columns {
		if c.References == nil {
			continue
		}
		table, code := parent(*c.References)
		err := tx.query(ctx, `SELECT ifnull(f."to", (SELECT name FROM pragma_table_info(f."table") WHERE pk = 1)) FROM pragma_foreign_key_list(?1) f
			WHERE f."from" = ?2 COLLATE NOCASE AND f."table" = ?3 COLLATE NOCASE
			AND (SELECT count(*) FROM pragma_foreign_key_list(?1) o WHERE o.id = f.id) = 1`, []any{sheet.Table, c.Name, table}, func(row *sqlitedirect.Stmt) {
			if id := row.Text(0); id != "" && !sameName(id, code) {
				all[c.Name] = &resolution{parent: table, id: id, code: code, self: sameName(table, sheet.Table)}
			}
		})
		if err != nil {
			return nil, fmt.Errorf("read the foreign keys of %s: %w", sheet.Table, err)
		}
	}
	return all, nil
}

// idOf is an expression of the key that the column stores for a code. A code without a row becomes a text, which the foreign key
// refuses: null would lose the reference.
func (r *resolution) idOf(code string) string {
	return fmt.Sprintf("CASE WHEN %s IS NOT NULL THEN ifnull((SELECT q.%s FROM %s q WHERE q.%s = %[1]s), 'no row has this code') END", code, name(r.id), name(r.parent), name(r.code))
}

// codeOf is an expression of the code of the row that a stored key belongs to.
func (r *resolution) codeOf(id string) string {
	return fmt.Sprintf("(SELECT q.%s FROM %s q WHERE q.%s = %s)", name(r.code), name(r.parent), name(r.id), id)
}

// stored is an expression of the value that the table stores for a value of a row.
func (t *table) stored(c *schema.Column, value string) string {
	if r := t.resolved[c.Name]; r != nil {
		return r.idOf(value)
	}
	return value
}

// shown is an expression of the value that the file has for a column of the table.
func (t *table) shown(column, stored string) string {
	if r := t.resolved[column]; r != nil {
		return r.codeOf(stored)
	}
	return stored
}

// asked is an expression of the value that a column has in the row that a look-up searches. Without such a row, it is null.
func (t *table) asked(column, value string) string {
	if r := t.resolved[column]; r != nil {
		return fmt.Sprintf("(SELECT q.%s FROM %s q WHERE q.%s = %s)", name(r.id), name(r.parent), name(r.code), value)
	}
	return value
}
