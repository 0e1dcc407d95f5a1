package records

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unsafe"

	sqlite3 "modernc.org/sqlite/lib"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// chunk is how many rows one statement carries.
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

	writes   map[int]driver.Stmt // by number of rows
	existing *lookup
	owners   map[int]*lookup
	holds    map[string]*lookup

	args  []driver.NamedValue
	cells []driver.Value
	held  []bool
}

// lookup finds rows by values of some columns.
type lookup struct {
	statement driver.Stmt
	by        []int // of the rows that ask
	width     int   // of what is found
	found     [][]imports.Value
	slab      []imports.Value
}

// Table implements imports.TargetTx.
func (tx *transaction) Table(ctx context.Context, of *schema.Schema, sheet *schema.Sheet, columns []*schema.Column) (imports.Table, error) {
	parent := func(r schema.Reference) (string, string) { return of.Sheet(r.Sheet).Table, r.Column }
	if err := tx.prepareTable(ctx, sheet, parent); err != nil {
		return nil, err
	}
	t := &table{tx: tx, sheet: sheet, columns: columns, rows: min(chunk, maxParameters/len(columns)),
		writes: map[int]driver.Stmt{}, owners: map[int]*lookup{}, holds: map[string]*lookup{}}
	for _, k := range sheet.Key {
		i := slices.IndexFunc(columns, func(c *schema.Column) bool { return c.Name == k })
		if i < 0 {
			return nil, fmt.Errorf("table %s: the key column %s is not among the columns to write", sheet.Table, k)
		}
		t.key = append(t.key, i)
	}
	var some bool
	if err := tx.conn.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM `+name(sheet.Table)+`)`).Scan(&some); err != nil {
		return nil, fmt.Errorf("look into table %s: %w", sheet.Table, unavailable(err))
	}
	t.empty = !some
	return t, nil
}

// WasEmpty implements imports.Table.
func (t *table) WasEmpty() bool { return t.empty }

// Write implements imports.Table.
func (t *table) Write(ctx context.Context, rows [][]imports.Value) error {
	for len(rows) > 0 {
		n := min(t.rows, len(rows))
		statement, err := t.prepare(ctx, t.writes, n, func() string { return t.upsert(n) })
		if err != nil {
			return err
		}
		t.args = t.args[:0]
		for _, row := range rows[:n] {
			for _, v := range row {
				t.bind(v)
			}
		}
		if err := t.run(ctx, statement); err != nil {
			if resultCode(err) == sqlite3.SQLITE_CONSTRAINT {
				return &imports.TableConflictError{Table: t.sheet.Table, Detail: "a rule of the table that the schema does not know refuses a row: " + err.Error()}
			}
			return fmt.Errorf("write to table %s: %w", t.sheet.Table, unavailable(err))
		}
		rows = rows[n:]
	}
	return nil
}

// upsert fails without undoing the rows before the failing one, which spares SQLite the journal of each statement: the
// whole run is rolled back then anyway.
func (t *table) upsert(n int) string {
	all := make([]string, len(t.columns))
	var set []string
	for i, c := range t.columns {
		all[i] = name(c.Name)
		if !slices.Contains(t.key, i) {
			set = append(set, all[i]+" = excluded."+all[i])
		}
	}
	row := "(" + strings.Repeat("?,", len(t.columns)-1) + "?)"
	action := "DO NOTHING"
	if len(set) > 0 {
		action = "DO UPDATE SET " + strings.Join(set, ", ")
	}
	return fmt.Sprintf("INSERT OR FAIL INTO %s (%s) VALUES %s ON CONFLICT (%s) %s", name(t.sheet.Table), strings.Join(all, ", "),
		strings.Repeat(row+",", n-1)+row, names(t.sheet.Key), action)
}

// Existing implements imports.Table.
func (t *table) Existing(ctx context.Context, rows [][]imports.Value) ([][]imports.Value, error) {
	if t.existing == nil {
		var err error
		if t.existing, err = t.newLookup(ctx, t.key, t.sheet.Key, columnNames(t.columns)); err != nil {
			return nil, err
		}
	}
	return t.find(ctx, t.existing, rows)
}

// Owners implements imports.Table.
func (t *table) Owners(ctx context.Context, column int, rows [][]imports.Value) ([][]imports.Value, error) {
	if t.owners[column] == nil {
		l, err := t.newLookup(ctx, []int{column}, []string{t.columns[column].Name}, t.sheet.Key)
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
		l, err := t.newLookup(ctx, []int{0}, []string{column}, []string{column})
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

// newLookup prepares a look-up of a chunk of rows by an index; its first column is the row that asked.
func (t *table) newLookup(ctx context.Context, by []int, byNames, want []string) (*lookup, error) {
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
	statement, err := t.newStatement(ctx, fmt.Sprintf("WITH k(i, %s) AS (VALUES %s) SELECT k.i, %s FROM k CROSS JOIN %s t ON %s",
		strings.Join(ask, ", "), values.String(), strings.Join(give, ", "), name(t.sheet.Table), strings.Join(on, " AND ")))
	if err != nil {
		return nil, err
	}
	return &lookup{statement: statement, by: by, width: len(want)}, nil
}

// find runs a look-up, a chunk at a time. What it gives is valid until the look-up's next run.
func (t *table) find(ctx context.Context, l *lookup, rows [][]imports.Value) ([][]imports.Value, error) {
	l.found = slices.Grow(l.found[:0], len(rows))[:len(rows)]
	clear(l.found)
	if need := len(rows) * l.width; len(l.slab) < need {
		l.slab = make([]imports.Value, need)
	}
	slab := l.slab
	t.cells = slices.Grow(t.cells[:0], l.width+1)[:l.width+1]
	for start := 0; start < len(rows); start += t.rows {
		t.args = t.args[:0]
		for i := start; i < start+t.rows; i++ {
			for _, column := range l.by {
				if i < len(rows) {
					t.bind(rows[i][column])
				} else {
					t.bind(imports.Value{})
				}
			}
		}
		err := t.query(ctx, l.statement, func() {
			row := slab[:l.width:l.width]
			slab = slab[l.width:]
			for i, cell := range t.cells[1:] {
				row[i] = value(cell)
			}
			l.found[start+int(t.cells[0].(int64))] = row
		})
		if err != nil {
			return nil, fmt.Errorf("look up in table %s: %w", t.sheet.Table, unavailable(err))
		}
	}
	return l.found, nil
}

func columnNames(columns []*schema.Column) []string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.Name
	}
	return all
}

func (t *table) bind(v imports.Value) {
	arg := driver.NamedValue{Ordinal: len(t.args) + 1}
	switch v.Kind {
	case imports.Integer:
		arg.Value = v.Int
	case imports.Text:
		// The driver copies the text before it returns.
		arg.Value = unsafe.String(unsafe.SliceData(v.Bytes), len(v.Bytes))
	}
	t.args = append(t.args, arg)
}

func value(cell driver.Value) imports.Value {
	switch v := cell.(type) {
	case int64:
		return imports.Value{Kind: imports.Integer, Int: v}
	case string:
		return imports.Value{Kind: imports.Text, Bytes: unsafe.Slice(unsafe.StringData(v), len(v))}
	case []byte:
		return imports.Value{Kind: imports.Text, Bytes: v}
	}
	return imports.Value{}
}

func (t *table) prepare(ctx context.Context, cache map[int]driver.Stmt, n int, text func() string) (driver.Stmt, error) {
	if s := cache[n]; s != nil {
		return s, nil
	}
	s, err := t.newStatement(ctx, text())
	if err == nil {
		cache[n] = s
	}
	return s, err
}

// newStatement prepares a statement on the driver itself: database/sql would convert every argument once more.
func (t *table) newStatement(ctx context.Context, text string) (driver.Stmt, error) {
	var s driver.Stmt
	err := t.tx.conn.Raw(func(conn any) (err error) {
		s, err = conn.(driver.ConnPrepareContext).PrepareContext(ctx, text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("prepare for table %s: %w", t.sheet.Table, unavailable(err))
	}
	t.tx.statements = append(t.tx.statements, s)
	return s, nil
}

func (t *table) run(ctx context.Context, s driver.Stmt) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return t.tx.conn.Raw(func(any) error {
		// A statement takes a few milliseconds and is not worth a goroutine that watches for its end.
		_, err := s.(driver.StmtExecContext).ExecContext(context.Background(), t.args)
		return err
	})
}

func (t *table) query(ctx context.Context, s driver.Stmt, each func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return t.tx.conn.Raw(func(any) error {
		rows, err := s.(driver.StmtQueryContext).QueryContext(context.Background(), t.args)
		if err != nil {
			return err
		}
		for {
			if err := rows.Next(t.cells); err != nil {
				if errors.Is(err, io.EOF) {
					err = nil
				}
				return errors.Join(err, rows.Close())
			}
			each()
		}
	})
}
