package importer_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

func TestUsersSeeOnlyOwnImports(t *testing.T) {
	w := setup(t)
	im := w.end(w.sampleBook(100, 0), &importsv1.UploadOptions{})
	bob := w.as("bob")
	id := im.GetImportId()
	_, err := w.imports.GetImport(t.Context(), &importsv1.GetImportRequest{ImportId: id}, bob)
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_IMPORT_NOT_FOUND)
	_, err = w.imports.ListIssues(t.Context(), &importsv1.ListIssuesRequest{ImportId: id}, bob)
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_IMPORT_NOT_FOUND)
	_, err = w.imports.ConfirmImport(t.Context(), &importsv1.ConfirmImportRequest{ImportId: id, Commit: true}, bob)
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_IMPORT_NOT_FOUND)
	watch, err := w.imports.WatchImport(t.Context(), &importsv1.WatchImportRequest{ImportId: id}, bob)
	if err != nil {
		t.Fatal(err)
	}
	_, err = watch.Recv()
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_IMPORT_NOT_FOUND)
	for format := range importsv1.ReportFormat_name {
		_, err = w.tryDownload(id, importsv1.ReportFormat(format), bob)
		wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_IMPORT_NOT_FOUND)
	}
	list, err := w.imports.ListImports(t.Context(), &importsv1.ListImportsRequest{}, bob)
	if err != nil || len(list.GetImports()) != 0 {
		t.Errorf("bob's list: %v, %v", list.GetImports(), err)
	}
	if _, err := w.imports.GetImport(t.Context(), &importsv1.GetImportRequest{ImportId: id}, w.as("eve", "headway:admin")); err != nil {
		t.Errorf("an admin: %v", err)
	}
}

func TestImportCallsNeedTheirScope(t *testing.T) {
	w := setup(t)
	id := w.end(w.sampleBook(100, 0), &importsv1.UploadOptions{}).GetImportId()
	reader, importing := w.as("ann", "headway:read"), w.as("ann", "headway:import")
	if _, err := w.imports.GetImport(t.Context(), &importsv1.GetImportRequest{ImportId: id}, reader); err != nil {
		t.Error(err)
	}
	_, err := w.imports.ConfirmImport(t.Context(), &importsv1.ConfirmImportRequest{ImportId: id, Commit: true}, reader)
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
	_, err = w.imports.GetImport(t.Context(), &importsv1.GetImportRequest{ImportId: id}, importing)
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
	_, err = w.imports.ListImports(t.Context(), &importsv1.ListImportsRequest{}, importing)
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
	_, err = w.imports.ListIssues(t.Context(), &importsv1.ListIssuesRequest{ImportId: id}, importing)
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
	_, err = w.tryDownload(id, importsv1.ReportFormat_REPORT_FORMAT_WORKBOOK, importing)
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
	watch, err := w.imports.WatchImport(t.Context(), &importsv1.WatchImportRequest{ImportId: id}, importing)
	if err == nil {
		_, err = watch.Recv()
	}
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
	upload, err := w.imports.UploadWorkbook(t.Context(), reader)
	if err != nil {
		t.Fatal(err)
	}
	_ = upload.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Options{Options: &importsv1.UploadOptions{}}})
	_, err = upload.CloseAndRecv()
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
}

func TestImportsAreListedLatestFirst(t *testing.T) {
	w := setup(t)
	file := w.sampleBook(10, 0)
	var ids []string
	for range 5 {
		ids = append([]string{w.accepted(file, &importsv1.UploadOptions{}).GetImportId()}, ids...)
	}
	var got []string
	request := &importsv1.ListImportsRequest{PageSize: 2}
	for {
		page, err := w.imports.ListImports(t.Context(), request, w.as("ann"))
		if err != nil {
			t.Fatal(err)
		}
		for _, im := range page.GetImports() {
			got = append(got, im.GetImportId())
			if im.GetJob().GetJobId() != im.GetImportId() {
				t.Errorf("import %s has the job %s", im.GetImportId(), im.GetJob().GetJobId())
			}
		}
		if request.PageToken = page.GetNextPageToken(); request.PageToken == "" {
			break
		}
	}
	if strings.Join(got, " ") != strings.Join(ids, " ") {
		t.Errorf("listed %v, want %v", got, ids)
	}
	_, err := w.imports.ListImports(t.Context(), &importsv1.ListImportsRequest{PageToken: "§"}, w.as("ann"))
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID)
}

