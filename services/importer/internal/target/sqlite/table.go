package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/sqlite/sqlitedirect"
)

// chunk is how many rows one statement carries: to begin and end a statement costs as much as two rows.
const chunk = 100

// maxParameters is SQLite's limit of parameters in a statement (SQLITE_MAX_VARIABLE_NUMBER).
const maxParameters = 32_766

// table is an imports.Table.
type table struct {
	tx      *transaction
	sheet   *schema.Sheet
	columns []*schema.Column
	key     []int // of the columns
	empty   bool
	rows    int // a statement carries at most this many

	inserts  map[int]*sqlitedirect.Stmt // by number of rows
	upserts  map[int]*sqlitedirect.Stmt // likewise
	existing *lookup
	owners   map[int]*lookup
	holds    map[string]*lookup

	held []bool
	// released counts temporary values.
	released int64
}

// lookup finds rows by values of some columns.
type lookup struct {
	statement *sqlitedirect.Stmt
	by        []int // columns of the rows to look up
	width     int   // columns of a found row
	whole     bool  // the found columns are those of the rows to look up
	found     [][]imports.Value
	block     []imports.Value
	text      []byte // text of the found values
}

// Table implements imports.TargetTx.
func (tx *transaction) Table(ctx context.Context, of *schema.Schema, sheet *schema.Sheet, columns []*schema.Column) (imports.Table, error) {
	parent := func(r schema.Reference) (string, string) { return of.Sheet(r.Sheet).Table, r.Column }
	if err := tx.prepareTable(ctx, sheet, parent); err != nil {
		return nil, err
	}
	t := &table{tx: tx, sheet: sheet, columns: columns, rows: min(chunk, maxParameters/len(columns)),
		inserts: map[int]*sqlitedirect.Stmt{}, upserts: map[int]*sqlitedirect.Stmt{}, owners: map[int]*lookup{}, holds: map[string]*lookup{}}
	for _, k := range sheet.Key {
		i := slices.IndexFunc(columns, func(c *schema.Column) bool { return c.Name == k })
		if i < 0 {
			return nil, fmt.Errorf("table %s: the key column %s is not among the columns to write", sheet.Table, k)
		}
		t.key = append(t.key, i)
	}
	t.empty = true
	err := tx.query(ctx, `SELECT 1 FROM `+name(sheet.Table)+` LIMIT 1`, nil, func(*sqlitedirect.Stmt) { t.empty = false })
	if err != nil {
		return nil, fmt.Errorf("look into table %s: %w", sheet.Table, err)
	}
	return t, nil
}

// WasEmpty implements imports.Table.
func (t *table) WasEmpty() bool { return t.empty }

// Insert implements imports.Table.
func (t *table) Insert(ctx context.Context, rows [][]imports.Value) error {
	return t.writeAll(ctx, rows, t.inserts, t.insert)
}

// Write implements imports.Table.
func (t *table) Write(ctx context.Context, rows [][]imports.Value) error {
	if t.partial() {
		return t.writeAll(ctx, rows, t.upserts, t.update)
	}
	return t.writeAll(ctx, rows, t.upserts, t.upsert)
}

