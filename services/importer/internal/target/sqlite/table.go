package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	sqlite3 "modernc.org/sqlite/lib"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/sqlite/sqlitedirect"
)

// chunk is the number of rows per statement. Starting and ending a statement costs as much as two rows.
const chunk = 100

// maxParameters is SQLite's limit on parameters in a statement (SQLITE_MAX_VARIABLE_NUMBER).
const maxParameters = 32_766

// table is an imports.Table.
type table struct {
	tx      *transaction
	sheet   *schema.Sheet
	columns []*schema.Column
	key     []int // of the columns
	// generated are the columns of the table that the rows do not have, and values the expressions of their new values.
	generated, values []string

	// resolved are the columns that refer to a row by a value other than the one that is stored. have is the table in the
	// database, and bounded are the columns with its bounds.
	resolved map[string]*resolution
	have     shape
	bounded  []*schema.Column

	empty bool
	rows  int // the maximum number of rows per lookup
	// triggers reports whether the table has triggers.
	triggers bool
	// written is the maximum number of rows per statement that writes. In a table with triggers, it is one, so that the
	// row that a trigger refuses or skips is known.
	written int

	inserts  map[int]*sqlitedirect.Stmt // by number of rows
	upserts  map[int]*sqlitedirect.Stmt // likewise
	existing *lookup
	owners   map[string]*lookup
	compared *lookup // whether a trigger keeps old values
	// released counts temporary values.
	released int64
}

// Table implements imports.TargetTx.
func (tx *transaction) Table(ctx context.Context, of *schema.Schema, sheet *schema.Sheet, columns []*schema.Column) (imports.Table, error) {
	parent := func(r schema.Reference) (string, string) { return of.Sheet(r.Sheet).Table, r.Column }
	if err := tx.prepareTable(ctx, sheet, parent); err != nil {
		return nil, err
	}
	t := &table{tx: tx, sheet: sheet, columns: columns, rows: min(chunk, maxParameters/len(columns)),
		inserts: map[int]*sqlitedirect.Stmt{}, upserts: map[int]*sqlitedirect.Stmt{}, owners: map[string]*lookup{}}
	for _, k := range sheet.Key {
		i := slices.IndexFunc(columns, func(c *schema.Column) bool { return c.Name == k })
		if i < 0 {
			return nil, fmt.Errorf("table %s: the key column %s is not among the columns to write", sheet.Table, k)
		}
		t.key = append(t.key, i)
	}
	var err error
	if t.have, err = tx.readShape(ctx, sheet.Table); err != nil {
		return nil, err
	}
	if _, err := tx.choosePartialKey(ctx, sheet, &t.have); err != nil {
		return nil, err
	}
	if t.generated, t.values, err = tx.generated(sheet, t.have); err != nil {
		return nil, err
	}
	if t.resolved, err = tx.resolutions(ctx, sheet, parent); err != nil {
		return nil, err
	}
	t.bounded = t.bounds()
	t.written = t.rows
	for _, r := range t.resolved {
		if r.self {
			t.written = 1 // a row can refer to the one before it
		}
	}
	if t.triggers, err = tx.triggers(ctx, sheet.Table); err != nil {
		return nil, err
	}
	if t.triggers {
		t.written = 1
	}
	t.empty = true
	err = tx.query(ctx, `SELECT 1 FROM `+name(sheet.Table)+` LIMIT 1`, nil, func(*sqlitedirect.Stmt) { t.empty = false })
	if err != nil {
		return nil, fmt.Errorf("look into table %s: %w", sheet.Table, err)
	}
	return t, tx.countRows(ctx, sheet)
}

// Columns implements imports.Table.
func (t *table) Columns() []*schema.Column { return t.bounded }

// WasEmpty implements imports.Table.
func (t *table) WasEmpty() bool { return t.empty }

// Added implements imports.Table.
func (t *table) Added() []string {
	if t.empty {
		return nil
	}
	return t.tx.added[t.sheet.Name]
}

// Insert implements imports.Table.
func (t *table) Insert(ctx context.Context, rows [][]imports.Value) error {
	return t.writeAll(ctx, rows, t.inserts, t.insert)
}

// Update implements imports.Table.
func (t *table) Update(ctx context.Context, rows [][]imports.Value) error {
	statement := t.upsert
	if t.partial() {
		statement = t.update
	}
	if !t.triggers {
		return t.writeAll(ctx, rows, t.upserts, statement)
	}
	before, err := t.copyOf(ctx, rows)
	if err != nil {
		return err
	}
	if err := t.writeAll(ctx, rows, t.upserts, statement); err != nil {
		return err
	}
	return t.checkChanged(ctx, rows, before)
}

