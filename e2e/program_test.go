// Package e2e tests the real program from outside, with processes, sockets, curl, grpcurl, and signals.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"headway/internal/pgtest"
	"headway/internal/proctest"
)

// timeout bounds every wait, so that a hanging test fails. No wait is expected to take that long.
const timeout = 3 * time.Minute

var (
	headwayProgram string
	grpcurlProgram = filepath.Join("..", "bin", "grpcurl")
)

func TestMain(m *testing.M) {
	if arguments := os.Getenv(watchVariable); arguments != "" {
		watchByPackage(arguments)
		return
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// run builds the program from the current sources, so that no outdated binary is tested.
func run(m *testing.M) (int, error) {
	for _, program := range []string{grpcurlProgram, "curl", "jq"} {
		if _, err := exec.LookPath(program); err != nil {
			return 1, fmt.Errorf("these tests need %s. Run them with make test, which builds it, and install curl and jq (%w)", program, err)
		}
	}
	dir, err := os.MkdirTemp("", "headway-e2e-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	headwayProgram = filepath.Join(dir, "headway")
	if err := proctest.Build(dir, "headway/cmd/headway"); err != nil {
		return 1, err
	}
	return pgtest.Main(m).Run(), nil
}

// server is a running `headway serve`.
type server struct {
	t                             testing.TB
	data                          string
	edge, jobs, importer, metrics string // addresses
	process                       *proctest.Process
	log                           *proctest.Log
	environment                   []string // variables of the process, in addition to those of the tests
}

// start runs `headway serve` on free ports with its own data directory, and waits until it is ready.
func start(t testing.TB, flags ...string) *server {
	t.Helper()
	s := begin(t, flags...)
	s.waitReady()
	return s
}

// begin is like start, but does not wait.
func begin(t testing.TB, flags ...string) *server {
	t.Helper()
	s := &server{t: t, data: t.TempDir(), edge: proctest.FreeAddress(t), jobs: proctest.FreeAddress(t), importer: proctest.FreeAddress(t), metrics: proctest.FreeAddress(t)}
	if newJobsDatabase != nil {
		s.environment = []string{"HEADWAY_JOBS_DATABASE=" + newJobsDatabase()}
	}
	s.serve(flags...)
	return s
}

// run starts the process again, with the same ports and data.
func (s *server) run(flags ...string) {
	s.t.Helper()
	s.serve(flags...)
	s.waitReady()
}

func (s *server) serve(flags ...string) {
	s.t.Helper()
	s.log = &proctest.Log{}
	s.process = s.launch(s.log, append([]string{"serve", "--listen", s.edge, "--jobs-listen", s.jobs,
		"--importer-listen", s.importer, "--metrics-listen", s.metrics}, flags...)...)
}

func (s *server) launch(log *proctest.Log, args ...string) *proctest.Process {
	s.t.Helper()
	cmd := exec.Command(headwayProgram, args...)
	cmd.Env = append(append(os.Environ(), "HEADWAY_DATA="+s.data), s.environment...)
	cmd.Stdout, cmd.Stderr = log, log
	return proctest.Start(s.t, cmd)
}

func (s *server) waitReady() {
	s.t.Helper()
	s.process.AwaitReady("http://" + s.edge + "/readyz")
}

// kill kills the process, and waits for its end.
func (s *server) kill() {
	_ = s.process.Kill() // the signal is the error
}

// interrupt sends Ctrl-C, and returns how the process ended.
func (s *server) interrupt() error {
	s.t.Helper()
	s.process.Process.Signal(os.Interrupt)
	select {
	case <-s.process.Ended():
		return s.process.Wait()
	case <-time.After(timeout):
		s.process.Process.Signal(syscall.SIGQUIT)
		s.t.Fatalf("headway did not end\n%s", s.log)
		return nil
	}
}

// token creates a token with the command line.
func (s *server) token(sub string, flags ...string) string {
	s.t.Helper()
	return strings.TrimSpace(s.headway(append([]string{"token", "--sub", sub}, flags...)...))
}

// headway runs a command of the program, and returns its standard output.
func (s *server) headway(args ...string) string {
	s.t.Helper()
	out, stderr, code := s.command(args...)
	if code != 0 {
		s.t.Fatalf("headway %s: exit code %d\n%s", strings.Join(args, " "), code, stderr)
	}
	return out
}

// command runs a command of the program.
func (s *server) command(args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, headwayProgram, args...)
	cmd.Env = append(os.Environ(), "HEADWAY_DATA="+s.data, "HEADWAY_JOBS_ADDRESS="+s.jobs, "HEADWAY_IMPORTER_ADDRESS="+s.importer)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatalf("headway %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// curl runs curl, and returns its output.
func (s *server) curl(args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), timeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "curl", append([]string{"-sS"}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("curl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// rest calls the edge as a user, and decodes the JSON response.
func (s *server) rest(token, method, path string, body any) (int, map[string]any) {
	s.t.Helper()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			s.t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.edge+path, bytes.NewReader(text))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return do(s.t, req)
}

// do sends a request, and decodes the JSON response.
func do(t testing.TB, req *http.Request) (int, map[string]any) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatalf("%s %s: %s, and the response is not JSON: %v", req.Method, req.URL, res.Status, err)
	}
	return res.StatusCode, answer
}

// upload posts a workbook as multipart/form-data with curl, and returns the status and the response.
func (s *server) upload(token, file string, fields ...string) (int, map[string]any) {
	s.t.Helper()
	args := []string{"-w", "\n%{http_code}", "-H", "Authorization: Bearer " + token}
	for _, field := range fields {
		args = append(args, "-F", field)
	}
	out := s.curl(append(args, "-F", "file=@"+file, "http://"+s.edge+"/api/v1/imports")...)
	text, status, _ := strings.Cut(strings.TrimSpace(reverseCut(out)), "\n")
	var answer map[string]any
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		s.t.Fatalf("the response is not JSON: %s", out)
	}
	var code int
	fmt.Sscan(status, &code)
	return code, answer
}

// reverseCut splits the text at its last line break, which comes before curl's status line.
func reverseCut(out string) string {
	i := strings.LastIndex(out, "\n")
	return strings.ReplaceAll(out[:i], "\n", " ") + "\n" + out[i+1:]
}

// accepted uploads a workbook that must be accepted, and returns the import's ID.
func (s *server) accepted(token, file string, fields ...string) string {
	s.t.Helper()
	code, answer := s.upload(token, file, fields...)
	if code != http.StatusAccepted {
		s.t.Fatalf("the response to the upload is %d: %v", code, answer)
	}
	return field(s.t, answer, "import", "importId").(string)
}

// job polls until the job is in one of the statuses.
func (s *server) job(token, id string, statuses ...string) map[string]any {
	s.t.Helper()
	var job map[string]any
	eventually(s.t, "job "+id+" is "+strings.Join(statuses, " or "), func() error {
		code, answer := s.rest(token, "GET", "/api/v1/jobs/"+id, nil)
		if code != http.StatusOK {
			return fmt.Errorf("answer %d: %v", code, answer)
		}
		job = field(s.t, answer, "job").(map[string]any)
		for _, status := range statuses {
			if job["status"] == status {
				return nil
			}
		}
		return fmt.Errorf("the job is %v: %v %v", job["status"], job["progress"], job["error"])
	})
	return job
}

// field returns a nested field of a decoded JSON object.
func field(t testing.TB, value any, path ...string) any {
	t.Helper()
	for _, key := range path {
		object, ok := value.(map[string]any)
		if !ok || object[key] == nil {
			t.Fatalf("no %q in %v", strings.Join(path, "."), value)
		}
		value = object[key]
	}
	return value
}

// eventually repeats a check until it returns no error.
func eventually(t testing.TB, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(timeout)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waiting until %s: %v", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// sample creates a workbook with the command line, and returns its path and manifest.
func (s *server) sample(rows, issues int) (string, manifest) {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), fmt.Sprintf("sample-%d-%d.xlsx", rows, issues))
	list := file + ".json"
	s.headway("sample", "--rows", fmt.Sprint(rows), "--issues", fmt.Sprint(issues), "-o", file, "--manifest", list)
	text, err := os.ReadFile(list)
	if err != nil {
		s.t.Fatal(err)
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		s.t.Fatal(err)
	}
	return file, m
}

// manifest describes a sample: the rows that an import into an empty database must produce.
type manifest struct {
	Sheets []struct {
		Sheet                             string
		Read, Inserted, Rejected, Blocked float64
	}
	Mistakes []struct {
		Sheet, Column, Cell, Code string
		Row                       int
	}
}

// files returns the files in a folder of the data directory.
func (s *server) files(folder string) (files []string, err error) {
	err = filepath.WalkDir(filepath.Join(s.data, folder), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	return files, err
}
