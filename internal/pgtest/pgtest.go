// Package pgtest starts a PostgreSQL server for tests. PostgreSQL refuses to run as root, so for root, it runs as the
// operating system's user without rights.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"headway/internal/proctest"
)

// Server is a PostgreSQL server with an empty database. Its user needs no password.
type Server struct {
	dir     string // of the data
	address string
	// release lets another server have the address.
	release func()
	cmd     *exec.Cmd
	log     *os.File
	ended   chan struct{} // closed when cmd has ended
}

// Start starts a server on a free port of 127.0.0.1. Call Stop at the end. Settings such as "fsync=off" come after its
// defaults.
func Start(settings ...string) (s *Server, err error) {
	dir, err := os.MkdirTemp("", "headway-postgres-")
	if err != nil {
		return nil, err
	}
	s = &Server{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start PostgreSQL: %w\n%s", err, s.Log()), s.Stop())
		}
	}()
	if s.address, s.release, err = proctest.ReserveAddress(); err != nil {
		return s, err
	}
	if err := os.Chown(dir, credential().uid, credential().gid); err != nil {
		return s, err
	}
	if out, err := s.command("initdb", "--no-sync", "--auth=trust", "--username=headway", "--encoding=UTF8", "--locale=C.UTF-8",
		"--pgdata="+s.data()).CombinedOutput(); err != nil {
		return s, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if s.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		return s, err
	}
	return s, s.launch(settings)
}

// launch runs the server, and returns when it accepts connections.
func (s *Server) launch(settings []string) error {
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return err
	}
	args := []string{"-D", s.data(), "-h", host, "-p", port, "-k", s.dir}
	for _, setting := range append([]string{"shared_buffers=64MB", "log_min_messages=warning"}, settings...) {
		args = append(args, "-c", setting)
	}
	s.cmd, s.ended = s.command("postgres", args...), make(chan struct{})
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	go func(cmd *exec.Cmd, ended chan struct{}) { _ = cmd.Wait(); close(ended) }(s.cmd, s.ended)
	return s.Await()
}

