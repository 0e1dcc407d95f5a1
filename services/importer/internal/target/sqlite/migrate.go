package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/sqlite/sqlitedirect"
)

// Plan implements imports.Target. It makes the changes in a transaction that is rolled back.
func (s *Target) Plan(ctx context.Context, of *schema.Schema) ([]imports.Change, error) {
	var plan []imports.Change
	err := s.migrating(ctx, of, func(tx *transaction) error {
		plan = tx.changes
		return tx.exec(ctx, `ROLLBACK`)
	})
	return plan, err
}

// Migrate implements imports.Target.
func (s *Target) Migrate(ctx context.Context, of *schema.Schema, plan []imports.Change) error {
	return s.migrating(ctx, of, func(tx *transaction) error {
		if !imports.SamePlan(tx.changes, plan) {
			return imports.ErrPlanChanged
		}
		if err := imports.BlockedBy(tx.changes); err != nil {
			return err
		}
		return tx.exec(ctx, `COMMIT`)
	})
}

// migrating makes the changes of the schema's tables in a transaction, which end completes.
func (s *Target) migrating(ctx context.Context, of *schema.Schema, end func(*transaction) error) (err error) {
	leave, err := s.queue.Enter(ctx, nil)
	if err != nil {
		return err
	}
	tx := &transaction{store: s, run: imports.Run{Schema: of}, leave: leave, migrates: true}
	defer func() { err = errors.Join(err, tx.end()) }()
	if err := s.keep(ctx); err != nil {
		return err
	}
	if tx.conn, err = connect(ctx, s.path); err != nil {
		return fmt.Errorf("open the target database: %w", err)
	}
	tx.unwatch = tx.conn.InterruptOn(ctx)
	// A table that is rebuilt is dropped for a moment. Its references are checked at the end.
	if err := tx.exec(ctx, `PRAGMA foreign_keys(OFF)`); err != nil {
		return fmt.Errorf("turn off foreign keys: %w", err)
	}
	if err := tx.lock(ctx); err != nil {
		return err
	}
	parent := func(r schema.Reference) (string, string) { return of.Sheet(r.Sheet).Table, r.Column }
	for _, sheet := range of.Sheets {
		err := tx.prepareTable(ctx, sheet, parent)
		if blocked, ok := imports.BlockedChange(sheet.Table, err); ok {
			tx.changes = append(tx.changes, blocked)
		} else if err != nil {
			return err
		}
	}
	for _, sheet := range of.Sheets {
		err := tx.addReferences(ctx, sheet, parent)
		if blocked, ok := imports.BlockedChange(sheet.Table, err); ok {
			tx.changes = append(tx.changes, blocked)
		} else if err != nil {
			return err
		}
	}
	return end(tx)
}

// change makes a change of a table, if the run may make it. Statements of the same change are one.
func (tx *transaction) change(ctx context.Context, c imports.Change) error {
	if !tx.migrates {
		if err := tx.store.options.Manage.Allows(c); err != nil {
			return err
		}
	}
	for _, statement := range c.Statements {
		if err := tx.exec(ctx, statement); err != nil {
			return err
		}
	}
	tx.changes = append(tx.changes, c)
	return tx.own(ctx, c.Table)
}

// own records that the schema of the run has created or changed a table.
func (tx *transaction) own(ctx context.Context, table string) error {
	if err := tx.exec(ctx, `INSERT OR IGNORE INTO headway_tables (name, schema) VALUES (?, ?)`, table, tx.run.Schema.Name); err != nil {
		return fmt.Errorf("record the schema of table %s: %w", table, err)
	}
	return nil
}

// Changes implements imports.TargetTx.
func (tx *transaction) Changes() []imports.Change { return tx.changes }

// renameTable renames the table of a sheet, if the schema has created it under the earlier one.
func (tx *transaction) renameTable(ctx context.Context, sheet *schema.Sheet) (renamed bool, err error) {
	from := sheet.RenamedFrom
	if from == "" {
		return false, nil
	}
	owned := false
	err = tx.query(ctx, `SELECT 1 FROM headway_tables t JOIN sqlite_schema s ON s.name = t.name COLLATE NOCASE AND s.type = 'table' WHERE t.name = ? AND t.schema = ?`,
		[]any{from, tx.run.Schema.Name}, func(*sqlitedirect.Stmt) { owned = true })
	if err != nil || !owned {
		return false, err
	}
	return true, tx.change(ctx, imports.Change{Table: sheet.Table, Kind: imports.Migrate, Detail: "rename the table " + from, Statements: []string{
		fmt.Sprintf("ALTER TABLE %s RENAME TO %s", name(from), name(sheet.Table)),
		fmt.Sprintf("DELETE FROM headway_tables WHERE name = %s", literal(from)),
	}})
}

