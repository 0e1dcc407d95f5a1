package e2e

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image/png"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"headway/internal/proctest"
)

// Leases are short, so that another worker soon gets the job of a killed worker.
var shortLeases = []string{"--lease-duration", "1s", "--heartbeat-interval", "200ms"}

// withWorkers runs `headway serve` with both example workers, as make run does.
func withWorkers(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	if err := proctest.Build(dir, "headway/examples/character"); err != nil {
		t.Fatal(err)
	}
	media, err := filepath.Abs("../examples/media/dist/src/main.js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(media); err != nil {
		t.Fatalf("the worker in TypeScript has not been built. Run make build (%v)", err)
	}
	return start(t, append([]string{"--worker", filepath.Join(dir, "character"), "--worker", "node " + media}, shortLeases...)...)
}

func (s *server) create(token, kind string, payload map[string]any) (id string) {
	s.t.Helper()
	code, answer := s.rest(token, "POST", "/api/v1/jobs", map[string]any{"kind": kind, "payload": payload})
	if code != http.StatusOK {
		s.t.Fatalf("create: %d %v", code, answer)
	}
	return field(s.t, answer, "job", "jobId").(string)
}

// watchOutput reads a job's output stream to its end, and writes the bytes to into.
func (s *server) watchOutput(token, kind, id string, into *bytes.Buffer) *watcher {
	path := fmt.Sprintf("/api/v1/sse/jobs/%s/%s/output", kind, id)
	return watch(s.t, "curl -N "+path, exec.Command("curl", "-sSN", "--fail-with-body", "-H", "Authorization: Bearer "+token, "http://"+s.edge+path),
		func(w *watcher, r io.Reader) error {
			lines := bufio.NewScanner(r)
			lines.Buffer(nil, 1<<20)
			for lines.Scan() {
				data, ok := strings.CutPrefix(lines.Text(), "data:")
				if !ok {
					continue
				}
				var message struct {
					Type, Text, Data string
					Offset           int
				}
				if err := json.Unmarshal([]byte(data), &message); err != nil {
					return err
				}
				if message.Type != "output" {
					continue
				}
				if message.Offset != into.Len() {
					return fmt.Errorf("a chunk at %d after %d bytes", message.Offset, into.Len())
				}
				piece, err := base64.StdEncoding.DecodeString(message.Data)
				if err != nil {
					return err
				}
				into.WriteString(message.Text)
				into.Write(piece)
			}
			return lines.Err()
		})
}

// run is a job from its creation to its end, watched by a job stream and an output stream.
type watchedRun struct {
	id     string
	job    *watcher
	output *watcher
	bytes  bytes.Buffer
}

func (s *server) watched(token, kind string, payload map[string]any) *watchedRun {
	s.t.Helper()
	r := &watchedRun{id: s.create(token, kind, payload)}
	r.job = s.watchSSE(token, fmt.Sprintf("/api/v1/sse/jobs/%s/%s", kind, r.id))
	r.output = s.watchOutput(token, kind, r.id, &r.bytes)
	return r
}

// end waits until both streams end, and returns the job.
func (s *server) end(token string, r *watchedRun) map[string]any {
	s.t.Helper()
	r.job.wait(s.t)
	r.output.wait(s.t)
	percent := 0.0
	for _, revision := range r.job.order {
		if now := r.job.revisions[revision].Percent; now < percent {
			s.t.Errorf("the percentage falls from %v to %v", percent, now)
		} else {
			percent = now
		}
	}
	job := s.job(token, r.id, "completed", "failed", "cancelled")
	if job["status"] != "completed" || r.job.last.Status != "completed" || percent != 100 {
		s.t.Fatalf("the job ended as %v, %v\n%s", job["status"], job["error"], s.log)
	}
	return job
}

// workerPID returns the ID of the process that runs the job. Workers have the name host:pid.
func (s *server) workerPID(token, id string, outputBytes float64) int {
	s.t.Helper()
	var pid int
	eventually(s.t, "the job has written some output", func() error {
		_, answer := s.rest(token, "GET", "/api/v1/jobs/"+id, nil)
		job := field(s.t, answer, "job").(map[string]any)
		found := regexp.MustCompile(`:(\d+)$`).FindStringSubmatch(fmt.Sprint(job["worker"]))
		if found == nil || job["outputBytes"].(float64) < outputBytes {
			return fmt.Errorf("worker %v, %v bytes, %v", job["worker"], job["outputBytes"], job["status"])
		}
		pid, _ = strconv.Atoi(found[1])
		return nil
	})
	return pid
}

func alive(pid int) bool {
	state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(state), ") Z ")
}

