package importer_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// areasFile is a text file of areas with a semicolon as delimiter, in the encoding of Western Europe. The lines come after
// twelve valid ones.
func areasFile(lines ...string) []byte {
	var b strings.Builder
	b.WriteString("Area code;Area name;Country;Office e-mail;Established on\r\n")
	for i := range 12 {
		fmt.Fprintf(&b, "A-%02d;\"K\xF6ln; Stadtteil %c\";DE;office%d@example.com;2001-%02d-15\r\n", i, 'A'+i, i, i+1)
	}
	for _, line := range lines {
		b.WriteString(line + "\r\n")
	}
	return []byte(b.String())
}

func TestTextFileIsImportedLikeWorkbook(t *testing.T) {
	w := setup(t)
	im := w.end(areasFile(), &importsv1.UploadOptions{FileName: "Gebiete 2024.csv"})
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	f := im.GetTextFormat()
	if f.GetDelimiter() != ";" || f.GetEncoding() != "windows-1252" || f.GetQuote() != `"` || f.GetLineBreak() != "CRLF" || f.GetColumns() != 5 {
		t.Errorf("the format is %v", f)
	}
	c := im.GetTotals()
	if n := im.GetNotices(); len(n) != 1 || n[0].GetReason() != "TEXT_FORMAT" || !strings.Contains(n[0].GetMessage(), "windows-1252, with semicolons between") ||
		!strings.Contains(n[0].GetMessage(), "such as Köln.") {
		t.Errorf("the notices are %v", n)
	}
	if len(im.GetSheets()) != 1 || im.GetSheets()[0].GetName() != "areas" || c.GetInserted() != 12 || c.GetIssues() != 0 || c.GetWarnings() != 0 {
		t.Errorf("the sheets are %v", im.GetSheets())
	}
	if rows := w.rows("areas", "code", "name", "established_on"); !slices.Contains(rows, `areas: {"code":"A-03","name":"Köln; Stadtteil D","established_on":"2001-04-15"}`) {
		t.Errorf("the rows are %q", rows)
	}
	again := w.end(areasFile(), &importsv1.UploadOptions{FileName: "Gebiete 2024.csv"})
	if again.GetTotals().GetUnchanged() != 12 {
		t.Errorf("the second time, the numbers are %v", again.GetTotals())
	}
}

func TestIssuesOfTextFileNameTheirLine(t *testing.T) {
	w := setup(t)
	im := w.end(areasFile(`A-50;"Two; `, `lines";Germany;x@example.com;2001-01-15`, "A-51;Ulm;DE;y@example.com;tomorrow", "A-03;Ulm;DE;z@example.com;2001-01-15"),
		&importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS})
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	page, err := w.imports.ListIssues(t.Context(), &importsv1.ListIssuesRequest{ImportId: im.GetImportId()}, w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, is := range page.GetIssues() {
		got = append(got, is.GetCell()+" "+is.GetCode().String())
	}
	want := []string{"line 14, column 2 ISSUE_CODE_NORMALIZED", "line 14, column 3 ISSUE_CODE_PATTERN", "line 16, column 5 ISSUE_CODE_NOT_A_DATE", "line 17, column 1 ISSUE_CODE_DUPLICATE_IN_FILE"}
	if !slices.Equal(got, want) {
		t.Errorf("the issues are %q, want %q", got, want)
	}
	if message := page.GetIssues()[3].GetMessage(); !strings.Contains(message, "line 5, column 1") {
		t.Errorf("the message is %q", message)
	}
}

func TestDamagedLinesAreImportedWithWarningOrNotAtAll(t *testing.T) {
	w := setup(t)
	im := w.end(areasFile("A-50;;\"K\xF6ln; Stadtteil Z\";DE;office50@example.com;2001-01-15", "A-51;Ulm;D;E;y;2;3"), &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS})
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	page, err := w.imports.ListIssues(t.Context(), &importsv1.ListIssuesRequest{ImportId: im.GetImportId()}, w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, is := range page.GetIssues() {
		got = append(got, fmt.Sprint(is.GetCell(), " ", is.GetCode(), " ", is.GetSeverity(), " ", is.GetValue()))
	}
	want := []string{"line 14 ISSUE_CODE_LINE_REPAIRED ISSUE_SEVERITY_WARNING A-50 | Köln; Stadtteil Z | DE | office50@example.com | 2001-01-15",
		"line 15 ISSUE_CODE_LINE_UNREADABLE ISSUE_SEVERITY_ERROR "}
	if !slices.Equal(got, want) {
		t.Errorf("the issues are %q, want %q", got, want)
	}
	if c := im.GetTotals(); c.GetInserted() != 13 || c.GetRejected() != 1 {
		t.Errorf("the numbers are %v", c)
	}
}

func TestReportOfTextFileCanBeUploaded(t *testing.T) {
	w := setup(t)
	im := w.end(areasFile("A-51;Ulm;DE;y@example.com;tomorrow"), &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS, FileName: "list (3).csv"})
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	report, name := w.download(im.GetImportId(), importsv1.ReportFormat_REPORT_FORMAT_WORKBOOK)
	if name != "list (3)-report.xlsx" {
		t.Errorf("the report is %q", name)
	}
	if imported := w.imported(im); len(imported["Areas"]) != 13 {
		t.Errorf("the imported rows are %q", imported)
	}
	fixed := w.end(edited(t, report, func(f *excelize.File) error { return f.SetCellValue("Areas", "E2", "2001-01-15") }), nil)
	wantStatus(t, fixed, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if c := fixed.GetTotals(); c.GetInserted() != 1 || len(fixed.GetSheets()) != 1 {
		t.Errorf("the numbers are %v on the sheets %v", c, fixed.GetSheets())
	}
}

func TestUserSetsFormatOfTextFile(t *testing.T) {
	w := setup(t)
	file := []byte("code|name,country\nA1|North,DE\n")
	im := w.end(file, &importsv1.UploadOptions{TextFormat: &importsv1.TextFormat{Delimiter: "comma"}, Mapping: []*importsv1.SheetMapping{{Sheet: "areas",
		Columns: map[string]string{"code": "code|name", "name": "country"}}}, Mode: importsv1.ImportMode_IMPORT_MODE_UPDATE_ONLY})
	if f := im.GetTextFormat(); f.GetDelimiter() != "," || im.GetTotals().GetRead() != 1 {
		t.Errorf("the format is %v, the numbers are %v", f, im.GetTotals())
	}
}
