package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// grpcClients are the clients of gRPC, as in docs/connections.md.
var grpcClients = []string{"`clients/go`", "`headway watch`"}

// TestWatchOverGRPCEndsWithTheJob checks the same as e2e/browser/matrix.test.mjs, for the clients of gRPC: over every interruption, a
// watch ends with the job's final state, or says why it stopped.
func TestWatchOverGRPCEndsWithTheJob(t *testing.T) {
	s := start(t)
	ann := s.token("ann")
	type stage struct {
		*junction
		clients []*grpcWatch
		change  func(verb string)
	}
	each := func(t *testing.T, st *stage, what string, holds func(w *grpcWatch) bool) {
		t.Helper()
		for i, w := range st.clients {
			eventually(t, grpcClients[i]+" "+what, func() error {
				w.mu.Lock()
				defer w.mu.Unlock()
				if !holds(w) {
					return fmt.Errorf("it printed %q", w.lines)
				}
				return nil
			})
		}
	}
	away := func(t *testing.T, st *stage, meanwhile func()) {
		t.Helper()
		st.refuses.Store(true)
		st.reset()
		each(t, st, "notices the loss", func(w *grpcWatch) bool { return w.lost })
		meanwhile()
		st.refuses.Store(false)
	}
	interruptions := []struct {
		name string
		act  func(t *testing.T, st *stage)
	}{
		{"none", func(_ *testing.T, st *stage) { st.change(":cancel") }},
		{"the server is killed and starts again", func(_ *testing.T, st *stage) {
			s.kill()
			s.run()
			st.change(":cancel")
		}},
		{"the server drains and starts again", func(t *testing.T, st *stage) {
			if err := s.interrupt(); err != nil {
				t.Error(err)
			}
			s.run()
			st.change(":cancel")
		}},
		{"502 for some seconds", func(t *testing.T, st *stage) {
			st.answers502.Store(true)
			st.reset()
			each(t, st, "gets a 502", func(w *grpcWatch) bool { return w.lost })
			st.answers502.Store(false)
			st.reset()
			st.change(":cancel")
		}},
		{"a black hole swallows the connections", func(_ *testing.T, st *stage) {
			st.swallow()
			st.change(":cancel")
		}},
		{"the computer sleeps", func(t *testing.T, st *stage) {
			for _, w := range st.clients {
				if err := w.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
					t.Error(err)
				}
			}
			st.swallow()
			st.change(":cancel")
			for _, w := range st.clients {
				if err := w.cmd.Process.Signal(syscall.SIGCONT); err != nil {
					t.Error(err)
				}
			}
			st.reset()
		}},
		{"the job ends during the interruption", func(t *testing.T, st *stage) { away(t, st, func() { st.change(":cancel") }) }},
		{"the job is retried during the interruption", func(t *testing.T, st *stage) {
			away(t, st, func() {
				st.change(":cancel")
				st.change(":retry")
			})
			st.change(":cancel")
		}},
		{"the job is deleted during the interruption", func(t *testing.T, st *stage) {
			away(t, st, func() {
				st.change(":cancel")
				st.change("")
			})
		}},
	}
	table := fmt.Sprintf("| interruption | %s |\n|%s\n", strings.Join(grpcClients, " | "), strings.Repeat(" --- |", len(grpcClients)+1))
	for _, interruption := range interruptions {
		st := &stage{junction: newJunction(t, s.jobs)}
		_, created := s.rest(ann, "POST", "/api/v1/jobs", map[string]any{"kind": "matrix"})
		id := field(t, created, "job", "jobId").(string)
		st.change = func(verb string) {
			t.Helper()
			method, body := "POST", any(map[string]any{})
			if verb == "" {
				method, body = "DELETE", nil
			}
			if code, answer := s.rest(ann, method, "/api/v1/jobs/"+id+verb, body); code != 200 {
				t.Fatalf("%s: %d %v", verb, code, answer)
			}
		}
		byPackage := exec.Command(os.Args[0])
		byPackage.Env = append(os.Environ(), watchVariable+"="+strings.Join([]string{st.Addr().String(), ann, id}, " "))
		byProgram := exec.Command(headwayProgram, "watch", id, "--jobs-address", st.Addr().String(), "--token", ann)
		st.clients = []*grpcWatch{startWatch(t, byPackage), startWatch(t, byProgram)}
		each(t, st, "sees the job", func(w *grpcWatch) bool { return w.saw })
		interruption.act(t, st)
		each(t, st, "ends after "+interruption.name, func(w *grpcWatch) bool { return w.finished })
		table += "| " + interruption.name
		for _, w := range st.clients {
			table += " | " + w.result()
		}
		table += " |\n"
	}
	docs, err := os.ReadFile("../docs/connections.md")
	if err != nil {
		t.Fatal(err)
	}
	if shown := regexp.MustCompile("\\| interruption \\| `clients/go`.*\n(\\|.*\n)*").FindString(string(docs)); shown != table {
		t.Errorf("docs/connections.md has the table\n%s\nand the results are\n%s", shown, table)
	}
}
