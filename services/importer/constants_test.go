package importer_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/rpcerr"
)

func constants(sheet string, values map[string]string) []*importsv1.SheetMapping {
	return []*importsv1.SheetMapping{{Sheet: sheet, Constants: values}}
}

// TestConstantFillsColumnOfEveryRow imports a file without a required column.
func TestConstantFillsColumnOfEveryRow(t *testing.T) {
	w := setup(t)
	const file = "Area code,Area name\nN-1,North\n,\nS-1,South\n"
	options := func() *importsv1.UploadOptions {
		return &importsv1.UploadOptions{FileName: "areas.csv", Mapping: constants("areas", map[string]string{"country": "DE", "established_on": "2001-02-03"})}
	}
	if _, err := w.upload("ann", []byte(file), &importsv1.UploadOptions{FileName: "areas.csv"}); rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_HEADER_MISSING {
		t.Errorf("without it: %v", err)
	}
	im := w.end([]byte(file), options())
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if c := im.GetTotals(); c.GetRead() != 2 || c.GetInserted() != 2 || c.GetWarnings() != 0 {
		t.Errorf("the counts are %v", c)
	}
	if rows := w.rows("areas", "code", "country", "established_on"); !slices.Contains(rows, `areas: {"code":"S-1","country":"DE","established_on":"2001-02-03"}`) {
		t.Errorf("the rows are %q", rows)
	}
	if again := w.end([]byte(file), options()).GetTotals(); again.GetUnchanged() != 2 {
		t.Errorf("the second time, the counts are %v", again)
	}
	// A constant takes precedence over a header with the name of its column, which is then not imported.
	other := w.end([]byte("Area code,Area name,Country\nE-1,East,AT\n"), options())
	if c := other.GetTotals(); c.GetInserted() != 1 || c.GetWarnings() != 1 {
		t.Errorf("with the header, the counts are %v", c)
	}
	if rows := w.rows("areas", "code", "country"); !slices.Contains(rows, `areas: {"code":"E-1","country":"DE"}`) {
		t.Errorf("the rows are %q", rows)
	}
}

// TestErrorOfConstantIsOfItsRow imports rows whose constant refers to an area that does not exist.
func TestErrorOfConstantIsOfItsRow(t *testing.T) {
	w := setup(t)
	im := w.end([]byte("Department code,Department name\nD-100,Sales\n"), &importsv1.UploadOptions{FileName: "departments.csv",
		OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS, Mapping: constants("departments", map[string]string{"area_code": "X-9"})})
	page, err := w.imports.ListIssues(t.Context(), &importsv1.ListIssuesRequest{ImportId: im.GetImportId()}, w.as("ann"))
	if err != nil || len(page.GetIssues()) != 1 {
		t.Fatalf("%v, %v", page, err)
	}
	if is := page.GetIssues()[0]; is.GetCode() != importsv1.IssueCode_ISSUE_CODE_REFERENCE_MISSING || is.GetColumn() != "area_code" || is.GetValue() != "X-9" || is.GetCell() != "line 2" {
		t.Errorf("the issue is %v", is)
	}
	if data, _ := w.download(im.GetImportId(), importsv1.ReportFormat_REPORT_FORMAT_WORKBOOK); len(data) == 0 {
		t.Error("there is no report")
	}
}

// TestIssuesNameColumnsAsTheFileDoes checks that people find the column of an issue in their own file.
func TestIssuesNameColumnsAsTheFileDoes(t *testing.T) {
	w := setup(t)
	im := w.end([]byte("Department code,Department name,Money a year\nD-100,Sales,much\n"), &importsv1.UploadOptions{FileName: "departments.csv",
		OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS, Mapping: []*importsv1.SheetMapping{{Sheet: "departments",
			Columns: map[string]string{"annual_budget": "Money a year"}, Constants: map[string]string{"area_code": "X-9"}}}})
	page, err := w.imports.ListIssues(t.Context(), &importsv1.ListIssuesRequest{ImportId: im.GetImportId()}, w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"annual_budget": "Money a year", "area_code": "Area code"} // the file does not have the second
	for from, issues := range map[string][]*importsv1.Issue{"the list": page.GetIssues(), "the snapshot": im.GetNewestIssues()} {
		got := map[string]string{}
		for _, is := range issues {
			got[is.GetColumn()] = is.GetColumnTitle()
		}
		if !maps.Equal(got, want) {
			t.Errorf("in %s, the columns are %v, want %v", from, got, want)
		}
	}
}

func TestInvalidConstantIsRefused(t *testing.T) {
	w := setup(t)
	for name, mapping := range map[string]*importsv1.SheetMapping{
		"exactly 2 uppercase letters": {Sheet: "areas", Constants: map[string]string{"country": "Germany"}},
		"does not have":               {Sheet: "areas", Constants: map[string]string{"planet": "Earth"}},
		"is empty":                    {Sheet: "areas", Constants: map[string]string{"office_email": " "}},
		"and the header":              {Sheet: "areas", Columns: map[string]string{"country": "Land"}, Constants: map[string]string{"country": "DE"}},
	} {
		_, err := w.upload("ann", []byte(german), &importsv1.UploadOptions{FileName: "x.csv", Mapping: []*importsv1.SheetMapping{mapping}})
		if rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_MAPPING_INVALID || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPreviewKeepsConstants(t *testing.T) {
	w := setup(t)
	p, err := w.preview("ann", []byte("Kürzel;Gebietsname\nN-1;Norden\n"), &importsv1.UploadOptions{FileName: "x.csv",
		Mapping: constants("areas", map[string]string{"country": "DE"})})
	if err != nil || len(p.GetMapping()) != 1 {
		t.Fatalf("%v, %v", p, err)
	}
	m := p.GetMapping()[0]
	if m.GetConstants()["country"] != "DE" || m.GetColumns()["code"] != "Kürzel" || m.GetColumns()["name"] != "Gebietsname" {
		t.Errorf("the mapping is %v", m)
	}
	im := w.end([]byte("Kürzel;Gebietsname\nN-1;Norden\n"), &importsv1.UploadOptions{FileName: "x.csv", Mapping: p.GetMapping()})
	if im.GetTotals().GetInserted() != 1 {
		t.Errorf("the counts are %v", im.GetTotals())
	}
}
