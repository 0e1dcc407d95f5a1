package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	headway "headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
)

// junction passes connections on to a service, or disturbs them.
type junction struct {
	net.Listener
	target string
	// refuses and answers502 are for new connections.
	refuses, answers502 atomic.Bool
	bad                 *http.Server

	mu    sync.Mutex
	conns []*passed
}

// passed is a connection and its other end.
type passed struct {
	ends      [2]net.Conn
	swallowed atomic.Bool
}

func newJunction(t *testing.T, target string) *junction {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	j := &junction{Listener: lis, target: target}
	broken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	protocols := &http.Protocols{}
	protocols.SetUnencryptedHTTP2(true)
	j.bad = &http.Server{Protocols: protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })}
	var running sync.WaitGroup
	running.Go(func() { _ = j.bad.Serve(broken) })
	running.Go(func() {
		for {
			conn, err := lis.Accept()
			if err != nil {
				return
			}
			address := target
			if j.answers502.Load() {
				address = broken.Addr().String()
			}
			if j.refuses.Load() {
				conn.Close()
				continue
			}
			running.Go(func() { j.pass(conn, address) })
		}
	})
	t.Cleanup(func() {
		lis.Close()
		j.bad.Close()
		j.reset()
		running.Wait()
	})
	return j
}

func (j *junction) pass(conn net.Conn, address string) {
	defer conn.Close()
	other, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer other.Close()
	p := &passed{ends: [2]net.Conn{conn, other}}
	j.mu.Lock()
	j.conns = append(j.conns, p)
	j.mu.Unlock()
	var both sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{conn: other, other: conn} {
		both.Go(func() {
			buffer := make([]byte, 32<<10)
			for {
				n, err := from.Read(buffer)
				if p.swallowed.Load() {
					if err != nil {
						return // and the other end learns nothing
					}
					continue
				}
				if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
					conn.Close()
					other.Close()
					return
				}
			}
		})
	}
	both.Wait()
}

// swallow makes a black hole of the connections that exist. New ones work.
func (j *junction) swallow() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, p := range j.conns {
		p.swallowed.Store(true)
	}
}

// reset ends the connections that exist.
func (j *junction) reset() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, p := range j.conns {
		for _, end := range p.ends {
			_ = end.(*net.TCPConn).SetLinger(0) // the connection can be closed
			end.Close()
		}
	}
	j.conns = nil
}

// grpcWatch is a client that watches a job in its own process.
type grpcWatch struct {
	cmd *exec.Cmd

	mu                  sync.Mutex
	lines               []string
	saw, lost, finished bool
}

// startWatch runs a client, whose lines of output say what it sees.
func startWatch(t *testing.T, cmd *exec.Cmd) *grpcWatch {
	t.Helper()
	w := &grpcWatch{cmd: cmd}
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			w.mu.Lock()
			w.lines, w.saw = append(w.lines, lines.Text()), true
			w.lost = w.lost || strings.Contains(lines.Text(), "can't be reached")
			w.mu.Unlock()
		}
	})
	running.Go(func() {
		_ = cmd.Wait() // its exit code says how the job ended
		writer.Close()
		w.mu.Lock()
		w.finished = true
		w.mu.Unlock()
	})
	t.Cleanup(func() { _ = cmd.Process.Kill(); running.Wait() })
	return w
}

// result says how the client ended: "end", or "stops" and why.
func (w *grpcWatch) result() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := strings.Join(w.lines, "\n")
	switch {
	case !w.finished:
		return "runs: " + text
	case strings.Contains(text, "JOB_NOT_FOUND"):
		return "stops (JOB_NOT_FOUND)"
	case slices.ContainsFunc(w.lines, func(line string) bool { return strings.Contains(strings.ToLower(line), "cancelled") }):
		return "end"
	}
	return "stops: " + text
}

// watchVariable has the address, the token, and the job of watchByPackage.
const watchVariable = "HEADWAY_E2E_WATCH"

// watchByPackage watches a job with clients/go, in a process that runs this test program.
func watchByPackage(arguments string) {
	parts := strings.Split(arguments, " ")
	conn, err := headway.Dial(parts[0], grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(headway.Token(parts[1], false)))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	defer conn.Close()
	lost := headway.OnInterruption(func(err error) {
		if err != nil {
			fmt.Println("can't be reached:", err)
		}
	})
	for job, err := range headway.Watch(context.Background(), jobsv1.NewJobServiceClient(conn), parts[2], lost) {
		if err != nil {
			fmt.Println(headway.Reason(err), err)
			return
		}
		fmt.Println(headway.Word(job.GetStatus()))
	}
}
