package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"headway/clients/go"
)

// The clients in this file are written from the published designs alone. They use nothing else of Headway.

// batchWords are the words of a batch upload, in order.
var batchWords = []string{"UPLOADING_AREA", "UPLOADING_DEPARTMENT", "UPLOADING_DESIGNATION", "UPLOADING_EMPLOYEE",
	"UPLOADING_SCHEDULE", "UPLOADING_DRIVERS", "UPLOADING_ASSIGN_CAR", "COMPLETED"}

// plainStream is an open stream of a plain client.
type plainStream struct {
	t      *testing.T
	body   io.ReadCloser
	lines  *bufio.Scanner
	lastID string
	header http.Header
}

// openStream opens a stream, as EventSource does.
func (s *server) openStream(t *testing.T, path string, headers ...string) *plainStream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.edge+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(answer.Body)
		t.Fatalf("the response to GET %s is %s %q: %s", path, answer.Status, answer.Header.Get("Content-Type"), body)
	}
	return &plainStream{t: t, body: answer.Body, lines: bufio.NewScanner(answer.Body), header: answer.Header}
}

// next returns the data of the next message, or false at the end of the stream.
func (p *plainStream) next() (string, bool) {
	p.t.Helper()
	for p.lines.Scan() {
		if id, ok := strings.CutPrefix(p.lines.Text(), "id: "); ok {
			p.lastID = id
		}
		if data, ok := strings.CutPrefix(p.lines.Text(), "data: "); ok {
			return data, true
		}
	}
	return "", false
}

// all returns the data of all messages until the stream ends.
func (p *plainStream) all() (list []string) {
	for data, ok := p.next(); ok; data, ok = p.next() {
		list = append(list, data)
	}
	return list
}

// postFile posts a form with one field.
func (s *server) postFile(t *testing.T, token, path, file string) (int, map[string]any) {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	if file == "" {
		if err := w.WriteField("file", "not a file"); err != nil {
			t.Fatal(err)
		}
	} else {
		part, err := w.CreateFormFile("file", filepath.Base(file))
		if err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.edge+path, &form)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		t.Fatalf("the response is not JSON: %v", err)
	}
	return answer.StatusCode, body
}

func TestBatchUploadStreamsEveryStep(t *testing.T) {
	s := start(t, "--routes", "../deploy/routes/batch-upload.yaml")
	token := s.token("ann")
	auth := []string{"Authorization", "Bearer " + token}
	for _, rows := range []int{300, 20_000} {
		file, _ := s.sample(rows, rows/100)
		stream := s.openStream(t, "/api/events", auth...) // before there is an import
		if code, body := s.postFile(t, token, "/api/upload-batch", file); code != http.StatusAccepted {
			t.Fatalf("%d %v", code, body)
		}
		if got := stream.all(); !slices.Equal(got, batchWords) {
			t.Errorf("%d rows: the stream said %q", rows, got)
		}
	}
	// A short import that ended before its stream began.
	file, _ := s.sample(300, 0)
	_, body := s.postFile(t, token, "/api/upload-batch", file)
	id := field(t, body, "import", "importId").(string)
	s.watchSSE(token, "/api/v1/sse/imports/"+id).wait(t)
	if got := s.openStream(t, "/api/events", auth...).all(); !slices.Equal(got, batchWords) {
		t.Errorf("a late stream said %q", got)
	}
	// Ends that were shown are not shown again: the next stream is about the next import only. Another user's import is not
	// shown at all.
	stream := s.openStream(t, "/api/events", auth...)
	s.postFile(t, s.token("bob"), "/api/upload-batch", file)
	s.postFile(t, token, "/api/upload-batch", file)
	if got := stream.all(); !slices.Equal(got, batchWords) {
		t.Errorf("the next stream said %q", got)
	}
}

