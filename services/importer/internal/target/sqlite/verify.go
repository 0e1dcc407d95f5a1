package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/sqlite/sqlitedirect"
)

// triggers reports whether a table has triggers. Without a table, it reports whether the database has any.
func (tx *transaction) triggers(ctx context.Context, table string) (found bool, err error) {
	err = tx.query(ctx, `SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND (? = '' OR tbl_name = ?1 COLLATE NOCASE) LIMIT 1`, []any{table},
		func(*sqlitedirect.Stmt) { found = true })
	if err != nil {
		return false, fmt.Errorf("look for triggers: %w", err)
	}
	return found, nil
}

// copyOf returns a copy of the rows of the table that have the keys of others.
func (t *table) copyOf(ctx context.Context, rows [][]imports.Value) ([][]imports.Value, error) {
	found, err := t.current(ctx, rows)
	if err != nil {
		return nil, err
	}
	copies := make([][]imports.Value, len(found))
	for i, row := range found {
		copies[i] = slices.Clone(row)
		for c := range copies[i] {
			copies[i][c].Bytes = bytes.Clone(copies[i][c].Bytes)
		}
	}
	return copies, nil
}

// current returns the rows of the table that have the keys of others. Unlike Existing, it belongs to the writes.
func (t *table) current(ctx context.Context, rows [][]imports.Value) ([][]imports.Value, error) {
	t.tx.using.Lock()
	defer t.tx.using.Unlock()
	if t.compared == nil {
		var err error
		if t.compared, err = t.newExisting(); err != nil {
			return nil, err
		}
	}
	return t.find(ctx, t.compared, rows)
}

// checkChanged returns *imports.RefusedRowsError if rows that were written have the same values as before.
func (t *table) checkChanged(ctx context.Context, rows, before [][]imports.Value) error {
	after, err := t.current(ctx, rows)
	if err != nil {
		return err
	}
	var refused []imports.RefusedRow
	for i := range rows {
		if after[i] != nil && slices.EqualFunc(after[i], before[i], imports.Value.Equal) && len(t.columns) > len(t.key) {
			refused = append(refused, t.refusal(rows[i], "", "a trigger keeps its old values"))
		}
	}
	if len(refused) > 0 {
		return &imports.RefusedRowsError{Rows: refused}
	}
	return nil
}

// countRows records how many rows a table has before the run, if triggers could change that.
func (tx *transaction) countRows(ctx context.Context, sheet *schema.Sheet) error {
	some, err := tx.triggers(ctx, "")
	if err != nil || !some {
		return err
	}
	n, err := tx.rowsOf(ctx, sheet.Table)
	if tx.before == nil {
		tx.before = map[string]int64{}
	}
	tx.before[sheet.Name] = n
	return err
}

func (tx *transaction) rowsOf(ctx context.Context, table string) (n int64, err error) {
	err = tx.query(ctx, `SELECT count(*) FROM `+name(table), nil, func(row *sqlitedirect.Stmt) { n = row.Int(0) })
	if err != nil {
		return 0, fmt.Errorf("count the rows of table %s: %w", table, err)
	}
	return n, nil
}

// Check implements imports.TargetTx.
func (tx *transaction) Check(ctx context.Context, sheets map[string]imports.Counts) ([]imports.Dangling, error) {
	if err := tx.fillIndexes(ctx); err != nil {
		return nil, err
	}
	for _, sheet := range tx.run.Schema.Sheets {
		before, counted := tx.before[sheet.Name]
		if !counted {
			continue
		}
		n, err := tx.rowsOf(ctx, sheet.Table)
		if err != nil {
			return nil, err
		}
		if want := before + int64(sheets[sheet.Name].Inserted); n != want {
			return nil, &imports.TableConflictError{Table: sheet.Table,
				Detail: fmt.Sprintf("it would have %s after this import, not %s, because of a trigger. Change the trigger, or import into another table", imports.Count(uint32(n), "row"), imports.Grouped(uint32(want)))}
		}
	}
	fails, err := tx.conn.DanglingForeignKeys()
	if err != nil {
		return nil, fmt.Errorf("check the foreign keys: %w", unavailable(err))
	}
	if !fails {
		return nil, nil
	}
	tx.run.Does("Checking references")
	return tx.dangling(ctx)
}

// foreignKey is a foreign key of one column.
type foreignKey struct{ child, from, parent, to string }

