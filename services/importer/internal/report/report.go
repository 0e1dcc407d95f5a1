// Package report writes the downloads of an import: a workbook of the rows that were not imported, which users can fix
// and upload again, a workbook of the imported rows, and a list of the errors as CSV. Together, the two workbooks have
// every row of the upload exactly once.
package report

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// Import is an import with the data for its downloads. The workbook is read again, one row at a time, and the stored
// issues are read in pages, so memory does not grow with either.
type Import struct {
	imports.Import
	Schema   *schema.Schema
	Workbook source.Workbook
	// Language is the language of the texts.
	Language messages.Language
	// RootCauses are the largest root causes, the largest first.
	RootCauses []imports.RootCause
	// Results returns the results of a sheet's rows, or imports.ErrNotFound.
	Results func(ctx context.Context, sheet string) (imports.RowResults, error)
	// Issues returns the stored issues of a sheet, or of all sheets if empty, in the order of the sheets and rows. An error
	// is the last element.
	Issues func(ctx context.Context, sheet string) iter.Seq2[imports.Issue, error]
}

// CountError means that a workbook would not have the rows that the import has counted. The workbook is not completed.
type CountError struct {
	// Sheet is the schema's name of the sheet.
	Sheet string
	// Rows are the rows of the workbook, and Want the counted rows.
	Rows, Want imports.Tally
}

func (e *CountError) Error() string {
	return fmt.Sprintf("sheet %q: the rows are %+v, but %+v were counted", e.Sheet, e.Rows, e.Want)
}

// results returns the results of a sheet's rows after checking them against its numbers. Results of earlier versions do
// not have refused rows, and exact is then false.
func (im *Import) results(ctx context.Context, sheet *imports.Sheet) (rows imports.RowResults, exact bool, err error) {
	if rows, err = im.Results(ctx, sheet.Name); err != nil {
		return rows, false, fmt.Errorf("read the results of the rows of sheet %s: %w", sheet.Name, err)
	}
	got, want := rows.Tally(), sheet.Counts.Tally()
	if !rows.Complete() {
		want.Refused = 0
	}
	if got != want {
		return rows, false, &CountError{Sheet: sheet.Name, Rows: got, Want: want}
	}
	return rows, rows.Complete(), nil
}

// rows reads a sheet again. If the run found merged cells, they have the value that they show, as in the run. Empty cells have the value of
// the cell above if they had it in the run: the rows of a download are not below the same ones.
func (im *Import) rows(ctx context.Context, f *fileSheet) (source.Rows, error) {
	sheet := &f.Sheet
	var merges []source.Range
	columns := sheet.ColumnNumbers()
	if slices.ContainsFunc(sheet.Notices, func(n imports.Notice) bool { return n.Reason == imports.MergesApplied }) {
		var err error
		merges, err = source.Merges(ctx, im.Workbook, sheet.WorkbookSheet, func(r source.Range) bool { return r.IsBelow(sheet.HeaderRow, columns) })
		if err != nil {
			return nil, fmt.Errorf("find the merged cells of sheet %q again: %w", sheet.WorkbookSheet, err)
		}
	}
	rows, err := im.Workbook.Rows(ctx, sheet.WorkbookSheet)
	if err != nil {
		return nil, fmt.Errorf("read sheet %q again: %w", sheet.WorkbookSheet, err)
	}
	if len(merges) > 0 {
		rows = source.FillMerges(rows, merges, columns)
	}
	below := map[int]string{}
	for _, table := range f.tables {
		spec, err := im.spec(table)
		if err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		maps.Copy(below, table.FilledDown(spec))
	}
	if len(below) > 0 {
		rows = source.FillDown(rows, below, sheet.HeaderRow)
	}
	if sheet.LastColumn > 0 {
		rows = cutRows{rows, sheet}
	}
	return rows, nil
}

// cutRows are rows with only the cells of a table.
type cutRows struct {
	source.Rows
	sheet *imports.Sheet
}

// Row implements source.Rows.
func (r cutRows) Row() source.Row { return r.sheet.Cut(r.Rows.Row()) }

// spec returns the schema of a sheet.
func (im *Import) spec(sheet *imports.Sheet) (*schema.Sheet, error) {
	spec := im.Schema.Sheet(sheet.Name)
	if spec == nil {
		return nil, fmt.Errorf("schema %s has no sheet %q", im.Schema.Name, sheet.Name)
	}
	return spec, nil
}

// FileName returns the file name of an import's download. Kind is "report.xlsx", "imported.xlsx", or "issues.csv".
func FileName(uploaded, kind string) string {
	for i := len(uploaded) - 1; i > 0; i-- {
		if uploaded[i] == '.' {
			return uploaded[:i] + "-" + kind
		}
	}
	if uploaded == "" {
		return kind
	}
	return uploaded + "-" + kind
}
