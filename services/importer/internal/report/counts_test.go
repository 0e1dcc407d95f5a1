package report

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
)

func TestReportMatchesCounts(t *testing.T) {
	data := ledgerBook(t)
	var count *CountError
	if err := Write(t.Context(), io.Discard, with(ledgerImport(t, 3, 1, 4), data, t, ledgerIssues()...)); !errors.As(err, &count) || count.Rows.Refused != 3 || count.Want.Refused != 4 {
		t.Errorf("the error is %v", err)
	}
	for _, row := range []int{5, 8} {
		missing := with(ledgerImport(t, 1, 0, 1), data, t, imports.Issue{Sheet: "issues", Row: row, CellColumn: 1, Severity: imports.Error})
		if err := Write(t.Context(), io.Discard, missing); err == nil {
			t.Errorf("an issue at row %d, which the workbook does not have, is not an error", row)
		}
	}
	// The run has refused a row that the workbook doesn't have.
	lost := with(ledgerImport(t, 2, 0, 2), data, t)
	lost.Results = results(map[int]imports.RowResult{3: imports.Refused, 5: imports.Refused})
	if err := Write(t.Context(), io.Discard, lost); !errors.As(err, &count) || count.Rows.Refused != 1 || count.Want.Refused != 2 {
		t.Errorf("the error is %v", err)
	}
}

func TestReportHoldsRowsWhoseErrorsAreNotStored(t *testing.T) {
	im := with(ledgerImport(t, 2, 1, 5), ledgerBook(t), t, ledgerIssues()[1:3]...)
	im.Results = results(map[int]imports.RowResult{4: imports.Refused, 6: imports.Refused, 7: imports.Refused})
	im.Sheets[0].Found = imports.Found{Errors: map[imports.IssueCode]uint32{0: 2, imports.Required: 2, imports.ReferenceBlocked: 1}}
	f, out := report(t, im)
	if rows := readSheet(t, openBook(t, out), "Issues"); len(rows) != 4 || string(rows[4][0].Text) != "0004" {
		t.Errorf("the sheet holds %v", rows)
	}
	rows, err := f.GetRows("Errors")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{
		{"Issues", "REQUIRED", "error", "2", "0"},
		{"Issues", "REFERENCE_BLOCKED", "waiting", "1", "0"},
	} {
		if !slices.ContainsFunc(rows, func(r []string) bool { return slices.Equal(r, want) }) {
			t.Errorf("no row is %q", want)
		}
	}
	if !slices.ContainsFunc(rows, func(r []string) bool {
		return len(r) > 0 && strings.HasPrefix(r[0], "Issues: 3 more errors were found and are not listed. Their rows are in this workbook")
	}) {
		t.Errorf("nothing says what is not listed: %q", rows)
	}
	var list bytes.Buffer
	if err := WriteCSV(t.Context(), &list, im); err != nil || !strings.Contains(list.String(), `"issues","","","","","error","REQUIRED","2 more errors with this code were found, but are not listed."`) {
		t.Errorf("the list is %q, %v", list.String(), err)
	}
}

func TestReportOfEarlierVersionNamesMissingRows(t *testing.T) {
	im := with(ledgerImport(t, 100, 1, 200), ledgerBook(t), t, ledgerIssues()...)
	im.Results = func(context.Context, string) (imports.RowResults, error) {
		return imports.RowResults{}, imports.ErrNotFound
	}
	f, out := report(t, im)
	if rows := readSheet(t, openBook(t, out), "Issues"); len(rows) != 4 {
		t.Errorf("the sheet holds %v", rows)
	}
	rows, err := f.GetRows("Errors")
	if err != nil || !slices.ContainsFunc(rows, func(r []string) bool {
		return len(r) > 0 && strings.HasPrefix(r[0], "Issues: 196 more errors were found and are not listed. Their rows are not in this workbook.")
	}) {
		t.Errorf("nothing says what is missing: %q, %v", rows, err)
	}
}

func TestReportErrors(t *testing.T) {
	data := ledgerBook(t)
	lost := errors.New("the store is gone")
	failing := with(ledgerImport(t, 0, 0, 0), data, t)
	failing.Issues = func(context.Context, string) iter.Seq2[imports.Issue, error] {
		return func(yield func(imports.Issue, error) bool) { yield(imports.Issue{}, lost) }
	}
	if err := Write(t.Context(), io.Discard, failing); !errors.Is(err, lost) {
		t.Errorf("the error is %v", err)
	}
	im := with(ledgerImport(t, 2, 1, 4), data, t, ledgerIssues()...)
	if err := Write(t.Context(), brokenPipe{}, im); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Write(ctx, io.Discard, im); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}
