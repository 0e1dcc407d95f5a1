package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCommandsOfWorkersPageWork runs the commands of docs/workers.md, and compares their output with the page.
func TestCommandsOfWorkersPageWork(t *testing.T) {
	page, err := os.ReadFile("../docs/workers.md")
	if err != nil {
		t.Fatal(err)
	}
	grpcurl, err := filepath.Abs(grpcurlProgram)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t)
	here := strings.NewReplacer("bin/headway", headwayProgram, "bin/grpcurl", grpcurl, "127.0.0.1:8080", s.edge, "127.0.0.1:9091", s.jobs)
	var script, want []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		for line := range strings.Lines(block[1]) {
			if said, ok := strings.CutPrefix(line, "#"); ok {
				want = append(want, strings.TrimSpace(said))
			} else {
				script = append(script, here.Replace(line))
			}
		}
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-eu", "-c", strings.Join(script, ""))
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "HEADWAY_DATA="+s.data)
	// A command that is expected to fail is the first of a pipe.
	out, err := cmd.CombinedOutput()
	var got []string
	for line := range strings.Lines(string(out)) {
		got = append(got, strings.TrimSpace(line))
	}
	if len(want) < 7 || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the commands print (%v)\n%s\nthe page has\n%s", err, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
