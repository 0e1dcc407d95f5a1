package check

import (
	"fmt"

	"headway/services/importer/internal/imports"
)

// Refusals are the rows and values that the database refused during a run, because of rules that the schema does not
// have. The run starts again with them, so that each is an issue of its row, and rows that depend on it are decided
// accordingly.
type Refusals struct {
	// rows are refused rows, by sheet and key. held are values that rows outside the file use, by sheet and column.
	rows map[string]map[string]refusal
	held map[string]map[string]refusal
	n    int
}

type refusal struct {
	column  string
	code    imports.IssueCode
	message string
}

// Len returns the number of refusals.
func (r *Refusals) Len() int { return r.n }

func (r *Refusals) add(to *map[string]map[string]refusal, sheet, key string, of refusal) {
	if *to == nil {
		*to = map[string]map[string]refusal{}
	}
	if (*to)[sheet] == nil {
		(*to)[sheet] = map[string]refusal{}
	}
	if _, known := (*to)[sheet][key]; !known {
		(*to)[sheet][key] = of
		r.n++
	}
}

// AddRow adds a row that the database refuses.
func (r *Refusals) AddRow(of imports.RefusedRow) {
	message := fmt.Sprintf("The table “%s” rejects this row: %s. Correct the row, or ask the operator about this rule of the table.", of.Table, of.Reason)
	r.add(&r.rows, of.Sheet, string(ownerKey(of.Key)), refusal{of.Column, imports.RefusedByDatabase, message})
}

// AddDangling adds a dangling reference.
func (r *Refusals) AddDangling(d imports.Dangling) {
	value := string(d.Value.Append(nil))
	if d.Row {
		message := fmt.Sprintf("The table “%s” has no row with “%s”. Correct the value, or add the missing row to the database.", d.Parent, value)
		r.add(&r.rows, d.Sheet, string(ownerKey(d.Key)), refusal{d.Column, imports.ReferenceMissing, message})
		return
	}
	uses := imports.Rows(uint32(d.Uses))
	message := fmt.Sprintf("“%s” can't be replaced, because %s of the table “%s” would still refer to it. Keep the value, or add those rows to the file with the new one.",
		value, uses, d.Child)
	r.add(&r.held, d.Sheet+"\x00"+d.Column, value, refusal{d.Column, imports.RefusedByDatabase, message})
}

// checkRefusals rejects a row that the database has refused, or whose value it can't replace. existing is the database's
// row, or nil.
func (s *Sheet) checkRefusals(existing []imports.Value) {
	v := &s.row
	if of, refused := s.Refusals.rows[s.Spec.Name][string(appendKey(nil, v.values, s.key))]; refused {
		s.refuse(of)
	}
	if existing == nil {
		return
	}
	for i := range s.Columns {
		held := s.Refusals.held[s.Spec.Name+"\x00"+s.Columns[i].Spec.Name]
		if held == nil || existing[i].Kind == imports.Null || existing[i].Equal(v.values[i]) {
			continue
		}
		if of, used := held[string(existing[i].Append(nil))]; used {
			s.refuse(of)
		}
	}
}

func (s *Sheet) refuse(of refusal) {
	column := -1
	for i := range s.Columns {
		if s.Columns[i].Spec.Name == of.column {
			column = i
		}
	}
	s.reject(column, of.code, func() string { return of.message })
}
