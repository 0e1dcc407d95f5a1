package importer_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/rpcerr"
	"headway/services/importer"
	"headway/services/jobs"
)

// shopSchema is a user-defined schema. size is the beginning of the definition of its column size.
const shopSchema = `
name: shop
title: Shop
sheets:
  - name: items
    title: Items
    table: items
    key: code
    columns:
      - {name: code, title: Code, type: text, required: true}
      - {name: size, title: Size, type: integer, max: %d}
`

// shopBook has rows of the shop's items.
func shopBook(t *testing.T, change func(*excelize.File) error, rows ...[]any) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	if err := f.SetSheetName("Sheet1", "Items"); err != nil {
		t.Fatal(err)
	}
	for i, row := range append([][]any{{"Code", "Size"}}, rows...) {
		if err := f.SetSheetRow("Items", fmt.Sprint("A", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	if change != nil {
		if err := change(f); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := f.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// setupShop serves the shop's schema and the built-in ones. limit changes the largest size.
func setupShop(t *testing.T) (w *world, limit func(size int)) {
	t.Helper()
	folder := t.TempDir()
	limit = func(size int) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, "shop.yaml"), fmt.Appendf(nil, shopSchema, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	limit(10)
	return setup(t, func(c *importer.Config) { c.SchemasDir = folder }), limit
}

func TestChangedSchemaFailsConfirmedReview(t *testing.T) {
	w, limit := setupShop(t)
	asked := w.end(shopBook(t, nil, []any{"a", 1}, []any{"b", 11}), &importsv1.UploadOptions{Schema: "shop", OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW})
	wantStatus(t, asked, jobsv1.JobStatus_JOB_STATUS_WAITING)
	limit(20)
	w.stopImporter()
	w.startImporter() // because the importer looks for changes of the folder only every two seconds
	w.confirm(asked)
	failed := w.watch(asked.GetImportId())
	wantStatus(t, failed, jobsv1.JobStatus_JOB_STATUS_FAILED)
	if reason := failed.GetJob().GetError().GetReason(); reason != "SCHEMA_CHANGED" {
		t.Errorf("failed for %s", reason)
	}
	if w.held("items") != 0 {
		t.Error("rows were written")
	}
}

func TestReformattedSchemaHasNotChanged(t *testing.T) {
	w, limit := setupShop(t)
	asked := w.end(shopBook(t, nil, []any{"a", 1}, []any{"b", 11}), &importsv1.UploadOptions{Schema: "shop", OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW})
	limit(0o12) // the same limit, in a file with another time
	w.stopImporter()
	w.startImporter()
	w.confirm(asked)
	wantStatus(t, w.watch(asked.GetImportId()), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
}

// confirm answers a review with yes.
func (w *world) confirm(im *importsv1.Import) {
	w.t.Helper()
	wantStatus(w.t, im, jobsv1.JobStatus_JOB_STATUS_WAITING)
	if _, err := w.imports.ConfirmImport(w.t.Context(), &importsv1.ConfirmImportRequest{ImportId: im.GetImportId(), Commit: true,
		QuestionRevision: new(im.GetJob().GetRevision())}, w.as("ann")); err != nil {
		w.t.Fatal(err)
	}
}

func TestReviewIsRepeatedBeforeOverwritingRows(t *testing.T) {
	w, _ := setupShop(t)
	file := shopBook(t, nil, []any{"a", 1}, []any{"b", 11})
	asked := w.end(file, &importsv1.UploadOptions{Schema: "shop", OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW})
	w.exec(`CREATE TABLE items (code TEXT NOT NULL PRIMARY KEY, size INTEGER) STRICT`)
	w.exec(`INSERT INTO items VALUES ('a', 7)`)
	w.confirm(asked)
	again := w.watch(asked.GetImportId())
	wantStatus(t, again, jobsv1.JobStatus_JOB_STATUS_WAITING)
	question := again.GetJob().GetQuestion().GetFields()
	if !question["again"].GetBoolValue() || !strings.Contains(question["message"].GetStringValue(), "changed since you confirmed") {
		t.Errorf("the question is %v", question)
	}
	if c := again.GetTotals(); c.GetUpdated() != 1 || c.GetInserted() != 0 {
		t.Errorf("the numbers are %v; want those of the second run", c)
	}
	for _, late := range []struct { // answers of a user who has seen the first question
		revision *uint32
		want     errorsv1.ErrorReason
	}{{nil, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID}, {new(asked.GetJob().GetRevision()), errorsv1.ErrorReason_ERROR_REASON_IMPORT_NOT_WAITING}} {
		_, err := w.imports.ConfirmImport(t.Context(), &importsv1.ConfirmImportRequest{ImportId: asked.GetImportId(), Commit: true,
			QuestionRevision: late.revision}, w.as("ann"))
		if got := rpcerr.Reason(err); got != late.want {
			t.Errorf("a late answer with the revision %v gives %v, want %v", late.revision, err, late.want)
		}
	}
	w.confirm(again)
	wantStatus(t, w.watch(asked.GetImportId()), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
}

func TestReviewWithBetterResultIsCommitted(t *testing.T) {
	w, _ := setupShop(t)
	asked := w.end(shopBook(t, nil, []any{"a", 1}, []any{"b", 11}), &importsv1.UploadOptions{Schema: "shop", OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW})
	w.exec(`CREATE TABLE items (code TEXT NOT NULL PRIMARY KEY, size INTEGER) STRICT`)
	w.exec(`INSERT INTO items VALUES ('a', 1)`)
	w.confirm(asked)
	done := w.watch(asked.GetImportId())
	wantStatus(t, done, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if done.GetTotals().GetUnchanged() != 1 {
		t.Errorf("the numbers are %v", done.GetTotals())
	}
}

func TestMergedHeadersAreRejected(t *testing.T) {
	w, _ := setupShop(t)
	file := shopBook(t, func(f *excelize.File) error {
		if err := f.SetCellStr("Items", "C1", "Color"); err != nil {
			return err
		}
		return f.MergeCell("Items", "B1", "C1")
	}, []any{"a", 1, "red"})
	failed := w.end(file, &importsv1.UploadOptions{Schema: "shop", OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS})
	wantStatus(t, failed, jobsv1.JobStatus_JOB_STATUS_FAILED)
	problem := failed.GetJob().GetError()
	if problem.GetReason() != "HEADER_DUPLICATED" || !strings.Contains(problem.GetMessage(), "B1 to C1") {
		t.Errorf("failed for %v", problem)
	}
	if w.held("items") != 0 {
		t.Error("rows were written")
	}
}

func TestMergedCellsElsewhereAreAccepted(t *testing.T) {
	w, _ := setupShop(t)
	file := shopBook(t, func(f *excelize.File) error {
		if err := f.MergeCell("Items", "D1", "E1"); err != nil { // not a column's header
			return err
		}
		return f.MergeCell("Items", "D2", "E3")
	}, []any{"a", 1}, []any{"b", 2})
	im := w.end(file, &importsv1.UploadOptions{Schema: "shop"})
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if n := im.GetNotices(); len(n) != 0 {
		t.Errorf("notices are %v", n)
	}
}

func TestReportUsesExplicitMapping(t *testing.T) {
	w, _ := setupShop(t)
	file := shopBook(t, func(f *excelize.File) error {
		return f.SetSheetRow("Items", "A1", &[]any{"Kürzel", "Size", "Code"})
	}, []any{nil, 1, "not the code"})
	im := w.end(file, &importsv1.UploadOptions{Schema: "shop", OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS,
		Mapping: []*importsv1.SheetMapping{{Sheet: "items", Columns: map[string]string{"code": "Kürzel"}}}})
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	data, _ := w.download(im.GetImportId(), importsv1.ReportFormat_REPORT_FORMAT_WORKBOOK)
	report, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer report.Close()
	// The user fills the empty cell with a code, whose leading zeros are kept only in a text cell.
	style, err := report.GetCellStyle("Items", "A2")
	if err != nil {
		t.Fatal(err)
	}
	if format := report.Styles.CellXfs.Xf[style].NumFmtID; format == nil || *format != 49 {
		t.Errorf("the empty code has the number format %v, want text", format)
	}
}

func TestCancelTakesEffectImmediately(t *testing.T) {
	// Heartbeats and timeouts are so long that they neither cancel the import nor end its job.
	w := setupWithJobs(t, jobs.Config{Settings: jobs.Settings{LeaseDuration: time.Hour, HeartbeatInterval: 20 * time.Minute, CancelGrace: time.Hour,
		ProgressInterval: 10 * time.Minute, IdleProgressInterval: 10 * time.Minute}})
	free := w.lock() // so that the first import waits for the database
	file := w.sampleBook(50, 0)
	atTheDatabase := w.accepted(file, &importsv1.UploadOptions{})
	inTheQueue := w.accepted(file, &importsv1.UploadOptions{})
	queued := w.accepted(file, &importsv1.UploadOptions{})
	w.active(atTheDatabase)
	w.active(inTheQueue)
	for _, im := range []*importsv1.Import{queued, inTheQueue, atTheDatabase} {
		if _, err := w.jobs.CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: im.GetImportId()}, w.as("ann")); err != nil {
			t.Fatal(err)
		}
		ended := w.watch(im.GetImportId())
		wantStatus(t, ended, jobsv1.JobStatus_JOB_STATUS_CANCELLED)
		if reason := ended.GetJob().GetError().GetReason(); reason != "CANCELLED_BY_USER" {
			t.Errorf("cancelled for %s", reason)
		}
	}
	free()
	if w.held("areas") != 0 {
		t.Error("rows were written")
	}
	wantStatus(t, w.end(file, &importsv1.UploadOptions{}), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
}

// active waits until the importer has leased an import.
func (w *world) active(im *importsv1.Import) {
	w.t.Helper()
	stream, err := w.jobs.WatchJob(w.t.Context(), &jobsv1.WatchJobRequest{JobId: im.GetImportId()}, w.as("ann"))
	if err != nil {
		w.t.Fatal(err)
	}
	for {
		answer, err := stream.Recv()
		if err != nil {
			w.t.Fatal(err)
		}
		if answer.GetJob().GetStatus() == jobsv1.JobStatus_JOB_STATUS_ACTIVE {
			return
		}
	}
}
