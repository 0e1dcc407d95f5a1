package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// ownRoutes has a route of each action that the published designs don't have.
const ownRoutes = `
- {path: /own/proxy, proxy_upstream: $PROCESSOR_SERVICE_URL}
- {path: /own/proxy, method: POST, proxy_upstream: $PROCESSOR_SERVICE_URL}
- {path: "/own/imports/:id", watch: {import: id}}
- {path: /own/latest, format: job_status, watch: {latest: process}}
- {path: /own/work, method: POST, start: {kind: process}}
- {path: /own/work, start: {kind: process}, format: progress_update}
- {path: /own/change, method: PATCH, start: {kind: process}}
- {path: "/own/jobs/:id", get: {job: id}}
- {path: /own/page, static: page}
`

// declaredRoute is a route as a client sees it: its path, the methods that it accepts, and the kind of its action.
type declaredRoute struct {
	path, action string
	methods      []string
}

// declaredRoutes are the routes of deploy/routes, and the own ones.
var declaredRoutes = []declaredRoute{
	{"/api/upload-batch", "start", []string{"POST"}},
	{"/api/events", "watch", []string{"GET", "HEAD"}},
	{"/batch-upload/", "static", []string{"GET", "HEAD"}},
	{"/api/v1/sse/jobs/character/JOB", "watch", []string{"GET", "HEAD"}},
	{"/api/v1/sse/jobs/media/JOB", "watch", []string{"GET", "HEAD"}},
	{"/api/v1/sse/jobs/my", "watch", []string{"GET", "HEAD"}},
	{"/api/v1/characters/jobs/JOB", "get", []string{"GET", "HEAD"}},
	{"/api/v1/process/stream", "start", []string{"GET"}},
	{"/own/proxy", "proxy_upstream", []string{"GET", "HEAD", "POST"}},
	{"/own/imports/JOB", "watch", []string{"GET", "HEAD"}},
	{"/own/latest", "watch", []string{"GET", "HEAD"}},
	{"/own/work", "start", []string{"GET", "POST"}},
	{"/own/change", "start", []string{"PATCH"}},
	{"/own/jobs/JOB", "get", []string{"GET", "HEAD"}},
	{"/own/page/", "static", []string{"GET", "HEAD"}},
}

const otherOrigin = "https://app.example.com"

// methodsServer is a server with all declared routes.
type methodsServer struct {
	*server
	token string
	// jobs has an ID for each path with one.
	jobs map[string]string
	mu   sync.Mutex
	// forwarded has the methods of the requests that the upstream got.
	forwarded []string
}

func startWithAllRoutes(t *testing.T) *methodsServer {
	m := &methodsServer{}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.forwarded = append(m.forwarded, r.Method)
		for name, value := range map[string]string{"Vary": "Accept", "Access-Control-Allow-Origin": "*", "X-Request-Id": "upstream",
			"Content-Security-Policy": "default-src 'self'", "X-Accel-Buffering": "yes", "Referrer-Policy": "origin"} {
			w.Header().Set(name, value)
		}
		fmt.Fprintf(w, "the query is %s", r.URL.RawQuery)
	}))
	t.Cleanup(upstream.Close)
	t.Setenv("PROCESSOR_SERVICE_URL", upstream.URL)
	file := pageAndRoutes(t, ownRoutes)
	flags := []string{"--routes", file, "--cors-origins", otherOrigin, "--requests-per-second=-1"}
	for _, name := range []string{"batch-upload", "job-status", "gateway"} {
		flags = append(flags, "--routes", "../deploy/routes/"+name+".yaml")
	}
	m.server = start(t, flags...)
	m.token = m.server.token("ann")
	sample, _ := m.sample(30, 0)
	m.jobs = map[string]string{
		"/api/v1/sse/jobs/character/JOB": m.create(m.token, "character", nil), "/api/v1/sse/jobs/media/JOB": m.create(m.token, "media", nil),
		"/own/imports/JOB": m.accepted(m.token, sample), "/own/jobs/JOB": m.create(m.token, "other", nil),
	}
	m.jobs["/api/v1/characters/jobs/JOB"] = m.jobs["/api/v1/sse/jobs/character/JOB"]
	m.job(m.token, m.jobs["/own/imports/JOB"], "completed")
	return m
}

// pageAndRoutes writes a route file, and a page into the folder page next to it.
func pageAndRoutes(t *testing.T, routes string) (file string) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "page"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "page", "index.html"), "a page")
	file = filepath.Join(dir, "routes.yaml")
	writeFile(t, file, routes)
	return file
}

