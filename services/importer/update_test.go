package importer_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/xuri/excelize/v2"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/importer"
)

const staffSchema = `
name: staff
sheets:
  - name: people
    title: People
    key: id
    columns:
      - {name: id, title: ID, type: text, required: true}
      - {name: name, title: Name, type: text, required: true}
      - {name: phone, title: Phone, type: phone}
      - {name: salary, title: Salary, type: decimal, required: true}
`

// staffBook returns a workbook with these rows, the headers first.
func staffBook(t *testing.T, rows ...[]any) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	if err := f.SetSheetName("Sheet1", "People"); err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		if err := f.SetSheetRow("People", fmt.Sprint("A", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := f.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestUpdateOnlyNeedsOnlyKeyColumns(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "staff.yaml"), []byte(staffSchema), 0o600); err != nil {
		t.Fatal(err)
	}
	w := setup(t, func(c *importer.Config) { c.SchemasDir = folder })
	full := staffBook(t, []any{"ID", "Name", "Phone", "Salary"}, []any{"1", "Ann", "+49 30 1", 10}, []any{"2", "Bob", "+49 30 2", 20})
	wantStatus(t, w.end(full, &importsv1.UploadOptions{Schema: "staff"}), jobsv1.JobStatus_JOB_STATUS_COMPLETED)

	raises := staffBook(t, []any{"ID", "Salary"}, []any{"1", 11}, []any{"2", 20}, []any{"3", 30})
	_, err := w.upload("ann", raises, &importsv1.UploadOptions{Schema: "staff"})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_HEADER_MISSING)
	im := w.end(raises, &importsv1.UploadOptions{Schema: "staff", Mode: importsv1.ImportMode_IMPORT_MODE_UPDATE_ONLY, OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS})
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if c := im.GetTotals(); c.GetUpdated() != 1 || c.GetUnchanged() != 1 || c.GetRejected() != 1 || c.GetInserted() != 0 {
		t.Errorf("the counts are %v", c)
	}
	want := []string{`people: {"id":"1","name":"Ann","phone":"+49 30 1","salary":"11"}`, `people: {"id":"2","name":"Bob","phone":"+49 30 2","salary":"20"}`}
	if got := w.rows("people", "id", "name", "phone", "salary"); !slices.Equal(got, want) {
		t.Errorf("the rows are %q, want %q", got, want)
	}
	_, err = w.upload("ann", staffBook(t, []any{"Name", "Salary"}, []any{"Ann", 12}), &importsv1.UploadOptions{Schema: "staff", Mode: importsv1.ImportMode_IMPORT_MODE_UPDATE_ONLY})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_HEADER_MISSING)
}

// A blank cell clears an optional value, and a column that the file does not have doesn't change.
func TestBlankCellClearsOptionalValue(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "staff.yaml"), []byte(staffSchema), 0o600); err != nil {
		t.Fatal(err)
	}
	w := setup(t, func(c *importer.Config) { c.SchemasDir = folder })
	wantStatus(t, w.end(staffBook(t, []any{"ID", "Name", "Phone", "Salary"}, []any{"1", "Ann", "+49 30 1", 10}), &importsv1.UploadOptions{Schema: "staff"}), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	for _, step := range []struct {
		rows [][]any
		want string
	}{
		{[][]any{{"ID", "Name", "Salary"}, {"1", "Anne", 10}}, `people: {"id":"1","name":"Anne","phone":"+49 30 1","salary":"10"}`},
		{[][]any{{"ID", "Name", "Phone", "Salary"}, {"1", "Anne", nil, 10}}, `people: {"id":"1","name":"Anne","phone":null,"salary":"10"}`},
	} {
		wantStatus(t, w.end(staffBook(t, step.rows...), &importsv1.UploadOptions{Schema: "staff"}), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
		if got := w.rows("people", "id", "name", "phone", "salary"); !slices.Equal(got, []string{step.want}) {
			t.Errorf("the rows are %q, want %q", got, step.want)
		}
	}
}
