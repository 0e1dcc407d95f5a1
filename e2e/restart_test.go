package e2e

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"headway/internal/proctest"
)

// TestImportSurvivesKills kills the whole process several times during an import. The import completes by itself, and the
// database is the same as after an undisturbed run.
func TestImportSurvivesKills(t *testing.T) {
	s := start(t)
	token := s.token("ann")
	file, m := s.sample(40_000, 20)
	id := s.accepted(token, file, "on_issues=skip_rows")
	highest := 0.0
	for _, steps := range []int{2, 4, 5} {
		job := s.underWay(token, id, steps)
		s.kill()
		if percent := field(t, job, "progress", "percent").(float64); percent > highest {
			highest = percent
		}
		s.run()
		_, answer := s.rest(token, "GET", "/api/v1/jobs/"+id, nil)
		if percent := field(t, answer, "job", "progress", "percent").(float64); percent < highest {
			t.Errorf("after a restart, the job is at %v %%. Before, it was at %v %%", percent, highest)
		}
	}
	job := s.job(token, id, "completed", "failed", "cancelled")
	if job["status"] != "completed" {
		t.Fatalf("the import is %v: %v", job["status"], job["error"])
	}
	checkCounts(t, s, token, id, m)
	checkIssues(t, s, token, id, m)
	sheets := readWorkbook(t, s, token, file)
	imported(sheets, m)
	compareDatabase(t, s.data, sheets)
}

// underWay waits until the given number of steps of a job have ended, or the job has.
func (s *server) underWay(token, id string, steps int) map[string]any {
	s.t.Helper()
	var job map[string]any
	eventually(s.t, fmt.Sprintf("%d steps of the import are done", steps), func() error {
		_, answer := s.rest(token, "GET", "/api/v1/jobs/"+id, nil)
		job = field(s.t, answer, "job").(map[string]any)
		done := 0
		list, _ := field(s.t, job, "progress").(map[string]any)["steps"].([]any)
		for _, step := range list {
			if field(s.t, step, "state") == "completed" {
				done++
			}
		}
		if done < steps && job["completedAt"] == nil {
			return fmt.Errorf("%d steps are done", done)
		}
		return nil
	})
	return job
}

// TestQueuedJobsSurviveRestart checks that jobs without a lease still exist after a restart.
func TestQueuedJobsSurviveRestart(t *testing.T) {
	s := start(t)
	token := s.token("ann")
	code, answer := s.rest(token, "POST", "/api/v1/jobs", map[string]any{"kind": "nobody-runs-this", "payload": map[string]any{"n": 1}})
	if code != http.StatusOK {
		t.Fatalf("create: %d %v", code, answer)
	}
	id := field(t, answer, "job", "jobId").(string)
	s.kill()
	s.run()
	job := s.job(token, id, "queued")
	if field(t, job, "payload", "n") != 1.0 {
		t.Errorf("the payload is %v", job["payload"])
	}
}

// TestCtrlCEndsCleanlyWithOpenStreams checks that the process exits with code 0 and notifies its watchers.
func TestCtrlCEndsCleanlyWithOpenStreams(t *testing.T) {
	s := start(t)
	token := s.token("ann")
	_, answer := s.rest(token, "POST", "/api/v1/jobs", map[string]any{"kind": "nobody-runs-this"})
	id := field(t, answer, "job", "jobId").(string)
	streams := make([]*exec.Cmd, 20)
	for i := range streams {
		streams[i] = exec.Command("curl", "-sSN", "-H", "Authorization: Bearer "+token, "http://"+s.edge+"/api/v1/sse/jobs/nobody-runs-this/"+id)
		out, err := streams[i].StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		proctest.Start(t, streams[i])
		if _, err := out.Read(make([]byte, 1)); err != nil { // the stream is open
			t.Fatal(err)
		}
		go func() { // keep reading, as a browser does
			for b := make([]byte, 4096); ; {
				if _, err := out.Read(b); err != nil {
					return
				}
			}
		}()
	}
	begin := time.Now()
	if err := s.interrupt(); err != nil {
		t.Errorf("it ended with %v\n%s", err, s.log)
	}
	t.Logf("ended after %v", time.Since(begin).Round(time.Millisecond))
}

// TestServicesRunAsSeparateProcesses runs jobs, importer, and edge as separate processes with one key.
func TestServicesRunAsSeparateProcesses(t *testing.T) {
	s := &server{t: t, data: t.TempDir(), edge: proctest.FreeAddress(t), jobs: proctest.FreeAddress(t), importer: proctest.FreeAddress(t), log: &proctest.Log{}}
	keyFile := filepath.Join(t.TempDir(), "key")
	writeFile(t, keyFile, "a-key-for-this-test-of-32-bytes-or-more")
	key := []string{"--key-file", keyFile, "--metrics-listen", "-"}
	var services []*proctest.Process
	for _, args := range [][]string{
		{"jobs", "--jobs-listen", s.jobs, "--data", filepath.Join(s.data, "jobs")},
		{"importer", "--importer-listen", s.importer, "--jobs-address", s.jobs, "--data", filepath.Join(s.data, "importer")},
		{"edge", "--listen", s.edge, "--jobs-address", s.jobs, "--importer-address", s.importer, "--data", filepath.Join(s.data, "edge")},
	} {
		s.process = s.launch(s.log, append(args, key...)...)
		services = append(services, s.process)
	}
	s.waitReady()
	token := s.token("ann", key[:2]...)
	file, _ := s.sample(200, 0)
	id := s.accepted(token, file)
	s.job(token, id, "completed")
	for _, service := range services {
		select {
		case <-service.Ended():
			t.Errorf("a service ended: %v\n%s", service.Wait(), s.log)
		default:
		}
	}
}