// TestPictureSurvivesWorkerCrash kills the process that renders. Headway starts another one, which continues from the
// checkpoint. The watcher gets the same picture as from an undisturbed run, byte for byte.
func TestPictureSurvivesWorkerCrash(t *testing.T) {
	s := withWorkers(t)
	token := s.token("ann")
	payload := map[string]any{"scene": "spheres", "width": 400, "height": 248, "samples": 32, "seed": 7}
	killed := s.watched(token, "media", payload)
	pid := s.workerPID(token, killed.id, 20_000)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	job := s.end(token, killed)
	if job["attempt"] != 2.0 {
		t.Errorf("the job ended in attempt %v", job["attempt"])
	}
	if n := strings.Count(s.log.String(), "restarting it"); n != 1 {
		t.Errorf("the log has %d lines about the crash\n%s", n, s.log)
	}

	undisturbed := s.watched(token, "media", payload)
	again := s.end(token, undisturbed)
	if !bytes.Equal(killed.bytes.Bytes(), undisturbed.bytes.Bytes()) {
		t.Errorf("the pictures differ: %d and %d bytes", killed.bytes.Len(), undisturbed.bytes.Len())
	}
	if fmt.Sprint(job["result"]) != fmt.Sprint(again["result"]) {
		t.Errorf("the results differ: %v and %v", job["result"], again["result"])
	}
	if size, sum := field(t, job, "result", "bytes"), field(t, job, "result", "crc32"); size != float64(killed.bytes.Len()) ||
		sum != fmt.Sprintf("%08x", crc32.ChecksumIEEE(killed.bytes.Bytes())) {
		t.Errorf("the result has %v bytes, CRC %v, but %d bytes were streamed", size, sum, killed.bytes.Len())
	}
	picture, err := png.Decode(&killed.bytes) // verifies every checksum
	if err != nil {
		t.Fatalf("the streamed bytes are not a picture: %v", err)
	}
	if b := picture.Bounds(); b.Dx() != 400 || b.Dy() != 248 {
		t.Errorf("the picture is %v", b)
	}
	colors := map[any]bool{}
	for y := range 248 {
		colors[picture.At(200, y)] = true
	}
	if len(colors) < 50 {
		t.Errorf("a column of the picture has %d colors", len(colors))
	}
}

// TestCharacterSurvivesWorkerCrash kills the worker in Go in the same way.
func TestCharacterSurvivesWorkerCrash(t *testing.T) {
	s := withWorkers(t)
	token := s.token("ann")
	killed := s.watched(token, "character", map[string]any{"seed": 42, "wordsPerSecond": 120})
	pid := s.workerPID(token, killed.id, 1200)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	job := s.end(token, killed)
	if job["attempt"] != 2.0 {
		t.Errorf("the job ended in attempt %v", job["attempt"])
	}
	undisturbed := s.watched(token, "character", map[string]any{"seed": 42, "wordsPerSecond": 0})
	again := s.end(token, undisturbed)
	if killed.bytes.String() != undisturbed.bytes.String() || fmt.Sprint(job["result"]) != fmt.Sprint(again["result"]) {
		t.Errorf("the story is\n%s\nwant\n%s", killed.bytes.String(), undisturbed.bytes.String())
	}
	for _, name := range []string{"characterId", "displayId", "name"} {
		if field(t, job, "result", name) == "" {
			t.Errorf("the result has no %s: %v", name, job["result"])
		}
	}
}

// TestWorkersEndWithHeadway checks that workers end with Headway, and that they release their jobs after Ctrl-C.
func TestWorkersEndWithHeadway(t *testing.T) {
	s := withWorkers(t)
	token := s.token("ann")
	large := map[string]any{"width": 1280, "height": 1000, "samples": 16}
	id := s.create(token, "media", large)
	pid := s.workerPID(token, id, 10_000)
	if err := s.interrupt(); err != nil {
		t.Errorf("headway ended with %v\n%s", err, s.log)
	}
	if alive(pid) {
		t.Errorf("the worker is still running after Headway has ended\n%s", s.log)
	}
	if strings.Contains(s.log.String(), "restarting it") || !strings.Contains(s.log.String(), `"outcome":"released"`) {
		t.Errorf("the log is\n%s", s.log)
	}

	s.run("--worker", "sh -c", "--worker", "no-such-program-here") // no worker that could lease the job
	job := s.job(token, id, "queued")
	if job["attempt"] != 0.0 && job["attempt"] != 1.0 {
		t.Errorf("the release of the job used up an attempt: %v", job["attempt"])
	}
	eventually(t, "the missing program is skipped", func() error {
		if !strings.Contains(s.log.String(), "continuing without it") {
			return fmt.Errorf("the log is\n%s", s.log)
		}
		return nil
	})
	s.kill()

	s = withWorkers(t)
	token = s.token("ann")
	pid = s.workerPID(token, s.create(token, "media", large), 10_000)
	s.kill()
	eventually(t, "the worker of a killed Headway ends", func() error {
		if alive(pid) {
			return fmt.Errorf("process %d is still running", pid)
		}
		return nil
	})
}