// writeAll writes rows with statements that are made for a number of them and kept.
func (t *table) writeAll(ctx context.Context, rows [][]imports.Value, kept map[int]*sqlitedirect.Stmt, make func(n int) string) error {
	for len(rows) > 0 {
		n := min(t.rows, len(rows))
		if err := t.write(ctx, rows[:n], kept, make); err != nil {
			var conflict *imports.TableConflictError
			if errors.As(err, &conflict) {
				return conflict
			}
			if permanent(err) {
				return &imports.TableConflictError{Table: t.sheet.Table, Detail: "a rule of the table that the schema does not know refuses a row: " + err.Error()}
			}
			return fmt.Errorf("write to table %s: %w", t.sheet.Table, unavailable(err))
		}
		if err := t.tx.widenCache(ctx, n); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// write writes rows with one statement.
func (t *table) write(ctx context.Context, rows [][]imports.Value, kept map[int]*sqlitedirect.Stmt, make func(n int) string) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	statement := kept[len(rows)]
	if statement == nil {
		if statement, err = t.tx.prepare(make(len(rows))); err != nil {
			return err
		}
		kept[len(rows)] = statement
	}
	defer statement.Reset()
	parameter := 0
	for _, row := range rows {
		for i := range row {
			parameter++
			if err := bind(statement, parameter, &row[i]); err != nil {
				return err
			}
		}
	}
	if _, err = statement.Step(); err != nil {
		return err
	}
	if changed := t.tx.conn.Changes(); changed < int64(len(rows)) && len(t.columns) > len(t.key) {
		return &imports.TableConflictError{Table: t.sheet.Table,
			Detail: fmt.Sprintf("a trigger of the table skipped %d of %d rows", int64(len(rows))-changed, len(rows))}
	}
	return nil
}

// insert is a statement that inserts n rows. It fails without undoing the rows before the failing one, which spares
// SQLite the journal of each statement: the whole run is rolled back then anyway.
func (t *table) insert(n int) string {
	row := "(" + strings.Repeat("?,", len(t.columns)-1) + "?)"
	return fmt.Sprintf("INSERT OR FAIL INTO %s (%s) VALUES %s", name(t.sheet.Table), names(columnNames(t.columns)), strings.Repeat(row+",", n-1)+row)
}

// upsert is a statement that inserts or updates n rows; SQLite journals it whatever it is told.
func (t *table) upsert(n int) string {
	var set []string
	for i, c := range t.columns {
		if !slices.Contains(t.key, i) {
			set = append(set, name(c.Name)+" = excluded."+name(c.Name))
		}
	}
	action := "DO NOTHING"
	if len(set) > 0 {
		action = "DO UPDATE SET " + strings.Join(set, ", ")
	}
	return fmt.Sprintf("%s ON CONFLICT (%s) %s", t.insert(n), names(t.sheet.Key), action)
}

// update is a statement that updates n rows by their keys. An upsert would fail here, because it also checks the
// required columns that the rows lack.
func (t *table) update(n int) string {
	var set, keys []string
	for i, c := range t.columns {
		equal := fmt.Sprintf("%s = new.column%d", name(c.Name), i+1)
		if slices.Contains(t.key, i) {
			keys = append(keys, name(t.sheet.Table)+"."+equal)
		} else {
			set = append(set, equal)
		}
	}
	row := "(" + strings.Repeat("?,", len(t.columns)-1) + "?)"
	return fmt.Sprintf("UPDATE %s SET %s FROM (VALUES %s) AS new WHERE %s", name(t.sheet.Table), strings.Join(set, ", "),
		strings.Repeat(row+",", n-1)+row, strings.Join(keys, " AND "))
}

// partial reports whether the table was opened without a required column. Then all rows to be written exist.
func (t *table) partial() bool {
	return len(t.columns) > len(t.key) && slices.ContainsFunc(t.sheet.Columns, func(c *schema.Column) bool {
		return c.Required && !slices.ContainsFunc(t.columns, func(opened *schema.Column) bool { return opened.Name == c.Name })
	})
}

// Existing implements imports.Table.
func (t *table) Existing(ctx context.Context, rows [][]imports.Value) ([][]imports.Value, error) {
	if t.existing == nil {
		var err error
		if t.existing, err = t.newLookup(t.key, t.sheet.Key, columnNames(t.columns)); err != nil {
			return nil, err
		}
		t.existing.whole = true
	}
	return t.find(ctx, t.existing, rows)
}

// Owners implements imports.Table.
func (t *table) Owners(ctx context.Context, column int, rows [][]imports.Value) ([][]imports.Value, error) {
	if t.owners[column] == nil {
		l, err := t.newLookup([]int{column}, []string{t.columns[column].Name}, t.sheet.Key)
		if err != nil {
			return nil, err
		}
		t.owners[column] = l
	}
	return t.find(ctx, t.owners[column], rows)
}

// Holds implements imports.Table.
func (t *table) Holds(ctx context.Context, column string, values []imports.Value) ([]bool, error) {
	if t.holds[column] == nil {
		l, err := t.newLookup([]int{0}, []string{column}, []string{column})
		if err != nil {
			return nil, err
		}
		t.holds[column] = l
	}
	rows := make([][]imports.Value, len(values))
	for i := range values {
		rows[i] = values[i : i+1]
	}
	found, err := t.find(ctx, t.holds[column], rows)
	if err != nil {
		return nil, err
	}
	t.held = t.held[:0]
	for _, f := range found {
		t.held = append(t.held, f != nil)
	}
	return t.held, nil
}

// Release implements imports.Table. A temporary value is not null, because the column can be required, and because a
// foreign key that cascades would lose the rows that refer to the value.
func (t *table) Release(ctx context.Context, column int, rows [][]imports.Value) error {
	var keys []string
	for _, k := range t.sheet.Key {
		keys = append(keys, name(k)+" = ?")
	}
	statement, err := t.tx.conn.Prepare(fmt.Sprintf("UPDATE OR ABORT %s SET %s = ? WHERE %s", name(t.sheet.Table), name(t.columns[column].Name), strings.Join(keys, " AND ")))
	if err != nil {
		return t.refusal(err)
	}
	defer statement.Close()
	for _, row := range rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := bind(statement, 1, t.temporary(column))
		for i, k := range t.key {
			err = errors.Join(err, bind(statement, 2+i, &row[k]))
		}
		if err == nil {
			_, err = statement.Step()
		}
		statement.Reset()
		if permanent(err) {
			return &imports.TableConflictError{Table: t.sheet.Table,
				Detail: fmt.Sprintf("its column %s can't have a temporary value while rows exchange their values: %v", t.columns[column].Name, err)}
		}
		if err != nil {
			return t.refusal(err)
		}
	}
	return nil
}

