package importer_test

import (
	"strings"
	"testing"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
)

// swapped is a file whose date column is only right with another order of day and month, and its mapping.
const swapped = "Kürzel;Gebietsname;Land;Gegründet\nN-1;Nörd;DE;13/04/2001\nS-1;Süd;AT;14/05/2002\n"

func swappedMapping(order string) []*importsv1.SheetMapping {
	return []*importsv1.SheetMapping{{Sheet: "areas",
		Columns: map[string]string{"code": "Kürzel", "name": "Gebietsname", "country": "Land", "established_on": "Gegründet"},
		Rules:   map[string]*importsv1.ValueRules{"established_on": {DateOrder: order}}}}
}

// TestColumnsAreChangedWithoutUpload changes the mapping of an import that waits for review.
func TestColumnsAreChangedWithoutUpload(t *testing.T) {
	w := setup(t)
	asked := w.end([]byte(swapped), &importsv1.UploadOptions{FileName: "gebiete.csv", OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW, Mapping: swappedMapping("mdy")})
	wantStatus(t, asked, jobsv1.JobStatus_JOB_STATUS_WAITING)

	preview, err := w.imports.PreviewImport(t.Context(), &importsv1.PreviewImportRequest{ImportId: asked.GetImportId()}, w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	p := preview.GetPreview()
	if p.GetFileName() != "gebiete.csv" || p.GetTextFormat().GetDelimiter() != ";" || p.GetSheets()[0].GetColumns()[3].GetValues()[0] != "13/04/2001" {
		t.Errorf("the preview is %v", p)
	}
	if m := p.GetMapping()[0]; m.GetColumns()["code"] != "Kürzel" || m.GetRules()["established_on"].GetDateOrder() != "mdy" {
		t.Errorf("the preview does not begin with the mapping of the import: %v", m)
	}

	repeat := &importsv1.RepeatImportRequest{ImportId: asked.GetImportId(), Mapping: swappedMapping("dmy"), RequestId: "again"}
	answer, err := w.imports.RepeatImport(t.Context(), repeat, w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	done := w.watch(answer.GetImport().GetImportId())
	wantStatus(t, done, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if done.GetTotals().GetInserted() != 2 || done.GetFileName() != "gebiete.csv" || done.GetOnIssues() != importsv1.OnIssues_ON_ISSUES_REVIEW {
		t.Errorf("the new import is %v", done)
	}
	declined := w.watch(asked.GetImportId())
	wantStatus(t, declined, jobsv1.JobStatus_JOB_STATUS_CANCELLED)
	if got := declined.GetJob().GetError().GetReason(); got != "REVIEW_DECLINED" {
		t.Errorf("the earlier import ended with %s", got)
	}
	again, err := w.imports.RepeatImport(t.Context(), repeat, w.as("ann"))
	if err != nil || !again.GetReplayed() || again.GetImport().GetImportId() != done.GetImportId() {
		t.Errorf("the repeated request: %v, %v", again, err)
	}
}

// TestEndedImportIsRepeated repeats an import that was aborted, whose job is then deleted, and one that was a test.
func TestEndedImportIsRepeated(t *testing.T) {
	w := setup(t)
	failed := w.end([]byte(swapped), &importsv1.UploadOptions{FileName: "gebiete.csv", Mapping: swappedMapping("mdy")})
	wantStatus(t, failed, jobsv1.JobStatus_JOB_STATUS_FAILED)
	yes, no := true, false
	answer, err := w.imports.RepeatImport(t.Context(), &importsv1.RepeatImportRequest{ImportId: failed.GetImportId(), Mapping: swappedMapping("dmy"), DryRun: &yes}, w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	w.deleteJob(failed)
	tested := w.watch(answer.GetImport().GetImportId())
	wantStatus(t, tested, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if !tested.GetDryRun() || w.held("areas") != 0 {
		t.Errorf("a test was repeated as %v", tested)
	}
	answer, err = w.imports.RepeatImport(t.Context(), &importsv1.RepeatImportRequest{ImportId: tested.GetImportId(), DryRun: &no}, w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, w.watch(answer.GetImport().GetImportId()), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if n := w.held("areas"); n != 2 {
		t.Errorf("the database has %d rows", n)
	}
}

func TestTextFormatIsChangedWithoutUpload(t *testing.T) {
	w := setup(t)
	file := []byte("Area code,Area name,Country\nN-1,N\xf6rd,DE\n")
	first := w.end(file, &importsv1.UploadOptions{FileName: "areas.csv", TextFormat: &importsv1.TextFormat{Encoding: "IBM850"}})
	wantStatus(t, first, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	for _, test := range []struct {
		format *importsv1.TextFormat
		want   string
	}{{nil, "N÷rd"}, {&importsv1.TextFormat{Encoding: "windows-1252"}, "Nörd"}} {
		p, err := w.imports.PreviewImport(t.Context(), &importsv1.PreviewImportRequest{ImportId: first.GetImportId(), TextFormat: test.format}, w.as("ann"))
		if err != nil || p.GetPreview().GetSheets()[0].GetColumns()[1].GetValues()[0] != test.want {
			t.Errorf("with %v: %v, %v", test.format, p.GetPreview(), err)
		}
	}
	answer, err := w.imports.RepeatImport(t.Context(), &importsv1.RepeatImportRequest{ImportId: first.GetImportId(), TextFormat: &importsv1.TextFormat{Encoding: "windows-1252"}}, w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, w.watch(answer.GetImport().GetImportId()), jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if rows := w.rows("areas", "name"); len(rows) != 1 || !strings.Contains(rows[0], `"Nörd"`) {
		t.Errorf("the rows are %q", rows)
	}
}

// TestRefusedRepetitionChangesNothing repeats imports that can't be repeated.
func TestRefusedRepetitionChangesNothing(t *testing.T) {
	w := setup(t)
	asked := w.end([]byte(swapped), &importsv1.UploadOptions{FileName: "gebiete.csv", OnIssues: importsv1.OnIssues_ON_ISSUES_REVIEW, Mapping: swappedMapping("mdy")})
	wantStatus(t, asked, jobsv1.JobStatus_JOB_STATUS_WAITING)
	files := len(w.stored())
	unfit := []*importsv1.SheetMapping{{Sheet: "areas", Columns: map[string]string{"code": "Missing"}}}
	_, err := w.imports.RepeatImport(t.Context(), &importsv1.RepeatImportRequest{ImportId: asked.GetImportId(), Mapping: unfit}, w.as("ann"))
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_MAPPING_INVALID)
	for _, caller := range []string{"bob", "ann"} {
		as := w.as(caller)
		want := errorsv1.ErrorReason_ERROR_REASON_IMPORT_NOT_FOUND
		if caller == "ann" {
			as, want = w.as(caller, auth.ScopeRead), errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING
		}
		_, err = w.imports.RepeatImport(t.Context(), &importsv1.RepeatImportRequest{ImportId: asked.GetImportId()}, as)
		wantReason(t, err, want)
		_, err = w.imports.PreviewImport(t.Context(), &importsv1.PreviewImportRequest{ImportId: asked.GetImportId()}, as)
		wantReason(t, err, want)
	}
	wantStatus(t, w.watch(asked.GetImportId()), jobsv1.JobStatus_JOB_STATUS_WAITING)
	if n := len(w.stored()); n != files {
		t.Errorf("%d files are stored instead of %d", n, files)
	}

	running := w.accepted(w.sampleBook(100_000, 0), &importsv1.UploadOptions{DryRun: true})
	_, err = w.imports.RepeatImport(t.Context(), &importsv1.RepeatImportRequest{ImportId: running.GetImportId()}, w.as("ann"))
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_FINISHED)
	if _, err := w.jobs.CancelJob(t.Context(), &jobsv1.CancelJobRequest{JobId: running.GetImportId()}, w.as("ann")); err != nil {
		t.Fatal(err)
	}
	ended := w.watch(running.GetImportId())
	w.deleteJob(ended)
	_, err = w.imports.RepeatImport(t.Context(), &importsv1.RepeatImportRequest{ImportId: ended.GetImportId()}, w.as("ann"))
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_WORKBOOK_GONE)
}
