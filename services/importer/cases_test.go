package importer_test

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/rpcerr"
	"headway/services/importer"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// update rewrites the results of the cases. Read the difference before you commit it.
var update = flag.Bool("update", false, "rewrite testdata/cases/*/want.txt")

// caseFile is an entry of a case's plan.json: a file, and how it is imported.
type caseFile struct {
	File   string `json:"file"`
	Schema string `json:"schema"`
	// Name is the file name of the upload. It defaults to File.
	Name string `json:"name"`
	// OnIssues defaults to skip_rows.
	OnIssues string `json:"on_issues"`
	DryRun   bool   `json:"dry_run"`
}

// TestCases imports the workbooks in testdata/cases, each into an empty database, and compares the results with
// want.txt: the answer to the upload, the counts, the issues, and the rows of the tables. The wording of messages is
// tested in the packages that write them.
func TestCases(t *testing.T) {
	folders, err := filepath.Glob("testdata/cases/*/plan.json")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, plan := range folders {
		folder := filepath.Dir(plan)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			got := runCase(t, folder)
			golden := filepath.Join(folder, "want.txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the result differs from %s. If it is right, run the test with -update.\n%s", golden,
					difference(strings.Split(got, "\n"), strings.Split(string(want), "\n")))
			}
		})
	}
}

func runCase(t *testing.T, folder string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, "plan.json"))
	if err != nil {
		t.Fatal(err)
	}
	var files []caseFile
	if err := json.Unmarshal(data, &files); err != nil {
		t.Fatal(err)
	}
	spec, err := schema.LoadFile(filepath.Join(folder, "schema.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w := setup(t, func(c *importer.Config) {
		if c.SchemasDir, err = filepath.Abs(folder); err != nil {
			t.Fatal(err)
		}
	})
	var out strings.Builder
	for _, f := range files {
		w.importCase(&out, folder, f)
		w.writeTables(&out, spec)
	}
	return out.String()
}

// importCase imports a file, and writes what the user sees.
func (w *world) importCase(out *strings.Builder, folder string, f caseFile) {
	w.t.Helper()
	fmt.Fprintf(out, "== %s", f.File)
	if f.Name != "" {
		fmt.Fprintf(out, " as %q", f.Name)
	}
	out.WriteString("\n")
	file, err := os.ReadFile(filepath.Join(folder, f.File))
	if err != nil {
		w.t.Fatal(err)
	}
	policies := map[string]importsv1.OnIssues{"": importsv1.OnIssues_ON_ISSUES_SKIP_ROWS, "abort": importsv1.OnIssues_ON_ISSUES_ABORT}
	answer, err := w.upload("ann", file, &importsv1.UploadOptions{Schema: f.Schema, FileName: cmp.Or(f.Name, f.File),
		OnIssues: policies[f.OnIssues], DryRun: f.DryRun})
	if err != nil {
		fmt.Fprintf(out, "refused: %s\n", rpcerr.Word(rpcerr.Reason(err)))
		return
	}
	im := w.watch(answer.GetImport().GetImportId())
	job := im.GetJob()
	fmt.Fprintf(out, "%s %s\n", strings.ToLower(strings.TrimPrefix(job.GetStatus().String(), "JOB_STATUS_")), job.GetError().GetReason())
	for _, n := range im.GetNotices() {
		if n.GetReason() != "SAME_FILE" { // the files of a case can be the same
			fmt.Fprintf(out, "notice: %s %s %d %s\n", n.GetReason(), n.GetSheet(), n.GetCount(), strings.Join(n.GetRanges(), " "))
		}
	}
	for _, u := range im.GetUnusedSheets() {
		fmt.Fprintf(out, "unused sheet: %s hidden=%v\n", u.GetName(), u.GetHidden())
	}
	for _, sheet := range im.GetSheets() {
		c := sheet.GetCounts()
		fmt.Fprintf(out, "sheet %s (%s): read %d, inserted %d, updated %d, unchanged %d, rejected %d, blocked %d\n", sheet.GetName(), sheet.GetWorkbookSheet(),
			c.GetRead(), c.GetInserted(), c.GetUpdated(), c.GetUnchanged(), c.GetRejected(), c.GetBlocked())
		for _, u := range sheet.GetUnusedColumns() {
			fmt.Fprintf(out, "unused column: %d %q\n", u.GetColumn(), u.GetHeader())
		}
	}
	w.writeIssues(out, im)
	w.wantEveryRow(f, im)
}

