package importer_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"google.golang.org/grpc"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// cellsOf are the rows of a workbook's sheets, by their names.
func cellsOf(t *testing.T, book []byte) map[string][][]string {
	t.Helper()
	file, err := excelize.OpenReader(bytes.NewReader(book))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	sheets := map[string][][]string{}
	for _, name := range file.GetSheetList() {
		if sheets[name], err = file.GetRows(name); err != nil {
			t.Fatal(err)
		}
	}
	return sheets
}

func (w *world) imported(im *importsv1.Import) map[string][][]string {
	w.t.Helper()
	book, _ := w.download(im.GetImportId(), importsv1.ReportFormat_REPORT_FORMAT_IMPORTED_XLSX)
	return cellsOf(w.t, book)
}

// wantResults checks that a sheet of imported rows has as many rows of each result as were counted.
func wantResults(t *testing.T, sheet *importsv1.SheetImport, rows [][]string) {
	t.Helper()
	got := map[string]uint32{}
	result := slices.Index(rows[0], "Import result")
	for _, row := range rows[1:] {
		got[row[result]]++
	}
	c := sheet.GetCounts()
	if got["added"] != c.GetInserted() || got["updated"] != c.GetUpdated() || got["already there"] != c.GetUnchanged() ||
		len(rows)-1 != int(c.GetInserted()+c.GetUpdated()+c.GetUnchanged()) {
		t.Errorf("%s: the imported rows are %v, want %v", sheet.GetName(), got, c)
	}
}

func TestImportedRowsHaveTheirResults(t *testing.T) {
	w := setup(t)
	w.end(w.sampleBook(800, 0), &importsv1.UploadOptions{})
	// The same keys, some with other values, some new keys, and errors.
	file := w.seededBook(1000, 50, 2)
	im := w.end(file, &importsv1.UploadOptions{FileName: "staff.xlsx", OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS})
	totals := im.GetTotals()
	if totals.GetInserted() == 0 || totals.GetUpdated() == 0 || totals.GetUnchanged() == 0 || totals.GetRejected() == 0 || totals.GetBlocked() == 0 {
		t.Fatalf("this import proves little: %v", totals)
	}
	book, name := w.download(im.GetImportId(), importsv1.ReportFormat_REPORT_FORMAT_IMPORTED_XLSX)
	if name != "staff-imported.xlsx" {
		t.Errorf("the workbook is called %q", name)
	}
	imported, report, uploaded := cellsOf(t, book), cellsOf(t, w.mustReport(im)), cellsOf(t, file)
	if len(imported) != len(im.GetSheets()) {
		t.Errorf("the workbook has %d sheets", len(imported))
	}
	for _, sheet := range im.GetSheets() {
		rows := imported[sheet.GetWorkbookSheet()]
		wantResults(t, sheet, rows)
		// Together, the imported rows and the report have all uploaded rows.
		width := len(rows[0]) - 1
		var all []string
		for _, row := range rows[1:] {
			all = append(all, line(row[:width]))
		}
		for _, row := range report[sheet.GetWorkbookSheet()][1:] {
			all = append(all, withoutErrors(line(row)))
		}
		var want []string
		for _, row := range uploaded[sheet.GetWorkbookSheet()][1:] {
			want = append(want, withoutErrors(line(row)))
		}
		slices.Sort(all)
		slices.Sort(want)
		if !equalLines(all, want) {
			t.Errorf("%s: %s", sheet.GetName(), difference(all, want))
		}
	}
}

func (w *world) mustReport(im *importsv1.Import) []byte {
	w.t.Helper()
	book, _ := w.download(im.GetImportId(), importsv1.ReportFormat_REPORT_FORMAT_WORKBOOK)
	return book
}

// withoutErrors replaces #N/A, which the report has for a formula that was never calculated. The upload has an empty cell.
func withoutErrors(line string) string { return strings.ReplaceAll(line, `"#N/A"`, `""`) }

// line is a row as text, without the empty cells at its end.
func line(row []string) string {
	for len(row) > 0 && row[len(row)-1] == "" {
		row = row[:len(row)-1]
	}
	return fmt.Sprintf("%q", row)
}

