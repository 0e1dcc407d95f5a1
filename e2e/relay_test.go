package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"headway/internal/proctest"
)

// backend is an HTTP service that knows nothing of Headway. The path selects its response.
type backend struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
	// gone gets the path of each request whose peer disconnected. proceed lets a waiting request end.
	gone, proceed chan string
}

func startBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{gone: make(chan string, 10), proceed: make(chan string)}
	b.Server = httptest.NewServer(b)
	t.Cleanup(b.Close)
	return b
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	b.requests, b.bodies = append(b.requests, r), append(b.bodies, string(body))
	b.mu.Unlock()
	send := func(format string, args ...any) {
		fmt.Fprintf(w, format, args...)
		http.NewResponseController(w).Flush()
	}
	switch r.URL.Path {
	case "/sse":
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		send(": hello\r\n\r\ndata: {\"status\":\"processing\",\"progress\":12.5,\"message\":\"3 of 24\",\r\ndata: \"step\":\"Fetching data\"}\r\n\r\n")
		send("data: Once upon \n\ndata: a time\n\n") // text, token by token
		send("data: {\"status\":\"processing\",\"progress\":60,\"message\":\"\",\"step\":\"Ranking\"}\n\n")
		send("data: {\"status\":\"completed\",\"progress\":100,\"message\":\"Done\",\"step\":\"Ranking\",\"data\":{\"pages\":24}}\n\n")
	case "/ndjson":
		w.Header().Set("Content-Type", "application/x-ndjson")
		send("{\"status\":\"processing\",\"progress\":50,\"step\":\"Half\"}\nplain text\n")
		send("{\"status\":\"error\",\"progress\":50,\"step\":\"Half\",\"message\":\"The site does not answer.\"}")
	case "/json":
		w.Header().Set("Content-Type", "application/json")
		send(`["a","b"]`)
	case "/text":
		w.Header().Set("Content-Type", "text/plain")
		send("All in one.")
	case "/refuse":
		w.WriteHeader(http.StatusUnprocessableEntity)
		send(`{"error":{"message":"There is no such site."}}`)
	case "/cut":
		w.Header().Set("Content-Type", "text/event-stream")
		send("data: {\"status\":\"processing\",\"progress\":10,\"step\":\"Begin\"}\n\n")
	case "/wait":
		w.Header().Set("Content-Type", "text/event-stream")
		send("data: {\"status\":\"processing\",\"progress\":10,\"step\":\"Waiting\"}\n\n")
		select {
		case <-r.Context().Done():
			b.gone <- r.URL.Path
		case <-b.proceed:
			send("data: {\"status\":\"completed\",\"progress\":100,\"data\":{\"attempt\":%q}}\n\n", r.Header.Get("X-Headway-Attempt"))
		}
	}
}

// relay runs `headway relay` for jobs of a kind.
func (s *server) relay(kind, url string, flags ...string) (kill func()) {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(s.token("relay", "--scope", "headway:worker")), 0o600); err != nil {
		s.t.Fatal(err)
	}
	log := &proctest.Log{}
	process := s.launch(log, append([]string{"relay", "--kind", kind, "--url", url, "--jobs-address", s.jobs, "--token-file", file}, flags...)...)
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.t.Logf("relay of %s:\n%s", kind, log)
		}
	})
	return func() { _ = process.Kill() } // the signal is the error
}

func TestRelayMakesAnyBackendAWorker(t *testing.T) {
	s, b := start(t, shortLeases...), startBackend(t)
	token := s.token("ann")
	for _, kind := range []string{"sse", "ndjson", "json", "text", "refuse", "cut"} {
		s.relay(kind, b.URL+"/"+kind+"?fixed=1", "--header", "X-Key: a,b")
	}
	s.relay("get", b.URL+"/json?fixed=1", "--method", "GET")
	run := func(kind string, retry map[string]any) map[string]any {
		t.Helper()
		code, answer := s.rest(token, "POST", "/api/v1/jobs", map[string]any{
			"kind": kind, "payload": map[string]any{"url": "http://a/?b=c", "depth": 2, "deep": map[string]any{"x": true}}, "retry": retry,
		})
		if code != http.StatusOK {
			t.Fatalf("create: %d %v", code, answer)
		}
		return s.job(token, field(t, answer, "job", "jobId").(string), "completed", "failed")
	}
	output := func(job map[string]any) string {
		return s.curl("-H", "Authorization: Bearer "+token, fmt.Sprintf("http://%s/api/v1/jobs/%s/output", s.edge, job["jobId"]))
	}
	check := func(what string, got, want any) {
		t.Helper()
		a, _ := json.Marshal(got)
		if text, ok := want.(string); fmt.Sprint(got) != fmt.Sprint(want) && (!ok || string(a) != text) {
			t.Errorf("%s is %s, want %v", what, a, want)
		}
	}

	job := run("sse", nil)
	check("the status", job["status"], "completed")
	check("the result", job["result"], `{"pages":24}`)
	check("the output", output(job), "Once upon a time")
	var titles []string
	for _, step := range field(t, job, "progress", "steps").([]any) {
		titles = append(titles, fmt.Sprint(step.(map[string]any)["title"], " ", step.(map[string]any)["state"]))
	}
	check("the steps", strings.Join(titles, ", "), "Fetching data completed, Ranking completed")
	b.mu.Lock()
	request, body := b.requests[0], b.bodies[0]
	b.mu.Unlock()
	check("the payload", body, `{"deep":{"x":true},"depth":2,"url":"http://a/?b=c"}`)
	check("the user", request.Header.Get("X-Headway-User"), "ann")
	check("the idempotency key", request.Header.Get("Idempotency-Key"), job["jobId"])
	check("the fixed parts", request.Header.Get("X-Key")+" "+request.URL.RawQuery, "a,b fixed=1")

	job = run("ndjson", nil)
	check("the error", field(t, job, "error", "message"), "The site does not answer.")
	check("the output", output(job), "plain text\n")
	check("the attempts", job["attempt"], 1)

	check("the result", run("json", nil)["result"], `{"data":["a","b"]}`)
	check("the output", output(run("text", nil)), "All in one.")
	check("the status", run("get", nil)["status"], "completed")
	b.mu.Lock()
	check("the query", b.requests[len(b.requests)-1].URL.RawQuery, "deep=%7B%22x%22%3Atrue%7D&depth=2&fixed=1&url=http%3A%2F%2Fa%2F%3Fb%3Dc")
	b.mu.Unlock()

	job = run("refuse", nil)
	check("the error", field(t, job, "error", "message"), "There is no such site.")
	check("the attempts", job["attempt"], 1)
	job = run("cut", map[string]any{"maxAttempts": 2, "backoffSeconds": 0.01})
	check("the reason", field(t, job, "error", "reason"), "BACKEND_INTERRUPTED")
	check("the attempts", job["attempt"], 2)
}

