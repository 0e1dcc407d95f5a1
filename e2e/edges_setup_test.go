package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"headway/internal/natstest"
	"headway/internal/proctest"
	"headway/internal/s3test"
)

// edges are two edges with one jobs service and one importer, all processes, a bucket and a bus that the edges share, and the nginx
// of the compose file before them.
type edges struct {
	*server
	// addresses and processes are those of the edges. proxy is the address of nginx.
	addresses [2]string
	processes [2]*proctest.Process
	proxy     string
	ann       string
	bucket    string
	bus       string
	flags     []string
}

func startEdges(t *testing.T, flags ...string) *edges {
	t.Helper()
	objects := s3test.Start(t, "headway")
	s := &server{t: t, data: t.TempDir(), jobs: proctest.FreeAddress(t), importer: proctest.FreeAddress(t), log: &proctest.Log{}}
	for name, value := range s3test.Env() {
		s.environment = append(s.environment, name+"="+value)
	}
	writeFile(t, filepath.Join(s.data, "key"), "a key of these tests, at least 32 bytes")
	e := &edges{server: s, bucket: objects.URL("headway", "prefix=edge/"), bus: "nats://" + natstest.Start(t), flags: flags}
	e.common("jobs", "--jobs-listen", s.jobs)
	e.common("importer", "--importer-listen", s.importer, "--jobs-address", s.jobs)
	for i := range e.addresses {
		e.addresses[i] = proctest.FreeAddress(t)
		e.run(i)
	}
	s.edge = e.addresses[0]
	e.ann = s.token("ann", "--key-file", filepath.Join(s.data, "key"))
	e.proxy = composeNginx(t, e.addresses)
	return e
}

// common starts a service.
func (e *edges) common(name string, flags ...string) *proctest.Process {
	e.t.Helper()
	return e.launch(e.log, append([]string{name, "--metrics-listen=-", "--key-file", filepath.Join(e.data, "key"),
		"--data", filepath.Join(e.data, name+fmt.Sprint(flags[1]))}, flags...)...)
}

// run starts an edge, and waits until it is ready.
func (e *edges) run(i int) {
	e.t.Helper()
	e.processes[i] = e.common("edge", append([]string{"--listen", e.addresses[i], "--jobs-address", e.jobs, "--importer-address", e.importer,
		"--edge-blobs", e.bucket, "--bus", e.bus, "--keepalive=2s", "--retry=100ms", "--drain-delay=1s"}, e.flags...)...)
	e.processes[i].AwaitReady("http://" + e.addresses[i] + "/readyz")
}

// restart stops an edge as an operator does, and starts it again.
func (e *edges) restart(i int) {
	e.t.Helper()
	if err := e.processes[i].Process.Signal(os.Interrupt); err != nil {
		e.t.Fatal(err)
	}
	if err := e.processes[i].Wait(); err != nil {
		e.t.Errorf("edge %d: %v", i, err)
	}
	e.run(i)
}

// composeNginx starts nginx with the configuration of the compose file, and returns its address.
func composeNginx(t *testing.T, edges [2]string) string {
	t.Helper()
	dir, address := t.TempDir(), proctest.FreeAddress(t)
	text, err := os.ReadFile(filepath.Join("..", "deploy", "compose", "nginx.conf"))
	if err != nil {
		t.Fatal(err)
	}
	for old, replacement := range map[string]string{"edge1:8080": edges[0], "edge2:8080": edges[1], "listen 8080;": "listen " + address + ";",
		"/dev/stdout": dir + "/access.log"} {
		if !bytes.Contains(text, []byte(old)) {
			t.Fatalf("the configuration does not contain %q", old)
		}
		text = bytes.ReplaceAll(text, []byte(old), []byte(replacement))
	}
	writeFile(t, filepath.Join(dir, "site.conf"), string(text))
	writeFile(t, filepath.Join(dir, "nginx.conf"), nginxMain(dir, "site.conf", 2048))
	cmd := exec.Command(nginxProgram(), "-p", dir, "-c", filepath.Join(dir, "nginx.conf"), "-g", "daemon off;")
	log := &proctest.Log{}
	cmd.Stdout, cmd.Stderr = log, log
	process := proctest.Start(t, cmd)
	t.Cleanup(func() {
		_ = process.Process.Signal(os.Interrupt) // so that it ends its workers
		_ = process.Wait()                       // by the signal
	})
	process.AwaitReady("http://" + address + "/readyz")
	return address
}

// call sends a request to an address, and returns the response with its body read.
func (e *edges) call(ctx context.Context, method, address, path string, body io.Reader, headers ...string) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, body)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Authorization", "Bearer "+e.ann)
	for i := 0; i < len(headers); i += 2 {
		if req.Header.Set(headers[i], headers[i+1]); headers[i+1] == "" {
			req.Header.Del(headers[i])
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res, string(text), err
}

// must is call for a request that must have this status.
func (e *edges) must(status int, method, address, path string, body io.Reader, headers ...string) (*http.Response, string) {
	e.t.Helper()
	res, text, err := e.call(e.t.Context(), method, address, path, body, headers...)
	if err != nil || res.StatusCode != status {
		e.t.Fatalf("%s %s: %v %v %s, want %d", method, path, err, res, text, status)
	}
	return res, text
}

// sseEvent is an event of a stream.
type sseEvent struct{ id, data string }

// stream opens a stream, and calls each for every event until it returns false, the stream ends, or ctx is done. It returns the
// status.
func (e *edges) stream(ctx context.Context, address, path, lastEventID string, each func(sseEvent) bool, headers ...string) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+e.ann)
	if lastEventID != "" {
		req.Header.Set("Last-Event-ID", lastEventID)
	}
	for i := 0; i < len(headers); i += 2 {
		if req.Header.Set(headers[i], headers[i+1]); headers[i+1] == "" {
			req.Header.Del(headers[i])
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	var now sseEvent
	for lines := bufio.NewScanner(res.Body); res.StatusCode == http.StatusOK && lines.Scan(); {
		switch name, value, _ := strings.Cut(lines.Text(), ": "); {
		case lines.Text() == "" && now.data != "":
			if !each(now) {
				return res.StatusCode, nil
			}
			now = sseEvent{}
		case name == "id":
			now.id = value
		case name == "data":
			now.data = value
		}
	}
	return res.StatusCode, nil
}

// newJob creates a job of a kind without workers, through nginx.
func (e *edges) newJob() string {
	e.t.Helper()
	_, text := e.must(http.StatusOK, http.MethodPost, e.proxy, "/api/v1/jobs", strings.NewReader(`{"kind":"media"}`), "Content-Type", "application/json")
	_, id, _ := strings.Cut(text, `"jobId":"`)
	id, _, ok := strings.Cut(id, `"`)
	if !ok {
		e.t.Fatal(text)
	}
	return id
}

func (e *edges) cancelJob(id string) {
	e.t.Helper()
	e.must(http.StatusOK, http.MethodPost, e.proxy, "/api/v1/jobs/"+id+":cancel", strings.NewReader("{}"), "Content-Type", "application/json")
}
