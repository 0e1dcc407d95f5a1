package e2e

import (
	"bufio"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// secretMark is part of every value that must not be in a log.
const secretMark = "zEcReTmArK"

// markedWorkbook writes a workbook with the mark in every cell. It has unknown headers, and valid and invalid values.
func markedWorkbook(t *testing.T) string {
	t.Helper()
	book := excelize.NewFile()
	defer book.Close()
	rows := map[string][][]any{
		"Areas": {
			{"Area code", "Area name", "Salary " + secretMark},
			{"A-" + secretMark, "North " + secretMark, "1 " + secretMark},
			{"A-" + secretMark, "doubled " + secretMark, ""},
		},
		"Departments": {
			{"Department code", "Department name", "Area code"},
			{"D1" + secretMark, "Finance " + secretMark, "missing " + secretMark},
		},
	}
	for sheet, lines := range rows {
		if _, err := book.NewSheet(sheet); err != nil {
			t.Fatal(err)
		}
		for i, line := range lines {
			if err := book.SetSheetRow(sheet, fmt.Sprintf("A%d", i+1), &line); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := book.DeleteSheet("Sheet1"); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "marked.xlsx")
	if err := book.SaveAs(file); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestNoLogContainsTokensOrCells makes all kinds of requests that carry secrets, with the lowest log level, and searches the
// log for them.
func TestNoLogContainsTokensOrCells(t *testing.T) {
	s := start(t, "--log-level", "debug", "--log-format", "json")
	sample, _ := s.sample(200, 12)
	marked := markedWorkbook(t)
	ann := s.token("ann")
	var secrets []string
	secret := func(text string) string { secrets = append(secrets, text); return text }
	secret(ann)
	auth := "Authorization: Bearer " + ann
	api := "http://" + s.edge + "/api/v1"

	// Workbooks over every interface, valid and rejected, with their issues, report, and review.
	s.job(ann, s.accepted(ann, sample, "on_issues=skip_rows"), "completed")
	for _, fields := range [][]string{{"on_issues=abort"}, {"on_issues=skip_rows"}, {"on_issues=review"}, {"mapping=[{\"sheet\":\"areas\",\"workbookSheet\":\"" + secretMark + "\"}]"}} {
		code, answer := s.upload(ann, marked, fields...)
		if code != http.StatusAccepted {
			continue
		}
		id := field(t, answer, "import", "importId").(string)
		s.job(ann, id, "completed", "failed", "waiting")
		s.curl("-H", auth, api+"/imports/"+id+"/issues", api+"/imports/"+id+"/issues.csv", "-o", "/dev/null", "-o", "/dev/null")
		s.curl("-H", auth, api+"/imports/"+id+"/report.xlsx", "-o", filepath.Join(t.TempDir(), "report.xlsx"))
	}
	plain := filepath.Join(t.TempDir(), "plain.txt")
	if err := os.WriteFile(plain, []byte("<html>no workbook "+secretMark), 0o600); err != nil {
		t.Fatal(err)
	}
	s.upload(ann, plain)

	// A header that the gateway of gRPC can't parse.
	s.curl("-X", "POST", "-H", auth, "-H", "Content-Type: application/"+secretMark+"; =", "--data", "{}", api+"/imports")

	// A resumable upload.
	created := s.curl("-i", "-X", "POST", "-H", auth, "-H", "Tus-Resumable: 1.0.0", "-H", "Upload-Length: 5",
		"-H", "Upload-Metadata: filename "+base64.StdEncoding.EncodeToString([]byte("x.xlsx")), api+"/uploads")
	location := regexp.MustCompile(`(?i)location: (\S+)`).FindStringSubmatch(created)
	if location == nil {
		t.Fatal(created)
	}
	s.curl("-X", "PATCH", "-H", auth, "-H", "Tus-Resumable: 1.0.0", "-H", "Upload-Offset: 0", "-H", "Content-Type: application/offset+octet-stream",
		"--data-binary", secretMark[:5], "http://"+s.edge+location[1])
	s.curl("-X", "POST", "-H", auth, api+"/imports?upload_id="+filepath.Base(location[1]))

	// A job with a user's data in its payload, result, and output.
	status, answer := s.rest(ann, "POST", "/api/v1/jobs", map[string]any{"kind": "media", "payload": map[string]any{"prompt": secretMark}})
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, answer)
	}
	job := field(t, answer, "job", "jobId").(string)
	s.rest(ann, "POST", "/api/v1/jobs", map[string]any{"kind": secretMark + "!", "payload": secretMark})

	// Sign-in, cookies, tickets, tokens in the wrong place, and invalid tokens.
	_, linkSecret, _ := strings.Cut(s.headway("open", "--url", "http://"+s.edge), "#sign-in=")
	signedIn := s.curl("-i", "-X", "POST", "-H", "Origin: http://"+s.edge, "-H", "Content-Type: application/json",
		"--data", `{"secret":"`+secret(strings.TrimSpace(linkSecret))+`"}`, api+"/session")
	cookie := regexp.MustCompile(`(headway_session_\w+)=([^;]+)`).FindStringSubmatch(signedIn)
	if cookie == nil {
		t.Fatal(signedIn)
	}
	s.curl("-H", "Cookie: "+cookie[1]+"="+secret(cookie[2]), api+"/session", api+"/jobs")
	_, ticketAnswer := s.rest(ann, "POST", "/api/v1/sse/tickets", nil)
	ticket := secret(field(t, ticketAnswer, "ticket").(string))
	for range 2 { // the second time, it is rejected
		conn, err := net.Dial("tcp", s.edge)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "GET /api/v1/sse/jobs/media/%s?token=%s HTTP/1.1\r\nHost: %s\r\n\r\n", job, ticket, s.edge)
		if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	forged := secret(ann[:len(ann)-10] + secretMark)
	for _, token := range []string{forged, "made-up-" + secretMark, s.token("eve")} {
		s.curl("-H", "Authorization: Bearer "+secret(token), api+"/jobs", api+"/imports?token="+token)
		s.curl(api+"/imports?token="+token, api+"/sse/jobs/my?token="+token)
	}
	for _, method := range []string{"headway.jobs.v1.JobService/ListJobs", "headway.jobs.v1.WorkerService/LeaseJobs"} {
		for _, token := range []string{ann, forged} {
			out, err := exec.Command(grpcurlProgram, "-plaintext", "-H", "authorization: Bearer "+token, s.jobs, method).CombinedOutput()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) { // a rejection is fine
				t.Fatal(err, string(out))
			}
		}
	}
	key, err := os.ReadFile(filepath.Join(s.data, "signing.key"))
	if err != nil {
		t.Fatal(err)
	}
	secret(strings.TrimSpace(string(key)))
	if err := s.interrupt(); err != nil {
		t.Error(err)
	}

	log := s.log.String()
	if !strings.Contains(log, `"path":"/api/v1/uploads"`) || !strings.Contains(log, `"reason":"TICKET_INVALID"`) || !strings.Contains(log, "NOT_A_WORKBOOK") {
		t.Errorf("the log lacks the requests, so this test proves nothing: %s", log)
	}
	for _, line := range strings.Split(log, "\n") {
		if strings.Contains(line, secretMark) {
			t.Errorf("the log contains a value: %s", line)
		}
		for _, text := range secrets {
			// The header and claims of a token are not secret, but they don't belong here either.
			if strings.Contains(line, text) || len(text) > 60 && strings.Contains(line, text[40:60]) {
				t.Errorf("the log contains a secret: %s", line)
			}
		}
	}
}