func TestBatchUploadWithoutFileFails(t *testing.T) {
	s := start(t, "--routes", "../deploy/routes/batch-upload.yaml")
	token := s.token("ann")
	stream := s.openStream(t, "/api/events", "Authorization", "Bearer "+token)
	code, body := s.postFile(t, token, "/api/upload-batch", "")
	if code != http.StatusUnprocessableEntity && code != http.StatusBadRequest || body["message"] == nil {
		t.Errorf("%d %v", code, body)
	}
	if got := stream.all(); !slices.Equal(got, []string{"FAILED"}) {
		t.Errorf("the stream said %q", got)
	}
	// The stream of a page can also begin after the response.
	s.postFile(t, token, "/api/upload-batch", "")
	if got := s.openStream(t, "/api/events", "Authorization", "Bearer "+token).all(); !slices.Equal(got, []string{"FAILED"}) {
		t.Errorf("a late stream said %q", got)
	}
	if got := s.curl("-o", os.DevNull, "-w", "%{http_code} %{content_type}", "http://"+s.edge+"/batch-upload/"); got != "200 text/html; charset=utf-8" {
		t.Errorf("the response to the page is %s", got)
	}
}

// work runs a worker of a kind in this process.
func (s *server) work(t *testing.T, kind string, handle func(ctx context.Context, task *headway.Task) (any, error)) {
	t.Helper()
	conn, err := grpc.NewClient(s.jobs, append(headway.DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(headway.Token(s.token("worker", "--scope", "headway:worker"), false)))...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	w := headway.NewWorker(conn, headway.WorkerConfig{Handlers: map[string]headway.Handler{kind: handle}})
	go func() { defer close(done); _ = w.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; conn.Close() })
}

func decoded(t *testing.T, data string) (m map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(data), &m); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return m
}

func TestJobStatusStreamsTheEndAsUpdate(t *testing.T) {
	s := start(t, "--routes", "../deploy/routes/job-status.yaml")
	token := s.token("ann")
	fail := atomic.Bool{}
	s.work(t, "character", func(_ context.Context, task *headway.Task) (any, error) {
		if fail.Load() {
			return nil, headway.FailPermanently("MODEL_MISSING", "The model is missing.", nil)
		}
		return map[string]any{"characterId": "c1", "name": "Mira"}, nil
	})
	for _, failing := range []bool{false, true} {
		fail.Store(failing)
		id := s.create(token, "character", nil)
		path := "/api/v1/sse/jobs/character/" + id
		for _, when := range []string{"early", "late"} {
			messages := s.openStream(t, path, "Authorization", "Bearer "+token).all()
			first, second, last := decoded(t, messages[0]), decoded(t, messages[1]), decoded(t, messages[len(messages)-1])
			if first["type"] != "connected" || first["jobId"] != id || second["type"] != "initial_status" || second["jobId"] != id {
				t.Errorf("%s: %s %s", when, messages[0], messages[1])
			}
			switch {
			case last["type"] != "job_update":
				t.Errorf("%s: the last message is %v", when, last)
			case failing && (last["status"] != "failed" || last["failedReason"] != "The model is missing." || field(t, last, "result", "error") != "The model is missing."):
				t.Errorf("%s: %v", when, last)
			case !failing && (last["status"] != "completed" || last["progress"] != 100.0 || field(t, last, "result", "name") != "Mira" || last["completedAt"] == nil):
				t.Errorf("%s: %v", when, last)
			}
		}
		code, polled := s.rest(token, "GET", "/api/v1/characters/jobs/"+id, nil)
		if status := field(t, polled, "data", "status"); code != 200 || status != map[bool]string{false: "completed", true: "failed"}[failing] {
			t.Errorf("the response of the polled route is %d %v", code, polled)
		}
		if code, _ := s.rest(s.token("bob"), "GET", "/api/v1/characters/jobs/"+id, nil); code != 404 {
			t.Errorf("another user gets %d", code)
		}
	}
}

