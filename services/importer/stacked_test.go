package importer_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/rpcerr"
	"headway/services/importer"
)

// officeSheet returns a workbook with rows of one sheet.
func officeSheet(t *testing.T, name string, rows [][]any) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	if err := f.SetSheetName("Sheet1", name); err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		if err := f.SetSheetRow(name, fmt.Sprint("A", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := f.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// stackedRows are people, and below them their teams.
func stackedRows(headers ...any) [][]any {
	return [][]any{
		{"The people of the office"}, {},
		{"ID", "First name", "Last name", "Team", "Mail"},
		{"1", "Ann", "Lee", "A", "ann@x.org"}, {"2", "Bob", "Ray", "B", "bob@x.org"}, {"3", "Cleo", "Fox", "none", "cleo@x.org"},
		{}, {}, headers, {"A", 1}, {"B", 2}, {"C", "high"},
	}
}

// TestStackedTablesAreImported imports two tables of a sheet, one below the other, by the proposed mapping. It looks at all that comes back,
// and imports the fixed rows.
func TestStackedTablesAreImported(t *testing.T) {
	for format, file := range map[string][]byte{
		"office.xlsx": officeSheet(t, "Everything", stackedRows("Code", "Floor")),
		"office.csv":  []byte("The people of the office\n\nID,First name,Last name,Team,Mail\n1,Ann,Lee,A,ann@x.org\n2,Bob,Ray,B,bob@x.org\n3,Cleo,Fox,none,cleo@x.org\n\n\nCode,Floor\nA,1\nB,2\nC,high\n"),
	} {
		t.Run(format, func(t *testing.T) {
			w := setupOffice(t)
			options := func() *importsv1.UploadOptions {
				return &importsv1.UploadOptions{Schema: "office", FileName: format, OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW}
			}
			p, err := w.preview("ann", file, options())
			if err != nil {
				t.Fatal(err)
			}
			if n := len(p.GetSheets()); n != 2 || p.GetSheets()[0].GetHeaderRow() != 3 || p.GetSheets()[1].GetHeaderRow() != 9 || p.GetSheets()[1].GetTableOf() != p.GetSheets()[0].GetName() {
				t.Fatalf("the sheets are %v", p.GetSheets())
			}
			with := options()
			with.Mapping = p.GetMapping()
			asked := w.end(file, with)
			wantStatus(t, asked, jobsv1.JobStatus_JOB_STATUS_WAITING)
			w.confirm(asked)
			im := w.watch(asked.GetImportId())
			wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
			for i, want := range []string{"teams 3 2 1 0 1", "people 3 2 1 0 1"} {
				s := im.GetSheets()[i]
				c := s.GetCounts()
				if got := fmt.Sprint(s.GetName(), " ", c.GetRead(), " ", c.GetInserted(), " ", c.GetRejected(), " ", c.GetBlocked(), " ", c.GetIssues()); got != want {
					t.Errorf("the counts are %s, want %s", got, want)
				}
			}
			page, err := w.imports.ListIssues(t.Context(), &importsv1.ListIssuesRequest{ImportId: im.GetImportId()}, w.as("ann"))
			if err != nil {
				t.Fatal(err)
			}
			if issues := page.GetIssues(); !slices.ContainsFunc(issues, func(is *importsv1.Issue) bool {
				return strings.HasSuffix(is.GetCell(), "B12") || strings.Contains(is.GetCell(), "line 12, column 2")
			}) {
				t.Errorf("the issues are %v", issues)
			}
			imported, report := w.imported(im), cellsOf(t, w.mustReport(im))
			if len(imported) != 2 {
				t.Errorf("the imported rows are on the sheets %v", imported)
			}
			for name, rows := range imported {
				if len(rows) != 3 {
					t.Errorf("the imported rows of %s are %q", name, rows)
				}
			}
			if len(report) < 3 {
				t.Errorf("the report has the sheets %v", report)
			}
			// The fixed report is imported in the same way.
			fixed := fixCells(t, w.mustReport(im), map[string]string{"none": "B", "high": "3"})
			again := options()
			if again.FileName = "office-report.xlsx"; !strings.HasSuffix(format, ".csv") {
				again.Mapping = p.GetMapping()
			}
			end := w.end(fixed, again)
			wantStatus(t, end, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
			if got := end.GetTotals().GetInserted(); got != 2 {
				t.Errorf("%d fixed rows are imported", got)
			}
		})
	}
}

// fixCells replaces the values of cells of a workbook.
func fixCells(t *testing.T, file []byte, by map[string]string) []byte {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, sheet := range f.GetSheetList() {
		rows, err := f.GetRows(sheet)
		if err != nil {
			t.Fatal(err)
		}
		for r, row := range rows {
			for c, value := range row {
				if fixed, ok := by[value]; ok {
					cell, err := excelize.CoordinatesToCellName(c+1, r+1)
					if err == nil {
						err = f.SetCellStr(sheet, cell, fixed)
					}
					if err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	var out bytes.Buffer
	if err := f.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestStackedTableIsNotDroppedSilently imports only one of two tables: a notice names the other one, and an upload that asks first asks.
func TestStackedTableIsNotDroppedSilently(t *testing.T) {
	w := setupOffice(t)
	file := officeSheet(t, "People", stackedRows("Town", "Rooms"))
	options := &importsv1.UploadOptions{Schema: "office", FileName: "office.xlsx", Mapping: []*importsv1.SheetMapping{{Sheet: "teams", Absent: true}}}
	im := w.accepted(file, options)
	if !slices.ContainsFunc(im.GetNotices(), func(n *importsv1.Notice) bool {
		return n.GetReason() == "TABLE_IGNORED" && strings.Contains(n.GetMessage(), "“People (2)”") && slices.Equal(n.GetRanges(), []string{"9:9"})
	}) {
		t.Errorf("the notices are %v", im.GetNotices())
	}
	titled := officeSheet(t, "People", append(stackedRows("Code", "Floor")[:7], []any{"Teams"}, []any{"Code", "Floor"}, []any{"A", 1}, []any{"B", 2}, []any{"none", 3}))
	end := w.end(titled, &importsv1.UploadOptions{Schema: "office", FileName: "office.xlsx"})
	wantStatus(t, end, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if got := end.GetTotals().GetInserted(); got != 6 {
		t.Errorf("%d rows of the titled tables are imported", got)
	}
	_, err := w.upload("ann", []byte("ID,First name,Last name\n1,Ann,Lee\n\nKürzel,Floor\nA,1\nB,2\n"),
		&importsv1.UploadOptions{Schema: "office", FileName: "office.csv", ConfirmMapping: true})
	if rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_MAPPING_UNCERTAIN {
		t.Errorf("an upload that asks first returns %v", err)
	}
}

const rosterSchema = `
name: staff
sheets:
  - name: staff
    key: number
    columns:
      - {name: number, title: Staff number, type: text, required: true}
      - {name: name, title: Name, type: text, required: true}
      - {name: hired_on, title: Hired on, type: date}
      - {name: pay, title: Pay, type: decimal}
`

// TestMappingIsForOneTableOfTextFile maps one of two tables of a text file, whose other one has the headers of the schema as well. The mapping
// of a text file has no name of a sheet for the first table.
func TestMappingIsForOneTableOfTextFile(t *testing.T) {
	file := []byte("Team;Nr;Surname;Hired on;Pay\nIT;1;Lee;2019-04-03;4500.50\n;2;Ray;2020-11-30;3900.00\n\nReserve\nStaff number;Name\n7;Fox\n")
	for name, c := range map[string]struct {
		mapping *importsv1.SheetMapping
		rows    uint32
		ignored string
	}{
		"the first table":  {&importsv1.SheetMapping{Sheet: "staff", Columns: map[string]string{"number": "Nr", "name": "Surname"}}, 2, "“Table 2”"},
		"the second table": {&importsv1.SheetMapping{Sheet: "staff", WorkbookSheet: "Table 2", Columns: map[string]string{"number": "Staff number"}}, 1, "“staff”"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			if err := os.WriteFile(filepath.Join(folder, "staff.yaml"), []byte(rosterSchema), 0o600); err != nil {
				t.Fatal(err)
			}
			w := setup(t, func(c *importer.Config) { c.SchemasDir = folder })
			end := w.end(file, &importsv1.UploadOptions{Schema: "staff", FileName: "staff.csv", ConfirmMapping: true, Mapping: []*importsv1.SheetMapping{c.mapping}})
			wantStatus(t, end, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
			if got := end.GetTotals().GetInserted(); got != c.rows {
				t.Errorf("%d rows are imported, want %d", got, c.rows)
			}
			if !slices.ContainsFunc(end.GetNotices(), func(n *importsv1.Notice) bool {
				return n.GetReason() == "TABLE_IGNORED" && strings.Contains(n.GetMessage(), c.ignored)
			}) {
				t.Errorf("the notices are %v", end.GetNotices())
			}
		})
	}
}
