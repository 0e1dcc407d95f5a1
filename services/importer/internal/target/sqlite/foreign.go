package sqlite

import (
	"context"
	"fmt"
	"strings"

	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/sqlite/sqlitedirect"
)

// foreignKeysOfOthers tells whether a foreign key touches the run's tables that the engine does not check, or that the
// run could break by changing what it points at. Keys of rows never change and no row goes, so one that points at a
// table's key stays as good as it is.
func (tx *transaction) foreignKeysOfOthers(ctx context.Context) (bool, error) {
	tables := map[string]*schema.Sheet{}
	for _, sheet := range tx.run.Schema.Sheets {
		tables[strings.ToLower(sheet.Table)] = sheet
		for _, column := range sheet.Columns {
			if r := column.References; r != nil && !isKey(tx.run.Schema.Sheet(r.Sheet), r.Column) {
				return true, nil
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

// known tells whether the schema says of a sheet's column what the foreign key says.
func (tx *transaction) known(child, parent *schema.Sheet, from, to string) bool {
	for _, column := range child.Columns {
		if r := column.References; r != nil && strings.EqualFold(column.Name, from) && tx.run.Schema.Sheet(r.Sheet) == parent &&
			strings.EqualFold(r.Column, to) {
			return true
		}
	}
	return false
}

// isKey tells whether the column alone is the sheet's key.
func isKey(sheet *schema.Sheet, column string) bool {
	return len(sheet.Key) == 1 && strings.EqualFold(sheet.Key[0], column)
}