func TestOneRequestStartsWorkAndStreamsIt(t *testing.T) {
	s := start(t, "--routes", "../deploy/routes/gateway.yaml")
	token := s.token("ann")
	runs, proceed := atomic.Int32{}, make(chan struct{})
	s.work(t, "process", func(ctx context.Context, task *headway.Task) (any, error) {
		runs.Add(1)
		task.Message("Fetching data")
		select {
		case <-proceed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		var payload map[string]any
		if err := task.Payload(&payload); err != nil {
			return nil, err
		}
		return map[string]any{"topic": payload["topic"]}, nil
	})
	if code := s.curl("-I", "-o", os.DevNull, "-w", "%{http_code}", "http://"+s.edge+"/api/v1/process/stream?token="+token); code != "405" {
		t.Errorf("the status of HEAD is %s", code)
	}
	stream := s.openStream(t, "/api/v1/process/stream?topic=owls&token="+token)
	data, _ := stream.next()
	if first := decoded(t, data); first["status"] != "processing" {
		t.Errorf("the first message is %s", data)
	}
	eventually(t, "the work has begun", func() error {
		if runs.Load() == 0 {
			return fmt.Errorf("not yet")
		}
		return nil
	})
	stream.body.Close() // a cut
	again := s.openStream(t, "/api/v1/process/stream?topic=owls&token="+token, "Last-Event-ID", stream.lastID)
	close(proceed)
	messages := again.all()
	last := decoded(t, messages[len(messages)-1])
	if last["status"] != "completed" || last["progress"] != 100.0 || field(t, last, "data", "topic") != "owls" {
		t.Errorf("the last message is %v", last)
	}
	if runs.Load() != 1 {
		t.Errorf("the work ran %d times", runs.Load())
	}
	if code := s.curl("-o", os.DevNull, "-w", "%{http_code}", "-H", "Last-Event-ID: "+again.lastID, "http://"+s.edge+"/api/v1/process/stream?token="+token); code != "204" {
		t.Errorf("the status of a reconnect after the end is %s", code)
	}
	if code := s.curl("-o", os.DevNull, "-w", "%{http_code}", "http://"+s.edge+"/api/v1/process/stream"); code != "401" {
		t.Errorf("without a token the answer is %s", code)
	}
}

func TestInvalidRoutesKeepThePreviousOnes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "routes.yaml")
	writeFile(t, file, "- {path: /one, get: {job: id}}\n")
	if out, stderr, code := new(server).check(t, file); code == 0 || !strings.Contains(stderr, file+":1: ") {
		t.Errorf("routes check: %d %s %s", code, out, stderr)
	}
	writeFile(t, file, "- {path: /jobs/:id, get: {job: id}}\n")
	s := start(t, "--routes", file)
	status := func(path string) string {
		return s.curl("-o", os.DevNull, "-w", "%{http_code}", "-H", "Accept: application/json", "http://"+s.edge+path)
	}
	if got := status("/jobs/1"); got != "401" {
		t.Errorf("the response of the route is %s", got)
	}
	writeFile(t, file, "- {path: /jobs/:id, get: {job: id}}\n- {path: /work/:id, get: {job: other}}\n")
	eventually(t, "the error is logged", func() error {
		if !strings.Contains(s.log.String(), file+":2: get.job is") {
			return fmt.Errorf("the log is %s", s.log)
		}
		return nil
	})
	if got := status("/jobs/1"); got != "401" {
		t.Errorf("the response of the old route is %s", got)
	}
	writeFile(t, file, "- {path: /work/:id, get: {job: id}}\n")
	eventually(t, "the new route is there", func() error {
		if got := status("/work/1"); got != "401" {
			return fmt.Errorf("its response is %s", got)
		}
		return nil
	})
}

// check runs `headway routes check`.
func (*server) check(t *testing.T, file string) (stdout, stderr string, code int) {
	return (&server{t: t}).command("routes", "check", file)
}
