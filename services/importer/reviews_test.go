package importer_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/importer"
)

func TestConfirmedReviewCommits(t *testing.T) {
	w := setup(t)
	asked := w.end(w.sampleBook(1000, 50), &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW})
	wantStatus(t, asked, jobsv1.JobStatus_JOB_STATUS_WAITING)
	if w.held("employees") != 0 {
		t.Fatal("rows were written before anybody confirmed")
	}
	if asked.GetJob().GetQuestion().GetFields()["sheets"] == nil {
		t.Errorf("the question has no numbers: %v", asked.GetJob().GetQuestion())
	}
	// Nothing was changed yet, but the user sees which tables a confirmation creates.
	if changes := asked.GetJob().GetQuestion().GetFields()["tableChanges"].GetListValue().AsSlice(); len(changes) < 7 || changes[0].(map[string]any)["kind"] != "create" {
		t.Errorf("the changes of tables are %v", changes)
	}
	if _, err := w.imports.ConfirmImport(t.Context(), &importsv1.ConfirmImportRequest{ImportId: asked.GetImportId(), Commit: true}, w.as("ann")); err != nil {
		t.Fatal(err)
	}
	done := w.watch(asked.GetImportId())
	wantStatus(t, done, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if done.GetTotals().String() != asked.GetTotals().String() {
		t.Errorf("confirmed %v, got %v", asked.GetTotals(), done.GetTotals())
	}
	if held := w.held("employees"); held == 0 || !done.GetCommitted() {
		t.Errorf("committed %v, %d rows", done.GetCommitted(), held)
	}
	_, err := w.imports.ConfirmImport(t.Context(), &importsv1.ConfirmImportRequest{ImportId: asked.GetImportId(), Commit: true}, w.as("ann"))
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_IMPORT_NOT_WAITING)
}

// TestChangesOfTablesHaveTexts reviews an import that adds a column to a table with rows.
func TestChangesOfTablesHaveTexts(t *testing.T) {
	w := setup(t)
	wantStatus(t, w.end([]byte("Area code,Area name,Country\nN,North,DE\n"), &importsv1.UploadOptions{FileName: "areas.csv"}), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	w.exec(`ALTER TABLE areas DROP COLUMN name`)
	asked := w.end([]byte("Area code,Area name,Country\nS,South,DE\nW,,DE\n"), &importsv1.UploadOptions{FileName: "areas.csv", OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW})
	wantStatus(t, asked, jobsv1.JobStatus_JOB_STATUS_WAITING)
	for _, change := range asked.GetJob().GetQuestion().GetFields()["tableChanges"].GetListValue().AsSlice() {
		text, _ := change.(map[string]any)["text"].(map[string]any)
		if parameters := fmt.Sprint(text["parameters"]); text["messageId"] == "change.columns" && strings.Contains(parameters, "name") {
			return
		}
	}
	t.Errorf("the question is %v", asked.GetJob().GetQuestion())
}

func TestDeclinedReviewWritesNothing(t *testing.T) {
	w := setup(t)
	asked := w.end(w.sampleBook(500, 20), &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW})
	answer, err := w.imports.ConfirmImport(t.Context(), &importsv1.ConfirmImportRequest{ImportId: asked.GetImportId()}, w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, answer.GetImport(), jobsv1.JobStatus_JOB_STATUS_CANCELLED)
	if w.held("employees") != 0 {
		t.Error("rows were written")
	}
}

func TestReviewIsRepeatedIfResultIsWorse(t *testing.T) {
	w := setup(t)
	file := w.sampleBook(500, 20)
	asked := w.end(file, &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW, Mode: importsv1.ImportMode_IMPORT_MODE_INSERT_ONLY})
	wantStatus(t, asked, jobsv1.JobStatus_JOB_STATUS_WAITING)
	// Another user imports the rows in the meantime, so none of them is new.
	wantStatus(t, w.end(file, &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS}), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	confirm := &importsv1.ConfirmImportRequest{ImportId: asked.GetImportId(), Commit: true}
	if _, err := w.imports.ConfirmImport(t.Context(), confirm, w.as("ann")); err != nil {
		t.Fatal(err)
	}
	again := w.watch(asked.GetImportId())
	wantStatus(t, again, jobsv1.JobStatus_JOB_STATUS_WAITING)
	if again.GetTotals().GetRejected() <= asked.GetTotals().GetRejected() {
		t.Errorf("asked about %v at first and %v again", asked.GetTotals(), again.GetTotals())
	}
}

func TestUnansweredReviewEndsAfterMaxDuration(t *testing.T) {
	w := setup(t, func(c *importer.Config) { c.MaxImportDuration = time.Second })
	im := w.accepted(w.sampleBook(200, 20), &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW})
	stream, err := w.imports.WatchImport(t.Context(), &importsv1.WatchImportRequest{ImportId: im.GetImportId()}, w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
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
	}
	wantStatus(t, last, jobsv1.JobStatus_JOB_STATUS_FAILED)
	if reason := last.GetJob().GetError().GetReason(); reason != "DEADLINE_PASSED" || last.GetCommitted() {
		t.Errorf("the import ended with %s, committed: %v", reason, last.GetCommitted())
	}
}
