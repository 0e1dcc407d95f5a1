package importer_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/auth"
	"headway/internal/strangertest"
)

// TestStrangersLearnNothingByAnyCall calls every method of the service as strangers, about imports that have ended and wait.
func TestStrangersLearnNothingByAnyCall(t *testing.T) {
	w := setup(t)
	ctx, ann := t.Context(), w.as("ann")
	const secret = "private-file.xlsx"
	options := func(request string, on importsv1.OnIssues) *importsv1.UploadOptions {
		return &importsv1.UploadOptions{FileName: secret, RequestId: request, OnIssues: on}
	}
	file := w.sampleBook(100, 5)
	ended := w.end(file, options("first", importsv1.OnIssues_ON_ISSUES_SKIP_ROWS)).GetImportId()
	waiting := w.watch(w.accepted(file, options("second", importsv1.OnIssues_ON_ISSUES_REVIEW)).GetImportId()).GetImportId()
	if _, err := w.imports.SaveMapping(ctx, &importsv1.SaveMappingRequest{Schema: "workforce", Name: "first", Mapping: []*importsv1.SheetMapping{{Sheet: "employees", WorkbookSheet: secret}}}, ann); err != nil {
		t.Fatal(err)
	}
	imports, err := w.imports.ListImports(ctx, &importsv1.ListImportsRequest{PageSize: 1}, ann)
	if err != nil || imports.GetNextPageToken() == "" {
		t.Fatalf("%v, %v", imports, err)
	}
	issues, err := w.imports.ListIssues(ctx, &importsv1.ListIssuesRequest{ImportId: ended, PageSize: 1}, ann)
	if err != nil || issues.GetNextPageToken() == "" {
		t.Fatalf("%v, %v", issues, err)
	}
	token := func(id auth.Identity) string {
		t.Helper()
		signed, err := w.key.Sign(id, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	const missing, notFound = errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING, errorsv1.ErrorReason_ERROR_REASON_IMPORT_NOT_FOUND
	refused := []errorsv1.ErrorReason{missing, notFound}
	strangertest.Run(t, strangertest.Config{
		Address: w.importerAddress, Methods: methods(file, issues.GetNextPageToken()),
		Exist: []strangertest.Names{
			{ID: ended, RequestID: "first", PageToken: imports.GetNextPageToken(), Name: "first"},
			{ID: waiting, RequestID: "second", PageToken: imports.GetNextPageToken(), Name: "first"},
		},
		Unknown: strangertest.Names{ID: "01890a5d-ac96-774b-bcce-b302099a8057", RequestID: "other", Name: "other"},
		Secrets: []string{secret},
		Callers: []strangertest.Caller{
			{Name: "no token", Reasons: []errorsv1.ErrorReason{errorsv1.ErrorReason_ERROR_REASON_TOKEN_MISSING}},
			{Name: "another user", Token: token(auth.Identity{Subject: "bob"}), OK: true, Reasons: refused},
			{Name: "another user who can only read", Token: token(auth.Identity{Subject: "bea", Scopes: []string{auth.ScopeRead}}), OK: true, Reasons: refused},
			{Name: "another user who can only import", Token: token(auth.Identity{Subject: "ben", Scopes: []string{auth.ScopeImport}}), OK: true, Reasons: refused},
			{Name: "a user without schemas", Token: token(auth.Identity{Subject: "bud", Schemas: []string{"other"}}), OK: true, Reasons: refused},
			{Name: "a worker", Token: token(auth.Identity{Subject: "bot", Scopes: []string{auth.ScopeWorker, auth.ScopeRun}, Kinds: []string{"other"}}), OK: true, Reasons: refused},
		},
		State: func(t *testing.T) string {
			t.Helper()
			all, err := w.imports.ListImports(ctx, &importsv1.ListImportsRequest{}, ann)
			if err != nil || len(all.GetImports()) != 2 {
				t.Fatalf("%v, %v", all, err)
			}
			saved, err := w.imports.ListMappings(ctx, &importsv1.ListMappingsRequest{Schema: "workforce"}, ann)
			if err != nil {
				t.Fatal(err)
			}
			return prototext.Format(all) + prototext.Format(saved)
		},
	})
}

// methods are the calls of strangers. issues is the token of a page of the owner's issues.
func methods(file []byte, issues string) map[string]strangertest.Method {
	type names = strangertest.Names
	one, own := strangertest.One, strangertest.Own
	options := func(n names) *importsv1.UploadOptions {
		return &importsv1.UploadOptions{FileName: "own.xlsx", RequestId: n.RequestID, DryRun: true}
	}
	const service = "headway.imports.v1.ImportService."
	return map[string]strangertest.Method{
		service + "UploadWorkbook": {Own: true, Varies: true, Requests: func(n names) []proto.Message {
			return []proto.Message{&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Options{Options: options(n)}},
				&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Data{Data: file}}}
		}},
		service + "PreviewFile": {Own: true, Requests: func(n names) []proto.Message {
			return []proto.Message{&importsv1.PreviewFileRequest{Part: &importsv1.PreviewFileRequest_Options{Options: options(n)}},
				&importsv1.PreviewFileRequest{Part: &importsv1.PreviewFileRequest_Data{Data: file}}}
		}},
		service + "PreviewImport": one(func(n names) proto.Message { return &importsv1.PreviewImportRequest{ImportId: n.ID} }),
		service + "RepeatImport": one(func(n names) proto.Message {
			return &importsv1.RepeatImportRequest{ImportId: n.ID, RequestId: n.RequestID}
		}),
		service + "GetImport":     one(func(n names) proto.Message { return &importsv1.GetImportRequest{ImportId: n.ID} }),
		service + "ListImports":   own(func(n names) proto.Message { return &importsv1.ListImportsRequest{PageToken: n.PageToken} }),
		service + "WatchImport":   one(func(n names) proto.Message { return &importsv1.WatchImportRequest{ImportId: n.ID} }),
		service + "ListIssues":    one(func(n names) proto.Message { return &importsv1.ListIssuesRequest{ImportId: n.ID, PageToken: issues} }),
		service + "ConfirmImport": one(func(n names) proto.Message { return &importsv1.ConfirmImportRequest{ImportId: n.ID} }),
		service + "DownloadReport": one(func(n names) proto.Message {
			return &importsv1.DownloadReportRequest{ImportId: n.ID, Format: importsv1.ReportFormat_REPORT_FORMAT_CSV}
		}),
		service + "ListSchemas":  own(func(names) proto.Message { return &importsv1.ListSchemasRequest{} }),
		service + "ListMappings": own(func(names) proto.Message { return &importsv1.ListMappingsRequest{Schema: "workforce"} }),
		service + "SaveMapping": own(func(n names) proto.Message {
			return &importsv1.SaveMappingRequest{Schema: "workforce", Name: n.Name, Mapping: []*importsv1.SheetMapping{{Sheet: "employees"}}}
		}),
		service + "DeleteMapping": own(func(n names) proto.Message {
			return &importsv1.DeleteMappingRequest{Schema: "workforce", Name: n.Name}
		}),
		service + "GetTemplate": own(func(names) proto.Message { return &importsv1.GetTemplateRequest{Schema: "workforce"} }),
		service + "GetSample":   own(func(names) proto.Message { return &importsv1.GetSampleRequest{Schema: "workforce", Rows: 10} }),
	}
}
