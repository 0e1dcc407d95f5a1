package importer_test

import (
	"errors"
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

const officeSchema = `
name: office
sheets:
  - name: teams
    title: Teams
    key: code
    columns:
      - {name: code, type: text, required: true}
      - {name: floor, type: integer}
  - name: people
    title: People
    key: id
    columns:
      - {name: id, title: ID, type: text, required: true}
      - {name: first_name, type: text, required: true}
      - {name: last_name, type: text, required: true}
      - {name: team, type: text, references: teams.code}
      - {name: mail, type: email}
`

// officeFile has the people with their teams.
func officeFile(lines ...string) []byte {
	return []byte(strings.Join(append([]string{"ID,Name,Team,Floor,User,Host"}, lines...), "\n") + "\n")
}

func officeMapping() []*importsv1.SheetMapping {
	return []*importsv1.SheetMapping{
		{Sheet: "teams", Distinct: true, Columns: map[string]string{"code": "Team", "floor": "Floor"}},
		{Sheet: "people", Columns: map[string]string{"id": "ID", "team": "Team"},
			Splits: []*importsv1.ColumnSplit{{Header: "Name", Separator: " ", Columns: []string{"first_name", "last_name"}, FromEnd: true}},
			Joins:  []*importsv1.ColumnJoin{{Column: "mail", Headers: []string{"User", "Host"}, Separator: "@"}}},
	}
}

func setupOffice(t *testing.T) *world {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "office.yaml"), []byte(officeSchema), 0o600); err != nil {
		t.Fatal(err)
	}
	return setup(t, func(c *importer.Config) { c.SchemasDir = folder })
}

// TestFileFeedsSeveralTables imports a list of people with errors, looks at all that comes back, and imports the fixed rows.
func TestFileFeedsSeveralTables(t *testing.T) {
	w := setupOffice(t)
	file := officeFile("1,Ann Mary Lee,A,1,ann,x.org", "2,Bob Ray,A,1,bob,x.org", "3,Cleo,B,high,,", "4,Dan Fox,B,high,,", "5,Eve Orr,A,2,,", "6,Flo May,,,,", "7,Gus Ash,C,3,,")
	options := func() *importsv1.UploadOptions {
		return &importsv1.UploadOptions{Schema: "office", FileName: "people.csv", Mapping: officeMapping(), OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW}
	}
	asked := w.end(file, options())
	wantStatus(t, asked, jobsv1.JobStatus_JOB_STATUS_WAITING)
	w.confirm(asked)
	im := w.watch(asked.GetImportId())
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	for i, want := range []string{"teams 4 2 2 0 2", "people 7 5 1 1 3"} {
		s := im.GetSheets()[i]
		c := s.GetCounts()
		if got := fmt.Sprint(s.GetName(), " ", c.GetRead(), " ", c.GetInserted(), " ", c.GetRejected(), " ", c.GetBlocked(), " ", c.GetIssues()); got != want {
			t.Errorf("the counts are %s, want %s", got, want)
		}
	}
	if rows := w.rows("people", "id", "first_name", "last_name", "mail"); !slices.Contains(rows, `people: {"id":"1","first_name":"Ann Mary","last_name":"Lee","mail":"ann@x.org"}`) {
		t.Errorf("the people are %q", rows)
	}
	// Each line is in one of the workbooks, once.
	imported, report := w.imported(im)["People"], cellsOf(t, w.mustReport(im))["People"]
	if want := []string{"ID", "Name", "Team", "Floor", "User", "Host", "Import result: Teams", "Import result: People"}; !slices.Equal(imported[0], want) {
		t.Errorf("the headers are %q", imported[0])
	}
	var got []string
	for _, row := range append(slices.Clone(imported[1:]), report[1:]...) {
		got = append(got, row[0]+strings.Join(row[min(6, len(row)):], " "))
	}
	if want := []string{"1added added", "2repeated added", "6 added", "7added added", "3", "4", "5"}; !slices.Equal(got, want) {
		t.Errorf("the rows are %q, want %q", got, want)
	}
	summary := cellsOf(t, w.mustReport(im))["Errors"]
	if names := fmt.Sprint(summary[4:6]); !strings.Contains(names, "People: Teams") {
		t.Errorf("the summary has %s", names)
	}
	// The fixed report is imported with the mapping of the upload.
	fixed := fixedOffice(t, w.mustReport(im))
	again := options()
	again.FileName = "report.xlsx"
	im = w.end(fixed, again)
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if c := im.GetTotals(); c.GetInserted() != 3 || c.GetUpdated() != 0 || c.GetUnchanged() != 2 {
		t.Errorf("the counts are %v", c)
	}
}

