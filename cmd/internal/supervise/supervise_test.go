package supervise

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"headway/internal/auth"
	"headway/internal/proctest"
)

// stage is a folder with a worker's script, and the results of running it.
type stage struct {
	t    *testing.T
	dir  string
	key  *auth.Key
	log  proctest.Log
	stop func()
}

// setTheStage runs `sh script` as a worker until the test ends or stop is called.
func setTheStage(t *testing.T, script string) *stage {
	t.Helper()
	key, err := auth.NewKey([]byte("a secret of the tests, long enough for HS256"))
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, dir: t.TempDir(), key: key}
	path := filepath.Join(s.dir, "worker.sh")
	if err := os.WriteFile(path, []byte("cd "+s.dir+"\n"+script), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run("sh " + path)
	return s
}

func (s *stage) run(commands ...string) {
	w := &Workers{Commands: commands, JobsAddress: "127.0.0.1:4711", DataDir: s.dir, Key: s.key,
		Logger: slog.New(slog.NewTextHandler(&s.log, nil)), Output: &s.log}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("Run: %v", err)
		}
	})
	s.t.Cleanup(s.stop)
}

// file waits until a file has a whole line, and returns its content.
func (s *stage) file(name string) string {
	s.t.Helper()
	var text []byte
	s.until(name+" is written", func() bool {
		text, _ = os.ReadFile(filepath.Join(s.dir, name))
		return strings.HasSuffix(string(text), "\n")
	})
	return string(text)
}

func (s *stage) until(what string, holds func() bool) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("never: %s\n%s", what, s.log.String())
		}
	}
}

// gone reports whether the process whose number the file holds has ended.
func (s *stage) gone(name string) bool {
	s.t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(s.file(name)))
	if err != nil {
		s.t.Fatal(err)
	}
	if state, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil && strings.Contains(string(state), ") Z ") {
		return true // dead, and not yet collected by its new parent
	}
	return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

func TestWorkerGetsAddressAndTokenButNoKey(t *testing.T) {
	t.Setenv("HEADWAY_KEY", "not for workers")
	s := setTheStage(t, `env > env; cp "$HEADWAY_TOKEN_FILE" token; echo $$ > pid; exec sleep 1000`)
	s.file("pid")
	env := s.file("env")
	if !strings.Contains(env, "HEADWAY_JOBS_ADDRESS=127.0.0.1:4711\n") || strings.Contains(env, "HEADWAY_KEY") {
		t.Errorf("its environment is\n%s", env)
	}
	id, err := s.key.Verify(t.Context(), strings.TrimSpace(s.file("token")))
	if err != nil || !id.Has(auth.ScopeWorker) || id.SeesAll() {
		t.Errorf("its token is %+v, %v", id, err)
	}
	info, err := os.Stat(filepath.Join(s.dir, "worker.token"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the token's file: %v, %v", info.Mode(), err)
	}
	s.stop()
	if !s.gone("pid") {
		t.Error("the worker outlives Headway")
	}
	if _, err := os.Stat(filepath.Join(s.dir, "worker.token")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the token's file is left: %v", err)
	}
}

func TestCrashedWorkerIsRestartedAndLoggedOnce(t *testing.T) {
	s := setTheStage(t, `if [ -e begun ]; then echo $$ > pid; exec sleep 1000; fi; echo > begun; exit 3`)
	s.file("pid")
	if log := s.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "restarting it") || !strings.Contains(log, "exit status 3") {
		t.Errorf("the log is\n%s", log)
	}
}

func TestProcessesOfWorkerEndWithIt(t *testing.T) {
	s := setTheStage(t, `(trap '' TERM; exec sleep 1000 >/dev/null 2>&1) & echo $! > child; wait`)
	s.file("child")
	s.stop()
	s.until("the worker's child ends", func() bool { return s.gone("child") })
}

func TestMissingProgramIsNotRetried(t *testing.T) {
	s := setTheStage(t, `exec sleep 1000`)
	s.stop()
	s.run("no-such-program-anywhere --really", filepath.Join(s.dir, "nor-this"))
	s.until("both are skipped", func() bool { return strings.Count(s.log.String(), "continuing without it") == 2 })
}
