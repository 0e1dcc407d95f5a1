package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/sqlite/sqlitedirect"
)

// lookup finds rows by values of some columns.
type lookup struct {
	statement *sqlitedirect.Stmt
	by        []int // columns of the rows to look up
	width     int   // columns of a found row
	whole     bool  // the found columns are those of the rows to look up
	// fractions are the found columns whose decimals are stored as numbers.
	fractions []bool
	asked     [][]imports.Value
	// answer is the latest one, and spare the one before.
	answer, spare answer
}

// answer is the result of a lookup.
type answer struct {
	found [][]imports.Value // by row
	block []imports.Value
	text  []byte // of the found values
}

// newLookup prepares a lookup of a chunk of rows by an index. The first column of the result is the row that was looked
// up.
func (t *table) newLookup(by []int, byNames, want []string) (*lookup, error) {
	var ask, on, give []string
	for i, column := range byNames {
		ask = append(ask, fmt.Sprintf("k%d", i))
		on = append(on, fmt.Sprintf("%s = %s", t.have.collated(column, "t."+name(column)), t.asked(column, fmt.Sprintf("k.k%d", i))))
	}
	among, err := t.among(byNames, "t")
	if err != nil {
		return nil, err
	}
	if among != "" {
		on = append(on, among)
	}
	for _, column := range want {
		give = append(give, t.shown(column, "t."+name(column)))
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
	l := &lookup{statement: statement, by: by, width: len(want), fractions: make([]bool, len(want))}
	for i, column := range want {
		c, _ := t.sheet.Column(column)
		l.fractions[i] = c != nil && t.resolved[column] == nil && t.have.columns[fold(column)].fraction(c)
	}
	return l, nil
}

// newExisting prepares a lookup of whole rows by their keys.
func (t *table) newExisting() (*lookup, error) {
	l, err := t.newLookup(t.key, t.sheet.Key, columnNames(t.columns))
	if err != nil {
		return nil, err
	}
	l.whole = true
	return l, nil
}

// find runs a lookup in chunks. The result is valid until the second call from now.
func (t *table) find(ctx context.Context, l *lookup, rows [][]imports.Value) ([][]imports.Value, error) {
	l.answer, l.spare = l.spare, l.answer
	a := &l.answer
	a.found, a.text = slices.Grow(a.found[:0], len(rows))[:len(rows)], a.text[:0]
	clear(a.found)
	if need := len(rows) * l.width; len(a.block) < need {
		a.block = make([]imports.Value, need)
	}
	block := a.block
	for start := 0; start < len(rows); start += t.rows {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if block, err = l.run(rows[start:min(start+t.rows, len(rows))], t.rows, a.found[start:], block); err != nil {
			if permanent(err) {
				return nil, &imports.TableConflictError{Table: t.sheet.Table, Detail: "it can't be read: " + sqliteMessage(err)}
			}
			return nil, fmt.Errorf("look up in table %s: %w", t.sheet.Table, unavailable(err))
		}
	}
	return a.found, nil
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

// value reads a column of the found row. own is the value of the row that was looked up. If both are equal, it returns
// own. It truncates a longer text, which could otherwise use as much memory as all rows of the batch.
func (l *lookup) value(column int, own *imports.Value) imports.Value {
	switch l.statement.Kind(column) {
	case sqlitedirect.Null:
		return imports.Value{}
	case sqlitedirect.Integer:
		if !l.fractions[column-1] {
			return imports.Value{Kind: imports.Integer, Int: l.statement.Int(column)}
		}
	}
	raw := l.statement.RawText(column)
	if l.fractions[column-1] {
		raw = plainNumber(raw)
	}
	if own.Kind == imports.Text && bytes.Equal(raw, own.Bytes) {
		return *own
	}
	if l.whole && len(raw) > imports.ExistingText {
		raw = raw[:imports.ExistingText]
		if bytes.Equal(raw, own.Bytes) {
			raw = raw[1:]
		}
	}
	a := &l.answer
	from := len(a.text)
	a.text = append(a.text, raw...)
	return imports.Value{Kind: imports.Text, Bytes: a.text[from:len(a.text):len(a.text)]}
}

// plainNumber returns a number without an exponent and without zeros at its end.
func plainNumber(raw []byte) []byte {
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return raw
	}
	return strconv.AppendFloat(nil, f, 'f', -1, 64)
}

func columnNames(columns []*schema.Column) []string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.Name
	}
	return all
}
