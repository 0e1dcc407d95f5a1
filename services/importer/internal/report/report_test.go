package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"go.uber.org/goleak"

	"headway/schemas"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/sample"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/xlsx"
	"headway/services/importer/internal/xlsxwrite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func workforce(t *testing.T) *schema.Schema {
	t.Helper()
	data, err := schemas.Files.ReadFile("workforce.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return loadSchema(t, string(data))
}

func loadSchema(t *testing.T, text string) *schema.Schema {
	t.Helper()
	s, err := schema.Load("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openBook(t *testing.T, data []byte) source.Workbook {
	t.Helper()
	book, err := xlsx.Open(t.Context(), bytes.NewReader(data), int64(len(data)), source.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { book.Close() })
	return book
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

// with sets what a store holds about an import: its issues, and as refused the rows that have errors.
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

// report writes a report and reads it back with excelize.
func report(t *testing.T, im Import) (*excelize.File, []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := Write(t.Context(), &b, im); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, b.Bytes()
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

// readSheet reads a sheet with the importer's own reader.
func readSheet(t *testing.T, book source.Workbook, sheet string) map[int][]source.Cell {
	t.Helper()
	rows, err := book.Rows(t.Context(), sheet)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := make(map[int][]source.Cell)
	for rows.Next() {
		row := rows.Row()
		for _, c := range row.Cells {
			c.Text = slices.Clone(c.Text)
			all[row.Number] = append(all[row.Number], c)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRejectedRowsAreReadTheSameAgain(t *testing.T) {
	im, data, issues := sampleImport(t)
	original := openBook(t, data)
	_, out := report(t, with(im, data, t, issues...))
	again := openBook(t, out)
	for _, sheet := range im.Sheets {
		before, after := readSheet(t, original, sheet.WorkbookSheet), readSheet(t, again, sheet.WorkbookSheet)
		if len(after) != int(sheet.Counts.Rejected)+1 {
			t.Errorf("%s has %d rows, want the header and %d", sheet.Name, len(after), sheet.Counts.Rejected)
		}
		spec := im.Schema.MatchSheet(sheet.WorkbookSheet)
		if spec == nil || spec.Name != sheet.Name {
			t.Errorf("%s is not found again", sheet.WorkbookSheet)
		}
		number := 1
		for _, i := range issues {
			if i.Sheet != sheet.Name {
				continue
			}
			number++
			compareRows(t, i, before[i.Row], after[number])
		}
		compareRows(t, imports.Issue{}, before[1], after[1])
	}
}

// compareRows expects the same cells, but for a formula without a value.
func compareRows(t *testing.T, i imports.Issue, before, after []source.Cell) {
	t.Helper()
	find := func(cells []source.Cell, column int) source.Cell {
		for _, c := range cells {
			if c.Col == column {
				return c
			}
		}
		return source.Cell{}
	}
	for column := 1; column <= 12; column++ {
		a, b := find(before, column), find(after, column)
		if a.Kind == source.FormulaWithoutValue {
			if b.Kind != source.ErrorValue {
				t.Errorf("%s: the formula without a value is %q of kind %d, want an error", i.Cell, b.Text, b.Kind)
			}
			continue
		}
		if a.Kind != b.Kind || !bytes.Equal(a.Text, b.Text) {
			t.Errorf("%s: column %d was %q of kind %d, and is %q of kind %d", i.Cell, column, a.Text, a.Kind, b.Text, b.Kind)
		}
		if (a.Kind == source.Number || a.Kind == source.Date) && a.Format.Code != b.Format.Code {
			t.Errorf("%s: column %d was shown as %q, and is as %q", i.Cell, column, a.Format.Code, b.Format.Code)
		}
		if b.HasFormula {
			t.Errorf("%s: column %d is a formula", i.Cell, column)
		}
	}
}

func TestCellsWithErrorsAreMarked(t *testing.T) {
	im, data, issues := sampleImport(t)
	f, _ := report(t, with(im, data, t, issues...))
	for _, sheet := range im.Sheets {
		comments, err := f.GetComments(sheet.WorkbookSheet)
		if err != nil {
			t.Fatal(err)
		}
		number := 1
		for _, i := range issues {
			if i.Sheet != sheet.Name {
				continue
			}
			number++
			cell := xlsxwrite.CellName(i.CellColumn, number)
			n := slices.IndexFunc(comments, func(c excelize.Comment) bool { return c.Cell == cell })
			if n < 0 || !strings.Contains(said(comments[n]), i.Message) || !strings.Contains(said(comments[n]), fmt.Sprintf("Row %d of", i.Row)) {
				t.Errorf("%s!%s has no comment that says %q", sheet.WorkbookSheet, cell, i.Message)
			}
			if got := fill(t, f, sheet.WorkbookSheet, cell); got != errorColor {
				t.Errorf("%s!%s is filled with %q", sheet.WorkbookSheet, cell, got)
			}
			if got := fill(t, f, sheet.WorkbookSheet, xlsxwrite.CellName(i.CellColumn%4+1, number)); i.CellColumn%4 != i.CellColumn-1 && got != "" {
				t.Errorf("%s row %d: a good cell is filled with %q", sheet.WorkbookSheet, number, got)
			}
		}
		if len(comments) != number-1 {
			t.Errorf("%s has %d comments, want %d", sheet.WorkbookSheet, len(comments), number-1)
		}
	}
}

// said is what a comment says in all its runs.
func said(c excelize.Comment) string {
	text := c.Text
	for _, run := range c.Paragraph {
		text += run.Text
	}
	return text
}

func TestDuplicateKeySaysItWouldReplace(t *testing.T) {
	issues := []imports.Issue{
		{Sheet: "issues", Row: 4, CellColumn: 2, Column: "id", Severity: imports.Error, Code: imports.DuplicateInFile, Message: "twice"},
		{Sheet: "issues", Row: 6, CellColumn: 5, Column: "note", Severity: imports.Error, Code: imports.DuplicateInFile, Message: "twice"},
	}
	f, _ := report(t, with(ledgerImport(t, 2, 0, 2), ledgerBook(t), t, issues...))
	comments, err := f.GetComments("Issues")
	if err != nil || len(comments) != 2 {
		t.Fatalf("the comments are %+v, %v", comments, err)
	}
	if !strings.Contains(said(comments[0]), "it replaces the other") || strings.Contains(said(comments[1]), "it replaces the other") {
		t.Errorf("the comments say %q and %q", said(comments[0]), said(comments[1]))
	}
}

func fill(t *testing.T, f *excelize.File, sheet, cell string) string {
	t.Helper()
	id, err := f.GetCellStyle(sheet, cell)
	if err != nil {
		t.Fatal(err)
	}
	pattern := f.Styles.Fills.Fill[*f.Styles.CellXfs.Xf[id].FillID].PatternFill
	if pattern.PatternType != "solid" {
		return ""
	}
	return strings.TrimPrefix(pattern.FgColor.RGB, "FF")
}

func TestErrorSheetComesFirst(t *testing.T) {
	im, data, issues := sampleImport(t)
	cause := issues[slices.IndexFunc(issues, func(i imports.Issue) bool { return i.Sheet == "departments" })]
	im.RootCauses = []imports.RootCause{{Issue: cause, BlockedRows: 412, Message: "1 missing department blocks 412 employees"}}
	im.Sheets[3].Counts.Issues += 5 // found beyond those that were kept
	f, _ := report(t, with(im, data, t, issues...))
	if got := f.GetSheetList(); got[0] != "Errors" || len(got) != 8 {
		t.Fatalf("the sheets are %v", got)
	}
	if im.Schema.MatchSheet("Errors") != nil {
		t.Error("the sheet of issues would be imported")
	}
	rows, err := f.GetRows("Errors")
	if err != nil {
		t.Fatal(err)
	}
	find := func(first string) int {
		return slices.IndexFunc(rows, func(r []string) bool { return len(r) > 0 && r[0] == first })
	}
	at := find(im.RootCauses[0].Message)
	if at < 0 || rows[at][2] != "Departments!E2" || rows[at][4] != "412" {
		t.Errorf("the root cause is at row %d: %v", at, rows)
	}
	for _, i := range issues {
		n := find(i.Cell)
		if n <= at || rows[n][4] != "error" || rows[n][5] != i.Message {
			t.Fatalf("the issue at %s is at row %d", i.Cell, n)
		}
	}
	if !slices.ContainsFunc(rows, func(r []string) bool {
		return len(r) > 0 && strings.HasPrefix(r[0], "Employees: 5 more errors were found and are not listed.")
	}) {
		t.Error("nothing is said of the issues that were not kept")
	}
}

// A schema with columns of several types, and a workbook with what may go wrong in them.
const ledger = `
name: ledger
sheets:
  - name: issues
    title: Issues
    key: id
    columns:
      - {name: id, type: text, required: true}
      - {name: paid_on, type: date}
      - {name: amount, type: decimal}
      - {name: note, type: text}
  - name: others
    optional: true
    key: id
    columns: [{name: id, type: text, required: true}]
`

// ledgerBook has a preamble above its headers, a column that the schema does not know, and dates from 1904.
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

func TestReportContainsNoFormulas(t *testing.T) {
	data := ledgerBook(t)
	f, out := report(t, with(ledgerImport(t, 2, 1, 4), data, t, ledgerIssues()...))
	if got := f.GetSheetList(); !slices.Equal(got, []string{"Errors", "Issues"}) {
		t.Fatalf("the sheets are %v", got)
	}
	rows := readSheet(t, openBook(t, out), "Issues")
	if len(rows) != 4 {
		t.Fatalf("there are %d rows, want the header and 3", len(rows))
	}
	type want struct {
		kind   source.Kind
		text   string
		format string
	}
	for at, w := range map[[2]int]want{
		{1, 0}: {source.Text, "Remark", "@"},
		{2, 0}: {source.Text, `=HYPERLINK("http://example.com")`, "@"},
		{2, 1}: {source.Text, "0002", "@"},
		{2, 2}: {source.Text, "soon", `yyyy\-mm\-dd`},
		{2, 3}: {source.ErrorValue, "#DIV/0!", "General"},
		{2, 4}: {source.Text, "=cmd|' /C calc'!A0", "@"},
		{3, 1}: {source.Date, "44001.5", "dd.mm.yyyy"},
		{3, 2}: {source.ErrorValue, "#N/A", "General"},
		{3, 3}: {source.Text, "-5 \x01 <b> _x0041_ \"q\"\r\nnext", "@"},
	} {
		cells := rows[at[0]]
		if at[1] >= len(cells) {
			t.Errorf("row %d has %d cells", at[0], len(cells))
			continue
		}
		c := cells[at[1]]
		if got := (want{c.Kind, string(c.Text), c.Format.Code}); got != w {
			t.Errorf("row %d: %+v, want %+v", at[0], got, w)
		}
		if c.HasFormula {
			t.Errorf("row %d: %q is a formula", at[0], c.Text)
		}
	}
	if p, err := f.GetWorkbookProps(); err != nil || p.Date1904 == nil || !*p.Date1904 {
		t.Errorf("dates no longer count from 1904: %v", err)
	}
	if a, b := fill(t, f, "Issues", "D2"), fill(t, f, "Issues", "B4"); a != errorColor || b != blockedColor {
		t.Errorf("the error is filled with %s, the blocked row with %s", a, b)
	}
	comments, _ := f.GetComments("Issues")
	if len(comments) != 4 || !strings.Contains(said(comments[1]), "an error\nand odd\n") {
		t.Errorf("the comments are %+v", comments)
	}
}

func TestErrorSheetListsWarnings(t *testing.T) {
	f, _ := report(t, with(ledgerImport(t, 2, 1, 4), ledgerBook(t), t, ledgerIssues()...))
	rows, err := f.GetRows("Errors")
	if err != nil {
		t.Fatal(err)
	}
	kinds := make(map[string]int)
	for _, r := range rows {
		if len(r) > 4 {
			kinds[r[4]]++
		}
	}
	if kinds["warning"] != 2 || kinds["error"] != 3 || kinds["waiting"] != 1 {
		t.Errorf("the list holds %v", kinds)
	}
}

func TestSheetWithoutErrorsHasOnlyHeaders(t *testing.T) {
	_, out := report(t, with(ledgerImport(t, 0, 0, 0), ledgerBook(t), t))
	if rows := readSheet(t, openBook(t, out), "Issues"); len(rows) != 1 || len(rows[1]) != 5 {
		t.Errorf("the sheet holds %v", rows)
	}
}

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
	// The run has refused a row that the workbook does not have.
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
	if err := WriteCSV(t.Context(), &list, im); err != nil || !strings.Contains(list.String(), "issues,,,,,error,REQUIRED,2 more of this code were found and are not listed.\r\n") {
		t.Errorf("the list is %q, %v", list.String(), err)
	}
}

func TestReportOfEarlierVersionTellsMissingRows(t *testing.T) {
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

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