// TestBrokenUploadLeavesNothing breaks uploads in several ways. No workbook, import, job, or part remains.
func TestBrokenUploadLeavesNothing(t *testing.T) {
	s := start(t)
	sample, _ := s.sample(5000, 0)
	workbook, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	ann := s.token("ann")
	half := func(head string) {
		t.Helper()
		conn, err := net.Dial("tcp", s.edge)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\nTus-Resumable: 1.0.0\r\n", head, s.edge, ann, len(workbook)+200)
		fmt.Fprintf(conn, "Upload-Length: %d\r\n\r\n", len(workbook)+200)
		if strings.Contains(head, "multipart") {
			fmt.Fprint(conn, "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.xlsx\"\r\n\r\n")
		}
		if _, err := conn.Write(workbook[:len(workbook)/2]); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	half("POST /api/v1/imports HTTP/1.1\r\nContent-Type: application/octet-stream\r\nX:")
	half("POST /api/v1/imports HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=B\r\nX:")
	half("POST /api/v1/uploads HTTP/1.1\r\nContent-Type: application/offset+octet-stream\r\nX:") // no client learns its address
	if code, answer := s.upload(ann, s.data+"/signing.key"); code == http.StatusAccepted {
		t.Errorf("a key was accepted as a workbook: %v", answer)
	}
	nothing := func() error {
		for _, folder := range []string{"uploads", "blobs"} {
			files, err := s.files(folder)
			if err != nil || len(files) > 0 {
				return fmt.Errorf("%s contains %v %w", folder, files, err)
			}
		}
		for _, list := range []string{"imports", "jobs"} {
			status, answer := s.rest(ann, "GET", "/api/v1/"+list, nil)
			if found, _ := answer[list].([]any); status != http.StatusOK || len(found) > 0 {
				return fmt.Errorf("%s: %d %v", list, status, answer)
			}
		}
		return nil
	}
	eventually(t, "nothing is left", nothing)
	// The same after a crash during an upload, and a restart.
	conn, err := net.Dial("tcp", s.edge)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /api/v1/imports HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n%s",
		s.edge, ann, len(workbook), workbook[:len(workbook)/2])
	eventually(t, "the importer has some of it", func() error {
		if nothing() == nil {
			return errors.New("the importer has nothing")
		}
		return nil
	})
	s.kill()
	s.run()
	eventually(t, "nothing is left after a restart", nothing)
}