// writeAll writes rows in chunks. Statements are prepared once for each number of rows.
func (t *table) writeAll(ctx context.Context, rows [][]imports.Value, kept map[int]*sqlitedirect.Stmt, make func(n int) string) error {
	t.tx.using.Lock()
	defer t.tx.using.Unlock()
	var refused []imports.RefusedRow
	for start := 0; start < len(rows); start += t.written {
		chunk := rows[start:min(start+t.written, len(rows))]
		changed, err := t.write(ctx, chunk, kept, make)
		if err == nil && changed == len(chunk) {
			if err := t.tx.widenCache(ctx, len(chunk)); err != nil {
				return err
			}
			continue
		}
		if err != nil && resultCode(err) != sqlite3.SQLITE_CONSTRAINT {
			return t.failed(err)
		}
		found, err := t.refusedOf(ctx, chunk, changed, err)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return &imports.TableConflictError{Table: t.sheet.Table, Detail: "it accepted only " + imports.RowsOf(uint32(changed), uint32(len(chunk)))}
		}
		refused = append(refused, found...)
	}
	if len(refused) > 0 {
		return &imports.RefusedRowsError{Rows: refused}
	}
	return nil
}

// refusedOf returns the rows that the database refuses among those of a statement that failed, or changed too few rows. It
// writes the others one at a time.
func (t *table) refusedOf(ctx context.Context, rows [][]imports.Value, changed int, cause error) (refused []imports.RefusedRow, err error) {
	kept, statement := t.upserts, t.upsert
	if t.partial() {
		statement = t.update
	}
	for _, row := range rows {
		if len(rows) > 1 {
			changed, cause = t.write(ctx, [][]imports.Value{row}, kept, statement)
		}
		if !t.tx.conn.InTransaction() {
			return nil, &imports.TableConflictError{Table: t.sheet.Table, Detail: fmt.Sprintf("a rule of the table ends the import when it rejects a row: %s", sqliteMessage(cause))}
		}
		switch {
		case cause == nil && changed == 1:
		case cause == nil:
			refused = append(refused, t.refusal(row, "", "a trigger skips it"))
		case resultCode(cause) == sqlite3.SQLITE_CONSTRAINT:
			column, reason := t.explain(cause)
			refused = append(refused, t.refusal(row, column, reason))
		default:
			return nil, t.failed(cause)
		}
	}
	return refused, nil
}

// refusal returns a row that the database refuses.
func (t *table) refusal(row []imports.Value, column, reason string) imports.RefusedRow {
	key := make([]imports.Value, len(t.key))
	for i, k := range t.key {
		key[i] = row[k]
		key[i].Bytes = bytes.Clone(row[k].Bytes)
	}
	return imports.RefusedRow{Sheet: t.sheet.Name, Table: t.sheet.Table, Key: key, Column: column, Reason: reason}
}

// explain returns the column that an error of SQLite names ("UNIQUE constraint failed: people.phone"), and its message.
func (t *table) explain(err error) (column, reason string) {
	var refused *sqlitedirect.Error
	if !errors.As(err, &refused) {
		return "", err.Error()
	}
	_, named, _ := strings.Cut(refused.Message, "constraint failed: "+t.sheet.Table+".")
	for _, c := range t.columns {
		if sameName(c.Name, named) {
			column = c.Name
		}
	}
	return column, refused.Message
}

// failed returns the error of a statement on the table that is not about a single row.
func (t *table) failed(err error) error {
	var conflict *imports.TableConflictError
	if errors.As(err, &conflict) {
		return conflict
	}
	if permanent(err) {
		return &imports.TableConflictError{Table: t.sheet.Table, Detail: "a rule of the table that is not in the schema rejects a row: " + sqliteMessage(err)}
	}
	return fmt.Errorf("write to table %s: %w", t.sheet.Table, unavailable(err))
}

// write writes rows with one statement. It returns how many rows were changed.
func (t *table) write(ctx context.Context, rows [][]imports.Value, kept map[int]*sqlitedirect.Stmt, make func(n int) string) (changed int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	statement := kept[len(rows)]
	if statement == nil {
		if statement, err = t.tx.prepare(make(len(rows))); err != nil {
			return 0, err
		}
		kept[len(rows)] = statement
	}
	defer statement.Reset()
	parameter := 0
	for _, row := range rows {
		for i := range row {
			parameter++
			if err := bind(statement, parameter, &row[i]); err != nil {
				return 0, err
			}
		}
	}
	if _, err = statement.Step(); err != nil {
		return 0, err
	}
	return int(t.tx.conn.Changes()), nil
}

// insert returns a statement that inserts n rows. If it fails, it doesn't undo the rows before the failing one. So
// SQLite doesn't need a statement journal, and the whole run is rolled back anyway.
func (t *table) insert(n int) string {
	rows := make([]string, n)
	values := make([]string, len(t.columns), len(t.columns)+len(t.values))
	for r := range rows {
		for i, c := range t.columns {
			values[i] = t.stored(c, "?"+strconv.Itoa(r*len(t.columns)+i+1))
		}
		rows[r] = "(" + strings.Join(append(values, t.values...), ",") + ")"
	}
	return fmt.Sprintf("INSERT OR FAIL INTO %s (%s) VALUES %s", name(t.sheet.Table), names(append(columnNames(t.columns), t.generated...)), strings.Join(rows, ","))
}