// send sends a request without following redirects, and reads the response's body, if it isn't a stream.
func (m *methodsServer) send(method string, route declaredRoute, headers ...string) (*http.Response, string) {
	m.t.Helper()
	address := "http://" + m.edge + strings.Replace(route.path, "JOB", m.jobs[route.path], 1)
	r, err := http.NewRequestWithContext(m.t.Context(), method, address, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		m.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.Header.Get("Content-Type") == "text/event-stream" && method != http.MethodHead {
		return answer, ""
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		m.t.Fatal(err)
	}
	return answer, string(body)
}

// jobCount returns how many jobs the caller has.
func (m *methodsServer) jobCount() int {
	m.t.Helper()
	_, answer := m.rest(m.token, "GET", "/api/v1/jobs?page_size=500", nil)
	return len(field(m.t, answer, "jobs").([]any))
}

// TestDeclaredRoutesListTheirMethods checks each route with each method that it doesn't have, and with HEAD.
func TestDeclaredRoutesListTheirMethods(t *testing.T) {
	m := startWithAllRoutes(t)
	before := m.jobCount()
	auth := []string{"Authorization", "Bearer " + m.token}
	for _, route := range declaredRoutes {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
			if slices.Contains(route.methods, method) {
				continue
			}
			answer, body := m.send(method, route, auth...)
			if answer.StatusCode != http.StatusMethodNotAllowed || answer.Header.Get("Allow") != strings.Join(route.methods, ", ") {
				t.Errorf("%s %s answers %s, Allow: %s", method, route.path, answer.Status, answer.Header.Get("Allow"))
			}
			if method != http.MethodHead && !strings.Contains(body, `"message":"`+method+" is not allowed here.") {
				t.Errorf("%s %s answers %s", method, route.path, body)
			}
		}
		if !slices.Contains(route.methods, "HEAD") {
			continue
		}
		answer, body := m.send("HEAD", route, auth...)
		want := map[string]string{"watch": "text/event-stream", "get": "application/json", "static": "text/html; charset=utf-8",
			"proxy_upstream": "text/plain; charset=utf-8"}[route.action]
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != want || body != "" {
			t.Errorf("HEAD %s answers %s %q with %q", route.path, answer.Status, answer.Header.Get("Content-Type"), body)
		}
	}
	if after := m.jobCount(); after != before {
		t.Errorf("the requests started %d jobs", after-before)
	}
	if metrics := m.curl("http://" + m.metrics + "/metrics"); !strings.Contains(metrics, "\nheadway_edge_streams 0\n") {
		t.Error("a stream is still open")
	}
}

// TestPreflightsOfDeclaredRoutesAreAnswered checks the preflight of each route from an allowed origin, and from another one.
func TestPreflightsOfDeclaredRoutesAreAnswered(t *testing.T) {
	m := startWithAllRoutes(t)
	for _, route := range declaredRoutes {
		for _, method := range route.methods {
			preflight := []string{"Access-Control-Request-Method", method, "Access-Control-Request-Headers", "authorization,last-event-id,idempotency-key"}
			answer, body := m.send("OPTIONS", route, append(preflight, "Origin", otherOrigin)...)
			allowed := strings.ToLower(answer.Header.Get("Access-Control-Allow-Headers"))
			if answer.StatusCode != http.StatusNoContent || body != "" ||
				answer.Header.Get("Access-Control-Allow-Origin") != otherOrigin || answer.Header.Get("Access-Control-Allow-Credentials") != "true" ||
				!slices.Contains(strings.Split(answer.Header.Get("Access-Control-Allow-Methods"), ", "), method) {
				t.Errorf("the preflight of %s %s answers %s %v %s", method, route.path, answer.Status, answer.Header, body)
			}
			for _, name := range []string{"authorization", "last-event-id", "idempotency-key", "content-type"} {
				if !slices.Contains(strings.Split(allowed, ", "), name) {
					t.Errorf("the preflight of %s %s allows %s", method, route.path, allowed)
				}
			}
			answer, body = m.send("OPTIONS", route, append(preflight, "Origin", "https://evil.example.com")...)
			if answer.StatusCode != http.StatusForbidden || answer.Header.Get("Access-Control-Allow-Origin") != "" || !strings.Contains(body, "ORIGIN_REFUSED") {
				t.Errorf("the preflight of %s %s from another origin answers %s %s", method, route.path, answer.Status, body)
			}
		}
	}
}

