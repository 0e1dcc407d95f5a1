package importer_test

import (
	"bytes"
	"strings"
	"testing"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/rpcerr"
)

// preview sends a file to be previewed.
func (w *world) preview(subject string, file []byte, options *importsv1.UploadOptions) (*importsv1.FilePreview, error) {
	w.t.Helper()
	stream, err := w.imports.PreviewFile(w.t.Context(), w.as(subject))
	if err != nil {
		w.t.Fatal(err)
	}
	err = stream.Send(&importsv1.PreviewFileRequest{Part: &importsv1.PreviewFileRequest_Options{Options: options}})
	for reader := bytes.NewReader(file); err == nil && reader.Len() > 0; {
		err = stream.Send(&importsv1.PreviewFileRequest{Part: &importsv1.PreviewFileRequest_Data{Data: nextChunk(reader)}})
	}
	response, err := stream.CloseAndRecv()
	return response.GetPreview(), err
}

// nextChunk returns the next 256 KiB.
func nextChunk(r *bytes.Reader) []byte {
	data := make([]byte, min(r.Len(), 256<<10))
	_, _ = r.Read(data) // it has so many
	return data
}

const german = "Kürzel;Gebietsname;Land;Bürogröße\nN-1;Norden;DE;12\nS-1;Süden;AT;7\n"

// TestFileIsImportedWithItsProposedMapping previews a file with other headers, and imports it with the proposal.
func TestFileIsImportedWithProposedMapping(t *testing.T) {
	w := setup(t)
	options := func() *importsv1.UploadOptions {
		return &importsv1.UploadOptions{Schema: "workforce", FileName: "gebiete.csv"}
	}
	_, err := w.upload("ann", []byte(german), options())
	if rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_HEADER_MISSING {
		t.Fatalf("without a mapping: %v", err)
	}
	p, err := w.preview("ann", []byte(german), options())
	if err != nil {
		t.Fatal(err)
	}
	if p.GetCertain() || p.GetProblemReason() != "HEADER_MISSING" || p.GetTextFormat().GetDelimiter() != ";" || p.GetFileName() != "gebiete.csv" {
		t.Errorf("the preview is %v", p)
	}
	if s := p.GetSheets()[0]; s.GetHeaderRow() != 1 || len(s.GetColumns()) != 4 || strings.Join(s.GetColumns()[2].GetValues(), " ") != "DE AT" {
		t.Errorf("the sheet is %v", s)
	}
	with := options()
	with.Mapping = p.GetMapping()
	if len(with.GetMapping()) != 1 || with.GetMapping()[0].GetSheet() != "areas" || with.GetMapping()[0].GetColumns()["code"] != "Kürzel" {
		t.Fatalf("the mapping is %v", with.GetMapping())
	}
	if got := w.end([]byte(german), with).GetTotals().GetInserted(); got != 2 {
		t.Errorf("%d rows are inserted", got)
	}
}

func TestPreviewStoresNothing(t *testing.T) {
	w := setup(t)
	for range 3 {
		if _, err := w.preview("ann", []byte(german), &importsv1.UploadOptions{FileName: "x.csv"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, damaged := range []string{"", "PK\x03\x04 not a workbook"} {
		if _, err := w.preview("ann", []byte(damaged), &importsv1.UploadOptions{}); err == nil {
			t.Errorf("%q has a preview", damaged)
		}
	}
	if names := w.stored(); len(names) != 0 {
		t.Errorf("files are left: %v", names)
	}
}