func TestDownloadsHaveEveryRowOfManyErrors(t *testing.T) {
	w, _ := setupShop(t)
	w.exec(`CREATE TABLE items (code TEXT NOT NULL PRIMARY KEY, size INTEGER) STRICT`)
	w.exec(`INSERT INTO items VALUES ('c5', 5), ('c12010', 7)`)
	var rows [][]any
	want := [][]string{{"Code", "Size", "Import result"}}
	for n := range 12_030 {
		code, size, result := fmt.Sprint("c", n), 11, ""
		if n%1000 == 5 || n >= 12_008 { // all others are too large
			size, result = 5, "added"
		}
		switch code {
		case "c5":
			result = "already there"
		case "c12010":
			result = "updated"
		}
		rows = append(rows, []any{code, size})
		if result != "" {
			want = append(want, []string{code, "5", result})
		}
	}
	im := w.end(shopBook(t, nil, rows...), &importsv1.UploadOptions{Schema: "shop", OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS})
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if issues := im.GetTotals().GetIssues(); issues <= 10_000 {
		t.Fatalf("only %d issues", issues)
	}
	got := w.imported(im)["Items"]
	wantResults(t, im.GetSheets()[0], got)
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %q", got)
	}
	// The report has all other rows, even those whose errors are not stored, and the number of those errors.
	report := cellsOf(t, w.mustReport(im))
	refused := [][]string{{"Code", "Size"}}
	for _, row := range rows {
		if row[1] == 11 {
			refused = append(refused, []string{row[0].(string), "11"})
		}
	}
	if !slices.EqualFunc(report["Items"], refused, slices.Equal) {
		t.Errorf("the report has %d rows, want %d", len(report["Items"]), len(refused))
	}
	more := fmt.Sprint(len(refused) - 1)
	if !slices.ContainsFunc(report["Errors"], func(row []string) bool {
		return slices.Equal(row, []string{"Items", "RANGE", "error", grouped(more), "10,000"})
	}) {
		t.Errorf("the report does not say how many errors are not listed: %q", report["Errors"][:20])
	}
}

// grouped puts a comma before the last three digits.
func grouped(digits string) string { return digits[:len(digits)-3] + "," + digits[len(digits)-3:] }

func TestNoImportedRowsBeforeCommit(t *testing.T) {
	w, _ := setupShop(t)
	file := shopBook(t, nil, []any{"a", 1}, []any{"b", 11})
	refused := func(im *importsv1.Import) {
		t.Helper()
		_, err := w.tryDownload(im.GetImportId(), importsv1.ReportFormat_REPORT_FORMAT_IMPORTED_XLSX, w.as("ann"))
		wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_NOTHING_COMMITTED)
	}
	refused(w.end(file, &importsv1.UploadOptions{Schema: "shop", OnIssues: importsv1.OnIssues_ON_ISSUES_ABORT}))
	refused(w.end(file, &importsv1.UploadOptions{Schema: "shop", OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS, DryRun: true}))
	asked := w.end(file, &importsv1.UploadOptions{Schema: "shop", OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW})
	refused(asked)
	w.confirm(asked)
	done := w.watch(asked.GetImportId())
	wantStatus(t, done, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	wantResults(t, done.GetSheets()[0], w.imported(done)["Items"])
	again := w.end(file, &importsv1.UploadOptions{Schema: "shop", OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS})
	if rows := w.imported(again)["Items"]; len(rows) != 2 || rows[1][2] != "already there" {
		t.Errorf("of the same file again: %q", rows)
	}
}

func (w *world) tryDownload(id string, format importsv1.ReportFormat, as grpc.CallOption) (*importsv1.DownloadReportResponse, error) {
	w.t.Helper()
	stream, err := w.imports.DownloadReport(w.t.Context(), &importsv1.DownloadReportRequest{ImportId: id, Format: format}, as)
	if err != nil {
		w.t.Fatal(err)
	}
	return stream.Recv()
}
