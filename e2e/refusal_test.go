package e2e

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// TestRejectedUploadsHaveReasonAndLeaveNothing uploads over REST, multipart and raw, and over gRPC with the command line.
func TestRejectedUploadsHaveReasonAndLeaveNothing(t *testing.T) {
	s := start(t, "--max-upload-bytes", "2000000")
	token := s.token("ann")
	good, _ := s.sample(50, 0)
	before := blobs(t, s.data)

	for _, c := range []struct {
		name   string
		file   string
		status int
		reason string
	}{
		{"a text file", write(t, "notes.xlsx", []byte("These are just some words and no table.\n")), 400, "TEXT_FILE"},
		{"a picture", write(t, "picture.xlsx", append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 200)...)), 400, "NOT_A_WORKBOOK"},
		{"an empty file", write(t, "empty.xlsx", nil), 400, "FILE_EMPTY"},
		{"an encrypted workbook", edited(t, good, excelize.Options{Password: "secret"}, func(*excelize.File) {}), 400, "WORKBOOK_ENCRYPTED"},
		{"half a workbook", write(t, "half.xlsx", head(t, good)), 400, "WORKBOOK_DAMAGED"},
		{"a missing sheet", edited(t, good, excelize.Options{}, func(f *excelize.File) { f.DeleteSheet("Drivers") }), 422, "SHEET_MISSING"},
		{"a missing header", edited(t, good, excelize.Options{}, func(f *excelize.File) { f.SetCellValue("Areas", "A1", "Something else") }), 422, "HEADER_MISSING"},
		{"a duplicate header", edited(t, good, excelize.Options{}, func(f *excelize.File) { f.SetCellValue("Areas", "B1", headerOf(f, "Areas", "A1")) }), 422, "HEADER_DUPLICATED"},
		{"a zip file with other files", zipped(t), 422, "SHEET_MISSING"},
		{"a body over the limit", write(t, "large.xlsx", make([]byte, 2_000_001)), 413, "UPLOAD_TOO_LARGE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, answer := s.upload(token, c.file)
			refused(t, "multipart", code, answer, c.status, c.reason)
			code, answer = s.raw(token, c.file, "")
			refused(t, "raw", code, answer, c.status, c.reason)
			if id, known := messageIDs[c.reason]; known && field(t, field(t, answer, "details").([]any)[0], "messageId") != id {
				t.Errorf("the message is %v, want %s", answer["details"], id)
			}
			_, stderr, exit := s.command("import", c.file)
			if exit != 2 || !strings.Contains(stderr, c.reason) {
				t.Errorf("gRPC: exit code %d, want 2 and %s\n%s", exit, c.reason, stderr)
			}
		})
	}
	t.Run("an unknown schema", func(t *testing.T) {
		code, answer := s.upload(token, good, "schema=nonsense")
		refused(t, "multipart", code, answer, 404, "SCHEMA_NOT_FOUND")
	})
	t.Run("no file", func(t *testing.T) {
		code, answer := s.upload(token, good, "file=")
		if code == http.StatusAccepted {
			t.Errorf("got %d %v", code, answer)
		}
	})
	t.Run("an upload cut in the middle", func(t *testing.T) { s.cutUpload(t, token, good) })

	_, answer := s.rest(token, "GET", "/api/v1/imports", nil)
	if imports := field(t, answer, "imports").([]any); len(imports) != 0 {
		t.Errorf("the rejected uploads left %d imports", len(imports))
	}
	_, answer = s.rest(token, "GET", "/api/v1/jobs", nil)
	if jobs := field(t, answer, "jobs").([]any); len(jobs) != 0 {
		t.Errorf("the rejected uploads left %d jobs", len(jobs))
	}
	eventually(t, "the rejected uploads have left no file", func() error {
		if after := blobs(t, s.data); len(after) != len(before) {
			return fmt.Errorf("there are %v", after)
		}
		return nil
	})
}

// messageIDs are the messages of errors that clients write in their own language, by the reasons.
var messageIDs = map[string]string{"HEADER_MISSING": "header.missing_others", "UPLOAD_TOO_LARGE": "call.upload_too_large"}

// TestSameRequestTwiceIsOneImport also checks that another request with the same ID is rejected.
func TestSameRequestTwiceIsOneImport(t *testing.T) {
	s := start(t)
	token := s.token("ann")
	first, _ := s.sample(50, 0)
	other, _ := s.sample(60, 0)
	id := s.accepted(token, first, "request_id=r-1")
	code, answer := s.upload(token, first, "request_id=r-1")
	if code != http.StatusAccepted || field(t, answer, "import", "importId") != id || answer["replayed"] != true {
		t.Errorf("the same upload again: %d %v", code, answer)
	}
	if notices := field(t, answer, "import", "notices").([]any); len(notices) == 0 || field(t, notices[0], "reason") != "REQUEST_REPLAYED" {
		t.Errorf("the notice about the replay is missing: %v", notices)
	}
	code, answer = s.upload(token, other, "request_id=r-1")
	refused(t, "another workbook", code, answer, 409, "REQUEST_ID_REUSED")
	if again := s.accepted(s.token("bob"), first, "request_id=r-1"); again == id {
		t.Error("bob's request ID matched ann's")
	}
	_, answer = s.rest(token, "GET", "/api/v1/imports", nil)
	if imports := field(t, answer, "imports").([]any); len(imports) != 1 {
		t.Errorf("ann has %d imports", len(imports))
	}
}

