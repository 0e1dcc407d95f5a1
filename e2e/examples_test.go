package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"headway/internal/proctest"
)

// python is the interpreter that can use the operating system's package of gRPC.
const python = "/usr/bin/python3"

// withExamples runs `headway serve` with the example workers whose output is records or stories, as make run does.
func withExamples(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	if err := proctest.Build(dir, "headway/examples/crawl", "headway/examples/cluster"); err != nil {
		t.Fatal(err)
	}
	story, err := filepath.Abs("../examples/story/dist/src/main.js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(story); err != nil {
		t.Fatalf("the worker in TypeScript has not been built. Run make build (%v)", err)
	}
	bulk, err := filepath.Abs("../examples/bulk/bulk.py")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), python, bulk, "--check").CombinedOutput(); err != nil {
		t.Fatalf("the worker in Python can't run. Run make test-programs (%v)\n%s", err, out)
	}
	return start(t, append([]string{"--worker", filepath.Join(dir, "crawl"), "--worker", filepath.Join(dir, "cluster"),
		"--worker", "node " + story, "--worker", python + " " + bulk}, shortLeases...)...)
}

// records splits an output into its lines.
func records(t *testing.T, output string) (list []map[string]any) {
	t.Helper()
	for line := range strings.Lines(output) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		list = append(list, record)
	}
	return list
}

// TestExamplesDescribeTheirKinds checks that the web UI learns every form from the workers.
func TestExamplesDescribeTheirKinds(t *testing.T) {
	s := withExamples(t)
	token := s.token("ann")
	eventually(t, "all kinds are described", func() error {
		_, answer := s.rest(token, "GET", "/api/v1/kinds", nil)
		found := map[string]int{}
		for _, description := range field(t, answer, "descriptions").([]any) {
			found[field(t, description, "kind").(string)] = len(field(t, description, "fields").([]any))
		}
		if fmt.Sprint(found) != "map[bulk:2 cluster:3 crawl:3 story:3]" {
			return fmt.Errorf("the kinds and their numbers of fields are %v", found)
		}
		return nil
	})
}

// TestExamplesStreamTheirOutput runs one job of each example, and reads its output stream to the end.
func TestExamplesStreamTheirOutput(t *testing.T) {
	s := withExamples(t)
	token := s.token("ann")
	crawl := s.watched(token, "crawl", map[string]any{"requestsPerSecond": 100})
	cluster := s.watched(token, "cluster", map[string]any{"points": 200, "groups": 3, "seed": 1, "stepsPerSecond": 0})
	story := s.watched(token, "story", map[string]any{"prompt": "Alice looked", "words": 40, "seed": 1, "tokensPerSecond": 0})
	bulk := s.watched(token, "bulk", map[string]any{"template": "Für {name}: {plot}", "rowsPerSecond": 0})

	job := s.end(token, crawl)
	lines := records(t, crawl.bytes.String())
	if lines[0]["view"] != "tree" || field(t, job, "result", "pages").(float64) < 20 {
		t.Errorf("crawl: %v after %v", job["result"], lines[0])
	}
	job = s.end(token, cluster)
	lines = records(t, cluster.bytes.String())
	if lines[0]["view"] != "points" || len(field(t, job, "result", "groups").([]any)) != 3 {
		t.Errorf("cluster: %v after %v", job["result"], lines[0])
	}
	job = s.end(token, story)
	if !strings.HasPrefix(story.bytes.String(), "Alice looked ") || field(t, job, "result", "bytes") != float64(story.bytes.Len()) {
		t.Errorf("story: %v after %q", job["result"], story.bytes.String())
	}
	job = s.end(token, bulk)
	lines = records(t, bulk.bytes.String())
	if len(lines) != 41 || lines[0]["view"] != "table" || lines[1]["letter"] != "Für Ada Ash: A1" || lines[7]["state"] != "skipped" ||
		fmt.Sprint(job["result"]) != "map[failed:2 rows:40 sent:36 skipped:2]" {
		t.Errorf("bulk: %v after %v", job["result"], lines)
	}
	bad := s.create(token, "bulk", map[string]any{"template": "Dear {address}"})
	job = s.job(token, bad, "failed")
	if field(t, job, "error", "reason") != "PAYLOAD_INVALID" || !strings.Contains(field(t, job, "error", "message").(string), "{address}") || job["attempt"] != 1.0 {
		t.Errorf("bulk with a bad letter: %v", job)
	}
}

