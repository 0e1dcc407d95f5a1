package importer_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	storesqlite "headway/services/importer/internal/store/sqlite"
)

func TestUploadWithoutJobsServiceLeavesNothing(t *testing.T) {
	w := setup(t)
	file := w.sampleBook(20, 0)
	w.stopJobs()
	_, err := w.upload("ann", file, &importsv1.UploadOptions{RequestId: "r"})
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE)
	if stored := w.stored(); len(stored) != 0 {
		t.Errorf("stored are %v", stored)
	}
	w.startJobs()
	for deadline := time.Now().Add(10 * time.Second); ; {
		answer, err := w.upload("ann", file, &importsv1.UploadOptions{RequestId: "r"})
		if err == nil {
			if answer.GetReplayed() {
				t.Error("the refused upload was kept")
			}
			w.watch(answer.GetImport().GetImportId())
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func TestMissingJobIsCreatedAtStart(t *testing.T) {
	w := setup(t)
	done := w.end(w.sampleBook(50, 0), &importsv1.UploadOptions{})
	w.stopImporter()
	store, err := storesqlite.Open(t.Context(), filepath.Join(w.dir, "importer.db"))
	if err != nil {
		t.Fatal(err)
	}
	// This is the state after a crash between storing the import and creating its job.
	im, err := store.Get(t.Context(), done.GetImportId())
	if err != nil {
		t.Fatal(err)
	}
	im.ID, im.Scheduled, im.CreatedAt = "019a0000-0000-7000-8000-000000000001", false, time.Now().Add(-time.Minute)
	if _, _, err := store.Create(t.Context(), im); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	workbook, err := os.ReadFile(w.stored()[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "blobs", "imports", im.ID+".xlsx"), workbook, 0o600); err != nil {
		t.Fatal(err)
	}
	w.startImporter()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err := w.jobs.GetJob(t.Context(), &jobsv1.GetJobRequest{JobId: im.ID}, w.as("ann")); err == nil {
			break
		}
	}
	wantStatus(t, w.watch(im.ID), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
}

func TestImportWithoutWorkbookFailsPermanently(t *testing.T) {
	w := setup(t)
	asked := w.end(w.sampleBook(200, 10), &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW})
	if err := os.Remove(w.stored()[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := w.imports.ConfirmImport(t.Context(), &importsv1.ConfirmImportRequest{ImportId: asked.GetImportId(), Commit: true}, w.as("ann")); err != nil {
		t.Fatal(err)
	}
	failed := w.watch(asked.GetImportId())
	wantStatus(t, failed, jobsv1.JobStatus_JOB_STATUS_FAILED)
	if reason := failed.GetJob().GetError().GetReason(); reason != "WORKBOOK_GONE" {
		t.Errorf("failed for %s", reason)
	}
}

func TestAnswerToJobDeclinesReview(t *testing.T) {
	w := setup(t)
	asked := w.end(w.sampleBook(200, 10), &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW})
	if _, err := w.jobs.ResumeJob(t.Context(), &jobsv1.ResumeJobRequest{JobId: asked.GetImportId(), Answer: withCommit(false)}, w.as("ann")); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, w.watchAfter(asked.GetImportId(), asked.GetJob().GetRevision()), jobsv1.JobStatus_JOB_STATUS_CANCELLED)
	if w.held("employees") != 0 {
		t.Error("rows were written")
	}
}

func TestConflictingTableFailsImport(t *testing.T) {
	w := setup(t)
	w.exec(`CREATE TABLE employees (employee_id INTEGER PRIMARY KEY)`)
	failed := w.end(w.sampleBook(50, 0), &importsv1.UploadOptions{})
	wantStatus(t, failed, jobsv1.JobStatus_JOB_STATUS_FAILED)
	if reason := failed.GetJob().GetError().GetReason(); reason != "TABLE_CONFLICT" {
		t.Errorf("failed for %s", reason)
	}
	if w.held("areas") != 0 {
		t.Error("rows were written")
	}
}
