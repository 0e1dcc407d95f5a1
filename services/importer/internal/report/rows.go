package report

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
)

// refusedRows are the rows of a sheet that go into the report.
type refusedRows struct {
	im    *Import
	sheet *imports.Sheet
	// results are those of the run if exact is true. Otherwise, the stored issues name the rows.
	results imports.RowResults
	exact   bool
}

// refused returns the rows of a sheet that go into the report. A sheet that the run did not reach has no such rows.
func (im *Import) refused(ctx context.Context, sheet *imports.Sheet) (*refusedRows, error) {
	r := &refusedRows{im: im, sheet: sheet}
	results, exact, err := im.results(ctx, sheet)
	if errors.Is(err, imports.ErrNotFound) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	r.results, r.exact = results, exact
	return r, nil
}

// has reports whether a row with these issues goes into the report.
func (r *refusedRows) has(row int, issues []imports.Issue) bool {
	if r.exact {
		return r.results.Of(row) == imports.Refused
	}
	for i := range issues {
		if issues[i].Severity == imports.Error {
			return true
		}
	}
	return false
}

// want returns the number of rows that the report must have.
func (r *refusedRows) want() int { return int(r.sheet.Counts.Rejected + r.sheet.Counts.Blocked) }

// issuesByRow returns the stored issues of the sheet by row, in ascending order. The slice is valid until the next one.
func (r *refusedRows) issuesByRow(ctx context.Context) iter.Seq2[[]imports.Issue, error] {
	return func(yield func([]imports.Issue, error) bool) {
		var found []imports.Issue
		for issue, err := range r.im.Issues(ctx, r.sheet.Name) {
			if err != nil {
				yield(nil, fmt.Errorf("read the issues of sheet %q: %w", r.sheet.Name, err))
				return
			}
			if len(found) > 0 && issue.Row != found[0].Row {
				if !yield(found, nil) {
					return
				}
				found = found[:0]
			}
			found = append(found, issue)
		}
		if len(found) > 0 {
			yield(found, nil)
		}
	}
}

// each reads the sheet again. It calls header with the header row, and then visit with every row that goes into the
// report and its stored issues, by ascending number. It calls list with every stored issue.
func (r *refusedRows) each(ctx context.Context, list func(*imports.Issue), header func(source.Row) error, visit func(source.Row, []imports.Issue) error) error {
	rows, err := r.im.rows(ctx, r.sheet)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // only read
	pull, stop := iter.Pull2(r.issuesByRow(ctx))
	defer stop()
	next := func() ([]imports.Issue, error, bool) {
		issues, err, more := pull()
		for i := range issues {
			list(&issues[i])
		}
		return issues, err, more
	}
	issues, err, more := next()
	headed, visited := false, 0
	for rows.Next() {
		row := rows.Row()
		for ; more && err == nil && issues[0].Row < row.Number; issues, err, more = next() {
			if err := r.missing(issues); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
		var found []imports.Issue
		if more && issues[0].Row == row.Number {
			found = issues
		}
		switch {
		case row.Number == r.sheet.HeaderRow:
			headed = true
			err = header(row)
		case row.Number > r.sheet.HeaderRow && r.has(row.Number, found):
			visited++
			err = visit(row, found)
		}
		if err != nil {
			return err
		}
		if found != nil {
			issues, err, more = next()
		}
		if headed && !more && (visited >= r.want() || !r.exact) {
			break
		}
	}
	if err := errors.Join(rows.Err(), err); err != nil {
		return fmt.Errorf("read sheet %q again: %w", r.sheet.WorkbookSheet, err)
	}
	for ; more && err == nil; issues, err, more = next() {
		if err := r.missing(issues); err != nil {
			return err
		}
	}
	if !headed {
		return fmt.Errorf("the workbook has no header row %d", r.sheet.HeaderRow)
	}
	return err
}

// missing returns the error for issues whose row is not in the workbook.
func (r *refusedRows) missing(issues []imports.Issue) error {
	if issues[0].Row <= r.sheet.HeaderRow {
		return nil
	}
	return fmt.Errorf("sheet %q: an issue names row %d, which the workbook does not have", r.sheet.WorkbookSheet, issues[0].Row)
}