// renameColumns renames columns, if the table has them under the earlier ones. It reports whether it has renamed any.
func (tx *transaction) renameColumns(ctx context.Context, sheet *schema.Sheet, have shape) (renamed bool, err error) {
	for _, c := range sheet.Columns {
		_, has := have.columns[fold(c.Name)]
		_, before := have.columns[fold(c.RenamedFrom)]
		if c.RenamedFrom == "" || has || !before || columnOf(sheet, c.RenamedFrom) != "" {
			continue
		}
		err := tx.change(ctx, imports.Change{Table: sheet.Table, Kind: imports.Migrate, Detail: fmt.Sprintf("rename the column %s to %s", c.RenamedFrom, c.Name), Statements: []string{
			fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", name(sheet.Table), name(c.RenamedFrom), name(c.Name)),
		}})
		if err != nil {
			return false, err
		}
		renamed = true
	}
	return renamed, nil
}

// building is the name of a table while it is rebuilt.
const building = "headway_building"

// rebuild changes the types, rules, and key of a table, which SQLite can't do in place: it builds the table again.
func (tx *transaction) rebuild(ctx context.Context, sheet *schema.Sheet, have shape, why []string, parent func(schema.Reference) (string, string)) error {
	c := imports.Change{Table: sheet.Table, Kind: imports.Migrate, Detail: strings.Join(why, ", ")}
	if !tx.migrates {
		return tx.store.options.Manage.Allows(c)
	}
	indexes, err := tx.rebuildable(ctx, sheet.Table)
	if err != nil {
		return err
	}
	extra, err := tx.extraColumns(ctx, sheet)
	if err != nil {
		return err
	}
	table := *sheet
	table.Table = building
	columns, values := []string{}, []string{}
	for _, column := range sheet.Columns {
		if is, ok := have.columns[fold(column.Name)]; ok {
			columns, values = append(columns, column.Name), append(values, converted(name(column.Name), is.affinity, storageType(column)))
		}
	}
	for _, g := range sheet.Generated {
		if _, ok := have.columns[fold(g.Field)]; ok {
			columns, values = append(columns, g.Field), append(values, name(g.Field))
		}
	}
	var definitions []string
	for _, e := range extra {
		definitions = append(definitions, e.definition)
		columns, values = append(columns, e.name), append(values, name(e.name))
	}
	c.Statements = append(c.Statements, createTable(&table, parent, definitions...),
		fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s", name(building), names(columns), strings.Join(values, ", "), name(sheet.Table)),
		"DROP TABLE "+name(sheet.Table), fmt.Sprintf("ALTER TABLE %s RENAME TO %s", name(building), name(sheet.Table)))
	c.Statements = append(c.Statements, indexes...)
	if tx.rebuilt == nil {
		tx.rebuilt = map[string]bool{}
	}
	tx.rebuilt[sheet.Name] = true
	err = tx.change(ctx, c)
	if permanent(err) {
		unfit, failed := tx.unfitRows(ctx, sheet, have)
		if failed != nil {
			return failed
		}
		if len(unfit) == 0 {
			unfit = []string{strings.ReplaceAll(sqliteMessage(err), building, sheet.Table)}
		}
		return &imports.TableConflictError{Table: sheet.Table, Detail: fmt.Sprintf("%s: %s. Correct these rows first", c.Detail, strings.Join(unfit, ", "))}
	}
	return err
}

// unfitRows describes the rows that a rebuilt table refuses.
func (tx *transaction) unfitRows(ctx context.Context, sheet *schema.Sheet, have shape) (all []string, err error) {
	table := name(sheet.Table)
	// find runs a query for the number of rows or values, and an example.
	find := func(describe func(n int64, example string) string, query string, args ...any) {
		failed := tx.query(ctx, fmt.Sprintf(query, args...), nil, func(row *sqlitedirect.Stmt) {
			if n := row.Int(0); n > 0 {
				all = append(all, describe(n, row.Text(1)))
			}
		})
		err = errors.Join(err, failed)
	}
	for _, c := range sheet.Columns {
		is, ok := have.columns[fold(c.Name)]
		if !ok {
			continue
		}
		column := name(c.Name)
		if to := storageType(c); is.affinity != to && to == "INTEGER" {
			find(func(n int64, example string) string {
				return fmt.Sprintf("rows whose %s is not a whole number: %d, such as %q", c.Name, n, example)
			}, "SELECT count(*), min(%[1]s) FROM %[2]s WHERE CAST(CAST(%[1]s AS INTEGER) AS TEXT) <> %[1]s", column, table)
		}
		if c.Required || slices.Contains(sheet.Key, c.Name) {
			find(func(n int64, _ string) string { return fmt.Sprintf("rows without %s: %d", c.Name, n) },
				"SELECT count(*), '' FROM %[2]s WHERE %[1]s IS NULL", column, table)
		}
		if c.Unique || isKey(sheet, c.Name) {
			find(func(n int64, example string) string {
				return fmt.Sprintf("values of %s in several rows: %d, such as %q", c.Name, n, example)
			}, "SELECT count(*), min(%[1]s) FROM (SELECT %[1]s FROM %[2]s WHERE %[1]s IS NOT NULL GROUP BY %[1]s HAVING count(*) > 1)", column, table)
		}
	}
	return all, err
}

