package importer_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
)

// edited returns a valid workbook that was changed.
func edited(t *testing.T, file []byte, change func(*excelize.File) error) []byte {
	t.Helper()
	book, err := excelize.OpenReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	if err := change(book); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := book.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// rezipped returns a valid workbook with one part replaced.
func rezipped(t *testing.T, file []byte, part string, content []byte) []byte {
	t.Helper()
	from, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	to := zip.NewWriter(&out)
	for _, f := range from.File {
		if f.Name != part {
			if err := to.Copy(f); err != nil {
				t.Fatal(err)
			}
			continue
		}
		w, err := to.Create(part)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zipOf(t *testing.T, name string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	if _, err := z.Create(name); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestInvalidUploadsHaveReasons(t *testing.T) {
	w := setup(t)
	good := w.sampleBook(20, 0)
	protected, err := os.ReadFile(filepath.Join("internal", "source", "xlsx", "testdata", "corpus", "pass_protected.xlsx"))
	if err != nil {
		t.Fatal(err)
	}
	ole := append([]byte{0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1}, make([]byte, 1024)...)
	for name, c := range map[string]struct {
		file    []byte
		options *importsv1.UploadOptions
		want    errorsv1.ErrorReason
	}{
		"no bytes":                             {nil, nil, errorsv1.ErrorReason_ERROR_REASON_FILE_EMPTY},
		"a picture":                            {[]byte("\x89PNG\r\n\x1a\n" + string(make([]byte, 100))), nil, errorsv1.ErrorReason_ERROR_REASON_NOT_A_WORKBOOK},
		"a zip of something else":              {zipOf(t, "hello.txt"), nil, errorsv1.ErrorReason_ERROR_REASON_ARCHIVE_UNSUITABLE},
		"a letter":                             {[]byte("Dear Ann, the list of areas comes with the next letter."), nil, errorsv1.ErrorReason_ERROR_REASON_TEXT_FILE},
		"a CSV file without a required column": {[]byte("code,name\nA1,North\n"), nil, errorsv1.ErrorReason_ERROR_REASON_HEADER_MISSING},
		"a text format that does not exist": {[]byte("code,name,country\nA1,North,DE\n"), &importsv1.UploadOptions{TextFormat: &importsv1.TextFormat{Encoding: "morse"}},
			errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID},
		"a password":                {protected, nil, errorsv1.ErrorReason_ERROR_REASON_WORKBOOK_ENCRYPTED},
		"an old workbook":           {ole, nil, errorsv1.ErrorReason_ERROR_REASON_NOT_A_WORKBOOK},
		"cut in the middle":         {good[:len(good)/2], nil, errorsv1.ErrorReason_ERROR_REASON_WORKBOOK_DAMAGED},
		"fewer bytes than declared": {good, &importsv1.UploadOptions{SizeBytes: int64(len(good)) + 1}, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INTERRUPTED},
		"a document type": {rezipped(t, good, "xl/workbook.xml", []byte(`<!DOCTYPE x [<!ENTITY e "boom">]><workbook>&e;</workbook>`)),
			nil, errorsv1.ErrorReason_ERROR_REASON_WORKBOOK_XML_REFUSED},
		"no such schema": {good, &importsv1.UploadOptions{Schema: "nonsense"}, errorsv1.ErrorReason_ERROR_REASON_SCHEMA_NOT_FOUND},
		"a sheet missing": {edited(t, good, func(f *excelize.File) error { return f.DeleteSheet("Drivers") }),
			nil, errorsv1.ErrorReason_ERROR_REASON_SHEET_MISSING},
		"a sheet twice": {edited(t, good, func(f *excelize.File) error { _, err := f.NewSheet("Depts"); return err }),
			nil, errorsv1.ErrorReason_ERROR_REASON_SHEET_DUPLICATED},
		"a header missing": {edited(t, good, func(f *excelize.File) error { return f.SetCellStr("Employees", "H1", "Salutation") }),
			nil, errorsv1.ErrorReason_ERROR_REASON_HEADER_MISSING},
		"a header twice": {edited(t, good, func(f *excelize.File) error { return f.SetCellStr("Employees", "K1", "Emp No") }),
			nil, errorsv1.ErrorReason_ERROR_REASON_HEADER_DUPLICATED},
		"an empty sheet": {edited(t, good, func(f *excelize.File) error {
			if err := f.DeleteSheet("Areas"); err != nil {
				return err
			}
			_, err := f.NewSheet("Areas")
			return err
		}), nil, errorsv1.ErrorReason_ERROR_REASON_HEADER_MISSING},
		"a mapping to an unknown sheet": {good, &importsv1.UploadOptions{Mapping: []*importsv1.SheetMapping{{Sheet: "areas", WorkbookSheet: "Nowhere"}}},
			errorsv1.ErrorReason_ERROR_REASON_MAPPING_INVALID},
		"a mapping of an unknown header": {good, &importsv1.UploadOptions{Mapping: []*importsv1.SheetMapping{{Sheet: "areas",
			Columns: map[string]string{"code": "Kürzel"}}}}, errorsv1.ErrorReason_ERROR_REASON_MAPPING_INVALID},
		"a bad request id": {good, &importsv1.UploadOptions{RequestId: "with spaces"}, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID},
	} {
		t.Run(name, func(t *testing.T) {
			options := c.options
			if options == nil {
				options = &importsv1.UploadOptions{}
			}
			_, err := w.upload("ann", c.file, options)
			wantReason(t, err, c.want)
			if stored := w.stored(); len(stored) != 0 {
				t.Errorf("stored are %v", stored)
			}
		})
	}
	list, err := w.imports.ListImports(t.Context(), &importsv1.ListImportsRequest{}, w.as("ann"))
	if err != nil || len(list.GetImports()) != 0 {
		t.Errorf("imports are %v, %v", list.GetImports(), err)
	}
}

func TestDuplicateHeadersAreBothNamed(t *testing.T) {
	w := setup(t)
	file := edited(t, w.sampleBook(20, 0), func(f *excelize.File) error { return f.SetCellStr("Employees", "K1", "Emp No") })
	_, err := w.upload("ann", file, &importsv1.UploadOptions{})
	if err == nil || !bytes.Contains([]byte(err.Error()), []byte("A1 and K1")) {
		t.Errorf("got %v; want both cells named", err)
	}
}

func TestInterruptedUploadLeavesNothing(t *testing.T) {
	w := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := w.imports.UploadWorkbook(ctx, w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	file := w.sampleBook(2000, 0)
	for _, r := range []*importsv1.UploadWorkbookRequest{
		{Part: &importsv1.UploadWorkbookRequest_Options{Options: &importsv1.UploadOptions{}}},
		{Part: &importsv1.UploadWorkbookRequest_Data{Data: file[:len(file)/2]}},
	} {
		if err := stream.Send(r); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); len(w.stored()) == 0 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	for deadline := time.Now().Add(10 * time.Second); len(w.stored()) != 0 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	if stored := w.stored(); len(stored) != 0 {
		t.Errorf("stored are %v", stored)
	}
}

func TestOptionsComeFirst(t *testing.T) {
	w := setup(t)
	stream, err := w.imports.UploadWorkbook(t.Context(), w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Data{Data: []byte("PK")}}); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	_, err = stream.CloseAndRecv()
	wantReason(t, err, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID)
}

func TestMappingFindsSheetsAndColumns(t *testing.T) {
	w := setup(t)
	file := edited(t, w.sampleBook(20, 0), func(f *excelize.File) error {
		if err := f.SetCellStr("Areas", "A1", "Kürzel"); err != nil {
			return err
		}
		return f.SetSheetName("Areas", "Gebiete")
	})
	im := w.end(file, &importsv1.UploadOptions{Mapping: []*importsv1.SheetMapping{{Sheet: "areas", WorkbookSheet: "Gebiete", Columns: map[string]string{"code": "Kürzel"}}}})
	if !im.GetCommitted() || w.held("areas") == 0 {
		t.Errorf("ended as %v", im.GetJob())
	}
}

func TestLeftoverFilesAreDeletedAtStart(t *testing.T) {
	w := setup(t)
	im := w.end(w.sampleBook(20, 0), &importsv1.UploadOptions{})
	w.stopImporter()
	folder := filepath.Join(w.dir, "blobs", "imports")
	for _, name := range []string{"0190aaaa-0000-7000-8000-000000000000.xlsx", "fileblob123456"} {
		path, before := filepath.Join(folder, name), time.Now().Add(-time.Minute)
		if err := errors.Join(os.WriteFile(path, []byte("left over"), 0o600), os.Chtimes(path, before, before)); err != nil {
			t.Fatal(err)
		}
		long := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(folder, name), long, long); err != nil {
			t.Fatal(err)
		}
	}
	w.startImporter()
	for deadline := time.Now().Add(10 * time.Second); len(w.stored()) != 1 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	if stored := w.stored(); len(stored) != 1 || filepath.Base(stored[0]) != im.GetImportId()+".xlsx" {
		t.Errorf("stored are %v, want only that of the import", stored)
	}
}

func TestCorpusIsRejectedWithReasons(t *testing.T) {
	w := setup(t)
	files, err := filepath.Glob(filepath.Join("internal", "source", "xlsx", "testdata", "corpus", "*.xls[xm]"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	for _, name := range files {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.upload("ann", file, &importsv1.UploadOptions{FileName: filepath.Base(name)})
		switch rpcerr.Reason(err) {
		case errorsv1.ErrorReason_ERROR_REASON_UNSPECIFIED, errorsv1.ErrorReason_ERROR_REASON_INTERNAL:
			t.Errorf("%s: %v", name, err)
		}
	}
	if stored := w.stored(); len(stored) != 0 {
		t.Errorf("stored are %v", stored)
	}
}

func TestDamagedWorkbookFailsPermanently(t *testing.T) {
	w := setup(t)
	var sheet strings.Builder
	sheet.WriteString(`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`)
	for row := 1; row < 1000; row++ {
		cells := []string{"Area code", "Area name", "Country"}
		if row > 1 {
			cells = []string{fmt.Sprint("A", row), "Area", "DE"}
		}
		fmt.Fprintf(&sheet, `<row r="%d">`, row)
		for i, text := range cells {
			fmt.Fprintf(&sheet, `<c r="%c%d" t="inlineStr"><is><t>%s</t></is></c>`, 'A'+i, row, text)
		}
		sheet.WriteString(`</row>`)
	}
	sheet.WriteString(`<row r="1000"><c r="A1000`)
	file := rezipped(t, w.sampleBook(20, 0), "xl/worksheets/sheet1.xml", []byte(sheet.String()))
	im := w.end(file, &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS})
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_FAILED)
	if reason := im.GetJob().GetError().GetReason(); reason != "WORKBOOK_DAMAGED" {
		t.Errorf("failed for %s: %s", reason, im.GetJob().GetError().GetMessage())
	}
	if w.held("areas") != 0 {
		t.Error("rows were written")
	}
}
