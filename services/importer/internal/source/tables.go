package source

import "context"

// Table is a range of a sheet that the file declares to be a table, with its rows of headers and totals.
type Table struct {
	Range
	// HeaderRows and TotalsRows are the numbers of its first rows with headers, and of its last rows with totals.
	HeaderRows, TotalsRows int32
}

// Tables returns the tables of a sheet. A workbook of a format with tables has a method with this name.
func Tables(ctx context.Context, w Workbook, sheet string) ([]Table, error) {
	if tabled, ok := w.(interface {
		Tables(ctx context.Context, sheet string) ([]Table, error)
	}); ok {
		return tabled.Tables(ctx, sheet)
	}
	return nil, nil
}

// HiddenColumn reports whether a column of a sheet is hidden. Columns count from 1. It can be called after the first
// call of Next. Rows of formats with hidden columns have a method with this name.
func HiddenColumn(rows Rows, col int) bool {
	r, ok := rows.(interface{ HiddenColumn(col int) bool })
	return ok && r.HiddenColumn(col)
}
