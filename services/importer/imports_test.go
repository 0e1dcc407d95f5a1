package importer_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/importer"
)

func (w *world) end(file []byte, options *importsv1.UploadOptions) *importsv1.Import {
	w.t.Helper()
	return w.watch(w.accepted(file, options).GetImportId())
}

func wantStatus(t *testing.T, im *importsv1.Import, want jobsv1.JobStatus) {
	t.Helper()
	if got := im.GetJob().GetStatus(); got != want {
		t.Fatalf("the import is %v, want %v; its error: %v", got, want, im.GetJob().GetError())
	}
}

func TestAbortWritesNothingAndReturnsCounts(t *testing.T) {
	w := setup(t)
	im := w.end(w.sampleBook(1000, 50), &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_ABORT})
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_FAILED)
	if reason := im.GetJob().GetError().GetReason(); reason != "ROWS_REJECTED" {
		t.Errorf("failed for %s, want ROWS_REJECTED", reason)
	}
	if im.GetCommitted() || w.held("employees") != 0 {
		t.Errorf("rows were written")
	}
	c := im.GetTotals()
	if c.GetRejected() != 50 || c.GetInserted() == 0 || c.GetBlocked() == 0 {
		t.Errorf("numbers are %v", c)
	}
	told := im.GetJob().GetResult().GetFields()["totals"].GetStructValue().GetFields()["rejected"].GetNumberValue()
	if told != 50 {
		t.Errorf("the job's result has %v rejected rows, want 50", told)
	}
	if len(im.GetNewestIssues()) != 20 || len(im.GetRootCauses()) == 0 || im.GetRootCauses()[0].GetBlockedRows() == 0 {
		t.Errorf("%d latest issues, causes %v", len(im.GetNewestIssues()), im.GetRootCauses())
	}
}

func TestSkipRowsCommitsTheValidRows(t *testing.T) {
	w := setup(t)
	im := w.end(w.sampleBook(1000, 50), &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS})
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	for _, sheet := range im.GetSheets() {
		if held := w.held(sheet.GetName()); held != int64(sheet.GetCounts().GetInserted()) {
			t.Errorf("%s holds %d rows, want %d", sheet.GetName(), held, sheet.GetCounts().GetInserted())
		}
	}
}

func TestDryRunHasCountsOfRealRun(t *testing.T) {
	w := setup(t)
	file := w.sampleBook(1000, 50)
	options := &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS, DryRun: true}
	dry := w.end(file, options)
	wantStatus(t, dry, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if dry.GetCommitted() || w.held("employees") != 0 {
		t.Errorf("a dry run wrote rows")
	}
	options.DryRun = false
	if real := w.end(file, options); real.GetTotals().String() != dry.GetTotals().String() {
		t.Errorf("the dry run reported %v, the real one %v", dry.GetTotals(), real.GetTotals())
	}
}

func TestSameFileAgainIsUnchanged(t *testing.T) {
	w := setup(t)
	file := w.sampleBook(500, 0)
	w.end(file, &importsv1.UploadOptions{FileName: "first.xlsx"})
	again := w.end(file, &importsv1.UploadOptions{FileName: "second.xlsx"})
	if c := again.GetTotals(); c.GetUnchanged() != c.GetRead() || c.GetRead() == 0 {
		t.Errorf("numbers are %v", c)
	}
	if n := again.GetNotices(); len(n) != 1 || n[0].GetReason() != "SAME_FILE" || !strings.Contains(n[0].GetMessage(), "first.xlsx") {
		t.Errorf("notices are %v", n)
	}
}

func TestRepeatedRequestReturnsEarlierImport(t *testing.T) {
	w := setup(t)
	file := w.sampleBook(100, 0)
	options := &importsv1.UploadOptions{RequestId: "monday"}
	first := w.accepted(file, options)
	again, err := w.upload("ann", file, options)
	if err != nil {
		t.Fatal(err)
	}
	if !again.GetReplayed() || again.GetImport().GetImportId() != first.GetImportId() {
		t.Errorf("replayed %v, import %s, want %s", again.GetReplayed(), again.GetImport().GetImportId(), first.GetImportId())
	}
	if stored := w.stored(); len(stored) != 1 {
		t.Errorf("stored are %v", stored)
	}
	wantStatus(t, w.watch(first.GetImportId()), jobsv1.JobStatus_JOB_STATUS_COMPLETED)

	_, err = w.upload("ann", w.sampleBook(101, 0), options)
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED)
	_, err = w.upload("ann", file, &importsv1.UploadOptions{RequestId: "monday", DryRun: true})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED)
	if stored := w.stored(); len(stored) != 1 {
		t.Errorf("stored are %v after refusals", stored)
	}
	if _, err := w.upload("bob", file, options); err != nil {
		t.Errorf("another user's request of the same id: %v", err)
	}
}

func TestReportHasRowsToFix(t *testing.T) {
	w := setup(t)
	im := w.end(w.sampleBook(500, 20), &importsv1.UploadOptions{FileName: "staff.xlsx", OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS})
	book, name := w.download(im.GetImportId(), importsv1.ReportFormat_REPORT_FORMAT_WORKBOOK)
	if name != "staff-report.xlsx" {
		t.Errorf("the report is called %q", name)
	}
	file, err := excelize.OpenReader(bytes.NewReader(book))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, sheet := range im.GetSheets() {
		rows, err := file.GetRows(sheet.GetWorkbookSheet())
		if err != nil {
			t.Fatal(err)
		}
		if want := int(sheet.GetCounts().GetRejected()+sheet.GetCounts().GetBlocked()) + 1; len(rows) != want {
			t.Errorf("%s: %d rows in the report, want %d", sheet.GetName(), len(rows), want)
		}
	}
	list, _ := w.download(im.GetImportId(), importsv1.ReportFormat_REPORT_FORMAT_CSV)
	if lines := bytes.Count(list, []byte("\r\n")); lines != int(im.GetTotals().GetIssues())+1 {
		t.Errorf("%d lines of CSV, want %d", lines, im.GetTotals().GetIssues()+1)
	}
}