func TestCellWithSQLIsText(t *testing.T) {
	s := start(t)
	sample, _ := s.sample(100, 0)
	book, err := excelize.OpenFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	rows, err := book.GetRows("Areas")
	if err != nil {
		t.Fatal(err)
	}
	column := slices.IndexFunc(rows[0], func(header string) bool { return strings.Contains(strings.ToLower(header), "name") })
	cell, err := excelize.CoordinatesToCellName(column+1, 2)
	if err != nil {
		t.Fatal(err)
	}
	const evil = `x'); DROP TABLE areas; --`
	if err := errors.Join(book.SetCellStr("Areas", cell, evil), book.Save()); err != nil {
		t.Fatal(err)
	}
	ann := s.token("ann")
	s.job(ann, s.accepted(ann, sample, "on_issues=abort"), "completed")
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.data, "records.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var found, all int
	if err := db.QueryRow(`SELECT count(*) FILTER (WHERE name = ?), count(*) FROM areas`, evil).Scan(&found, &all); err != nil {
		t.Fatal(err)
	}
	if found != 1 || all != len(rows)-1 {
		t.Errorf("%d of %d areas have the name %s, want one of %d", found, all, evil, len(rows)-1)
	}
}

func TestRefusalsNameTheLimitsOfTokens(t *testing.T) {
	s := start(t)
	workbook := filepath.Join(s.data, "sample.xlsx")
	s.headway("sample", "--rows", "20", "--issues", "0", "-o", workbook)
	token := s.token("ann", "--kind", "media", "--schema", "fleet")
	status, answer := s.upload(token, workbook)
	if message, _ := answer["message"].(string); status != http.StatusForbidden || answer["reason"] != "SCOPE_MISSING" || !strings.Contains(message, `"workforce"`) || !strings.Contains(message, "headway_schemas allows: fleet") {
		t.Errorf("%d %v", status, answer)
	}
	for kind, want := range map[string]int{"media": http.StatusOK, "crawl": http.StatusForbidden, "import": http.StatusForbidden} {
		if status, answer := s.rest(token, "POST", "/api/v1/jobs", map[string]any{"kind": kind}); status != want {
			t.Errorf("%s: %d %v", kind, status, answer)
		}
	}
	if status, answer := s.upload(s.token("ann", "--schema", "workforce"), workbook); status != http.StatusAccepted {
		t.Errorf("with its schema: %d %v", status, answer)
	}
}
