package importer_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
)

// TestInterruptedDownloadContinues: parts of a report put together are the report, and have its version.
func TestInterruptedDownloadContinues(t *testing.T) {
	w := setup(t)
	im := w.end(w.sampleBook(300, 10), &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS})
	read := func(r *importsv1.DownloadReportRequest) (first *importsv1.DownloadReportResponse, data []byte, err error) {
		t.Helper()
		r.ImportId = im.GetImportId()
		stream, err := w.imports.DownloadReport(t.Context(), r, w.as("ann"))
		if err != nil {
			t.Fatal(err)
		}
		for {
			m, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return first, data, nil
			}
			if err != nil {
				return first, data, err
			}
			if first == nil {
				first = m
			}
			data = append(data, m.GetBody().GetData()...)
		}
	}
	for _, format := range []importsv1.ReportFormat{
		importsv1.ReportFormat_REPORT_FORMAT_WORKBOOK, importsv1.ReportFormat_REPORT_FORMAT_IMPORTED_XLSX, importsv1.ReportFormat_REPORT_FORMAT_CSV,
	} {
		first, all, err := read(&importsv1.DownloadReportRequest{Format: format})
		if err != nil || first.GetSizeBytes() != int64(len(all)) || first.GetEtag() == "" || first.GetFileName() == "" || first.GetBody().GetContentType() == "" {
			t.Fatalf("%v: %d bytes, %v, %v", format, len(all), first, err)
		}
		var parts []byte
		for len(parts) < len(all) {
			part, data, err := read(&importsv1.DownloadReportRequest{Format: format, Offset: int64(len(parts)), MaxBytes: 1000, Etag: first.GetEtag()})
			if err != nil || len(data) == 0 || len(data) > 1000 || part.GetEtag() != first.GetEtag() || part.GetSizeBytes() != first.GetSizeBytes() {
				t.Fatalf("%v: after %d bytes: %d bytes, %v", format, len(parts), len(data), err)
			}
			parts = append(parts, data...)
		}
		if !bytes.Equal(parts, all) {
			t.Errorf("%v: the parts are not the whole", format)
		}
		if end, data, err := read(&importsv1.DownloadReportRequest{Format: format, Offset: int64(len(all))}); err != nil || len(data) != 0 || end.GetEtag() != first.GetEtag() {
			t.Errorf("%v: at the end: %d bytes, %v", format, len(data), err)
		}
		_, _, err = read(&importsv1.DownloadReportRequest{Format: format, Offset: int64(len(all)) + 1})
		wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_RANGE_NOT_SATISFIABLE)
		_, _, err = read(&importsv1.DownloadReportRequest{Format: format, Etag: "another"})
		wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_RANGE_NOT_SATISFIABLE)
	}
}