// dangling returns the dangling references.
func (tx *transaction) dangling(ctx context.Context) ([]imports.Dangling, error) {
	var keys []foreignKey
	err := tx.query(ctx, `SELECT DISTINCT c."table", f."from", f."table", ifnull(f."to", (SELECT name FROM pragma_table_info(f."table") WHERE pk = 1))
		FROM pragma_foreign_key_check() c, pragma_foreign_key_list(c."table") f WHERE f.id = c.fkid
		AND (SELECT count(*) FROM pragma_foreign_key_list(c."table") o WHERE o.id = f.id) = 1`, nil,
		func(row *sqlitedirect.Stmt) {
			keys = append(keys, foreignKey{row.Text(0), row.Text(1), row.Text(2), row.Text(3)})
		})
	if err != nil {
		return nil, fmt.Errorf("find dangling references: %w", err)
	}
	var all []imports.Dangling
	for _, k := range keys {
		found, err := tx.danglingOf(ctx, k)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all[:min(len(all), imports.MaxDangling)], nil
}

// danglingOf returns the dangling references of one foreign key. If its parent is a sheet of the run, they have the
// values that the parent no longer has. A reference that is not in the schema also has its row.
func (tx *transaction) danglingOf(ctx context.Context, k foreignKey) ([]imports.Dangling, error) {
	child, parent := tx.sheetOf(k.child), tx.sheetOf(k.parent)
	var all []imports.Dangling
	missing := fmt.Sprintf(`FROM %s c WHERE c.%s IS NOT NULL AND NOT EXISTS (SELECT 1 FROM %s p WHERE p.%s = c.%[2]s)`,
		name(k.child), name(k.from), name(k.parent), name(k.to))
	if column := columnOf(parent, k.to); column != "" {
		err := tx.query(ctx, fmt.Sprintf(`SELECT c.%s, count(*) %s GROUP BY 1 LIMIT %d`, name(k.from), missing, imports.MaxDangling), nil, func(row *sqlitedirect.Stmt) {
			all = append(all, imports.Dangling{Child: k.child, Parent: k.parent, Sheet: parent.Name, Column: column, Value: valueOf(row, 0), Uses: int(row.Int(1))})
		})
		if err != nil {
			return nil, fmt.Errorf("find the dangling references of %s: %w", k.child, err)
		}
	}
	column := columnOf(child, k.from)
	if column == "" || tx.known(child, parent, k.from, k.to) {
		return all, nil
	}
	keys := make([]string, len(child.Key))
	for i, key := range child.Key {
		keys[i] = "c." + name(key)
	}
	err := tx.query(ctx, fmt.Sprintf(`SELECT c.%s, %s %s LIMIT %d`, name(k.from), strings.Join(keys, ", "), missing, imports.MaxDangling), nil, func(row *sqlitedirect.Stmt) {
		d := imports.Dangling{Child: k.child, Parent: k.parent, Sheet: child.Name, Column: column, Value: valueOf(row, 0), Uses: 1, Row: true}
		for i := range child.Key {
			d.Key = append(d.Key, valueOf(row, 1+i))
		}
		all = append(all, d)
	})
	if err != nil {
		return nil, fmt.Errorf("find the dangling references of %s: %w", k.child, err)
	}
	return all, nil
}

// sheetOf returns the sheet that fills a table, or nil.
func (tx *transaction) sheetOf(table string) *schema.Sheet {
	i := slices.IndexFunc(tx.run.Schema.Sheets, func(s *schema.Sheet) bool { return sameName(s.Table, table) })
	if i < 0 {
		return nil
	}
	return tx.run.Schema.Sheets[i]
}

// columnOf returns the schema's name of a column of the database. It is empty if the schema does not have it.
func columnOf(sheet *schema.Sheet, column string) string {
	if sheet == nil {
		return ""
	}
	for _, c := range sheet.Columns {
		if sameName(c.Name, column) {
			return c.Name
		}
	}
	return ""
}

// valueOf returns a copy of a value of a row.
func valueOf(row *sqlitedirect.Stmt, column int) imports.Value {
	switch row.Kind(column) {
	case sqlitedirect.Null:
		return imports.Value{}
	case sqlitedirect.Integer:
		return imports.Value{Kind: imports.Integer, Int: row.Int(column)}
	default:
		return imports.Value{Kind: imports.Text, Bytes: []byte(row.Text(column))}
	}
}
