package e2e

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestClosedTabCancelsOnlyDeclaredWork closes the stream of a route that cancels on disconnect, and that of one that doesn't.
func TestClosedTabCancelsOnlyDeclaredWork(t *testing.T) {
	file := filepath.Join(t.TempDir(), "routes.yaml")
	writeFile(t, file, `
- {path: /keep, format: progress_update, start: {kind: process}}
- {path: /stop, format: progress_update, start: {kind: process, answer: stream, cancel_on_disconnect: true}}
`)
	s := start(t, "--routes", file)
	token := s.token("ann")
	work := newSteppedWork()
	s.work(t, "process", work.handle)
	begin := func(path string) (id string) {
		t.Helper()
		stream := s.openStream(t, path+"?token="+token)
		<-work.begun
		data, _ := stream.next()
		stream.body.Close()
		return field(t, decoded(t, data), "jobId").(string)
	}
	stopped := begin("/stop")
	s.job(token, stopped, "cancelled")
	kept := begin("/keep")
	work.end <- nil // the worker that has the other job is gone
	s.job(token, kept, "completed")
}

// TestIdempotencyKeyFindsRunningJob repeats requests while the work is running, and after it.
func TestIdempotencyKeyFindsRunningJob(t *testing.T) {
	s := start(t, "--routes", "../deploy/routes/gateway.yaml")
	token := s.token("ann")
	work := newSteppedWork()
	s.work(t, "process", work.handle)
	path := "/api/v1/process/stream?topic=owls&token=" + token
	open := map[string]func() *plainStream{
		"header": func() *plainStream { return s.openStream(t, path, "Idempotency-Key", "a") },
		"query":  func() *plainStream { return s.openStream(t, path+"&request_id=b") },
	}
	for name, request := range open {
		first := request()
		<-work.begun
		second := request()
		work.end <- nil
		one, two := first.all(), second.all()
		third := request().all() // after the end
		ids := map[any]bool{}
		for _, messages := range [][]string{one, two, third} {
			last := decoded(t, messages[len(messages)-1])
			ids[last["jobId"]] = true
			if last["status"] != "completed" {
				t.Errorf("%s: the last message is %v", name, last)
			}
		}
		if len(ids) != 1 || len(work.begun) != 0 {
			t.Errorf("%s: the requests started %v, and %d further jobs began", name, ids, len(work.begun))
		}
	}
}

// TestUploadAnswersWithItsStream posts a file to a route that answers with the stream of its import, in each format.
func TestUploadAnswersWithItsStream(t *testing.T) {
	file := filepath.Join(t.TempDir(), "routes.yaml")
	var routes strings.Builder
	for _, format := range []string{"headway", "job_status", "progress_update", "step_names"} {
		fmt.Fprintf(&routes, "- {path: /%[1]s, method: POST, format: %[1]s, start: {import: workforce, answer: stream}}\n", format)
	}
	writeFile(t, file, routes.String())
	s := start(t, "--routes", file)
	token := s.token("ann")
	sample, _ := s.sample(300, 0)
	content, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	for format, want := range map[string]string{"headway": `"status":"completed"`, "job_status": `"status":"completed"`,
		"progress_update": `"status":"completed"`, "step_names": "COMPLETED"} {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		part, err := w.CreateFormFile("file", "staff.xlsx")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.edge+"/"+format, &body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", w.FormDataContentType())
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		events := strings.Split(strings.TrimSpace(string(text)), "\n\n")
		if err != nil || answer.Header.Get("Content-Type") != "text/event-stream" || !strings.Contains(events[len(events)-1], want) {
			t.Errorf("%s: %s, %v, and the last event is %s", format, answer.Status, err, events[len(events)-1])
		}
	}
}

// TestProxyPassesOnTheEndOfItsUpstream lets an upstream break off in the middle of a stream, not answer in time, and be away.
func TestProxyPassesOnTheEndOfItsUpstream(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late" {
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: first\n\n")
		_ = http.NewResponseController(w).Flush() // the test's own server can
		panic(http.ErrAbortHandler)
	}))
	defer upstream.Close()
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	t.Setenv("PROCESSOR_SERVICE_URL", upstream.URL)
	t.Setenv("AWAY_URL", away.URL)
	file := filepath.Join(t.TempDir(), "routes.yaml")
	writeFile(t, file, `
- {path: /cut, proxy_upstream: $PROCESSOR_SERVICE_URL}
- {path: /late, proxy_upstream: $PROCESSOR_SERVICE_URL, timeout: 1}
- {path: /away, proxy_upstream: $AWAY_URL}
`)
	s := start(t, "--routes", file)
	auth := []string{"Authorization", "Bearer " + s.token("ann")}
	cut := s.openStream(t, "/cut", auth...)
	if got := cut.all(); !slices.Equal(got, []string{"first"}) || cut.lines.Err() == nil {
		t.Errorf("the stream said %q, and ended with %v", got, cut.lines.Err())
	}
	m := &methodsServer{server: s}
	for path, want := range map[string]int{"/late": http.StatusGatewayTimeout, "/away": http.StatusBadGateway} {
		answer, body := m.send("GET", declaredRoute{path: path}, auth...)
		if answer.StatusCode != want || !strings.Contains(body, `"reason":"UNAVAILABLE"`) {
			t.Errorf("GET %s answers %s %s", path, answer.Status, body)
		}
	}
}

// TestTwoUsersStreamTheirOwnImports lets two users upload at the same time, each with two streams.
func TestTwoUsersStreamTheirOwnImports(t *testing.T) {
	s := start(t, "--routes", "../deploy/routes/batch-upload.yaml")
	file, _ := s.sample(300, 0)
	streams := map[string][]*plainStream{}
	for _, user := range []string{"ann", "bob", "eve"} {
		for range 2 {
			streams[user] = append(streams[user], s.openStream(t, "/api/events", "Authorization", "Bearer "+s.token(user)))
		}
	}
	s.postFile(t, s.token("ann"), "/api/upload-batch", file)
	s.postFile(t, s.token("bob"), "/api/upload-batch", "")
	s.postFile(t, s.token("eve"), "/api/upload-batch", file)
	for user, want := range map[string][]string{"ann": batchWords, "bob": {"FAILED"}, "eve": batchWords} {
		for _, stream := range streams[user] {
			if got := stream.all(); !slices.Equal(got, want) {
				t.Errorf("a stream of %s said %q", user, got)
			}
		}
	}
}
