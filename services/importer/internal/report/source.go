package report

import (
	"context"
	"fmt"
	"iter"

	"headway/services/importer/internal/source"
)

// FromWorkbook gives the rows of the uploaded workbook, which is read again; issues gives the recorded issues of a
// sheet (by the schema's name) by ascending row.
func FromWorkbook(book source.Workbook, issues func(ctx context.Context, sheet string) iter.Seq2[Issue, error]) Source {
	return &workbookSource{book, issues}
}

type workbookSource struct {
	book   source.Workbook
	issues func(context.Context, string) iter.Seq2[Issue, error]
}

func (s *workbookSource) Rows(ctx context.Context, sheet Sheet) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if err := s.each(ctx, sheet, func(r Row) bool { return yield(r, nil) }); err != nil {
			yield(Row{}, err)
		}
	}
}

// each walks through the rows and the issues side by side.
func (s *workbookSource) each(ctx context.Context, sheet Sheet, visit func(Row) bool) error {
	rows, err := s.book.Rows(ctx, sheet.WorkbookSheet)
	if err != nil {
		return fmt.Errorf("read sheet %q again: %w", sheet.WorkbookSheet, err)
	}
	defer func() { _ = rows.Close() }() // only read
	next, stop := iter.Pull2(s.issues(ctx, sheet.Name))
	defer stop()
	issue, err, more := next()

	var found []Issue
	for rows.Next() {
		row := rows.Row()
		if row.Number < sheet.HeaderRow {
			continue
		}
		found = found[:0]
		for ; more && err == nil && issue.Row <= row.Number; issue, err, more = next() {
			if issue.Row < row.Number {
				return fmt.Errorf("sheet %q: an issue names row %d, which the workbook does not have", sheet.WorkbookSheet, issue.Row)
			}
			found = append(found, issue)
		}
		if err != nil {
			return fmt.Errorf("read the issues of sheet %q: %w", sheet.Name, err)
		}
		if row.Number > sheet.HeaderRow && len(found) == 0 {
			if !more {
				return nil
			}
			continue
		}
		if !visit(Row{row, found}) {
			return nil
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read sheet %q again: %w", sheet.WorkbookSheet, err)
	}
	if err != nil {
		return fmt.Errorf("read the issues of sheet %q: %w", sheet.Name, err)
	}
	if more {
		return fmt.Errorf("sheet %q: an issue names row %d, which the workbook does not have", sheet.WorkbookSheet, issue.Row)
	}
	return nil
}
