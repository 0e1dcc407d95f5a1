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
	// parent is a table, quoted, or a query in parentheses. id is its column that is stored, and code is the one that the file has.
	parent, id, code string
	// collation is added to a code that is compared with the column.
	collation string
	// self means that the parent is the column's own table.
	self bool
}

// chained is the code's column of a query, if the code of the parent is itself resolved.
const chained = "headway_code"

// maxChain is the maximum number of tables that a code is found through.
const maxChain = 8

// resolutions returns the resolutions of the sheet's columns, by their names.
func (tx *transaction) resolutions(ctx context.Context, sheet *schema.Sheet, parent func(schema.Reference) (string, string)) (map[string]*resolution, error) {
	all := map[string]*resolution{}
	for _, c := range sheet.Columns {
		r, err := tx.resolution(ctx, sheet, c, parent, maxChain)
		if err != nil {
			return nil, fmt.Errorf("read the foreign keys of %s: %w", sheet.Table, err)
		}
		if r != nil {
			all[c.Name] = r
		}
	}
	return all, nil
}

// resolution returns how a column of a sheet finds its row, or nil if the database stores what the file has.
func (tx *transaction) resolution(ctx context.Context, sheet *schema.Sheet, c *schema.Column, parent func(schema.Reference) (string, string), depth int) (*resolution, error) {
	if c.References == nil || depth == 0 {
		return nil, nil
	}
	table, code := parent(*c.References)
	of := tx.run.Schema.Sheet(c.References.Sheet)
	r := &resolution{parent: name(table), code: code, self: sameName(table, sheet.Table)}
	var err error
	if r.id, err = tx.foundBy(ctx, sheet, c.Name, of, code); err != nil || r.id == "" {
		return nil, err
	}
	// The parent can refer to another row by the same column, such as a profile to its user. Then the file has that row's code.
	var next *resolution
	if column, _ := of.Column(c.References.Column); column != nil {
		if next, err = tx.resolution(ctx, of, column, parent, depth-1); err != nil {
			return nil, err
		}
	}
	if r.parent, r.collation, err = tx.parentRows(ctx, of, code); err != nil {
		return nil, err
	}
	switch {
	case next == nil && sameName(r.id, r.code):
		return nil, nil
	case next == nil:
		return r, nil
	case sameName(r.id, r.code):
		return &resolution{parent: next.parent, id: next.id, code: next.code, collation: next.collation, self: next.self || r.self}, nil
	}
	r.parent = fmt.Sprintf("(SELECT p.%s, q.%s AS %s FROM %s p JOIN %s q ON q.%s = p.%s)", name(r.id), name(next.code), chained, r.parent, next.parent, name(next.id), name(code))
	r.code, r.collation = chained, next.collation
	return r, nil
}

// foundBy returns the column of a parent by which a foreign key of a column finds its row, or nothing. If the foreign key has other
// columns, such as that of a tenant, the parent's column has to be unique, or the sheets have the same constants in the others. code is the
// column by which files name the row.
func (tx *transaction) foundBy(ctx context.Context, sheet *schema.Sheet, column string, parent *schema.Sheet, code string) (id string, err error) {
	have, err := tx.readShape(ctx, parent.Table)
	if err != nil {
		return "", err
	}
	type foreign struct {
		key      int64
		columns  int64
		from, to string
	}
	var all []foreign
	err = tx.query(ctx, `SELECT f.id, (SELECT count(*) FROM pragma_foreign_key_list(?1) o WHERE o.id = f.id) AS columns, f."from", ifnull(f."to", (SELECT name FROM pragma_table_info(f."table") WHERE pk = f.seq + 1))
		FROM pragma_foreign_key_list(?1) f WHERE f."table" = ?2 COLLATE NOCASE ORDER BY columns DESC, f.id`, []any{sheet.Table, parent.Table}, func(row *sqlitedirect.Stmt) {
		all = append(all, foreign{row.Int(0), row.Int(1), row.Text(2), row.Text(3)})
	})
	if err != nil {
		return "", err
	}
	alone := false
	for _, f := range all {
		if !sameName(f.from, column) {
			continue
		}
		if f.columns == 1 || have.hasKey([]string{fold(f.to)}) {
			id, alone = f.to, true
			continue
		}
		same := !alone
		for _, other := range all {
			if same && other.key == f.key && other != f {
				if same, err = tx.sameConstant(ctx, sheet, other.from, parent, &have, other.to, code); err != nil {
					return "", err
				}
			}
		}
		if same {
			id = f.to
		}
	}
	return id, nil
}

// idOf is an expression of the key that the column stores for a code. A code without a row becomes a text, which the foreign key
// refuses: null would lose the reference.
func (r *resolution) idOf(code string) string {
	return fmt.Sprintf("CASE WHEN %s IS NOT NULL THEN ifnull((SELECT q.%s FROM %s q WHERE q.%s = %[1]s%[5]s), 'no row has this code') END", code, name(r.id), r.parent, name(r.code), r.collation)
}

// codeOf is an expression of the code of the row that a stored key belongs to.
func (r *resolution) codeOf(id string) string {
	return fmt.Sprintf("(SELECT q.%s FROM %s q WHERE q.%s = %s)", name(r.code), r.parent, name(r.id), id)
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

// asked is an expression of the value that a column has in the row that a lookup searches. Without such a row, it is null.
func (t *table) asked(column, value string) string {
	if r := t.resolved[column]; r != nil {
		return fmt.Sprintf("(SELECT q.%s FROM %s q WHERE q.%s = %s%s)", name(r.id), r.parent, name(r.code), value, r.collation)
	}
	return value
}
