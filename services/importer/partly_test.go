package importer_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/rpcerr"
)

// oneSheet returns a workbook with one sheet.
func oneSheet(t *testing.T, name string, rows ...[]any) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	if err := f.SetSheetName("Sheet1", name); err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		cell, err := excelize.CoordinatesToCellName(1, i+1)
		if err == nil {
			err = f.SetSheetRow(name, cell, &row)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := f.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// areasBook has one of the sheets of the schema, and an invalid row.
func areasBook(t *testing.T) []byte {
	return oneSheet(t, "Gebiete", []any{"Area code", "Area name", "Country"}, []any{"N-1", "North", "DE"}, []any{"s 1", "South", "AT"})
}

// TestWorkbookWithOneSheetIsImported imports a workbook that lacks sheets of the schema, after they were left out.
func TestWorkbookWithOneSheetIsImported(t *testing.T) {
	w := setup(t)
	book := areasBook(t)
	options := func() *importsv1.UploadOptions {
		return &importsv1.UploadOptions{FileName: "areas.xlsx", OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS}
	}
	_, err := w.upload("ann", book, options())
	if rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_SHEET_MISSING {
		t.Fatalf("without a mapping: %v", err)
	}
	p, err := w.preview("ann", book, options())
	if err != nil {
		t.Fatal(err)
	}
	with := options()
	with.Mapping = p.GetMapping()
	var absent []string
	for _, m := range with.GetMapping() {
		if m.GetAbsent() {
			absent = append(absent, m.GetSheet())
		}
	}
	if want := []string{"departments", "designations", "employees", "schedules", "drivers", "car_assignments"}; !slices.Equal(absent, want) {
		t.Fatalf("the sheets %q are left out, want %q", absent, want)
	}
	im := w.end(book, with)
	if totals := im.GetTotals(); totals.GetInserted() != 1 || totals.GetRejected() != 1 || len(im.GetSheets()) != 1 {
		t.Fatalf("the result is %v of %v", totals, im.GetSheets())
	}
	// The rows to fix can be uploaded as they are.
	report := w.mustReport(im)
	if _, err := w.upload("ann", report, &importsv1.UploadOptions{FileName: "fix.xlsx", Mapping: []*importsv1.SheetMapping{{Sheet: "areas", WorkbookSheet: "Gebiete"}}}); err != nil {
		t.Errorf("the rows to fix are refused: %v", err)
	}
}

func TestSheetOfSchemaIsLeftOutEvenIfNamed(t *testing.T) {
	w := setup(t)
	areas, departments := textFile{"areas.csv", string(areasFile())}, textFile{"departments.csv", departmentsFile()}
	im, err := w.uploadFiles(true, &importsv1.UploadOptions{Mapping: []*importsv1.SheetMapping{{Sheet: "departments", Absent: true}}}, areas, departments)
	if err != nil {
		t.Fatal(err)
	}
	if len(im.GetSheets()) != 1 || im.GetSheets()[0].GetName() != "areas" || len(im.GetUnusedSheets()) != 1 {
		t.Errorf("the sheets are %v, and not %v", im.GetSheets(), im.GetUnusedSheets())
	}
	_, err = w.uploadFiles(true, &importsv1.UploadOptions{Mapping: []*importsv1.SheetMapping{{Sheet: "areas", Absent: true, Distinct: true}}}, areas, departments)
	if rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_MAPPING_INVALID {
		t.Errorf("a sheet that is left out and has options: %v", err)
	}
}

// TestWorkbookInsideArchiveIsImported imports the only workbook of an archive.
func TestWorkbookInsideArchiveIsImported(t *testing.T) {
	w := setup(t)
	archive := zipped(t, textFile{"Export/read me.txt", "See the handbook."}, textFile{"Export/Areas.xlsx", string(areasBook(t))}, textFile{"Handbook.pdf", "%PDF"})
	options := func() *importsv1.UploadOptions {
		return &importsv1.UploadOptions{FileName: "export.zip", RequestId: "r1", OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS, SizeBytes: int64(len(archive))}
	}
	p, err := w.preview("ann", archive, options())
	if err != nil {
		t.Fatal(err)
	}
	if stored := w.stored(); len(stored) > 0 {
		t.Errorf("the preview stores %q", stored)
	}
	with := options()
	with.Mapping = p.GetMapping()
	im := w.end(archive, with)
	if im.GetTotals().GetInserted() != 1 || im.GetFileName() != "Areas.xlsx" {
		t.Errorf("%s: %v", im.GetFileName(), im.GetTotals())
	}
	if !slices.ContainsFunc(im.GetNotices(), func(n *importsv1.Notice) bool {
		return n.GetReason() == "FILES_IGNORED" && n.GetCount() == 2 && strings.Contains(n.GetMessage(), "Handbook.pdf")
	}) {
		t.Errorf("the notices are %v", im.GetNotices())
	}
	again, err := w.upload("ann", archive, with)
	if err != nil || !again.GetReplayed() || again.GetImport().GetImportId() != im.GetImportId() {
		t.Errorf("the repeated request gets %v: %v", again, err)
	}
	if stored := w.stored(); len(stored) != 1 {
		t.Errorf("the stored files are %q", stored)
	}
	if report := w.mustReport(im); !bytes.HasPrefix(report, []byte("PK")) {
		t.Error("there is no report")
	}
	for name, content := range map[string]string{"a.xlsx": "PK", "a.xls": "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"} {
		if _, err := w.upload("ann", zipped(t, textFile{name, content}), &importsv1.UploadOptions{}); rpcerr.Reason(err) == errorsv1.ErrorReason_ERROR_REASON_ARCHIVE_UNSUITABLE || err == nil {
			t.Errorf("the damaged workbook %s is refused with %v", name, err)
		}
	}
	if stored := w.stored(); len(stored) != 1 {
		t.Errorf("the stored files are %q", stored)
	}
}
