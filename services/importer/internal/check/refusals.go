package check

import (
	"encoding/binary"
	"slices"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
)

// Refusals are the rows and values that the database refused during a run, because of rules that the schema does not
// have. The run starts again with them, so that each is an issue of its row, and rows that depend on it are decided
// accordingly.
type Refusals struct {
	rows map[refusedRow]*refusal
	held map[heldValue]*refusal
}

// refusedRow is a row that the database refuses.
type refusedRow struct{ sheet, key string }

// heldValue is a value that rows outside the file use.
type heldValue struct{ sheet, column, value string }

type refusal struct {
	column string
	code   imports.IssueCode
	says   messages.Message
}

// Len returns the number of refusals.
func (r *Refusals) Len() int { return len(r.rows) + len(r.held) }

func (r *Refusals) addRow(sheet, key string, why *refusal) {
	if r.rows == nil {
		r.rows = map[refusedRow]*refusal{}
	}
	if row := (refusedRow{sheet, key}); r.rows[row] == nil {
		r.rows[row] = why
	}
}

// AddRow adds a row that the database refuses.
func (r *Refusals) AddRow(of imports.RefusedRow) {
	says := messages.New("database.refuses", messages.Text("table", of.Table), messages.Text("reason", of.Reason))
	r.addRow(of.Sheet, string(exactKey(of.Key, identity(len(of.Key)))), &refusal{of.Column, imports.RefusedByDatabase, says})
}

// AddDangling adds a dangling reference.
func (r *Refusals) AddDangling(d imports.Dangling) {
	value := string(d.Value.Append(nil))
	if d.Row {
		says := messages.New("database.missing", messages.Text("table", d.Parent), messages.Text("value", value))
		r.addRow(d.Sheet, string(exactKey(d.Key, identity(len(d.Key)))), &refusal{d.Column, imports.ReferenceMissing, says})
		return
	}
	says := messages.New("database.uses", messages.Text("value", value), messages.Count("n", uint32(d.Uses)), messages.Text("table", d.Child))
	if r.held == nil {
		r.held = map[heldValue]*refusal{}
	}
	if held := (heldValue{d.Sheet, d.Column, value}); r.held[held] == nil {
		r.held[held] = &refusal{d.Column, imports.RefusedByDatabase, says}
	}
}

// checkRefusals rejects a row that the database has refused, or whose value it can't replace. existing is the database's
// row, or nil.
func (s *Sheet) checkRefusals(existing []imports.Value) {
	v := &s.row
	if why, refused := s.Refusals.rows[refusedRow{s.Spec.Name, string(exactKey(v.values, s.key))}]; refused {
		s.refuse(why)
	}
	if existing == nil || len(s.Refusals.held) == 0 {
		return
	}
	for i := range s.Columns {
		if existing[i].Kind == imports.Null || existing[i].Equal(v.values[i]) {
			continue
		}
		if why, held := s.Refusals.held[heldValue{s.Spec.Name, s.Columns[i].Spec.Name, string(existing[i].Append(nil))}]; held {
			s.refuse(why)
		}
	}
}

func (s *Sheet) refuse(why *refusal) {
	column := slices.IndexFunc(s.Columns, func(c Column) bool { return c.Spec.Name == why.column })
	s.reject(column, why.code, func() messages.Message { return why.says })
}

// exactKey returns an unambiguous encoding of a row's key as the file has it. at are the indexes of the key's values in the row.
func exactKey(row []imports.Value, at []int) (key []byte) {
	for _, k := range at {
		start := len(key)
		key = row[k].Append(append(key, 0, 0, 0, 0))
		binary.BigEndian.PutUint32(key[start:], uint32(len(key)-start-4))
	}
	return key
}