// TestEveryRuntimeReadsDeepPayloads sends the deepest payload that is accepted to workers in Python, TypeScript, and Go. Each one decodes
// it: its refusal names the field.
func TestEveryRuntimeReadsDeepPayloads(t *testing.T) {
	s := withExamples(t)
	token := s.token("ann")
	deep := func(levels int) string { // in a field of an object, which is one more level
		return `{"deep":` + strings.Repeat(`{"a":`, levels-1) + "1" + strings.Repeat("}", levels)
	}
	for _, kind := range []string{"bulk", "story", "crawl"} {
		body := func(levels int) map[string]any {
			return map[string]any{"kind": kind, "payload": json.RawMessage(deep(levels))}
		}
		code, answer := s.rest(token, "POST", "/api/v1/jobs", body(30))
		if code != 200 {
			t.Fatalf("30 levels: %d, %v", code, answer)
		}
		job := s.job(token, field(t, answer, "job", "jobId").(string), "failed")
		if field(t, job, "error", "reason") != "PAYLOAD_INVALID" || !strings.Contains(field(t, job, "error", "message").(string), "deep") || job["attempt"] != 1.0 {
			t.Errorf("%s ended as %v", kind, job)
		}
		if code, answer := s.rest(token, "POST", "/api/v1/jobs", body(31)); code != 400 {
			t.Errorf("31 levels: %d, %v", code, answer)
		}
	}
}

// TestRangesOfStoryAreItsBytes reads a story from the middle of its text, even from the middle of a character.
func TestRangesOfStoryAreItsBytes(t *testing.T) {
	s := withExamples(t)
	token := s.token("ann")
	run := s.watched(token, "story", map[string]any{"prompt": "Café", "words": 30, "seed": 3, "tokensPerSecond": 0})
	s.end(token, run)
	for _, at := range []int{1, 4, 17, run.bytes.Len() - 1} {
		got := s.curl("-H", "Authorization: Bearer "+token, "-H", fmt.Sprintf("Range: bytes=%d-", at), fmt.Sprintf("http://%s/api/v1/jobs/%s/output", s.edge, run.id))
		if got != run.bytes.String()[at:] {
			t.Errorf("from byte %d, the output is %q, want %q", at, got, run.bytes.String()[at:])
		}
	}
}

// TestExamplesContinueAfterCrash kills each worker's process in the middle. Watchers get the same bytes as from an
// undisturbed run.
func TestExamplesContinueAfterCrash(t *testing.T) {
	s := withExamples(t)
	token := s.token("ann")
	for kind, payload := range map[string]map[string]any{
		"cluster": {"points": 500, "groups": 4, "seed": 5, "stepsPerSecond": 20},
		"story":   {"words": 100, "seed": 5, "tokensPerSecond": 40, "prompt": "Once"},
		"bulk":    {"rows": 60, "rowsPerSecond": 20},
	} {
		killed := s.watched(token, kind, payload)
		if err := syscall.Kill(s.workerPID(token, killed.id, 300), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		job := s.end(token, killed)
		for _, pace := range []string{"stepsPerSecond", "tokensPerSecond", "rowsPerSecond"} {
			if _, set := payload[pace]; set {
				payload[pace] = 0
			}
		}
		undisturbed := s.watched(token, kind, payload)
		again := s.end(token, undisturbed)
		if job["attempt"] != 2.0 || killed.bytes.String() != undisturbed.bytes.String() || fmt.Sprint(job["result"]) != fmt.Sprint(again["result"]) {
			t.Errorf("%s: attempt %v wrote\n%s\nwant\n%s", kind, job["attempt"], killed.bytes.String(), undisturbed.bytes.String())
		}
	}
}

// TestBulkReleasesItsJobAtShutdown checks the protocol of the worker in Python: a cancelled job ends, and a shutdown uses up
// no attempt.
func TestBulkReleasesItsJobAtShutdown(t *testing.T) {
	s := withExamples(t)
	token := s.token("ann")
	slow := map[string]any{"rows": 1000, "rowsPerSecond": 5}
	id := s.create(token, "bulk", slow)
	s.workerPID(token, id, 300)
	s.rest(token, "POST", "/api/v1/jobs/"+id+":cancel", map[string]any{})
	if job := s.job(token, id, "cancelled"); field(t, job, "error", "reason") != "CANCELLED_BY_USER" {
		t.Errorf("the job ended as %v", job)
	}
	id = s.create(token, "bulk", slow)
	s.workerPID(token, id, 300)
	if err := s.interrupt(); err != nil {
		t.Errorf("headway ended with %v\n%s", err, s.log)
	}
	s.run()
	if job := s.job(token, id, "queued"); job["attempt"] != 0.0 && job["attempt"] != 1.0 {
		t.Errorf("the release of the job used up an attempt: %v\n%s", job["attempt"], s.log)
	}
}
