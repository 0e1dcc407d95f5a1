package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOpensDataOfThePreviousRelease opens a data directory that the release before this one wrote: an import that is
// done, one that waits for its review, and jobs that are completed, queued, or leased to a worker that no longer runs.
// testdata/README.md describes how to create such a directory.
func TestOpensDataOfThePreviousRelease(t *testing.T) {
	s := begin(t)
	s.kill() // only its addresses and its data directory are needed
	if err := os.RemoveAll(s.data); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		t.Fatal(err)
	}
	archive, err := filepath.Abs(filepath.Join("testdata", "previous-data.tgz"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("tar", "-xzf", archive, "-C", s.data).CombinedOutput(); err != nil {
		t.Fatalf("unpack %s: %v\n%s", archive, err, out)
	}
	s.run("--retention", "1000000h", "--import-retention", "1000000h") // the jobs are older than 30 days

	token := s.token("local")
	_, answer := s.rest(token, "GET", "/api/v1/jobs", nil)
	byTitle := map[string]map[string]any{}
	for _, j := range field(t, answer, "jobs").([]any) {
		job := j.(map[string]any)
		byTitle[job["title"].(string)+" "+job["status"].(string)] = job
	}
	for _, want := range []string{"Finished completed", "Queued queued", "prev-sample.xlsx completed", "prev-sample.xlsx waiting"} {
		if byTitle[want] == nil {
			t.Errorf("there is no job %q in %s", want, mustJSON(t, answer))
		}
	}
	if t.Failed() {
		t.FailNow()
	}
	finished := byTitle["Finished completed"]
	if got := mustJSON(t, finished["result"]); got != `{"n":3,"name":"Ann"}` {
		t.Errorf("the result is %s", got)
	}

	t.Run("an import that is done", func(t *testing.T) {
		id := byTitle["prev-sample.xlsx completed"]["jobId"].(string)
		_, answer := s.rest(token, "GET", "/api/v1/imports/"+id, nil)
		totals := mustJSON(t, field(t, answer, "import", "totals"))
		for _, want := range []string{`"read":185`, `"inserted":179`, `"rejected":4`, `"blocked":2`, `"issues":6`} {
			if !strings.Contains(totals, want) {
				t.Errorf("the totals are %s, without %s", totals, want)
			}
		}
		_, answer = s.rest(token, "GET", "/api/v1/imports/"+id+"/issues", nil)
		if n := len(field(t, answer, "issues").([]any)); n != 6 {
			t.Errorf("the import has %d issues, want 6", n)
		}
		for _, file := range []string{"report.xlsx", "imported.xlsx", "issues.csv"} {
			status := s.curl("-o", filepath.Join(t.TempDir(), file), "-w", "%{http_code}", "-H", "Authorization: Bearer "+token,
				"http://"+s.edge+"/api/v1/imports/"+id+"/"+file)
			if status != "200" {
				t.Errorf("the status of %s is %s", file, status)
			}
		}
	})

	t.Run("a review that waits", func(t *testing.T) {
		id := byTitle["prev-sample.xlsx waiting"]["jobId"].(string)
		if status, answer := s.rest(token, "POST", "/api/v1/imports/"+id+":confirm", map[string]any{"commit": true}); status != http.StatusOK {
			t.Fatalf("the response to the confirmation is %d %v", status, answer)
		}
		if job := s.job(token, id, "completed", "failed", "waiting"); job["status"] != "completed" {
			t.Errorf("the import is %v: %v", job["status"], job["error"])
		}
		_, answer := s.rest(token, "GET", "/api/v1/imports/"+id, nil)
		totals := mustJSON(t, field(t, answer, "import", "totals"))
		if !strings.Contains(totals, `"unchanged":179`) { // the other import has inserted them
			t.Errorf("the totals are %s", totals)
		}
	})

	t.Run("a job that was leased", func(t *testing.T) {
		id := byTitle["Failed active"]["jobId"]
		if id == nil {
			id = byTitle["Failed queued"]["jobId"]
		}
		// Its worker sent no heartbeat, so it might never have received the job: the lease used up no attempt.
		if job := s.job(token, id.(string), "queued"); job["attempt"] != 0.0 || field(t, job, "error", "reason") != "LEASE_EXPIRED" {
			t.Errorf("the job is %v", job)
		}
	})
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