// TestDeclaredRoutesAnswerAllowedOrigins checks the headers of each response to a page of another origin, and of errors.
func TestDeclaredRoutesAnswerAllowedOrigins(t *testing.T) {
	m := startWithAllRoutes(t)
	for _, route := range declaredRoutes {
		for _, method := range route.methods {
			for _, token := range []string{m.token, ""} { // without a token, most routes answer with an error
				for _, origin := range []string{otherOrigin, "https://evil.example.com", "null"} {
					headers := []string{"Origin", origin, "Accept", "text/event-stream, application/json"}
					if token != "" {
						headers = append(headers, "Authorization", "Bearer "+token)
					}
					answer, _ := m.send(method, route, headers...)
					h := answer.Header
					want, credentials := otherOrigin, "true"
					if origin != otherOrigin {
						want, credentials = "", ""
					}
					if h.Get("Access-Control-Allow-Origin") != want || h.Get("Access-Control-Allow-Credentials") != credentials {
						t.Errorf("%s %s from %s: %s %v", method, route.path, origin, answer.Status, h)
					}
					if !slices.Contains(h.Values("Vary"), "Origin") || len(h.Values("Access-Control-Allow-Origin")) > 1 {
						t.Errorf("%s %s from %s has Vary: %q and %q", method, route.path, origin, h.Values("Vary"), h.Values("Access-Control-Allow-Origin"))
					}
					unauthorized := answer.StatusCode == http.StatusUnauthorized
					if unauthorized != (token == "" && route.action != "static") {
						t.Errorf("%s %s with the token %q answers %s", method, route.path, token, answer.Status)
					}
				}
			}
		}
	}
}

// TestProxyAnswersWithOneOfEachHeader checks that an upstream's headers and the server's don't add up.
func TestProxyAnswersWithOneOfEachHeader(t *testing.T) {
	m := startWithAllRoutes(t)
	route := declaredRoute{path: "/own/proxy?b=1&a=2%20x+y&token=" + m.token + "&to%6ben=1&b=0"}
	answer, body := m.send("GET", route, "Origin", otherOrigin, "X-Request-Id", "mine")
	if body != "the query is b=1&a=2%20x+y&b=0" {
		t.Errorf("the upstream got: %s", body)
	}
	for name, want := range map[string][]string{
		"Vary": {"Origin", "Accept"}, "Access-Control-Allow-Origin": {otherOrigin}, "X-Request-Id": {"mine"},
		"Content-Security-Policy": {"default-src 'self'"}, "X-Accel-Buffering": {"no"}, "Referrer-Policy": {"origin"},
		"X-Content-Type-Options": {"nosniff"},
	} {
		if got := answer.Header.Values(name); !slices.Equal(got, want) {
			t.Errorf("%s is %q, expected %q", name, got, want)
		}
	}
	m.send("HEAD", declaredRoute{path: "/own/proxy"}, "Authorization", "Bearer "+m.token)
	if want := []string{"GET", "HEAD"}; !slices.Equal(m.forwarded, want) {
		t.Errorf("the upstream got %q", m.forwarded)
	}
}

// TestHeadLeavesFailureToStream checks that HEAD doesn't consume the failure that the stream of a page is about to send.
func TestHeadLeavesFailureToStream(t *testing.T) {
	m := startWithAllRoutes(t)
	m.postFile(t, m.token, "/api/upload-batch", "")
	m.send("HEAD", declaredRoute{path: "/api/events"}, "Authorization", "Bearer "+m.token)
	if got := m.openStream(t, "/api/events", "Authorization", "Bearer "+m.token).all(); !slices.Equal(got, []string{"FAILED"}) {
		t.Errorf("the stream said %q", got)
	}
}

// TestFolderAtRootLeavesOtherRoutes checks that a page at / replaces the web UI, and nothing else, and that redirects keep the
// prefix of a proxy.
func TestFolderAtRootLeavesOtherRoutes(t *testing.T) {
	file := pageAndRoutes(t, "- {path: /, static: page}\n- {path: /own, static: page}\n- {path: /work, method: POST, start: {kind: crawl}}\n")
	m := &methodsServer{server: start(t, "--routes", file, "--base-path=/tools")}
	auth := []string{"Authorization", "Bearer " + m.server.token("ann")}
	for path, want := range map[string]string{"/": "200 a page", "/own/": "200 a page", "/other": "404", "/api/v1/jobs": "200", "/docs": "200",
		"/openapi.json": "200", "/own": "308", "/tools/own?a=1": "308"} {
		answer, body := m.send("GET", declaredRoute{path: path}, auth...)
		if got := fmt.Sprint(answer.StatusCode, " ", body); !strings.HasPrefix(got, want) {
			t.Errorf("GET %s answers %s", path, got)
		}
		if location := answer.Header.Get("Location"); answer.StatusCode == http.StatusPermanentRedirect && !strings.HasPrefix(location, "/tools/own/") {
			t.Errorf("GET %s redirects to %s", path, location)
		}
	}
	if answer, body := m.send("POST", declaredRoute{path: "/work"}, auth...); !strings.HasPrefix(answer.Header.Get("Location"), "/tools/api/v1/jobs/") {
		t.Errorf("the job is at %s: %s", answer.Header.Get("Location"), body)
	}
}
