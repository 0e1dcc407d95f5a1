package importer_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/rpcerr"
)

// textFile is one of several files of an upload.
type textFile struct{ name, text string }

// departmentsFile has departments of the first area of areasFile. The lines come after three valid ones.
func departmentsFile(lines ...string) string {
	return strings.Join(append([]string{"Department code,Department name,Area", "D-1,Sales,A-00", "D-2,Service,A-00", "D-3,Store,A-01"}, lines...), "\n") + "\n"
}

// uploadFiles sends several files. If they are not announced, the bytes of the first one follow the options.
func (w *world) uploadFiles(announced bool, options *importsv1.UploadOptions, files ...textFile) (*importsv1.Import, error) {
	w.t.Helper()
	stream, err := w.imports.UploadWorkbook(w.t.Context(), w.as("ann"))
	if err != nil {
		w.t.Fatal(err)
	}
	messages := []*importsv1.UploadWorkbookRequest{{Part: &importsv1.UploadWorkbookRequest_Options{Options: options}}}
	for i, f := range files {
		if announced || i > 0 {
			messages = append(messages, &importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_NextFile{NextFile: &importsv1.NextFile{FileName: f.name}}})
		}
		for part := range slices.Chunk([]byte(f.text), 100) {
			messages = append(messages, &importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Data{Data: part}})
		}
	}
	for _, m := range messages {
		if err := stream.Send(m); err != nil && !errors.Is(err, io.EOF) {
			w.t.Fatal(err)
		}
	}
	answer, err := stream.CloseAndRecv()
	return answer.GetImport(), err
}