func (w *world) download(id string, format importsv1.ReportFormat) (data []byte, name string) {
	w.t.Helper()
	stream, err := w.imports.DownloadReport(w.t.Context(), &importsv1.DownloadReportRequest{ImportId: id, Format: format}, w.as("ann"))
	if err != nil {
		w.t.Fatal(err)
	}
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return data, name
		}
		if err != nil {
			w.t.Fatal(err)
		}
		if piece.GetFileName() != "" {
			name = piece.GetFileName()
		}
		data = append(data, piece.GetBody().GetData()...)
	}
}

func TestCancelledImportWritesNothing(t *testing.T) {
	w := setup(t)
	im := w.accepted(w.sampleBook(100_000, 0), &importsv1.UploadOptions{}) // long enough to be cancelled halfway
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	stream, err := w.imports.WatchImport(ctx, &importsv1.WatchImportRequest{ImportId: im.GetImportId()}, w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	asked := false
	var last *importsv1.Import
	for {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		last = answer.GetImport()
		if !asked && last.GetTotals().GetRead() > 0 {
			asked = true
			if _, err := w.jobs.CancelJob(ctx, &jobsv1.CancelJobRequest{JobId: im.GetImportId()}, w.as("ann")); err != nil {
				t.Fatal(err)
			}
		}
	}
	wantStatus(t, last, jobsv1.JobStatus_JOB_STATUS_CANCELLED)
	if w.held("areas") != 0 || last.GetCommitted() {
		t.Error("rows were written")
	}
	c := last.GetTotals()
	if c.GetRead() != c.GetInserted()+c.GetUpdated()+c.GetUnchanged()+c.GetRejected()+c.GetBlocked()+c.GetSkipped() {
		t.Errorf("the numbers do not add up: %v", c)
	}
}

func TestRestartsDuringImport(t *testing.T) {
	for name, restart := range map[string]func(w *world){
		"of the importer": func(w *world) { w.stopImporter(); w.startImporter() },
		"of jobs":         func(w *world) { w.stopJobs(); w.startJobs() },
	} {
		t.Run(name, func(t *testing.T) {
			w := setup(t)
			im := w.accepted(w.sampleBook(10_000, 100), &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS})
			for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
				answer, err := w.imports.GetImport(t.Context(), &importsv1.GetImportRequest{ImportId: im.GetImportId()}, w.as("ann"))
				if err != nil {
					t.Fatal(err)
				}
				if answer.GetImport().GetTotals().GetRead() > 1000 {
					break
				}
			}
			restart(w)
			done := w.watch(im.GetImportId())
			wantStatus(t, done, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
			if c := done.GetTotals(); c.GetRejected() != 100 || c.GetRead() == 0 {
				t.Errorf("numbers are %v", c)
			}
			for _, sheet := range done.GetSheets() {
				if held := w.held(sheet.GetName()); held != int64(sheet.GetCounts().GetInserted()) {
					t.Errorf("%s holds %d rows, want %d", sheet.GetName(), held, sheet.GetCounts().GetInserted())
				}
			}
		})
	}
}

func TestConcurrentImportsTakeTurns(t *testing.T) {
	w := setup(t)
	file := w.sampleBook(3000, 0)
	var ids []string
	for range 4 {
		ids = append(ids, w.accepted(file, &importsv1.UploadOptions{}).GetImportId())
	}
	inserted, unchanged := uint32(0), uint32(0)
	for _, id := range ids {
		im := w.watch(id)
		wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
		inserted += im.GetTotals().GetInserted()
		unchanged += im.GetTotals().GetUnchanged()
	}
	if inserted == 0 || unchanged != 3*inserted {
		t.Errorf("inserted %d and left %d unchanged; want one import to insert and three to find its rows", inserted, unchanged)
	}
}

func TestPurgedJobKeepsImportCounts(t *testing.T) {
	w := setup(t)
	im := w.end(w.sampleBook(300, 10), &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS})
	if _, err := w.jobs.DeleteJob(t.Context(), &jobsv1.DeleteJobRequest{JobId: im.GetImportId()}, w.as("ann")); err != nil {
		t.Fatal(err)
	}
	after := w.watch(im.GetImportId())
	if after.GetTotals().String() != im.GetTotals().String() || !after.GetCommitted() {
		t.Errorf("before %v, after %v", im.GetTotals(), after.GetTotals())
	}
	if report, _ := w.download(im.GetImportId(), importsv1.ReportFormat_REPORT_FORMAT_CSV); len(report) == 0 {
		t.Error("the report is gone")
	}
}

func TestCallsNeedToken(t *testing.T) {
	w := setup(t)
	_, err := w.imports.ListSchemas(t.Context(), &importsv1.ListSchemasRequest{})
	if status.Code(err) != codes.Unauthenticated {
		t.Errorf("got %v", err)
	}
}

func TestTooLargeUploadLeavesNothing(t *testing.T) {
	w := setup(t, func(c *importer.Config) { c.MaxUploadBytes = 10_000 })
	_, err := w.upload("ann", w.sampleBook(1000, 0), &importsv1.UploadOptions{})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_TOO_LARGE)
	_, err = w.upload("ann", nil, &importsv1.UploadOptions{SizeBytes: 10_001})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_TOO_LARGE)
	if stored := w.stored(); len(stored) != 0 {
		t.Errorf("stored are %v", stored)
	}
}
