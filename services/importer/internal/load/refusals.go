package load

import (
	"errors"
	"fmt"

	"headway/services/importer/internal/check"
	"headway/services/importer/internal/imports"
)

// maxPasses is the maximum number of times that a run starts again because the database refuses rows. One more pass is
// usually enough. But a refusal can cause others: a rejected row keeps a value that another row needs.
const maxPasses = 6

// errRefused means that the database refused rows in a pass, so the run starts again.
var errRefused = errors.New("the database refuses rows")

// refusals are the rows that the database refused in one pass.
type refusals struct {
	rows     []imports.RefusedRow
	dangling []imports.Dangling
	count    int
}

// take records the refused rows of an error. It returns an error that is about something else.
func (r *refusals) take(err error) error {
	var refused *imports.RefusedRowsError
	if !errors.As(err, &refused) {
		return err
	}
	r.count += len(refused.Rows)
	r.rows = append(r.rows, refused.Rows[:min(len(refused.Rows), imports.MaxRefusals+1-len(r.rows))]...)
	return nil
}

func (r *refusals) any() bool { return len(r.rows) > 0 || len(r.dangling) > 0 }

// addTo adds the refusals to those of earlier passes.
func (r *refusals) addTo(all *check.Refusals) {
	for _, row := range r.rows {
		all.AddRow(row)
	}
	for _, d := range r.dangling {
		all.AddDangling(d)
	}
}

// conflict returns the error of an import whose rows can't be saved, even without those that were refused.
func (r *refusals) conflict() error {
	if len(r.rows) > 0 {
		return &imports.TableConflictError{Table: r.rows[0].Table, Detail: fmt.Sprintf("it refuses %s: %s", imports.Rows(uint32(r.count)), r.rows[0].Reason)}
	}
	d := r.dangling[0]
	return &imports.TableConflictError{Table: d.Child, Detail: fmt.Sprintf("a row refers to “%s” of %s, which would no longer exist", d.Value.Append(nil), d.Parent)}
}