// Await returns when the server accepts connections.
func (s *Server) Await() error {
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		ready := s.command("pg_isready", "-q", "-h", host, "-p", port, "-U", "headway", "-d", "postgres")
		if ready.Run() == nil {
			return nil
		}
		select {
		case <-s.ended:
			return errors.New("the server ended")
		case <-ctx.Done():
			return errors.New("the server does not accept connections")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Restart starts the server again after Kill.
func (s *Server) Restart(settings ...string) error {
	<-s.ended
	return s.launch(settings)
}

// Kill kills the server and all its processes, like a crash. A killed server can start again only when all its
// processes have ended, so Kill waits for that.
func (s *Server) Kill() {
	all := s.Freeze()
	for _, pid := range all {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-s.ended
	for slices.ContainsFunc(all, running) {
		time.Sleep(time.Millisecond)
	}
}

// KillBackend kills the process that serves a connection of an application whose name matches the LIKE pattern, if there is one. The server notices, ends all
// connections, and recovers. Await returns when it has.
func (s *Server) KillBackend(application string) error {
	out, err := s.SQL("postgres", fmt.Sprintf(`SELECT pid FROM pg_stat_activity WHERE application_name LIKE '%s'
		AND backend_type = 'client backend' ORDER BY random() LIMIT 1`, application))
	if err != nil {
		return fmt.Errorf("look for a backend: %w\n%s", err, out)
	}
	out = strings.TrimSpace(out)
	if out == "" {
		return nil // there is none
	}
	pid, err := strconv.Atoi(out)
	if err != nil {
		return fmt.Errorf("look for a backend: %w", err)
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

// PIDs returns the processes of the server, the first one first.
func (s *Server) PIDs() []int {
	first := s.cmd.Process.Pid
	return append([]int{first}, children(first)...)
}

// Freeze stops the processes of the server until Thaw, and returns them. The first is stopped before the others, so that it
// starts no more of them.
func (s *Server) Freeze() []int {
	first := s.cmd.Process.Pid
	_ = syscall.Kill(first, syscall.SIGSTOP)
	all := append([]int{first}, children(first)...)
	for _, pid := range all[1:] {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
	}
	return all
}

// Thaw continues the processes of the server.
func (s *Server) Thaw() {
	first := s.cmd.Process.Pid
	for _, pid := range append(children(first), first) {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

// running reports whether there is a process with the id that has not ended. One that has ended, and whose parent has not
// noticed, does not count.
func running(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(text), ") ") // after the name
	return !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// children returns the ids of the processes that the process has started.
func children(of int) []int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", of, of))
	if err != nil {
		return nil
	}
	var all []int
	for _, field := range strings.Fields(string(text)) {
		if pid, err := strconv.Atoi(field); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// Stop ends the server and deletes its data.
func (s *Server) Stop() error {
	if s.cmd != nil && s.cmd.Process != nil {
		_ = s.cmd.Process.Signal(syscall.SIGQUIT) // stops the server and its processes without a last checkpoint
		<-s.ended
	}
	if s.log != nil {
		s.log.Close()
	}
	if s.release != nil {
		s.release()
	}
	return os.RemoveAll(s.dir)
}

// Address returns the host and port of the server.
func (s *Server) Address() string { return s.address }

// URL returns the address of a database of the server. New databases begin with "postgres" only.
func (s *Server) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("headway"), Host: s.address, Path: "/" + database}
	return u.String()
}

// Database creates an empty database and returns its URL. To copy the files of the template takes a third of the CPU time of
// writing them to the log first.
func (s *Server) Database(tb testing.TB, name string) string {
	tb.Helper()
	if out, err := s.SQL("postgres", fmt.Sprintf(`CREATE DATABASE %q STRATEGY file_copy`, name)); err != nil {
		tb.Fatalf("create a database: %v\n%s", err, out)
	}
	return s.URL(name)
}

// SQL runs statements in a database, and returns what psql prints.
func (s *Server) SQL(database, statements string) (string, error) {
	out, err := s.command("psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-d", s.URL(database), "-c", statements).CombinedOutput()
	return string(out), err
}

// Dump returns the lines that pg_dump writes about a database, sorted, because it writes rows in the order in which they are
// stored. Flags are more of its flags.
func (s *Server) Dump(database string, flags ...string) ([]string, error) {
	out, err := s.command("pg_dump", append(flags, "-d", s.URL(database))...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("pg_dump: %w\n%s", err, out)
	}
	lines := slices.DeleteFunc(strings.Split(string(out), "\n"), func(line string) bool {
		return strings.HasPrefix(line, "\\restrict") || strings.HasPrefix(line, "\\unrestrict") // random
	})
	slices.Sort(lines)
	return lines, nil
}

// Bench runs a script of pgbench again and again with a number of clients, for ten minutes at most. stop ends it, and returns
// what it has printed.
func (s *Server) Bench(tb testing.TB, database, script string, clients int) (stop func() string) {
	tb.Helper()
	file, err := s.WriteFile(database+".pgbench", []byte(script))
	if err != nil {
		tb.Fatal(err)
	}
	cmd := s.command("pgbench", "--no-vacuum", "--file="+file, "--time=600", fmt.Sprintf("--client=%d", clients), s.URL(database))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	stop = sync.OnceValue(func() string {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait() // it was stopped
		return out.String()
	})
	tb.Cleanup(func() { stop() })
	return stop
}

// Log returns what the server has logged.
func (s *Server) Log() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return ""
	}
	return string(text)
}

// WriteFile writes a file that only the server's user can read, for settings that name one, and returns its path.
func (s *Server) WriteFile(name string, data []byte) (path string, err error) {
	path = filepath.Join(s.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return "", err
	}
	return path, os.Chown(path, credential().uid, credential().gid)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// command returns a program of PostgreSQL, which runs as a user that is not root.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), find(name), args...) // it outlives the context of a test
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	if owner := credential(); os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(owner.uid), Gid: uint32(owner.gid)}}
	}
	return cmd
}

// find returns the path of a program of PostgreSQL. Debian keeps the server's programs out of PATH.
func find(name string) string {
	versions, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(versions) > 0 {
		return slices.Max(versions)
	}
	return name
}

type owner struct{ uid, gid int }

// credential returns the user that the server runs as.
func credential() owner {
	if os.Getuid() != 0 {
		return owner{os.Getuid(), os.Getgid()}
	}
	if u, err := user.Lookup("nobody"); err == nil {
		uid, errUID := strconv.Atoi(u.Uid)
		gid, errGID := strconv.Atoi(u.Gid)
		if errors.Join(errUID, errGID) == nil {
			return owner{uid, gid}
		}
	}
	return owner{65534, 65534}
}
