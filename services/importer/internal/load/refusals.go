package load

import (
	"errors"
	"fmt"

	"headway/services/importer/internal/check"
	"headway/services/importer/internal/imports"
)

// maxPasses is the number of times that a run starts again because the database refuses rows. One more pass is enough
// unless a refusal makes another one: a row that is rejected keeps a value that another row needs.
const maxPasses = 6

// errRefused means that the database refused something in a pass, so that the run starts again.
var errRefused = errors.New("the database refuses rows")

// refusals are what the database refused in one pass.
type refusals struct {
	rows     []refusedRow
	dangling []imports.Dangling
	first    *imports.RefusedRowsError
	count    int
}

// refusedRow is a refused row with a copy of its values.
type refusedRow struct {
	sheet  *check.Sheet
	values []imports.Value
	of     imports.RefusedRow
}

// add records refused rows of a sheet. Only the goroutine that writes calls it.
func (r *refusals) add(sheet *check.Sheet, rows [][]imports.Value, refused *imports.RefusedRowsError) {
	if r.first == nil {
		r.first = refused
	}
	r.count += len(refused.Rows)
	for _, of := range refused.Rows {
		if len(r.rows) > check.MaxRefusals {
			return
		}
		values := make([]imports.Value, len(rows[of.Index]))
		for i, v := range rows[of.Index] {
			v.Bytes = append([]byte(nil), v.Bytes...)
			values[i] = v
		}
		r.rows = append(r.rows, refusedRow{sheet: sheet, values: values, of: of})
	}
}

func (r *refusals) any() bool { return len(r.rows) > 0 || len(r.dangling) > 0 }

// addTo adds what was refused to that of earlier passes.
func (r *refusals) addTo(all *check.Refusals) {
	for _, row := range r.rows {
		all.AddRow(row.sheet, row.values, row.sheet.Spec.Table, row.of)
	}
	for _, d := range r.dangling {
		all.AddDangling(d)
	}
}

// conflict returns the error of an import whose rows can't be saved, even without those that were refused.
func (r *refusals) conflict() error {
	if r.first != nil {
		return &imports.TableConflictError{Table: r.first.Table, Detail: fmt.Sprintf("it refuses %s: %s", imports.Rows(uint32(r.count)), r.first.Rows[0].Reason)}
	}
	d := r.dangling[0]
	return &imports.TableConflictError{Table: d.Child, Detail: fmt.Sprintf("a row refers to “%s” of %s, which would no longer exist", d.Value.Append(nil), d.Parent)}
}