// TestOnlyOwnerSeesJob checks REST, SSE, and gRPC. A missing or invalid token has a different error than a missing job.
func TestOnlyOwnerSeesJob(t *testing.T) {
	s := start(t)
	ann, bob := s.token("ann"), s.token("bob")
	file, _ := s.sample(50, 0)
	id := s.accepted(ann, file)
	s.job(ann, id, "completed")

	for _, path := range []string{"/api/v1/jobs/" + id, "/api/v1/sse/jobs/import/" + id, "/api/v1/jobs/nonsense", "/api/v1/sse/jobs/import/nonsense"} {
		code, answer := s.rest(bob, "GET", path, nil)
		refused(t, path, code, answer, 404, "JOB_NOT_FOUND")
	}
	for _, path := range []string{"/api/v1/imports/" + id, "/api/v1/sse/imports/" + id, "/api/v1/imports/" + id + "/issues", "/api/v1/imports/" + id + "/report.xlsx"} {
		code, answer := s.rest(bob, "GET", path, nil)
		refused(t, path, code, answer, 404, "IMPORT_NOT_FOUND")
	}
	code, answer := s.rest(bob, "POST", "/api/v1/jobs/"+id+":cancel", map[string]any{})
	refused(t, "cancel", code, answer, 404, "JOB_NOT_FOUND")

	for token, reason := range map[string]string{"": "TOKEN_MISSING", "nonsense": "TOKEN_INVALID"} {
		for _, path := range []string{"/api/v1/jobs/" + id, "/api/v1/imports/" + id, "/api/v1/sse/jobs/import/" + id, "/api/v1/sse/jobs/my"} {
			code, answer := s.rest(token, "GET", path, nil)
			refused(t, path, code, answer, 401, reason)
		}
	}
	for method, c := range map[string]struct{ address, request, reason string }{
		"headway.jobs.v1.JobService/GetJob":            {s.jobs, `{"job_id":"` + id + `"}`, "JOB_NOT_FOUND"},
		"headway.jobs.v1.JobService/WatchJob":          {s.jobs, `{"job_id":"` + id + `"}`, "JOB_NOT_FOUND"},
		"headway.imports.v1.ImportService/GetImport":   {s.importer, `{"import_id":"` + id + `"}`, "IMPORT_NOT_FOUND"},
		"headway.imports.v1.ImportService/WatchImport": {s.importer, `{"import_id":"` + id + `"}`, "IMPORT_NOT_FOUND"},
	} {
		for token, reason := range map[string]string{bob: c.reason, "nonsense": "TOKEN_INVALID"} {
			out, err := exec.Command(grpcurlProgram, "-plaintext", "-H", "authorization: Bearer "+token, "-d", c.request, c.address, method).CombinedOutput()
			if err == nil || !strings.Contains(string(out), reason) {
				t.Errorf("%s must be rejected with %s: %s", method, reason, out)
			}
		}
	}
}

func refused(t *testing.T, how string, code int, answer map[string]any, status int, reason string) {
	t.Helper()
	if code != status || answer["reason"] != reason {
		t.Errorf("%s: got %d %v (%v), want %d %s", how, code, answer["reason"], answer["message"], status, reason)
	}
	if message, _ := answer["message"].(string); len(message) < 20 {
		t.Errorf("%s: the message is too short: %q", how, message)
	}
}

// raw posts a workbook as the request's body.
func (s *server) raw(token, file, query string) (int, map[string]any) {
	s.t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), "POST", "http://"+s.edge+"/api/v1/imports?file_name=raw.xlsx"+query, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
	return do(s.t, req)
}

// cutUpload announces the length of a whole workbook, sends half of it, and disconnects.
func (s *server) cutUpload(t *testing.T, token, file string) {
	t.Helper()
	half := head(t, file)
	conn, err := net.Dial("tcp", s.edge)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /api/v1/imports HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n",
		s.edge, token, 2*len(half))
	if _, err := conn.Write(half); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(conn)
	conn.Close()
	if len(answer) > 0 && !strings.Contains(string(answer), "UPLOAD_INTERRUPTED") {
		t.Errorf("got %s", answer)
	}
}

// blobs lists the stored workbooks.
func blobs(t *testing.T, data string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(filepath.Join(data, "blobs"), func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func head(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content[:len(content)/2]
}

// edited returns a copy of a workbook with a change.
func edited(t *testing.T, file string, options excelize.Options, edit func(*excelize.File)) string {
	t.Helper()
	f, err := excelize.OpenFile(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	edit(f)
	path := filepath.Join(t.TempDir(), "edited.xlsx")
	if err := f.SaveAs(path, options); err != nil {
		t.Fatal(err)
	}
	return path
}

func headerOf(f *excelize.File, sheet, cell string) string {
	text, _ := f.GetCellValue(sheet, cell)
	return text
}

func zipped(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("readme.txt")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(w, "no workbook")
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return write(t, "archive.xlsx", b.Bytes())
}
