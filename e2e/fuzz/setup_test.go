// Package fuzz sends generated requests to all services in one process: no response is a server error, and every error
// has a reason. Seeds and inputs that once failed run with the other tests. To generate inputs for 20 minutes:
//
//	go test ./e2e/fuzz -run '^$' -fuzz FuzzREST -fuzztime 20m -parallel 1
package fuzz

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"headway/gen/openapi"
	"headway/internal/auth"
	"headway/internal/proctest"
	"headway/services/edge"
	"headway/services/importer"
	"headway/services/jobs"
)

// unlimited switches a limit off.
const unlimited = -1

// server is all services in this process, and a client of them.
type server struct {
	url, token string
	log        *proctest.Log
	client     *http.Client
}

// start runs all services until the test ends.
func start(t testing.TB) *server {
	t.Helper()
	key, err := auth.NewKey(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	s := &server{log: &proctest.Log{}, client: &http.Client{Transport: &http.Transport{DisableCompression: true}}}
	logger := slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelError}))
	data := t.TempDir()
	js, err := jobs.New(jobs.Config{Settings: jobs.Settings{JobsListen: "127.0.0.1:0"}, DataDir: data, Verifier: key, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	im, err := importer.New(importer.Config{Settings: importer.Settings{ImporterListen: "127.0.0.1:0"}, DataDir: data, JobsAddress: js.Addr().String(),
		Credentials: key.ServiceCredentials("importer", auth.ScopeService, auth.ScopeWorker, auth.ScopeImporter), Verifier: key, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	ed, err := edge.New(edge.Config{
		Settings: edge.Settings{Listen: "127.0.0.1:0", RequestsPerSecond: unlimited, StreamsPerUser: unlimited, UnfinishedPerUser: unlimited, UnfinishedBytes: unlimited,
			UnfinishedBytesPerUser: unlimited},
		JobsAddress: js.Addr().String(), ImporterAddress: im.Addr().String(), UploadsDir: t.TempDir(), Verifier: key, Key: key, Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	g, ctx := errgroup.WithContext(ctx)
	for _, run := range []func(context.Context) error{js.Run, im.Run, ed.Run} {
		g.Go(func() error { return run(ctx) })
	}
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		stop()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
	s.url = "http://" + ed.Addr().String()
	if s.token, err = key.Sign(auth.Identity{Subject: "ann"}, 12*time.Hour); err != nil {
		t.Fatal(err)
	}
	s.waitReady(t)
	return s
}

func (s *server) waitReady(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if resp, err := s.client.Get(s.url + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the server is not ready")
		}
	}
}

// route is an operation of the OpenAPI document.
type route struct{ method, path string }

// routes returns the routes of the OpenAPI document that ok accepts.
func routes(t testing.TB, ok func(route) bool) []route {
	t.Helper()
	var api struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(openapi.JSON, &api); err != nil {
		t.Fatal(err)
	}
	var list []route
	for path, operations := range api.Paths {
		for method := range operations {
			if r := (route{strings.ToUpper(method), path}); ok(r) {
				list = append(list, r)
			}
		}
	}
	if len(list) == 0 {
		t.Fatal("no routes")
	}
	slices.SortFunc(list, func(a, b route) int {
		return cmp.Or(strings.Compare(a.path, b.path), strings.Compare(a.method, b.method))
	})
	return list
}

// at returns the route's path with an ID in each wildcard.
func (r route) at(id string) string {
	id = url.PathEscape(id)
	return strings.NewReplacer("{job_id}", id, "{import_id}", id, "{schema}", id, "{upload_id}", id, "{kind}", id, "{name}", id).Replace(r.path)
}

// answer is a response without its stream.
type answer struct {
	status   int
	header   http.Header
	body     []byte
	isStream bool
}

// send sends a request. It returns false if net/http's client refuses to send it. It fails the test if the response is a
// server error, or an error without a reason.
func (s *server) send(t testing.TB, method, pathAndQuery string, body []byte, headers ...string) (answer, bool) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+pathAndQuery, bytes.NewReader(body))
	if err != nil {
		return answer{}, false
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.client.Do(r)
	if err != nil {
		var lost net.Error
		if errors.As(err, &lost) && lost.Timeout() || errors.Is(err, io.EOF) || strings.Contains(err.Error(), "reset") {
			t.Fatalf("%s %.300q: %v", method, pathAndQuery, err)
		}
		return answer{}, false // the client refuses to send it
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header, isStream: resp.Header.Get("Content-Type") == "text/event-stream"}
	what := fmt.Sprintf("%s %.300q with %.300q %.300q", method, pathAndQuery, body, headers)
	if a.status >= http.StatusInternalServerError {
		t.Fatalf("%s: %s, log: %s", what, resp.Status, s.log)
	}
	if a.isStream { // it does not end by itself
		return a, true
	}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	isCondition := a.status == http.StatusPreconditionFailed && len(a.body) == 0 // the caller has set it, and needs no reason
	if a.status >= http.StatusBadRequest && method != http.MethodHead && !isCondition {
		s.checkError(t, what, a)
	}
	if log := s.errors(); log != "" {
		t.Fatalf("%s: the log has an error: %s", what, log)
	}
	return a, true
}

// errors returns the errors in the log. On a busy machine, the health checks between the services can be late, which says nothing about
// the request.
func (s *server) errors() string {
	lines := slices.Collect(strings.Lines(s.log.String()))
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.Contains(line, `"msg":"not ready"`) }), "")
}

// checkError fails the test unless the response has the form of all errors. Requests that are not HTTP are refused by
// net/http itself, in plain text.
func (s *server) checkError(t testing.TB, what string, a answer) {
	t.Helper()
	if a.status == http.StatusBadRequest && strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") && a.header.Get("X-Request-Id") == "" {
		return
	}
	var body struct{ Reason, Message string }
	if err := json.Unmarshal(a.body, &body); err != nil || body.Reason == "" || body.Message == "" || body.Reason == "INTERNAL" {
		t.Fatalf("%s: %d %.300q", what, a.status, a.body)
	}
}
