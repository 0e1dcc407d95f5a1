package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestEveryWatcherSeesSameSampleImport imports a large workbook: 100,000 employees, about 280,000 rows on seven sheets, some
// of them with errors.
func TestEveryWatcherSeesSameSampleImport(t *testing.T) {
	s := start(t)
	token := s.token("ann")
	file, m := s.sample(100_000, 40)
	id := s.accepted(token, file, "on_issues=skip_rows")
	watchers := []*watcher{
		s.watchSSE(token, "/api/v1/sse/jobs/import/"+id),
		s.watchSSE(token, "/api/v1/sse/imports/"+id),
		s.watchGRPC(token, s.jobs, "headway.jobs.v1.JobService/WatchJob", `{"job_id":"`+id+`"}`),
		s.watchGRPC(token, s.importer, "headway.imports.v1.ImportService/WatchImport", `{"import_id":"`+id+`"}`),
	}
	for _, w := range watchers {
		w.wait(t)
		if w.last.Status != "completed" || w.last.Percent != 100 {
			t.Errorf("%s: ended with %+v", w.name, w.last)
		}
		if w.last != watchers[0].last {
			t.Errorf("the final counts differ:\n%s: %v\n%s: %v", watchers[0].name, watchers[0].last, w.name, w.last)
		}
		for revision, got := range w.revisions {
			if other, ok := watchers[0].revisions[revision]; ok && other != got {
				t.Errorf("revision %d differs:\n%s: %v\n%s: %v", revision, watchers[0].name, other, w.name, got)
			}
		}
	}
	if n := len(watchers[0].order); n < 5 {
		t.Errorf("the whole import took only %d messages", n)
	}

	checkCounts(t, s, token, id, m)
	checkIssues(t, s, token, id, m)
	sheets := readWorkbook(t, s, token, file)
	imported(sheets, m)
	compareDatabase(t, s.data, sheets)
}

// checkCounts compares an import's counts with those of the generator.
func checkCounts(t *testing.T, s *server, token, id string, m manifest) {
	t.Helper()
	_, answer := s.rest(token, "GET", "/api/v1/imports/"+id, nil)
	sheets := field(t, answer, "import", "sheets").([]any)
	if len(sheets) != len(m.Sheets) {
		t.Fatalf("the import has %d sheets, the sample has %d", len(sheets), len(m.Sheets))
	}
	for i, want := range m.Sheets {
		if name := field(t, sheets[i], "name"); name != want.Sheet {
			t.Errorf("sheet %d is %v, want %s", i, name, want.Sheet)
		}
		counts := field(t, sheets[i], "counts").(map[string]any)
		for name, n := range map[string]float64{
			"read": want.Read, "inserted": want.Inserted, "rejected": want.Rejected, "blocked": want.Blocked,
			"updated": 0, "unchanged": 0, "skipped": 0,
		} {
			if counts[name] != n {
				t.Errorf("%s: %s is %v, want %v", want.Sheet, name, counts[name], n)
			}
		}
	}
}

// checkIssues compares every error with the generator's list: each has its cell, and all others are blocked rows.
func checkIssues(t *testing.T, s *server, token, id string, m manifest) {
	t.Helper()
	got := map[string]bool{}
	for page := ""; ; {
		_, answer := s.rest(token, "GET", "/api/v1/imports/"+id+"/issues?severity=error&pageSize=1000&pageToken="+page, nil)
		for _, issue := range field(t, answer, "issues").([]any) {
			code := field(t, issue, "code").(string)
			if code == "reference_blocked" {
				continue
			}
			cell := field(t, issue, "cell").(string)
			got[fmt.Sprintf("%v %s %s", field(t, issue, "sheet"), cell[strings.LastIndex(cell, "!")+1:], code)] = true
		}
		page, _ = answer["nextPageToken"].(string)
		if page == "" {
			break
		}
	}
	for _, fault := range m.Mistakes {
		text := fmt.Sprintf("%s %s %s", fault.Sheet, fault.Cell, strings.ToLower(fault.Code))
		if !got[text] {
			t.Errorf("not reported: %s", text)
		}
		delete(got, text)
	}
	for text := range got {
		t.Errorf("reported, but not in the sample: %s", text)
	}
}

