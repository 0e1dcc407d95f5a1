package e2e

import (
	"bytes"
	"context"
	"mime/multipart"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"headway/clients/go"
)

// TestOwnJobsStreamSendsRecentEnd checks that a client that starts a job, and opens the stream of all its jobs when that has
// already ended, receives the end as a job_update.
func TestOwnJobsStreamSendsRecentEnd(t *testing.T) {
	s := start(t, "--routes", "../deploy/routes/job-status.yaml")
	token := s.token("ann")
	s.work(t, "character", func(context.Context, *headway.Task) (any, error) { return map[string]any{"name": "Mira"}, nil })
	id := s.create(token, "character", nil)
	s.job(token, id, "completed")
	stream := s.openStream(t, "/api/v1/sse/jobs/my", "Authorization", "Bearer "+token)
	var got []string
	for len(got) < 3 {
		data, ok := stream.next()
		if !ok {
			t.Fatal("the stream ended")
		}
		m := decoded(t, data)
		if m["jobId"] != nil && m["jobId"] != id {
			t.Errorf("a message of another job: %s", data)
		}
		got = append(got, statusOf(t, data))
	}
	if want := []string{"connected <nil>", "initial_status completed", "job_update completed"}; !slices.Equal(got, want) {
		t.Errorf("the stream said %q", got)
	}
}

// TestFieldsOfFormAreNotOptions checks that a client can send other fields with its file, and can't change what the route does.
func TestFieldsOfFormAreNotOptions(t *testing.T) {
	s := start(t, "--routes", "../deploy/routes/batch-upload.yaml")
	file, _ := s.sample(30, 0)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	fields := func() {
		for name, value := range map[string]string{"on_issues": "abort", "mode": "insert_only", "schema": "other", "comment": "from a page"} {
			if err := w.WriteField(name, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	fields()
	part, err := w.CreateFormFile("file", "staff.xlsx")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(content); err != nil {
		t.Fatal(err)
	}
	fields()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.edge+"/api/upload-batch", &body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	r.Header.Set("Authorization", "Bearer "+s.token("ann"))
	code, answer := do(t, r)
	if code != http.StatusAccepted {
		t.Fatalf("%d %v", code, answer)
	}
	for name, want := range map[string]string{"schema": "workforce", "onIssues": "skip_rows", "mode": "upsert"} {
		if got := field(t, answer, "import", name); got != want {
			t.Errorf("%s is %v, expected %s", name, got, want)
		}
	}
}

// TestStartKeepsNumbersExact checks the payload of a body, and of a query that overlaps with it.
func TestStartKeepsNumbersExact(t *testing.T) {
	m := startWithAllRoutes(t)
	out := m.curl("-H", "Authorization: Bearer "+m.token, "-H", "Content-Type: application/json",
		"-d", `{"id": 9007199254740993, "list": [12345678901234567890, 0.10]}`, "http://"+m.edge+"/own/work?id=1&tag=a&tag=b&q=%C3%A9")
	if want := `"payload":{"id":9007199254740993,"list":[12345678901234567890,0.10],"q":"é","tag":["a","b"]}`; !strings.Contains(out, want) {
		t.Errorf("the job is %s", out)
	}
}

// TestInvalidTextIsAnErrorOfTheCaller sends text that is not UTF-8 wherever a client can send text.
func TestInvalidTextIsAnErrorOfTheCaller(t *testing.T) {
	m := startWithAllRoutes(t)
	auth := []string{"Authorization", "Bearer " + m.token}
	for path, headers := range map[string][]string{
		"/api/v1/characters/jobs/%ff": nil, "/own/jobs/%ff": nil, "/api/v1/sse/jobs/character/%ff": nil, "/own/imports/%ff": nil,
		"/api/v1/process/stream?q=%ff": nil, "/api/v1/process/stream?%ff=q": nil, "/api/v1/process/stream?request_id=%ff": nil,
		"/api/v1/process/stream": {"Idempotency-Key", "\xff"}, "/api/v1/process/stream?a=1": {"Last-Event-ID", "\xff.1"},
	} {
		answer, body := m.send("GET", declaredRoute{path: path}, append(slices.Clone(auth), headers...)...)
		if answer.StatusCode != http.StatusBadRequest || !strings.Contains(body, "UTF-8") {
			t.Errorf("GET %s with %q answers %s %s", path, headers, answer.Status, body)
		}
	}
}
