package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"go.uber.org/goleak"

	"headway/schemas"
	"headway/services/importer/internal/imports"
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

// compareRows expects the same cells, except for a formula without a value.
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

// said returns the text of all runs of a comment.
func said(c excelize.Comment) string {
	text := c.Text
	for _, run := range c.Paragraph {
		text += run.Text
	}
	return text
}

func TestCommentOnDuplicateKeyMentionsReplacement(t *testing.T) {
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
	im.RootCauses = []imports.RootCause{{Issue: cause, BlockedRows: 412, Message: "“D-17” of “Departments” is missing. 412 rows of “Employees” are waiting for it."}}
	im.Sheets[3].Counts.Issues += 5 // found in addition to the stored ones
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
		t.Error("the sheet does not mention the issues that were not stored")
	}
}

// A schema with columns of several types, and a workbook with all kinds of errors in them.
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

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestErrorSheetHasNotices(t *testing.T) {
	im := with(ledgerImport(t, 2, 1, 4), ledgerBook(t), t, ledgerIssues()...)
	im.Notices = []imports.Notice{{Reason: "SAME_FILE", Message: "You imported this file before."}}
	im.Sheets[0].Notices = []imports.Notice{{Reason: imports.TotalsLeftOut, Message: "1 row with totals was left out: row 9."}}
	im.Unused = []imports.UnusedSheet{{Name: "Notes"}}
	f, _ := report(t, im)
	rows, err := f.GetRows("Errors")
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(rows, func(r []string) bool { return len(r) > 0 && r[0] == "About the uploaded file" })
	if at < 0 || rows[at+1][0] != im.Notices[0].Message || rows[at+2][0] != im.Sheets[0].Notices[0].Message || rows[at+3][0] != "The sheet “Notes” was not imported." {
		t.Errorf("the sheet has %q", rows)
	}
}
