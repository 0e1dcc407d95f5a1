package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// lookup finds rows by the values of some columns.
type lookup struct {
	table *table
	// statement is the name of the prepared statement. It is empty if the table lacks a column to look up, so that there is
	// nothing to find.
	statement string
	give      []*schema.Column
	families  []family                 // of give
	asked     []int                    // indexes of the rows that are looked up
	params    [][]byte                 // arrays in PostgreSQL's binary format
	elements  []uint32                 // types of their elements
	possible  []func(text []byte) bool // whether the type of an element can have a text. It is nil for all texts
	formats   []int16                  // of the result
	// answer is the latest one, and spare the one before.
	answer, spare answer
}

// answer is the result of a lookup.
type answer struct {
	found [][]imports.Value // by row
	block []imports.Value
	text  []byte
}

// uuidLength is the number of characters of a UUID.
const uuidLength = 36

// newLookup prepares a lookup by an index.
func (t *table) newLookup(ctx context.Context, by []string, give []*schema.Column) (*lookup, error) {
	l := &lookup{table: t, give: give, params: make([][]byte, len(by)), formats: []int16{pgtype.BinaryFormatCode}}
	var arrays, on, columns []string
	parents := ""
	for i, column := range by {
		a := t.attribute(column)
		if a == nil {
			return l, nil
		}
		base, f, values, r := a.base, a.family, a.labels, t.resolved[column]
		if r != nil {
			base, f, values = r.base, r.family, r.labels
			parents += fmt.Sprintf(" JOIN %s q%d ON q%[2]d.%[3]s = k.k%[2]d", r.parent, i, name(r.code))
		}
		array, element := fmt.Sprintf("$%d::text[]::%s[]", i+1, base), uint32(pgtype.TextOID)
		if f == integers {
			array, element = fmt.Sprintf("$%d::bigint[]", i+1), pgtype.Int8OID
		}
		asked := fmt.Sprintf("k.k%d", i)
		if r != nil {
			asked = fmt.Sprintf("q%d.%s", i, name(r.id))
		} else if f == moments {
			array, asked = fmt.Sprintf("$%d::text[]::timestamp[]", i+1), asked+" AT TIME ZONE 'UTC'"
		}
		l.elements, l.possible = append(l.elements, element), append(l.possible, possible(f, values))
		arrays, on = append(arrays, array), append(on, fmt.Sprintf("t.%s = %s", name(column), asked))
	}
	if among := t.among(by, "t"); among != "" {
		on = append(on, among)
	}
	joins := ""
	for _, c := range give {
		l.formats = append(l.formats, pgtype.TextFormatCode)
		l.families = append(l.families, t.family(c))
		switch a, r := t.attribute(c.Name), t.resolved[c.Name]; {
		case r != nil:
			joins += fmt.Sprintf(" LEFT JOIN %s %s ON %[2]s.%s = t.%s", r.parent, r.alias, name(r.id), name(c.Name))
			columns = append(columns, r.alias+"."+name(r.code)+"::"+t.family(c).staged())
		case a == nil:
			columns = append(columns, "NULL::text")
		default:
			columns = append(columns, a.family.read("t."+name(c.Name)))
		}
	}
	asked := make([]string, len(by))
	for i := range by {
		asked[i] = fmt.Sprintf("k%d", i)
	}
	t.tx.lookups++
	l.statement = fmt.Sprintf("headway_lookup_%d", t.tx.lookups)
	_, err := t.tx.reader.PgConn().Prepare(ctx, l.statement, fmt.Sprintf("SELECT k.i, %s FROM unnest(%s) WITH ORDINALITY AS k(%s, i)%s JOIN %s t ON %s%s",
		strings.Join(columns, ", "), strings.Join(arrays, ", "), strings.Join(asked, ", "), parents, tableName(t.sheet.Table), strings.Join(on, " AND "), joins), nil)
	if err != nil {
		return nil, l.failed(ctx, err)
	}
	return l, nil
}

// begin starts to collect the values for up to n rows.
func (l *lookup) begin(n int) {
	l.answer, l.spare = l.spare, l.answer
	a := &l.answer
	a.found, a.text = slices.Grow(a.found[:0], n)[:n], a.text[:0]
	clear(a.found)
	l.asked = l.asked[:0]
	for i := range l.params {
		l.params[i] = append(l.params[i][:0], make([]byte, arrayHeader)...)
	}
}

// arrayHeader is the length of the header of an array with one dimension.
const arrayHeader = 20

