package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// seen is the state of a job at a revision, in a form that does not depend on how the job is watched.
type seen struct {
	Status  string
	Percent float64
	Steps   string // every step's name, state, and counters
}

// watcher is a process that watches a job. Its stream must end by itself.
type watcher struct {
	name      string
	revisions map[int]seen
	order     []int
	last      seen
	done      chan error
}

// wait waits until the stream has ended.
func (w *watcher) wait(t testing.TB) {
	t.Helper()
	select {
	case err := <-w.done:
		if err != nil {
			t.Fatalf("%s: %v", w.name, err)
		}
	case <-time.After(timeout):
		t.Fatalf("%s: the stream did not end after revisions %v", w.name, w.order)
	}
	for i, revision := range w.order {
		if i > 0 && revision <= w.order[i-1] {
			t.Errorf("%s: revision %d came after %d", w.name, revision, w.order[i-1])
		}
	}
}

func (w *watcher) add(revision int, s seen) {
	w.order = append(w.order, revision)
	w.revisions[revision] = s
	w.last = s
}

// watch starts a program, and passes its standard output to read.
func watch(t testing.TB, name string, cmd *exec.Cmd, read func(*watcher, io.Reader) error) *watcher {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	w := &watcher{name: name, revisions: map[int]seen{}, done: make(chan error, 1)}
	go func() {
		err := read(w, out)
		if end := cmd.Wait(); err == nil && end != nil {
			err = fmt.Errorf("%w: %s", end, stderr.String())
		}
		w.done <- err
	}()
	return w
}

// watchSSE watches with `curl -N`.
func (s *server) watchSSE(token, path string) *watcher {
	return watch(s.t, "curl -N "+path, exec.Command("curl", "-sSN", "--fail-with-body", "-H", "Authorization: Bearer "+token, "http://"+s.edge+path),
		func(w *watcher, r io.Reader) error {
			lines := bufio.NewScanner(r)
			lines.Buffer(nil, 1<<20)
			for lines.Scan() {
				data, ok := strings.CutPrefix(lines.Text(), "data:")
				if !ok {
					continue
				}
				var message map[string]any
				if err := json.Unmarshal([]byte(data), &message); err != nil {
					return fmt.Errorf("%s: %w", data, err)
				}
				if message["type"] != "initial_status" && message["type"] != "job_update" {
					continue
				}
				steps, _ := message["steps"].([]any)
				w.add(int(message["revision"].(float64)), seen{message["status"].(string), message["progress"].(float64), stepsText(steps)})
			}
			return lines.Err()
		})
}

// watchGRPC watches with grpcurl, through reflection.
func (s *server) watchGRPC(token, address, method, request string) *watcher {
	return watch(s.t, "grpcurl "+method, exec.Command(grpcurlProgram, "-plaintext", "-emit-defaults", "-H", "authorization: Bearer "+token, "-d", request, address, method),
		func(w *watcher, r io.Reader) error {
			for dec := json.NewDecoder(r); ; {
				var message map[string]any
				if err := dec.Decode(&message); errors.Is(err, io.EOF) {
					return nil
				} else if err != nil {
					return err
				}
				if imported, ok := message["import"].(map[string]any); ok {
					message = imported
				}
				job := message["job"].(map[string]any)
				progress, _ := job["progress"].(map[string]any)
				steps, _ := progress["steps"].([]any)
				percent, _ := progress["percent"].(float64)
				w.add(int(job["revision"].(float64)), seen{
					strings.ToLower(strings.TrimPrefix(job["status"].(string), "JOB_STATUS_")), percent, stepsText(steps),
				})
			}
		})
}

func stepsText(steps []any) string {
	var b strings.Builder
	for _, step := range steps {
		step := step.(map[string]any)
		state := strings.ToLower(strings.TrimPrefix(fmt.Sprint(step["state"]), "STEP_STATE_"))
		fmt.Fprintf(&b, "%v %s %v/%v %v\n", step["name"], state, step["done"], step["total"], step["counters"])
	}
	return b.String()
}
