package importer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/rpcerr"
	"headway/services/importer"
)

const besideSchema = `
name: firm
sheets:
  - name: teams
    title: Teams
    key: code
    columns:
      - {name: code, title: Code, type: text, required: true}
      - {name: name, title: Name, type: text, required: true}
      - {name: founded, title: Founded, type: date}
  - name: people
    title: People
    key: number
    columns:
      - {name: number, title: Number, type: text, required: true}
      - {name: name, title: Name, type: text, required: true}
      - {name: team, title: Team, type: text, references: teams.code}
      - {name: hired, title: Hired, type: date}
  - name: sites
    title: Sites
    key: site
    optional: true
    columns:
      - {name: site, title: Site, type: text, required: true}
      - {name: opened, title: Opened, type: date}
`

func setupFirm(t *testing.T) *world {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "firm.yaml"), []byte(besideSchema), 0o600); err != nil {
		t.Fatal(err)
	}
	return setup(t, func(c *importer.Config) { c.SchemasDir = folder })
}

// TestTablesSideBySideAreImported imports tables of a sheet, one next to another, by the proposed mapping. Each has its own headers, rows, dates,
// errors, and downloads.
func TestTablesSideBySideAreImported(t *testing.T) {
	wide := []string{"Code|Name|Founded||Number|Name|Team|Hired", "A|Buying|1999-01-02||1|Ann|A|2020-01-02", "B|Sales|2001-03-04||2|Bob|B|2021-03-04", "|||| 3|Eve|A|2022-05-06", "|||| 4|Dan|none|2023-07-08"}
	lower := []string{"The firm", "", "Code|Name|Founded||", "A|Buying|1999-01-02||", "B|Sales|2001-03-04||Number|Name|Team|Hired", "C|IT|2002-03-04||1|Ann|A|2020-01-02",
		"D|Law|2003-03-04||2|Bob|B|2021-03-04", "|||| 3|Eve|A|2022-05-06", "|||| 4|Dan|none|2023-07-08"}
	for name, c := range map[string]struct {
		lines  []string
		teams  uint32
		sheets int
	}{
		"equal rows of headers":     {wide, 2, 2},
		"different rows of headers": {lower, 4, 2},
		"three tables": {[]string{wide[0] + "||Site|Opened", wide[1] + "||North|1990-01-02", wide[2] + "||South|1991-03-04", wide[3] + "||East|1992-05-06", wide[4] + "||West|1993-07-08",
			"|||||||||Hill|1994-09-10"}, 2, 3},
	} {
		for _, format := range []string{"firm.xlsx", "firm.csv"} {
			t.Run(name+" "+format, func(t *testing.T) {
				var rows [][]any
				for _, line := range c.lines {
					var row []any
					for cell := range strings.SplitSeq(line, "|") {
						row = append(row, strings.TrimSpace(cell))
					}
					rows = append(rows, row)
				}
				file := officeSheet(t, "Sheet1", rows)
				if strings.HasSuffix(format, ".csv") {
					file = []byte(strings.ReplaceAll(strings.ReplaceAll(strings.Join(c.lines, "\n"), " ", ""), "|", ";") + "\n")
				}
				w := setupFirm(t)
				options := &importsv1.UploadOptions{Schema: "firm", FileName: format, OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS}
				p, err := w.preview("ann", file, options)
				if err != nil {
					t.Fatal(err)
				}
				if n := len(p.GetSheets()); n != c.sheets || len(p.GetMapping()) != c.sheets {
					t.Fatalf("the sheets are %v, and the mapping %v", p.GetSheets(), p.GetMapping())
				}
				options.Mapping = p.GetMapping()
				im := w.end(file, options)
				wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
				if got := im.GetSheets()[0].GetCounts().GetInserted(); got != c.teams {
					t.Errorf("%d teams are imported, want %d", got, c.teams)
				}
				if counts := im.GetSheets()[1].GetCounts(); counts.GetRead() != 4 || counts.GetInserted() != 3 || counts.GetRejected() != 1 {
					t.Errorf("the counts of the people are %v", counts)
				}
				if rows := w.rows("teams", "code", "name", "founded"); rows[0] != `teams: {"code":"A","name":"Buying","founded":"1999-01-02"}` {
					t.Errorf("the teams are %q", rows)
				}
				if rows := w.rows("people", "number", "name", "team", "hired"); !slices.Contains(rows, `people: {"number":"3","name":"Eve","team":"A","hired":"2022-05-06"}`) {
					t.Errorf("the people are %q", rows)
				}
				if c.sheets == 3 && len(w.rows("sites", "site")) != 5 {
					t.Errorf("the sites are %q", w.rows("sites", "site"))
				}
				for _, u := range im.GetSheets() {
					if len(u.GetUnusedColumns()) > 0 {
						t.Errorf("unused columns of %s: %v", u.GetName(), u.GetUnusedColumns())
					}
				}
				for name, rows := range w.imported(im) {
					if len(rows) < 3 || strings.Contains(fmt.Sprint(rows), "Number") && strings.Contains(fmt.Sprint(rows), "Founded") {
						t.Errorf("the imported rows of %s are %q", name, rows)
					}
				}
				if report := fmt.Sprint(cellsOf(t, w.mustReport(im))); !strings.Contains(report, "[    4 Dan none 2023-07-08]") || strings.Contains(report, "Founded    Number") {
					t.Errorf("the report is %s", report)
				}
			})
		}
	}
}

// TestTableAtSideIsNotDroppedSilently imports only one of two tables: a notice names the other one and its cell.
func TestTableAtSideIsNotDroppedSilently(t *testing.T) {
	w := setupFirm(t)
	file := officeSheet(t, "People", [][]any{{"Number", "Name", "Hired", "", "Code", "Name", "Founded"}, {"1", "Ann", "2020-01-02", "", "A", "Buying", "1999-01-02"}, {"2", "Bob", "2021-01-02", "", "B", "Sales", "1998-01-02"}})
	im := w.accepted(file, &importsv1.UploadOptions{Schema: "firm", FileName: "people.xlsx", Mapping: []*importsv1.SheetMapping{{Sheet: "teams", Absent: true}}})
	if !slices.ContainsFunc(im.GetNotices(), func(n *importsv1.Notice) bool {
		return n.GetReason() == "TABLE_IGNORED" && strings.Contains(n.GetMessage(), "“People (2)” (People!E1)") && slices.Equal(n.GetRanges(), []string{"E1"})
	}) {
		t.Errorf("the notices are %v", im.GetNotices())
	}
	_, err := w.upload("ann", []byte("Number;Name;Hired;;Kürzel;Name;Founded\n1;Ann;2020-01-02;;A;Buying;1999-01-02\n2;Bob;2021-01-02;;B;Sales;1998-01-02\n3;Eve;2021-01-02;;;;\n"),
		&importsv1.UploadOptions{Schema: "firm", FileName: "people.csv", ConfirmMapping: true})
	if rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_MAPPING_UNCERTAIN {
		t.Errorf("an upload that asks first returns %v", err)
	}
}