// possible returns whether a column can have a text. The cast of any other text would fail. It returns nil if the column can have any.
func possible(f family, values []string) func(text []byte) bool {
	switch f {
	case uuids:
		return func(text []byte) bool { return len(text) == uuidLength && uuid.Validate(string(text)) == nil }
	case labels:
		return func(text []byte) bool { return slices.Contains(values, string(text)) }
	}
	return nil
}

// ask adds a row. A row with a null, or with a value that its column can't have, matches nothing.
func (l *lookup) ask(i int, row []imports.Value, by []int) {
	if l.statement == "" || slices.ContainsFunc(by, func(k int) bool { return row[k].Kind == imports.Null }) {
		return
	}
	for p, k := range by {
		if is := l.possible[p]; is != nil && !is(row[k].Bytes) {
			return
		}
	}
	l.asked = append(l.asked, i)
	for p, k := range by {
		b := l.params[p]
		if v := &row[k]; l.elements[p] == pgtype.Int8OID {
			b = binary.BigEndian.AppendUint32(b, 8)
			b = binary.BigEndian.AppendUint64(b, uint64(v.Int))
		} else {
			at := len(b)
			b = v.Append(append(b, 0, 0, 0, 0))
			binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4))
		}
		l.params[p] = b
	}
}

// run looks the rows up. rows are those that the found ones are compared with, or nil.
func (l *lookup) run(ctx context.Context, rows [][]imports.Value) error {
	if len(l.asked) == 0 {
		return nil
	}
	formats := make([]int16, len(l.params))
	for i, b := range l.params {
		binary.BigEndian.PutUint32(b, 1)
		binary.BigEndian.PutUint32(b[4:], 0)
		binary.BigEndian.PutUint32(b[8:], l.elements[i])
		binary.BigEndian.PutUint32(b[12:], uint32(len(l.asked)))
		binary.BigEndian.PutUint32(b[16:], 1)
		formats[i] = pgtype.BinaryFormatCode
	}
	a := &l.answer
	if need := len(l.asked) * len(l.give); len(a.block) < need {
		a.block = make([]imports.Value, need)
	}
	block := a.block
	result := l.table.tx.reader.PgConn().ExecPrepared(ctx, l.statement, l.params, formats, l.formats)
	var wrong error
	for result.NextRow() {
		raw := result.Values()
		i := l.asked[binary.BigEndian.Uint64(raw[0])-1]
		if a.found[i] != nil {
			continue // the column is not unique in the database
		}
		row := block[:len(l.give):len(l.give)]
		block = block[len(l.give):]
		for c := range row {
			var err error
			if rows != nil {
				row[c], a.text, err = compared(raw[1+c], &rows[i][c], l.give[c], l.families[c], a.text)
			} else {
				row[c], a.text, err = value(raw[1+c], l.give[c], l.families[c], a.text)
			}
			if err != nil {
				wrong = errors.Join(wrong, err)
			}
		}
		a.found[i] = row
	}
	if _, err := result.Close(); err != nil {
		return l.failed(ctx, err)
	}
	if wrong != nil {
		return &imports.TableConflictError{Table: l.table.sheet.Table, Detail: wrong.Error()}
	}
	return nil
}

// compared is like value, but returns the file's own value if it is the same, and cuts other texts: their whole could use as much memory
// as the table.
func compared(raw []byte, own *imports.Value, of *schema.Column, f family, dst []byte) (imports.Value, []byte, error) {
	if raw == nil || of.Type == schema.Integer || of.Type == schema.Boolean {
		return value(raw, of, f, dst)
	}
	if f == decimals || f == floats {
		raw = trimZeros(raw)
	}
	if own.Kind == imports.Text && (bytes.Equal(raw, own.Bytes) || f == documents && sameDocument(own.Bytes, raw)) {
		return *own, dst, nil
	}
	if len(raw) > imports.ExistingText {
		if raw = raw[:imports.ExistingText]; bytes.Equal(raw, own.Bytes) {
			raw = raw[1:]
		}
	}
	v, dst := textValue(raw, dst)
	return v, dst, nil
}

// failed is the error of a lookup.
func (l *lookup) failed(ctx context.Context, err error) error {
	if permanent(err) {
		return &imports.TableConflictError{Table: l.table.sheet.Table, Detail: "it can't be read: " + message(err)}
	}
	return fmt.Errorf("look up in table %s: %w", l.table.sheet.Table, failed(ctx, err))
}
