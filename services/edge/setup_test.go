package edge_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/proctest"
	"headway/internal/s3test"
	"headway/services/edge"
)

func TestMain(m *testing.M) {
	if settings := os.Getenv(childSettings); settings != "" {
		os.Exit(runChild(settings))
	}
	for name, value := range s3test.Env() { // here, because tests that run in parallel can't set them
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

var quiet = slog.New(slog.DiscardHandler)

// waitLimit is the maximum time that a test waits for something that must happen. No test asserts a speed with it.
const waitLimit = 20 * time.Second

// bench is an edge with its services, all real servers on loopback.
type bench struct {
	t        *testing.T
	key      *auth.Key
	jobs     *jobsFake
	jobsUp   *upstream
	importer *importerFake
	// importerUp is the importer's address, and childAddr that of an edge in its own process.
	importerUp *upstream
	childAddr  string
	service    *edge.Service
	url        string
	client     *http.Client
	log        *proctest.Log
	// stop ends the edge and waits.
	stop func()
}

// setup starts everything for a test that runs in parallel with others. change can alter the settings of the edge.
func setup(t *testing.T, change func(*edge.Config)) *bench {
	t.Helper()
	t.Parallel() // much of the time is spent waiting
	key, err := auth.NewKey(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, key: key, jobs: newJobsFake(), importer: newImporterFake(), log: &proctest.Log{}}
	b.jobsUp = startUpstream(t, key, func(s *grpc.Server) { jobsv1.RegisterJobServiceServer(s, b.jobs) })
	b.importerUp = startUpstream(t, key, func(s *grpc.Server) { importsv1.RegisterImportServiceServer(s, b.importer) })
	b.start(change)
	return b
}

// another starts another edge with the same services.
func (b *bench) another(change func(*edge.Config)) *bench {
	b.t.Helper()
	other := &bench{t: b.t, key: b.key, jobs: b.jobs, jobsUp: b.jobsUp, importer: b.importer, importerUp: b.importerUp, log: &proctest.Log{}}
	other.start(change)
	return other
}

// start starts the edge, and stops it at the end of the test.
func (b *bench) start(change func(*edge.Config)) {
	t, key := b.t, b.key
	t.Helper()
	cfg := edge.Config{
		Settings:    edge.Settings{Listen: "127.0.0.1:0", DrainSpread: 100 * time.Millisecond},
		JobsAddress: b.jobsUp.addr, ImporterAddress: b.importerUp.addr, Verifier: key, Key: key,
		LocalSignIn: true, UploadsDir: t.TempDir(), Logger: slog.New(slog.NewJSONHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&cfg)
	}
	s, err := edge.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.service = s
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100}
	b.client = &http.Client{Transport: transport}
	b.url = "http://" + s.Addr().String()
	b.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(waitLimit):
			t.Error("Run did not return")
		}
		transport.CloseIdleConnections()
	})
	t.Cleanup(b.stop)
}

func (b *bench) token(subject string, scopes ...string) string {
	return b.tokenFor(time.Hour, subject, scopes...)
}

func (b *bench) tokenFor(ttl time.Duration, subject string, scopes ...string) string {
	b.t.Helper()
	token, err := b.key.Sign(auth.Identity{Subject: subject, Scopes: scopes}, ttl)
	if err != nil {
		b.t.Fatal(err)
	}
	return token
}

// request sends a request as ann, unless the headers set another identity. An empty "Authorization" sends none.
func (b *bench) request(method, path string, body io.Reader, headers ...string) *http.Request {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+b.token("ann"))
	if path == "/api/v1/session" && body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		switch {
		case headers[i] == "Host":
			r.Host = headers[i+1]
		case headers[i+1] == "":
			r.Header.Del(headers[i])
		default:
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	return r
}