// converted is an expression of a column's value in another type. A value that would change becomes a text that the new table
// refuses.
func converted(column, from, to string) string {
	switch {
	case from == to:
		return column
	case to == "TEXT":
		return fmt.Sprintf("CAST(%s AS TEXT)", column)
	}
	return fmt.Sprintf("CASE WHEN CAST(CAST(%s AS INTEGER) AS TEXT) = %[1]s THEN CAST(%[1]s AS INTEGER) ELSE %[1]s || ' would change' END", column)
}

// notCreated is why a table of another program can't be rebuilt.
const notCreated = "it was not created by Headway"

// rebuildable returns the statements that create the table's indexes again, or a conflict if the table has something that would be
// lost.
func (tx *transaction) rebuildable(ctx context.Context, table string) (indexes []string, err error) {
	lost := ""
	err = tx.query(ctx, `SELECT type, name, ifnull(sql, '') FROM sqlite_schema WHERE tbl_name = ? COLLATE NOCASE OR type = 'view' ORDER BY rowid`, []any{table}, func(row *sqlitedirect.Stmt) {
		kind, named, text := row.Text(0), row.Text(1), row.Text(2)
		switch upper := strings.ToUpper(text); {
		case kind == "index" && text != "":
			indexes = append(indexes, text)
		case kind == "trigger":
			lost = "the trigger " + named
		case kind == "view" && strings.Contains(upper, strings.ToUpper(table)):
			lost = "the view " + named
		case kind != "table":
		case !strings.HasSuffix(strings.TrimSpace(upper), "STRICT"):
			lost = notCreated
		default:
			for _, word := range []string{"CHECK", "COLLATE", "GENERATED", "AUTOINCREMENT", " ON DELETE", " ON UPDATE", " UNIQUE", "\tUNIQUE", "\nUNIQUE", ",UNIQUE"} {
				if strings.Contains(upper, word) {
					lost = notCreated
				}
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("read the definition of table %s: %w", table, err)
	}
	if lost != "" {
		return nil, &imports.TableConflictError{Table: table, Detail: fmt.Sprintf("it must be rebuilt, which is not possible: %s. Change the schema, or the table", lost)}
	}
	return indexes, nil
}

// extraColumn is a column of the table that the schema does not have.
type extraColumn struct{ name, definition string }

// extraColumns returns the columns that the schema does not have. They keep their values, and can be empty.
func (tx *transaction) extraColumns(ctx context.Context, sheet *schema.Sheet) (extra []extraColumn, err error) {
	known := append(columnNames(sheet.Columns), generatedFields(sheet)...)
	err = tx.query(ctx, `SELECT c.name, c.type, ifnull(c.dflt_value, ''), ifnull(f."table", ''), ifnull(f."to", '') FROM pragma_table_xinfo(?1) c
		LEFT JOIN pragma_foreign_key_list(?1) f ON f."from" = c.name COLLATE NOCASE`, []any{sheet.Table}, func(row *sqlitedirect.Stmt) {
		column := row.Text(0)
		if slices.ContainsFunc(known, func(k string) bool { return sameName(k, column) }) {
			return
		}
		definition := name(column) + " " + row.Text(1)
		if row.Text(2) != "" {
			definition += " DEFAULT " + row.Text(2)
		}
		if row.Text(4) != "" {
			definition += fmt.Sprintf(" REFERENCES %s (%s)", name(row.Text(3)), name(row.Text(4)))
		}
		extra = append(extra, extraColumn{column, definition})
	})
	if err != nil {
		return nil, fmt.Errorf("read the columns of %s: %w", sheet.Table, err)
	}
	return extra, nil
}

func generatedFields(sheet *schema.Sheet) []string {
	all := make([]string, len(sheet.Generated))
	for i, g := range sheet.Generated {
		all[i] = g.Field
	}
	return all
}
