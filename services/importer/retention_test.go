package importer_test

import (
	"testing"
	"time"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/importer"
)

// eventually waits until a condition is true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come to be that %s", what)
		}
	}
}

func (w *world) deleteJob(im *importsv1.Import) {
	w.t.Helper()
	if _, err := w.jobs.DeleteJob(w.t.Context(), &jobsv1.DeleteJobRequest{JobId: im.GetImportId()}, w.as("ann")); err != nil {
		w.t.Fatal(err)
	}
}

func TestWorkbookIsDeletedWithItsJob(t *testing.T) {
	w := setup(t, func(c *importer.Config) { c.SweepInterval = 10 * time.Millisecond })
	kept := w.end(w.sampleBook(20, 0), &importsv1.UploadOptions{})
	im := w.end(w.sampleBook(300, 10), &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS})
	w.deleteJob(im)
	eventually(t, "one workbook is left", func() bool { return len(w.stored()) == 1 })
	wantStatus(t, kept, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if report, _ := w.download(im.GetImportId(), importsv1.ReportFormat_REPORT_FORMAT_CSV); len(report) == 0 {
		t.Error("the list of issues is gone")
	}
	stream, err := w.imports.DownloadReport(t.Context(), &importsv1.DownloadReportRequest{ImportId: im.GetImportId()}, w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_WORKBOOK_GONE)
	if book, _ := w.download(kept.GetImportId(), importsv1.ReportFormat_REPORT_FORMAT_WORKBOOK); len(book) == 0 {
		t.Error("the other import has no report")
	}
}

func TestImportWithoutJobIsDeletedLater(t *testing.T) {
	w := setup(t, func(c *importer.Config) { c.SweepInterval, c.ImportRetention = 10*time.Millisecond, time.Nanosecond })
	im := w.end(w.sampleBook(20, 0), &importsv1.UploadOptions{})
	if len(w.stored()) != 1 {
		t.Errorf("stored are %v while the job is there", w.stored())
	}
	w.deleteJob(im)
	eventually(t, "the import is forgotten", func() bool {
		list, err := w.imports.ListImports(t.Context(), &importsv1.ListImportsRequest{}, w.as("ann"))
		return err == nil && len(list.GetImports()) == 0
	})
	if stored := w.stored(); len(stored) != 0 {
		t.Errorf("stored are %v", stored)
	}
}
