package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"headway/internal/pgtest"
	"headway/internal/proctest"
)

// The command of the README starts the services and the example workers, and leaves out the worker whose packages the operating
// system does not have.
func TestMakeRunStartsServicesAndExamples(t *testing.T) {
	s := &server{t: t, data: filepath.Join(t.TempDir(), "data"), edge: proctest.FreeAddress(t), log: &proctest.Log{}}
	run := exec.Command("make", "-C", "..", "run", "BULK=",
		fmt.Sprintf("ARGS=--data %s --listen %s --jobs-listen %s --importer-listen %s --metrics-listen %s", s.data, s.edge,
			proctest.FreeAddress(t), proctest.FreeAddress(t), proctest.FreeAddress(t)))
	database := pgtest.Shared(t).Database(t, "make_run")
	run.Env = append(os.Environ(), "DATABASE_URL="+database)
	run.Stdout, run.Stderr = s.log, s.log
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that Ctrl-C also reaches what make starts
	s.process = proctest.Start(t, run)
	t.Cleanup(func() { _ = syscall.Kill(-run.Process.Pid, syscall.SIGKILL) })
	s.waitReady()
	var token string
	want := []string{"character", "cluster", "crawl", "import", "media", "story"}
	eventually(t, "every example worker offers its kind", func() error {
		if token == "" {
			token = s.token("ann")
		}
		code, answer := s.rest(token, http.MethodGet, "/api/v1/kinds", nil)
		list, _ := answer["kinds"].([]any)
		var kinds []string
		for _, kind := range list {
			kinds = append(kinds, kind.(string))
		}
		if code != http.StatusOK || !slices.Equal(kinds, want) {
			return fmt.Errorf("%d, kinds %v of %v", code, kinds, answer)
		}
		return nil
	})
	if text := s.log.String(); !strings.Contains(text, "The example worker bulk is left out. On Debian or Ubuntu, install its packages with: sudo apt-get install") {
		t.Errorf("it printed\n%s", text)
	}
	if found, err := pgtest.Shared(t).SQL("make_run", "SELECT to_regclass('headway_imports') IS NOT NULL"); err != nil || strings.TrimSpace(found) != "t" {
		t.Errorf("the database of DATABASE_URL is not used: %s (%v)", found, err)
	}
	if err := syscall.Kill(-run.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.process.Ended():
	case <-time.After(timeout):
		t.Errorf("Ctrl-C does not end it\n%s", s.log)
	}
}
