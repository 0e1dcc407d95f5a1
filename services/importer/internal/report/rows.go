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
	sheet *fileSheet
	// results are those of the run, by table, if exact is true. Otherwise, the stored issues name the rows.
	results []imports.RowResults
	exact   bool
}

// refused returns the rows of a sheet that go into the report. A table that the run did not reach has no such rows.
func (im *Import) refused(ctx context.Context, sheet *fileSheet) (*refusedRows, error) {
	r := &refusedRows{im: im, sheet: sheet}
	for _, table := range sheet.tables {
		results, exact, err := im.results(ctx, table)
		if errors.Is(err, imports.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		r.results, r.exact = append(r.results, results), exact
	}
	return r, nil
}

// refuses reports whether a table has refused a row.
func (r *refusedRows) refuses(row int) bool {
	for i := range r.results {
		if r.results[i].Of(row) == imports.Refused {
			return true
		}
	}
	return false
}

// has reports whether a row with these issues goes into the report.
func (r *refusedRows) has(row int, issues []imports.Issue) bool {
	if r.exact {
		return r.refuses(row)
	}
	for i := range issues {
		if issues[i].Severity == imports.Error {
			return true
		}
	}
	return false
}

// want returns the number of rows that the report must have.
func (r *refusedRows) want() (n int) {
	if !r.exact || len(r.results) == 1 {
		for _, table := range r.sheet.tables {
			n += int(table.Counts.Rejected + table.Counts.Blocked)
		}
		return n
	}
	last := 0
	for i := range r.results {
		last = max(last, r.results[i].Last())
	}
	for row := 1; row <= last; row++ {
		if r.refuses(row) {
			n++
		}
	}
	return n
}

// issuesByRow returns the stored issues of the sheet by row, in ascending order. The slice is valid until the next one.
func (r *refusedRows) issuesByRow(ctx context.Context) iter.Seq2[[]imports.Issue, error] {
	return func(yield func([]imports.Issue, error) bool) {
		var found []imports.Issue
		for issue, err := range r.issues(ctx) {
			if err != nil {
				yield(nil, fmt.Errorf("read the issues of sheet %q: %w", r.sheet.WorkbookSheet, err))
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

// issues returns the stored issues of all tables, in the order of the rows, and in that of the tables for each row.
func (r *refusedRows) issues(ctx context.Context) iter.Seq2[imports.Issue, error] {
	all := r.im.Issues(ctx, r.sheet.tables[0].Name)
	for _, table := range r.sheet.tables[1:] {
		all = mergeIssues(all, r.im.Issues(ctx, table.Name))
	}
	return all
}

// mergeIssues merges two lists by their rows. Issues of the first one come before those of the second.
func mergeIssues(a, b iter.Seq2[imports.Issue, error]) iter.Seq2[imports.Issue, error] {
	return func(yield func(imports.Issue, error) bool) {
		next, stop := iter.Pull2(b)
		defer stop()
		later, failed, more := next()
		for issue, err := range a {
			for ; err == nil && more && failed == nil && later.Row < issue.Row; later, failed, more = next() {
				if !yield(later, nil) {
					return
				}
			}
			if !yield(issue, err) || err != nil {
				return
			}
		}
		for ; more; later, failed, more = next() {
			if !yield(later, failed) || failed != nil {
				return
			}
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
	headed, visited, want := false, 0, r.want()
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
		if headed && !more && (visited >= want || !r.exact) {
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