func zipped(t *testing.T, files ...textFile) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range files {
		entry, err := z.Create(f.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(entry, f.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestSeveralTextFilesAreOneImport(t *testing.T) {
	files := []textFile{{"departments.csv", departmentsFile()}, {"Gebiete.csv", string(areasFile())}, {"notes.csv", "remark;by\nhello;Ann\n"}}
	for name, upload := range map[string]func(w *world) (*importsv1.Import, error){
		"announced": func(w *world) (*importsv1.Import, error) {
			return w.uploadFiles(true, &importsv1.UploadOptions{}, files...)
		},
		"as they come": func(w *world) (*importsv1.Import, error) {
			return w.uploadFiles(false, &importsv1.UploadOptions{FileName: files[0].name}, files...)
		},
		"zip": func(w *world) (*importsv1.Import, error) {
			r, err := w.upload("ann", zipped(w.t, append(files, textFile{"__MACOSX/._x", "x"})...), &importsv1.UploadOptions{FileName: "export.zip"})
			return r.GetImport(), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := setup(t)
			im, err := upload(w)
			if err != nil {
				t.Fatal(err)
			}
			im = w.watch(im.GetImportId())
			wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
			if c := im.GetTotals(); c.GetRead() != 15 || c.GetInserted() != 15 {
				t.Errorf("the numbers are %v", c)
			}
			if s := im.GetSheets(); len(s) != 2 || s[0].GetWorkbookSheet() != "Gebiete" || s[1].GetName() != "departments" {
				t.Errorf("the sheets are %v", s)
			}
			f := im.GetTextFormats()
			if len(f) != 3 || f["departments.csv"].GetDelimiter() != "," || f["Gebiete.csv"].GetDelimiter() != ";" || f["Gebiete.csv"].GetEncoding() != "windows-1252" || im.GetTextFormat() != nil {
				t.Errorf("the formats are %v", f)
			}
			if u := im.GetUnusedSheets(); len(u) != 1 || u[0].GetName() != "notes" {
				t.Errorf("the unused sheets are %v", u)
			}
			if name == "zip" && !slices.ContainsFunc(im.GetNotices(), func(n *importsv1.Notice) bool { return n.GetReason() == "FILES_IGNORED" && n.GetCount() == 1 }) {
				t.Errorf("the notices are %v", im.GetNotices())
			}
			if want := map[string]string{"zip": "export.zip"}[name]; name == "zip" && im.GetFileName() != want || name != "zip" && im.GetFileName() != "departments.csv, Gebiete.csv, notes.csv" {
				t.Errorf("the name is %q", im.GetFileName())
			}
		})
	}
}

func TestIssuesOfSeveralFilesNameFileAndLine(t *testing.T) {
	w := setup(t)
	files := []textFile{{"departments.csv", departmentsFile("D-4,Stock,A-99", "D-1,Sales,A-00")}, {"areas.csv", string(areasFile("A-51;Ulm;DE;y@example.com;tomorrow"))}}
	im, err := w.uploadFiles(true, &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS}, files...)
	if err != nil {
		t.Fatal(err)
	}
	im = w.watch(im.GetImportId())
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	page, err := w.imports.ListIssues(t.Context(), &importsv1.ListIssuesRequest{ImportId: im.GetImportId()}, w.as("ann"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, is := range page.GetIssues() {
		got = append(got, is.GetCell()+" "+strings.TrimPrefix(is.GetCode().String(), "ISSUE_CODE_"))
	}
	want := []string{"areas.csv: line 14, column 5 NOT_A_DATE", "departments.csv: line 5, column 3 REFERENCE_MISSING", "departments.csv: line 6, column 1 DUPLICATE_IN_FILE"}
	if !slices.Equal(got, want) {
		t.Errorf("the issues are %q, want %q", got, want)
	}
	if message := page.GetIssues()[len(page.GetIssues())-1].GetMessage(); !strings.Contains(message, "departments.csv: line 2, column 1") {
		t.Errorf("the message is %q", message)
	}
	report, _ := w.download(im.GetImportId(), importsv1.ReportFormat_REPORT_FORMAT_WORKBOOK)
	fixed := w.end(edited(t, report, func(f *excelize.File) error {
		return errors.Join(f.SetCellValue("Areas", "E2", "2001-01-15"), f.SetCellValue("Departments", "C2", "A-01"), f.RemoveRow("Departments", 3))
	}), nil)
	wantStatus(t, fixed, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	if c := fixed.GetTotals(); c.GetInserted() != 2 || c.GetRead() != 2 {
		t.Errorf("the corrected report has the numbers %v", c)
	}
}

func TestUnsuitableFilesAreRefusedTogether(t *testing.T) {
	w := setup(t)
	workbook := textFile{"staff.xlsx", string(zipped(t, textFile{"[Content_Types].xml", "<a/>"}))}
	areas := textFile{"areas.csv", string(areasFile())}
	for name, c := range map[string]struct {
		files  []textFile
		reason string
	}{
		"a workbook and a text file": {[]textFile{areas, workbook}, "ARCHIVE_UNSUITABLE"},
		"two workbooks":              {[]textFile{workbook, workbook}, "ARCHIVE_UNSUITABLE"},
		"a file twice":               {[]textFile{areas, areas}, "ARCHIVE_UNSUITABLE"},
		"two files of one sheet":     {[]textFile{areas, {"more.csv", areas.text}}, "SHEET_DUPLICATED"},
		"an empty file":              {[]textFile{areas, {"b.csv", ""}}, "ARCHIVE_UNSUITABLE"},
		"nothing of the schema":      {[]textFile{{"a.csv", "x;y\n1;2\n"}, {"b.csv", "x;y\n1;2\n"}}, "SHEET_MISSING"},
	} {
		for _, announced := range []bool{true, false} {
			_, err := w.uploadFiles(announced, &importsv1.UploadOptions{FileName: c.files[0].name}, c.files...)
			if reason := rpcerr.Word(rpcerr.Reason(err)); reason != c.reason {
				t.Errorf("%s: the reason is %s, want %s: %v", name, reason, c.reason, err)
			}
		}
	}
	many := make([]textFile, 257)
	for i := range many {
		many[i] = textFile{fmt.Sprintf("%d.csv", i), "x;y\n1;2\n"}
	}
	if _, err := w.uploadFiles(true, &importsv1.UploadOptions{}, many...); rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_WORKBOOK_LIMIT {
		t.Errorf("too many files: %v", err)
	}
	if _, err := w.uploadFiles(true, &importsv1.UploadOptions{SizeBytes: 10}, areas, textFile{"departments.csv", departmentsFile()}); rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INTERRUPTED {
		t.Errorf("another size: %v", err)
	}
	if stored := w.stored(); len(stored) > 0 {
		t.Errorf("refused files stay stored: %q", stored)
	}
}

func TestFormatsOfFilesAreSetByName(t *testing.T) {
	w := setup(t)
	files := []textFile{{"areas.csv", "code;name,x;country\nA1;North,1;DE\n"}, {"departments.csv", departmentsFile()}}
	options := &importsv1.UploadOptions{TextFormats: map[string]*importsv1.TextFormat{"areas.csv": {Delimiter: "semicolon"}},
		Mapping: []*importsv1.SheetMapping{{Sheet: "areas", WorkbookSheet: "areas", Columns: map[string]string{"name": "name,x"}}},
		Mode:    importsv1.ImportMode_IMPORT_MODE_UPDATE_ONLY}
	im, err := w.uploadFiles(true, options, files...)
	if err != nil {
		t.Fatal(err)
	}
	if f := im.GetTextFormats()["areas.csv"]; f.GetDelimiter() != ";" {
		t.Errorf("the format is %v", f)
	}
	options.TextFormats = map[string]*importsv1.TextFormat{"others.csv": {Delimiter: "semicolon"}}
	if _, err := w.uploadFiles(true, options, files...); err == nil || !strings.Contains(err.Error(), "others.csv") {
		t.Errorf("a format of a file that was not uploaded: %v", err)
	}
}