// temporary returns a value for a unique column that no other row has.
func (t *table) temporary(column int) *imports.Value {
	t.released++
	if storageType(t.columns[column]) == "INTEGER" {
		return &imports.Value{Kind: imports.Integer, Int: math.MinInt64 + t.released}
	}
	return &imports.Value{Kind: imports.Text, Bytes: fmt.Appendf(nil, "headway %s %d", t.tx.run.ImportID, t.released)}
}

// refusal returns the error of a statement on the table.
func (t *table) refusal(err error) error {
	if permanent(err) {
		return &imports.TableConflictError{Table: t.sheet.Table, Detail: err.Error()}
	}
	return fmt.Errorf("write to table %s: %w", t.sheet.Table, unavailable(err))
}

// newLookup prepares a look-up of a chunk of rows by an index; its first column is the row that asked.
func (t *table) newLookup(by []int, byNames, want []string) (*lookup, error) {
	var ask, on, give []string
	for i, column := range byNames {
		ask = append(ask, fmt.Sprintf("k%d", i))
		on = append(on, fmt.Sprintf("t.%s = k.k%d", name(column), i))
	}
	for _, column := range want {
		give = append(give, "t."+name(column))
	}
	var values strings.Builder
	for i := range t.rows {
		if i > 0 {
			values.WriteByte(',')
		}
		fmt.Fprintf(&values, "(%d%s)", i, strings.Repeat(",?", len(byNames)))
	}
	statement, err := t.tx.prepare(fmt.Sprintf("WITH k(i, %s) AS (VALUES %s) SELECT k.i, %s FROM k CROSS JOIN %s t ON %s",
		strings.Join(ask, ", "), values.String(), strings.Join(give, ", "), name(t.sheet.Table), strings.Join(on, " AND ")))
	if err != nil {
		return nil, fmt.Errorf("look up in table %s: %w", t.sheet.Table, unavailable(err))
	}
	return &lookup{statement: statement, by: by, width: len(want)}, nil
}

// find runs a look-up in chunks. The result is valid until the next call.
func (t *table) find(ctx context.Context, l *lookup, rows [][]imports.Value) ([][]imports.Value, error) {
	l.found = slices.Grow(l.found[:0], len(rows))[:len(rows)]
	clear(l.found)
	if need := len(rows) * l.width; len(l.block) < need {
		l.block = make([]imports.Value, need)
	}
	l.text = l.text[:0]
	block := l.block
	for start := 0; start < len(rows); start += t.rows {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if block, err = l.run(rows[start:min(start+t.rows, len(rows))], t.rows, l.found[start:], block); err != nil {
			if permanent(err) {
				return nil, &imports.TableConflictError{Table: t.sheet.Table, Detail: "it can't be read: " + err.Error()}
			}
			return nil, fmt.Errorf("look up in table %s: %w", t.sheet.Table, unavailable(err))
		}
	}
	return l.found, nil
}

// run looks up at most `room` rows. It allocates the found rows from block, and returns the rest of it.
func (l *lookup) run(rows [][]imports.Value, room int, found [][]imports.Value, block []imports.Value) ([]imports.Value, error) {
	s := l.statement
	defer s.Reset()
	parameter := 0
	for i := range room {
		for _, column := range l.by {
			parameter++
			v := &imports.Value{}
			if i < len(rows) {
				v = &rows[i][column]
			}
			if err := bind(s, parameter, v); err != nil {
				return nil, err
			}
		}
	}
	for {
		if more, err := s.Step(); err != nil || !more {
			return block, err
		}
		row := block[:l.width:l.width]
		block = block[l.width:]
		asked := int(s.Int(0))
		for i := range row {
			own := &imports.Value{}
			if l.whole {
				own = &rows[asked][i]
			}
			row[i] = l.value(i+1, own)
		}
		found[asked] = row
	}
}

// value reads a column of the row that was found. own is the value of the row that asked. If both are equal, it returns
// own. It cuts a longer text, because the whole would use as much memory as all rows of the batch.
func (l *lookup) value(column int, own *imports.Value) imports.Value {
	switch l.statement.Kind(column) {
	case sqlitedirect.Null:
		return imports.Value{}
	case sqlitedirect.Integer:
		return imports.Value{Kind: imports.Integer, Int: l.statement.Int(column)}
	}
	raw := l.statement.RawText(column)
	if own.Kind == imports.Text && bytes.Equal(raw, own.Bytes) {
		return *own
	}
	if l.whole && len(raw) > imports.ExistingText {
		raw = raw[:imports.ExistingText]
		if bytes.Equal(raw, own.Bytes) {
			raw = raw[1:]
		}
	}
	from := len(l.text)
	l.text = append(l.text, raw...)
	return imports.Value{Kind: imports.Text, Bytes: l.text[from:len(l.text):len(l.text)]}
}

func columnNames(columns []*schema.Column) []string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.Name
	}
	return all
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