func TestRelayClosesRequestsAndSurvivesCrashes(t *testing.T) {
	s, b := start(t, shortLeases...), startBackend(t)
	token := s.token("ann")
	kill := s.relay("wait", b.URL+"/wait")

	waiting := func() string {
		id := s.create(token, "wait", map[string]any{})
		eventually(t, "the backend works", func() error {
			_, answer := s.rest(token, "GET", "/api/v1/jobs/"+id, nil)
			if step := field(t, answer, "job", "progress").(map[string]any)["currentStep"]; step != "Waiting" {
				return fmt.Errorf("the step is %v", step)
			}
			return nil
		})
		return id
	}
	id := waiting()
	s.rest(token, "POST", "/api/v1/jobs/"+id+":cancel", map[string]any{})
	s.job(token, id, "cancelled")
	if path := <-b.gone; path != "/wait" { // cancelling closes the request
		t.Errorf("the request to %s ended", path)
	}

	id = waiting()
	kill() // the lease expires, and another relay gets the job
	<-b.gone
	s.relay("wait", b.URL+"/wait")
	eventually(t, "another relay has the job", func() error {
		_, answer := s.rest(token, "GET", "/api/v1/jobs/"+id, nil)
		job := field(t, answer, "job").(map[string]any)
		if job["status"] != "active" || job["attempt"].(float64) != 2 {
			return fmt.Errorf("the job is %v in attempt %v", job["status"], job["attempt"])
		}
		return nil
	})
	s.kill() // the service restarts while the backend works
	s.run(shortLeases...)
	b.proceed <- "end"
	job := s.job(token, id, "completed", "failed")
	if attempt := field(t, job, "result", "attempt"); attempt != "2" {
		t.Errorf("the job ended by attempt %v: %v", attempt, job)
	}
}

func TestRelayDescribesItsKind(t *testing.T) {
	s, b := start(t), startBackend(t)
	file := filepath.Join(t.TempDir(), "crawl.json")
	writeFile(t, file, `{"title": "Crawl a site", "fields": [{"name": "url", "label": "Address", "required": true}]}`)
	s.relay("crawl", b.URL+"/json", "--description", file)
	s.relay("plain", b.URL+"/json")
	token := s.token("ann")
	eventually(t, "both kinds are described", func() error {
		_, answer := s.rest(token, "GET", "/api/v1/kinds", nil)
		found := map[string]string{}
		for _, d := range field(t, answer, "descriptions").([]any) {
			found[field(t, d, "kind").(string)] = fmt.Sprint(field(t, d, "title"), " ", len(d.(map[string]any)["fields"].([]any)))
		}
		if fmt.Sprint(found) != "map[crawl:Crawl a site 1 plain:plain 0]" {
			return fmt.Errorf("the kinds are %v", found)
		}
		return nil
	})
}

func TestRelayRejectsBadFlags(t *testing.T) {
	s := &server{t: t, data: t.TempDir(), jobs: "127.0.0.1:1"}
	other := filepath.Join(s.data, "other.json")
	writeFile(t, other, `{"kind": "y", "title": "Another kind"}`)
	unknown := filepath.Join(s.data, "unknown.json")
	writeFile(t, unknown, `{"heading": "No such field"}`)
	for _, flags := range [][]string{
		{"--url", "http://127.0.0.1:1", "--description", other}, {"--url", "http://127.0.0.1:1", "--description", unknown},
		{"--url", "file:///etc/passwd"}, {"--url", "http://127.0.0.1:1", "--header", "no colon"},
		{"--url", "http://127.0.0.1:1", "--timeout", "0s"}, {"--url", "http://127.0.0.1:1"}, // without a token
	} {
		if _, stderr, code := s.command(append([]string{"relay", "--kind", "x"}, flags...)...); code != 2 || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q exits with code %d\n%s", flags, code, stderr)
		}
	}
}