func TestIssuesAreFilteredAndPaged(t *testing.T) {
	w := setup(t)
	im := w.end(w.sampleBook(1000, 80), &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS})
	list := func(r *importsv1.ListIssuesRequest) (issues []*importsv1.Issue, last *importsv1.ListIssuesResponse) {
		t.Helper()
		r.ImportId = im.GetImportId()
		for {
			page, err := w.imports.ListIssues(t.Context(), r, w.as("ann"))
			if err != nil {
				t.Fatal(err)
			}
			issues, last = append(issues, page.GetIssues()...), page
			if r.PageToken = page.GetNextPageToken(); r.PageToken == "" {
				return issues, last
			}
		}
	}
	all, last := list(&importsv1.ListIssuesRequest{PageSize: 7})
	if n := uint32(len(all)); n != last.GetMatching() || n != im.GetTotals().GetIssues() || n != last.GetFound() {
		t.Errorf("%d issues in pages, %d matching, %d found, %d counted", n, last.GetMatching(), last.GetFound(), im.GetTotals().GetIssues())
	}
	order := map[string]int{}
	for i, sheet := range im.GetSheets() {
		order[sheet.GetName()] = i
	}
	for i := 1; i < len(all); i++ {
		a, b := all[i-1], all[i]
		if order[a.GetSheet()] > order[b.GetSheet()] || a.GetSheet() == b.GetSheet() && a.GetRow() > b.GetRow() {
			t.Fatalf("%s comes before %s", a.GetCell(), b.GetCell())
		}
	}
	want := 0
	for _, is := range all {
		if is.GetCode() == importsv1.IssueCode_ISSUE_CODE_AMBIGUOUS_DATE && is.GetSheet() == "employees" {
			want++
		}
	}
	some, _ := list(&importsv1.ListIssuesRequest{Sheet: "employees", Code: importsv1.IssueCode_ISSUE_CODE_AMBIGUOUS_DATE, Search: "03/04"})
	if len(some) != want || want == 0 {
		t.Errorf("%d ambiguous dates, want %d", len(some), want)
	}
	none, _ := list(&importsv1.ListIssuesRequest{Severity: importsv1.IssueSeverity_ISSUE_SEVERITY_WARNING})
	if len(none) != 0 {
		t.Errorf("warnings: %v", none)
	}
}

func TestSchemasAndTemplates(t *testing.T) {
	w := setup(t)
	list, err := w.imports.ListSchemas(t.Context(), &importsv1.ListSchemasRequest{}, w.as("ann"))
	if err != nil || len(list.GetSchemas()) != 1 || len(list.GetSchemas()[0].GetSheets()) != 7 {
		t.Fatalf("schemas: %v, %v", list, err)
	}
	stream, err := w.imports.GetTemplate(t.Context(), &importsv1.GetTemplateRequest{Schema: "workforce"}, w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	var file []byte
	for {
		piece, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		file = append(file, piece.GetBody().GetData()...)
	}
	im := w.end(file, &importsv1.UploadOptions{})
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if im.GetTotals().GetRead() != 0 {
		t.Errorf("an empty template has %d rows", im.GetTotals().GetRead())
	}
	none, err := w.imports.GetTemplate(t.Context(), &importsv1.GetTemplateRequest{Schema: "nonsense"}, w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = none.Recv()
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_SCHEMA_NOT_FOUND)
}

func TestSampleWithTooManyErrorsIsRejected(t *testing.T) {
	w := setup(t)
	stream, err := w.imports.GetSample(t.Context(), &importsv1.GetSampleRequest{Schema: "workforce", Rows: 100, Issues: 11}, w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID)
}
