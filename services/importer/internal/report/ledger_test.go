package report

import (
	"bytes"
	"context"
	"iter"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/sample"
	"headway/services/importer/internal/xlsxwrite"
)

// ledgerBook has a preamble above its headers, a column that is not in the schema, and the 1904 date system.
func ledgerBook(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := xlsxwrite.New(&b)
	w.Date1904 = true
	sheet, err := w.Sheet("Issues", xlsxwrite.SheetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	day := w.Style(xlsxwrite.Style{Format: "dd.mm.yyyy"})
	text := func(s string) xlsxwrite.Cell { return xlsxwrite.Cell{Kind: xlsxwrite.Text, Text: s} }
	for _, row := range [][]xlsxwrite.Cell{
		{text("Ledger of 2025")},
		{text("Remark"), text("ID"), text("Paid on"), text("Amount"), text("Note")},
		{{}, text("0001"), {Kind: xlsxwrite.Number, Style: day, Text: "44000"}, {Kind: xlsxwrite.Number, Text: "1"}, text("fine")},
		{text("=HYPERLINK(\"http://example.com\")"), text("0002"), text("soon"), {Kind: xlsxwrite.Error, Text: "#DIV/0!"}, text("=cmd|' /C calc'!A0")},
		{},
		{{}, text("0003"), {Kind: xlsxwrite.Number, Style: day, Text: "44001.5"}, {Kind: xlsxwrite.FormulaWithoutValue, Text: "A1*2"}, text("-5 \x01 <b> _x0041_ \"q\"\r\nnext")},
		{{}, text("0004")},
	} {
		if err := sheet.Row(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func ledgerImport(t *testing.T, rejected, blocked, issues uint32) Import {
	return Import{Schema: loadSchema(t, ledger), Import: imports.Import{FileName: "ledger.xlsx", Sheets: []imports.Sheet{
		{Name: "issues", WorkbookSheet: "Issues", HeaderRow: 2, Counts: imports.Counts{Read: 4, Rejected: rejected, Blocked: blocked, Issues: issues},
			Columns: []imports.SheetColumn{{Name: "id", Column: 2}, {Name: "paid_on", Column: 3}, {Name: "amount", Column: 4}, {Name: "note", Column: 5}}},
	}}}
}

func ledgerIssues() []imports.Issue {
	return []imports.Issue{
		{Sheet: "issues", Cell: "Issues!A3", Row: 3, CellColumn: 1, Severity: imports.Warning, Message: "not imported"},
		{Sheet: "issues", Cell: "Issues!C4", Row: 4, CellColumn: 3, Column: "paid_on", Value: "soon", Severity: imports.Error, Message: "no date"},
		{Sheet: "issues", Cell: "Issues!D4", Row: 4, CellColumn: 4, Column: "amount", Severity: imports.Error, Message: "an error"},
		{Sheet: "issues", Cell: "Issues!D4", Row: 4, CellColumn: 4, Column: "amount", Severity: imports.Warning, Message: "and odd"},
		{Sheet: "issues", Cell: "Issues!D6", Row: 6, CellColumn: 4, Column: "amount", Severity: imports.Error, Message: "never calculated"},
		{Sheet: "issues", Cell: "Issues!7", Row: 7, Severity: imports.Error, Code: imports.ReferenceBlocked, Message: "blocked"},
	}
}

// stored returns issues as a store does.
func stored(issues ...imports.Issue) func(context.Context, string) iter.Seq2[imports.Issue, error] {
	return func(_ context.Context, sheet string) iter.Seq2[imports.Issue, error] {
		return func(yield func(imports.Issue, error) bool) {
			for _, i := range issues {
				if (sheet == "" || i.Sheet == sheet) && !yield(i, nil) {
					return
				}
			}
		}
	}
}

// with sets the stored data of an import: its issues, and the rows with errors as refused.
func with(im Import, data []byte, t *testing.T, issues ...imports.Issue) Import {
	t.Helper()
	im.Workbook = openBook(t, data)
	im.Issues = stored(issues...)
	im.Results = func(_ context.Context, sheet string) (imports.RowResults, error) {
		var rows imports.RowResults
		for _, i := range issues {
			if i.Sheet == sheet && i.Severity == imports.Error {
				rows.Set(i.Row, imports.Refused)
			}
		}
		return rows, nil
	}
	return im
}

// sampleImport is an import of a sample whose errors are all stored.
func sampleImport(t *testing.T) (Import, []byte, []imports.Issue) {
	t.Helper()
	var b bytes.Buffer
	m, err := sample.Write(t.Context(), &b, sample.Options{Rows: 900, Issues: 90})
	if err != nil {
		t.Fatal(err)
	}
	im := Import{Schema: workforce(t), Import: imports.Import{FileName: "people.xlsx"}}
	for _, n := range m.Sheets {
		spec := im.Schema.Sheet(n.Sheet)
		sheet := imports.Sheet{Name: n.Sheet, WorkbookSheet: spec.Title, HeaderRow: 1,
			Counts: imports.Counts{Read: n.Read, Rejected: n.Rejected, Issues: n.Rejected}}
		for i, c := range spec.Columns {
			sheet.Columns = append(sheet.Columns, imports.SheetColumn{Name: c.Name, Column: i + 1})
		}
		im.Sheets = append(im.Sheets, sheet)
	}
	var issues []imports.Issue
	for _, f := range m.Mistakes {
		sheet := im.Schema.Sheet(f.Sheet)
		_, column := sheet.Column(f.Column)
		issues = append(issues, imports.Issue{Sheet: f.Sheet, Cell: sheet.Title + "!" + f.Cell, Row: int(f.Row), CellColumn: column + 1, Column: f.Column,
			Severity: imports.Error, Code: codeOf(t, f.Code), Message: "This is " + f.Code + "."})
	}
	return im, b.Bytes(), issues
}

func codeOf(t *testing.T, name string) imports.IssueCode {
	t.Helper()
	for _, c := range imports.IssueCodes() {
		if c.String() == name {
			return c
		}
	}
	t.Fatalf("there is no code %q", name)
	return 0
}