func (w *world) writeIssues(out *strings.Builder, im *importsv1.Import) {
	w.t.Helper()
	page, err := w.imports.ListIssues(w.t.Context(), &importsv1.ListIssuesRequest{ImportId: im.GetImportId(), PageSize: 1000}, w.as("ann"))
	if err != nil {
		w.t.Fatal(err)
	}
	for n, i := range page.GetIssues() {
		if n == maxLines {
			fmt.Fprintf(out, "and %d more issues\n", page.GetFound()-maxLines)
			break
		}
		word := "issue"
		if i.GetSeverity() == importsv1.IssueSeverity_ISSUE_SEVERITY_WARNING {
			word = "warning"
		}
		fmt.Fprintf(out, "%s %s %s %q\n", word, i.GetCell(), strings.TrimPrefix(i.GetCode().String(), "ISSUE_CODE_"), source.Clip([]byte(i.GetValue()), 60))
	}
}

// wantEveryRow checks that the report and the imported rows together have as many rows as were read.
func (w *world) wantEveryRow(f caseFile, im *importsv1.Import) {
	w.t.Helper()
	returned := 0
	for _, format := range []importsv1.ReportFormat{importsv1.ReportFormat_REPORT_FORMAT_WORKBOOK, importsv1.ReportFormat_REPORT_FORMAT_IMPORTED_XLSX} {
		if format == importsv1.ReportFormat_REPORT_FORMAT_IMPORTED_XLSX && !im.GetCommitted() {
			continue
		}
		book, _ := w.download(im.GetImportId(), format)
		sheets := cellsOf(w.t, book)
		for _, sheet := range im.GetSheets() {
			name := sheet.GetWorkbookSheet()
			if im.GetTextFormat() != nil {
				name = sheet.GetTitle() // a text file has no sheet whose name it could keep
			}
			returned += len(sheets[name]) - 1
		}
	}
	c := im.GetTotals()
	want := int(c.GetRejected() + c.GetBlocked())
	if im.GetCommitted() {
		want = int(c.GetRead())
	}
	if returned != want {
		w.t.Errorf("%s: the downloads have %d rows, want %d", f.File, returned, want)
	}
}

// maxLines is the maximum number of issues of an import, and of rows of a table, in a result.
const maxLines = 30

// withoutNulls returns a row without its empty columns.
func (w *world) withoutNulls(row string) string {
	w.t.Helper()
	values := map[string]any{}
	decoder := json.NewDecoder(strings.NewReader(row))
	decoder.UseNumber()
	if err := decoder.Decode(&values); err != nil {
		w.t.Fatal(err)
	}
	maps.DeleteFunc(values, func(column string, v any) bool { return v == nil })
	for column, v := range values {
		if text, ok := v.(string); ok {
			values[column] = source.Clip([]byte(text), 100)
		}
	}
	short, err := json.Marshal(values)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(short)
}

// rows returns the rows of a table as JSON, in the order in which they were inserted. A table that doesn't exist has no
// rows.
func (w *world) rows(table string, columns ...string) []string {
	w.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.dir, "records.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	named := make([]string, len(columns))
	for i, c := range columns {
		named[i] = fmt.Sprintf(`'%s', "%s"`, c, c)
	}
	found, err := db.QueryContext(w.t.Context(), fmt.Sprintf(`SELECT json_object(%s) FROM %q ORDER BY rowid`, strings.Join(named, ", "), table))
	if err != nil {
		return nil
	}
	defer found.Close()
	var rows []string
	for found.Next() {
		var row string
		if err := found.Scan(&row); err != nil {
			w.t.Fatal(err)
		}
		rows = append(rows, table+": "+row)
	}
	if err := found.Err(); err != nil {
		w.t.Fatal(err)
	}
	return rows
}

// writeTables writes the rows of the schema's tables, and deletes them.
func (w *world) writeTables(out *strings.Builder, spec *schema.Schema) {
	w.t.Helper()
	for _, sheet := range slices.Backward(spec.Sheets) {
		columns := make([]string, len(sheet.Columns))
		for i, c := range sheet.Columns {
			columns[i] = c.Name
		}
		rows := w.rows(sheet.Table, columns...)
		for _, row := range rows[:min(len(rows), maxLines)] {
			fmt.Fprintf(out, "%s %s\n", sheet.Table, w.withoutNulls(strings.TrimPrefix(row, sheet.Table+": ")))
		}
		if len(rows) > maxLines {
			fmt.Fprintf(out, "and %d more rows\n", len(rows)-maxLines)
		}
		if len(rows) > 0 {
			w.exec(fmt.Sprintf(`DELETE FROM %q`, sheet.Table))
		}
	}
}
