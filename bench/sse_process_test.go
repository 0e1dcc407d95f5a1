//go:build linux

package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"headway/internal/proctest"
)

// timeout limits every wait in the benchmarks of streams.
const timeout = 2 * time.Minute

// programs builds the programs for the benchmarks of streams, once.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "headway-bench-")
	if err != nil {
		return "", err
	}
	built = dir
	return dir, proctest.Build(dir, "headway/cmd/edge", "headway/cmd/headway", "headway/cmd/importer", "headway/cmd/jobs", "headway/bench/sseload")
})

// built is the folder of the built programs. It is empty before they are built.
var built string

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built) // leftovers are in the temporary folder of the operating system
	}
	os.Exit(code)
}

func program(b *testing.B, name string) string {
	b.Helper()
	dir, err := programs()
	if err != nil {
		b.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// order and report are lines that sseload reads and writes. bench/sseload describes them.
type order struct {
	Op      string          `json:"op"`
	Count   int             `json:"count,omitempty"`
	Window  int             `json:"window,omitempty"`
	Unread  bool            `json:"unread,omitempty"`
	Targets string          `json:"targets,omitempty"`
	Skip    int             `json:"skip,omitempty"`
	Addr    string          `json:"addr,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
	ID      uint64          `json:"id,omitempty"`
}

type report struct {
	Addr                               string
	Open, Failed, Ended, Cut, Draining int
	Seconds                            float64
	Messages, Bytes                    int64
	Latency                            map[int]int64
	Last                               map[uint64]int64
	Reached                            map[uint64]int
	Error                              string
}

// part is a separate process of sseload.
type part struct {
	b     *testing.B
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan report
	// addr is the address of a server.
	addr string
}

func startPart(b *testing.B, name string) *part {
	b.Helper()
	p := &part{b: b, cmd: exec.Command(program(b, "sseload"), name), lines: make(chan report, 1)}
	p.cmd.Stderr = os.Stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for dec := json.NewDecoder(bufio.NewReaderSize(out, 1<<20)); ; {
			var r report
			if dec.Decode(&r) != nil {
				return
			}
			p.lines <- r
		}
	}()
	b.Cleanup(p.stop)
	if name != "clients" {
		p.addr = p.answer().Addr
	}
	return p
}

func (p *part) send(o order) {
	p.b.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		p.b.Fatal(err)
	}
	if _, err := p.in.Write(append(text, '\n')); err != nil {
		p.b.Fatal(err)
	}
}

func (p *part) answer() report {
	p.b.Helper()
	select {
	case r, ok := <-p.lines:
		if !ok {
			p.b.Fatal("sseload ended")
		}
		return r
	case <-time.After(timeout):
		p.b.Fatal("sseload does not answer")
	}
	return report{}
}

// stop ends the process. It can be called twice.
func (p *part) stop() {
	_ = p.in.Close()
	timer := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	for range p.lines {
	}
	_ = p.cmd.Wait() // a second call returns an error
}

// fleet is readers in several processes, because the number of descriptors per process is limited.
type fleet []*part

const perProcess = 9000

func startFleet(b *testing.B, n int) fleet {
	b.Helper()
	var c fleet
	for ; n > 0; n -= perProcess {
		c = append(c, startPart(b, "clients"))
	}
	return c
}

// each sends an order to all processes, with the streams divided among them, and returns the sum of their reports.
func (c fleet) each(o order) report {
	c[0].b.Helper()
	for i, p := range c {
		mine := o
		mine.Skip = o.Count * i / len(c)
		mine.Count = o.Count*(i+1)/len(c) - mine.Skip
		p.send(mine)
	}
	all := report{Latency: map[int]int64{}, Last: map[uint64]int64{}, Reached: map[uint64]int{}}
	for _, p := range c {
		r := p.answer()
		all.Open, all.Failed, all.Ended, all.Cut, all.Draining = all.Open+r.Open, all.Failed+r.Failed, all.Ended+r.Ended, all.Cut+r.Cut, all.Draining+r.Draining
		all.Messages, all.Bytes, all.Seconds = all.Messages+r.Messages, all.Bytes+r.Bytes, max(all.Seconds, r.Seconds)
		for step, n := range r.Latency {
			all.Latency[step] += n
		}
		for id, late := range r.Last {
			all.Last[id] = max(all.Last[id], late)
		}
		for id, n := range r.Reached {
			all.Reached[id] += n
		}
		if all.Error == "" {
			all.Error = r.Error
		}
	}
	return all
}

// open opens streams. All of them must open.
func (c fleet) open(o order) report {
	b := c[0].b
	b.Helper()
	before := c.each(order{Op: "report"}).Open
	o.Op = "open"
	r := c.each(o)
	if r.Failed > 0 || r.Open != before+o.Count {
		b.Fatalf("%d of %d streams are open, %d failed: %s", r.Open, before+o.Count, r.Failed, r.Error)
	}
	return r
}

func (c fleet) stop() {
	for _, p := range c {
		p.stop()
	}
}

// edgeProcess is the process of a real edge.
type edgeProcess struct {
	b    *testing.B
	cmd  *exec.Cmd
	addr string
	log  bytes.Buffer
	done chan struct{}
}

// startEdge starts an edge for a jobs service. addr can be the address of an edge that has ended.
func startEdge(b *testing.B, jobsAddr, addr string) *edgeProcess {
	b.Helper()
	e := &edgeProcess{b: b, addr: addr, done: make(chan struct{})}
	e.cmd = exec.Command(program(b, "edge"), "--listen="+addr, "--jobs-address="+jobsAddr, "--importer-address=127.0.0.1:1",
		"--data="+b.TempDir(), "--metrics-listen=-", "--log-format=json", "--streams-per-user=-1", "--max-streams=19000")
	e.cmd.Env = append(os.Environ(), "HEADWAY_LOG_LEVEL=info", "HEADWAY_KEY="+benchKey)
	errors, err := e.cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	e.cmd.Stdout = io.Discard
	if err := e.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	address := make(chan string, 1)
	go func() {
		defer close(e.done)
		for lines := bufio.NewScanner(errors); lines.Scan(); {
			e.log.Write(append(lines.Bytes(), '\n'))
			var line struct{ Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Address != "" {
				select {
				case address <- line.Address:
				default:
				}
			}
		}
		_ = e.cmd.Wait() // usually killed
	}()
	b.Cleanup(e.stop)
	select {
	case e.addr = <-address:
	case <-e.done:
		b.Fatalf("the edge ended immediately:\n%s", &e.log)
	case <-time.After(timeout):
		b.Fatal("the edge does not start")
	}
	client := http.Client{Timeout: time.Second}
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		resp, err := client.Get("http://" + e.addr + "/healthz")
		if err == nil {
			resp.Body.Close()
			client.CloseIdleConnections()
			return e
		}
		if time.Since(begun) > timeout {
			b.Fatal(err)
		}
	}
}

// drain stops the edge, like an orchestrator, and returns the duration.
func (e *edgeProcess) drain() time.Duration {
	e.b.Helper()
	begun := time.Now()
	if err := e.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		e.b.Fatal(err)
	}
	select {
	case <-e.done:
	case <-time.After(timeout):
		e.b.Fatal("the edge does not end")
	}
	return time.Since(begun)
}

func (e *edgeProcess) stop() {
	_ = e.cmd.Process.Kill() // it might already have ended
	<-e.done
}

// resident returns the memory of a process in bytes, when it has changed by less than 1 % for ten seconds.
func resident(b *testing.B, pid int) float64 {
	b.Helper()
	last, since := 0.0, time.Now()
	for begun := time.Now(); time.Since(begun) < timeout; time.Sleep(500 * time.Millisecond) {
		now := residentNow(b, pid)
		if now > last*1.01 || now < last*0.99 {
			last, since = now, time.Now()
		}
		if time.Since(begun) > settle && time.Since(since) > 10*time.Second {
			return now
		}
	}
	b.Logf("the memory of process %d does not settle", pid)
	return last
}

// settle is the minimum wait before memory is measured. The edge returns unused memory within twenty seconds after a load
// peak.
const settle = 45 * time.Second

func residentNow(b *testing.B, pid int) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kib * 1024
}

// busy returns the CPU time of a process, in user and kernel mode.
func busy(b *testing.B, pid int) time.Duration {
	b.Helper()
	return cpuTime(b, pid, 11, 12)
}

// cpuTime is readCPUTime of a process that has not ended.
func cpuTime(tb testing.TB, pid int, fieldsOfStat ...int) time.Duration {
	tb.Helper()
	sum, err := readCPUTime(pid, fieldsOfStat...)
	if err != nil {
		tb.Fatal(err)
	}
	return sum
}

// readCPUTime returns the sum of fields of a process, which are counted from its state.
func readCPUTime(pid int, fieldsOfStat ...int) (sum time.Duration, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	for _, i := range fieldsOfStat {
		ticks, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read %q: %w", text, err)
		}
		sum += time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	}
	return sum, nil
}

// waitFor waits until a condition is true.
func waitFor(ctx context.Context, b *testing.B, what string, ok func() bool) {
	b.Helper()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for !ok() {
		select {
		case <-ctx.Done():
			b.Fatalf("never: %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