func (b *bench) do(method, path string, body io.Reader, headers ...string) *http.Response {
	b.t.Helper()
	resp, err := b.client.Do(b.request(method, path, body, headers...))
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	b.t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// get returns the status and the JSON body.
func (b *bench) get(path string, headers ...string) (int, map[string]any) {
	b.t.Helper()
	return b.decode(b.do(http.MethodGet, path, nil, headers...))
}

func (b *bench) decode(resp *http.Response) (int, map[string]any) {
	b.t.Helper()
	if resp.Header.Get("Content-Type") == "text/event-stream" { // it has no end
		b.t.Fatal("the response is a stream, and not JSON")
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal(text, &body); err != nil {
		b.t.Fatalf("status %d, not JSON: %.200q", resp.StatusCode, text)
	}
	return resp.StatusCode, body
}

// refused checks that a response is an error in the common form.
func (b *bench) refused(resp *http.Response, status int, reason string) {
	b.t.Helper()
	got, body := b.decode(resp)
	if got != status || body["reason"] != reason {
		b.t.Fatalf("got %d %v, want %d %s", got, body, status, reason)
	}
	if body["message"] == "" || body["requestId"] != resp.Header.Get("X-Request-Id") || body["code"] == nil || body["status"] == "" {
		b.t.Errorf("an error without code, status, message or request id: %v", body)
	}
}

// eventually waits until a condition is true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(waitLimit); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// event is one Server-Sent Event, parsed strictly by WHATWG HTML §9.2.6.
type event struct {
	id, retry string
	data      map[string]any
	raw       string
}

// revision returns the revision in an ID on a stream of one job or import.
func (e event) revision() string {
	number, tag, _ := strings.Cut(e.id, "x")
	if len(tag) != 5 {
		return "no revision: " + e.id
	}
	return number
}

func (e event) kind() string { return fmt.Sprint(e.data["type"]) }

// eventStream reads events.
type eventStream struct {
	t        *testing.T
	resp     *http.Response
	lines    *bufio.Reader
	comments int
}

// open opens a stream of ann's and checks its headers.
func (b *bench) open(path string, headers ...string) *eventStream {
	b.t.Helper()
	resp := b.do(http.MethodGet, path, nil, headers...)
	return readStream(b.t, resp)
}

func readStream(t *testing.T, resp *http.Response) *eventStream {
	t.Helper()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("no stream: %s %s", resp.Status, text)
	}
	return &eventStream{t: t, resp: resp, lines: bufio.NewReaderSize(resp.Body, 64<<10)}
}

// next reads the next event. It returns io.EOF when the stream has ended regularly.
func (s *eventStream) next() (event, error) {
	var e event
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			if line != "" {
				return e, fmt.Errorf("half a line: %q: %w", line, err)
			}
			return e, err
		}
		line = strings.TrimSuffix(line, "\n")
		field, value, found := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if e.data != nil {
				return e, nil
			}
			if e.id != "" || e.retry != "" {
				return e, fmt.Errorf("an event without data: %+v", e)
			}
		case field == "":
			s.comments++
			if e.data != nil || e.id != "" {
				return e, fmt.Errorf("a comment within an event")
			}
		case !found:
			return e, fmt.Errorf("a line without a colon: %q", line)
		case field == "id" && e.id == "":
			e.id = value
			if strings.Trim(value, "0123456789abcdefghijklmnopqrstuvwxyz") != "" || len(value) > 16 {
				return e, fmt.Errorf("id %q is long, or has reserved characters", value)
			}
		case field == "retry" && e.retry == "":
			e.retry = value
		case field == "data" && e.data == nil:
			e.raw = value
			if err := json.Unmarshal([]byte(value), &e.data); err != nil {
				return e, fmt.Errorf("data %q: %w", value, err)
			}
		default: // including `event:`, for which onmessage is not called
			return e, fmt.Errorf("an unexpected field: %q", line)
		}
	}
}

// want reads the next event, which must have this type.
func (s *eventStream) want(kind string) event {
	s.t.Helper()
	e, err := s.read()
	if err != nil {
		s.t.Fatalf("waiting for %s: %v", kind, err)
	}
	if e.kind() != kind {
		s.t.Fatalf("got %s, want %s", e.raw, kind)
	}
	return e
}

// until reads on to the first event that ok accepts.
func (s *eventStream) until(what string, ok func(event) bool) event {
	s.t.Helper()
	for {
		e, err := s.read()
		if err != nil {
			s.t.Fatalf("waiting for %s: %v", what, err)
		}
		if ok(e) {
			return e
		}
	}
}

// wantEnd checks that the stream has ended regularly, and was not aborted.
func (s *eventStream) wantEnd() {
	s.t.Helper()
	if e, err := s.read(); err != io.EOF {
		s.t.Fatalf("got %s %v, want the end", e.raw, err)
	}
}

// read is next with a time limit.
func (s *eventStream) read() (event, error) {
	timer := time.AfterFunc(waitLimit, func() { s.resp.Body.Close() })
	defer timer.Stop()
	return s.next()
}

func (s *eventStream) close() { s.resp.Body.Close() }

// countingReader is a large workbook that counts its read bytes.
type countingReader struct {
	mu          sync.Mutex
	left, taken int64
	// before, if not nil, is called before each read with the number of bytes read so far.
	before func(taken int64)
}

func (r *countingReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.before != nil {
		r.before(r.taken)
	}
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, "PK")
	n = int(min(int64(max(n, len(p))), r.left))
	r.left -= int64(n)
	r.taken += int64(n)
	return n, nil
}

func (r *countingReader) read() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.taken
}
