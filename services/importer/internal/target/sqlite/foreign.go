package sqlite

import (
	"context"
	"fmt"

	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/sqlite/sqlitedirect"
)

// foreignKeysOfOthers reports whether a foreign key involves tables of the run and the run doesn't check it, or could
// break it by changing the referenced values. Keys of rows never change, and no row is deleted, so a foreign key that
// references a table's key stays valid, and so does one that references a table without rows before the run.
func (tx *transaction) foreignKeysOfOthers(ctx context.Context) (bool, error) {
	tables := map[string]*schema.Sheet{}
	for _, sheet := range tx.run.Schema.Sheets {
		tables[fold(sheet.Table)] = sheet
		for _, column := range sheet.Columns {
			r := column.References
			if r == nil || isKey(tx.run.Schema.Sheet(r.Sheet), r.Column) {
				continue
			}
			if has, err := tx.hasRows(ctx, tx.run.Schema.Sheet(r.Sheet)); err != nil || has {
				return has, err
			}
		}
	}
	others := false
	err := tx.query(ctx, `SELECT lower(m.name), lower(f."table"), f."from", f."to" FROM sqlite_schema m, pragma_foreign_key_list(m.name) f
		WHERE m.type = 'table'`, nil,
		func(row *sqlitedirect.Stmt) {
			child, parent := tables[row.Text(0)], tables[row.Text(1)]
			switch {
			case child != nil:
				others = others || !tx.known(child, parent, row.Text(2), row.Text(3))
			case parent != nil:
				others = others || !isKey(parent, row.Text(3))
			}
		})
	if err != nil {
		return false, fmt.Errorf("read the foreign keys: %w", err)
	}
	return others, nil
}

// hasRows reports whether the table of a sheet exists, under its present name or its earlier one, and has rows.
func (tx *transaction) hasRows(ctx context.Context, sheet *schema.Sheet) (has bool, err error) {
	var tables []string
	err = tx.query(ctx, `SELECT name FROM sqlite_schema WHERE type IN ('table','view') AND name COLLATE NOCASE IN (?, ?)`,
		[]any{sheet.Table, sheet.RenamedFrom}, func(row *sqlitedirect.Stmt) { tables = append(tables, row.Text(0)) })
	for _, table := range tables {
		if err == nil && !has {
			err = tx.query(ctx, `SELECT 1 FROM `+name(table)+` LIMIT 1`, nil, func(*sqlitedirect.Stmt) { has = true })
		}
	}
	if err != nil {
		return false, fmt.Errorf("look into the table of the sheet %s: %w", sheet.Name, err)
	}
	return has, nil
}

// known reports whether the schema has the same reference for a column of a sheet.
func (tx *transaction) known(child, parent *schema.Sheet, from, to string) bool {
	if child == nil || parent == nil {
		return false
	}
	for _, column := range child.Columns {
		if r := column.References; r != nil && sameName(column.Name, from) && tx.run.Schema.Sheet(r.Sheet) == parent &&
			sameName(r.Column, to) {
			return true
		}
	}
	return false
}

// isKey reports whether the column alone is the sheet's key.
func isKey(sheet *schema.Sheet, column string) bool {
	return len(sheet.Key) == 1 && sameName(sheet.Key[0], column)
}