// TestOnIssuesPolicies imports the same workbook with errors under each policy.
func TestOnIssuesPolicies(t *testing.T) {
	s := start(t)
	token := s.token("ann")
	file, m := s.sample(300, 7)
	clean := manifest{}

	t.Run("abort writes nothing", func(t *testing.T) {
		id := s.accepted(token, file, "on_issues=abort")
		job := s.job(token, id, "completed", "failed")
		if job["status"] != "failed" || field(t, job, "error", "reason") != "ROWS_REJECTED" {
			t.Errorf("got %v %v", job["status"], job["error"])
		}
		checkIssues(t, s, token, id, m)
		sheets := schemaSheets(t, s, token)
		imported(sheets, clean)
		compareDatabase(t, s.data, sheets)
	})
	t.Run("a dry run returns the counts and writes nothing", func(t *testing.T) {
		id := s.accepted(token, file, "on_issues=skip_rows", "dry_run=true")
		s.job(token, id, "completed")
		checkCounts(t, s, token, id, m)
		sheets := schemaSheets(t, s, token)
		imported(sheets, clean)
		compareDatabase(t, s.data, sheets)
	})
	t.Run("review waits, and commits the confirmed rows", func(t *testing.T) {
		id := s.accepted(token, file, "on_issues=review")
		s.job(token, id, "waiting")
		checkCounts(t, s, token, id, m)
		if code, answer := s.rest(token, "POST", "/api/v1/imports/"+id+":confirm", map[string]any{"commit": true}); code != http.StatusOK {
			t.Fatalf("confirm: %d %v", code, answer)
		}
		s.job(token, id, "completed")
		checkCounts(t, s, token, id, m)
		sheets := readWorkbook(t, s, token, file)
		imported(sheets, m)
		compareDatabase(t, s.data, sheets)
	})
	t.Run("the same upload again is unchanged", func(t *testing.T) {
		id := s.accepted(token, file, "on_issues=skip_rows")
		s.job(token, id, "completed")
		_, answer := s.rest(token, "GET", "/api/v1/imports/"+id, nil)
		totals := field(t, answer, "import", "totals").(map[string]any)
		if totals["inserted"] != 0.0 || totals["updated"] != 0.0 || totals["unchanged"] == 0.0 {
			t.Errorf("got %v", totals)
		}
	})
	t.Run("declining writes nothing", func(t *testing.T) {
		id := s.accepted(token, file, "on_issues=review")
		s.job(token, id, "waiting")
		if code, answer := s.rest(token, "POST", "/api/v1/imports/"+id+":confirm", map[string]any{"commit": false}); code != http.StatusOK {
			t.Fatalf("confirm: %d %v", code, answer)
		}
		job := s.job(token, id, "cancelled")
		if reason := field(t, job, "error", "reason"); reason != "REVIEW_DECLINED" {
			t.Errorf("the reason is %v", reason)
		}
	})
}

// TestCommandLineImports checks headway import, watch, and template, and their exit codes.
func TestCommandLineImports(t *testing.T) {
	s := start(t)
	clean, _ := s.sample(200, 0)
	faulty, _ := s.sample(200, 5)

	if _, stderr, code := s.command("import", faulty); code != 1 || !strings.Contains(stderr, "ROWS_REJECTED") {
		t.Errorf("a workbook with errors: exit code %d\n%s", code, stderr)
	}
	stdout, stderr, code := s.command("import", clean)
	if code != 0 {
		t.Fatalf("a clean workbook: exit code %d\n%s", code, stderr)
	}
	if stdout, _, code := s.command("watch", strings.TrimSpace(stdout)); code != 0 {
		t.Errorf("watch of an ended import: exit code %d\n%s", code, stdout)
	}
	if _, stderr, code := s.command("watch", "no-such-job"); code != 2 || !strings.Contains(stderr, "JOB_NOT_FOUND") {
		t.Errorf("watch of an unknown job: exit code %d\n%s", code, stderr)
	}
	piped := exec.CommandContext(t.Context(), headwayProgram, "import", "-", "--data", s.data, "--jobs-address", s.jobs, "--importer-address", s.importer)
	workbook, err := os.Open(clean)
	if err != nil {
		t.Fatal(err)
	}
	defer workbook.Close()
	piped.Stdin = workbook
	if out, err := piped.CombinedOutput(); err != nil {
		t.Errorf("a workbook from standard input: %v\n%s", err, out)
	}
	if got, want := s.headway("version"), " "+runtime.Version()+" "; !strings.HasPrefix(got, "headway ") || !strings.Contains(got, want) {
		t.Errorf("the version is %q", got)
	}
	report := clean + ".report.xlsx"
	if _, stderr, code := s.command("import", "--on-issues", "skip_rows", "--report", report, faulty); code != 0 {
		t.Errorf("skip_rows: exit code %d\n%s", code, stderr)
	}
	again, stderr, code := s.command("import", report)
	if code != 1 || !strings.Contains(stderr, "rejected") {
		t.Errorf("the report, uploaded unchanged, must be a workbook whose rows have errors: exit code %d\n%s%s", code, again, stderr)
	}
	template := clean + ".template.xlsx"
	s.headway("template", "workforce", "-o", template)
	if _, stderr, code := s.command("import", template); code != 0 {
		t.Errorf("the empty template: exit code %d\n%s", code, stderr)
	}
}

func TestCommandLineListsWarningsWithoutErrors(t *testing.T) {
	s := start(t)
	path := filepath.Join(t.TempDir(), "areas.csv")
	if err := os.WriteFile(path, []byte("Area code;Area name;Country;\nA-1;North;DE;a note\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := s.command("import", path)
	for _, want := range []string{"1 row  1 inserted  1 warning", "has content but no header, and is not imported."} {
		if code != 0 || !strings.Contains(stderr, want) {
			t.Errorf("exit code %d, without %q:\n%s", code, want, stderr)
		}
	}
}