// upsert returns a statement that inserts or updates n rows. SQLite always uses a statement journal for it.
func (t *table) upsert(n int) string {
	var set []string
	for i, c := range t.columns {
		if !slices.Contains(t.key, i) {
			set = append(set, name(c.Name)+" = "+t.kept(c, "excluded."+name(c.Name)))
		}
	}
	for i, g := range t.sheet.Generated {
		if g.By == schema.Updated {
			set = append(set, name(g.Field)+" = "+t.values[i])
		}
	}
	if len(set) == 0 {
		key := name(t.sheet.Key[0])
		set = append(set, key+" = excluded."+key) // counts as a change
	}
	keys := make([]string, len(t.sheet.Key))
	for i, key := range t.sheet.Key {
		keys[i] = t.have.collated(key, name(key))
	}
	where := ""
	if key := t.have.key; key != nil {
		for _, column := range slices.Sorted(maps.Keys(key.scope)) {
			keys = append(keys, t.have.collated(column, name(column)))
		}
		if key.condition != "" {
			where = " WHERE " + key.condition
		}
	}
	return fmt.Sprintf("%s ON CONFLICT (%s)%s DO UPDATE SET %s", t.insert(n), strings.Join(keys, ", "), where, strings.Join(set, ", "))
}

// kept is the new value of a column in a row that exists: its old one if the new one is null and the column keeps blanks.
func (t *table) kept(c *schema.Column, value string) string {
	if !c.KeepsBlank() {
		return value
	}
	return fmt.Sprintf("coalesce(%s, %s.%s)", value, name(t.sheet.Table), name(c.Name))
}

// update returns a statement that updates n rows by their keys. An upsert would fail here, because it also checks the
// required columns that the rows lack.
func (t *table) update(n int) string {
	var set, keys []string
	for i, c := range t.columns {
		value := t.stored(c, fmt.Sprintf("new.column%d", i+1))
		if slices.Contains(t.key, i) {
			keys = append(keys, t.have.collated(c.Name, name(t.sheet.Table)+"."+name(c.Name))+" = "+value)
		} else {
			set = append(set, name(c.Name)+" = "+t.kept(c, value))
		}
	}
	for i, g := range t.sheet.Generated {
		if g.By == schema.Updated {
			set = append(set, name(g.Field)+" = "+t.values[i])
		}
	}
	if live := t.have.live(name(t.sheet.Table)); live != "" {
		keys = append(keys, live)
	}
	row := "(" + strings.Repeat("?,", len(t.columns)-1) + "?)"
	return fmt.Sprintf("UPDATE OR ABORT %s SET %s FROM (VALUES %s) AS new WHERE %s", name(t.sheet.Table), strings.Join(set, ", "),
		strings.Repeat(row+",", n-1)+row, strings.Join(keys, " AND "))
}

// partial reports whether the table was opened without a required column. If so, all rows to write exist.
func (t *table) partial() bool {
	return len(t.columns) > len(t.key) && slices.ContainsFunc(t.sheet.Columns, func(c *schema.Column) bool {
		return c.Required && !slices.ContainsFunc(t.columns, func(opened *schema.Column) bool { return opened.Name == c.Name })
	})
}

// Existing implements imports.Table.
func (t *table) Existing(ctx context.Context, rows [][]imports.Value) ([][]imports.Value, error) {
	t.tx.using.Lock()
	defer t.tx.using.Unlock()
	if t.existing == nil {
		var err error
		if t.existing, err = t.newExisting(); err != nil {
			return nil, err
		}
	}
	return t.find(ctx, t.existing, rows)
}

// Owners implements imports.Table.
func (t *table) Owners(ctx context.Context, column string, values []imports.Value) ([][]imports.Value, error) {
	t.tx.using.Lock()
	defer t.tx.using.Unlock()
	if t.owners[column] == nil {
		l, err := t.newLookup([]int{0}, []string{column}, t.sheet.Key)
		if err != nil {
			return nil, err
		}
		t.owners[column] = l
	}
	l := t.owners[column]
	l.asked = l.asked[:0]
	for i := range values {
		l.asked = append(l.asked, values[i:i+1])
	}
	return t.find(ctx, l, l.asked)
}

func bind(s *sqlitedirect.Stmt, parameter int, v *imports.Value) error {
	switch v.Kind {
	case imports.Integer:
		return s.BindInt(parameter, v.Int)
	case imports.Text:
		return s.BindText(parameter, v.Bytes)
	}
	return s.BindNull(parameter)
}