// fixedOffice corrects the rows of a report.
func fixedOffice(t *testing.T, report []byte) []byte {
	t.Helper()
	return edited(t, report, func(f *excelize.File) error {
		return errors.Join(f.SetCellValue("People", "B2", "Cleo Day"), f.SetCellValue("People", "D2", 5), f.SetCellValue("People", "D3", 5), f.SetCellValue("People", "D4", 1))
	})
}

func TestPreviewKeepsTablesOfOneFile(t *testing.T) {
	w := setupOffice(t)
	file := officeFile("1,Ann Lee,A,1,ann,x.org")
	p, err := w.preview("ann", file, &importsv1.UploadOptions{Schema: "office", FileName: "x.csv", Mapping: officeMapping()})
	if err != nil || !p.GetCertain() || len(p.GetMapping()) != 2 {
		t.Fatalf("%v, %v", p, err)
	}
	im := w.end(file, &importsv1.UploadOptions{Schema: "office", FileName: "x.csv", Mapping: p.GetMapping()})
	stored, err := w.imports.GetImport(t.Context(), &importsv1.GetImportRequest{ImportId: im.GetImportId()}, w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	if m := stored.GetImport().GetMapping(); im.GetTotals().GetInserted() != 2 || len(m) != 2 || !m[0].GetDistinct() || len(m[1].GetSplits()) != 1 || len(m[1].GetJoins()) != 1 {
		t.Errorf("the counts are %v, and the mapping %v", im.GetTotals(), m)
	}
	// Another user is asked, and this one is offered what was used.
	p, err = w.preview("ann", file, &importsv1.UploadOptions{Schema: "office", FileName: "y.csv"})
	if err != nil || len(p.GetMapping()) != 2 || !p.GetMapping()[0].GetDistinct() || p.GetRememberedAt() == nil {
		t.Errorf("%v, %v", p, err)
	}
}

func TestInvalidSplitsAndJoinsAreRefused(t *testing.T) {
	w := setupOffice(t)
	for want, change := range map[string]func(m *importsv1.SheetMapping){
		"which the sheet people does not have": func(m *importsv1.SheetMapping) { m.Joins[0].Column = "planet" },
		"several sources":                      func(m *importsv1.SheetMapping) { m.Joins[0].Column = "last_name" },
		"several sources.":                     func(m *importsv1.SheetMapping) { m.Constants = map[string]string{"mail": "a@x.org"} },
		"several sources. Keep":                func(m *importsv1.SheetMapping) { m.Columns["first_name"] = "Name" },
		"leaves out all parts":                 func(m *importsv1.SheetMapping) { m.Splits[0].Columns = []string{"", ""} },
		"splits the header “Names”":            func(m *importsv1.SheetMapping) { m.Splits[0].Header = "Names" },
		"joins the header “Hosts”":             func(m *importsv1.SheetMapping) { m.Joins[0].Headers[1] = "Hosts" },
		"joins the header “User” twice":        func(m *importsv1.SheetMapping) { m.Joins[0].Headers[1] = "User" },
	} {
		mapping := officeMapping()
		change(mapping[1])
		_, err := w.upload("ann", officeFile("1,Ann Lee,A,1,ann,x.org"), &importsv1.UploadOptions{Schema: "office", FileName: "x.csv", Mapping: mapping})
		if rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_MAPPING_INVALID || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
