package proctest

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"testing"
	"time"
)

// Build builds the programs of packages into a folder.
func Build(folder string, packages ...string) error {
	out, err := exec.CommandContext(context.Background(), "go", append([]string{"build", "-o", folder + "/"}, packages...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// Process is a program that runs.
type Process struct {
	*exec.Cmd
	tb    testing.TB
	ended chan struct{}
	err   error
}

// Start starts a program. It is killed at the end of the test at the latest.
func Start(tb testing.TB, cmd *exec.Cmd) *Process {
	tb.Helper()
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	p := &Process{Cmd: cmd, tb: tb, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	tb.Cleanup(func() { _ = p.Kill() })
	return p
}

// Pid returns the ID of the process.
func (p *Process) Pid() int { return p.Process.Pid }

// Ended returns a channel that is closed when the program has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Wait waits for the end of the program, and returns how it ended.
func (p *Process) Wait() error {
	<-p.ended
	return p.err
}

// Kill kills the program, and returns how it ended. It can have ended before.
func (p *Process) Kill() error {
	_ = p.Process.Kill()
	return p.Wait()
}

// AwaitReady waits until the program answers at a URL with 200.
func (p *Process) AwaitReady(url string) {
	p.tb.Helper()
	client := http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(p.tb.Context(), http.MethodGet, url, nil)
	if err != nil {
		p.tb.Fatal(err)
	}
	timeout := time.After(3 * time.Minute)
	for {
		resp, err := client.Do(request)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
			err = fmt.Errorf("%s answers %s", url, resp.Status)
		}
		select {
		case <-p.ended:
			p.tb.Fatalf("%s ended before it was ready: %v%s", p.Path, p.err, p.output())
		case <-timeout:
			p.tb.Fatalf("%s is not ready: %v%s", p.Path, err, p.output())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// output returns what the program has written to a Log.
func (p *Process) output() string {
	if log, ok := p.Stderr.(*Log); ok {
		return "\n" + log.String()
	}
	return ""
}
