//go:build linux

package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"headway/clients/go"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/proctest"
)

const (
	// pollEvery is the interval of clients that poll.
	pollEvery = 2 * time.Second
	// updates is how often a job changes, once a second.
	updates = 20
)

// BenchmarkPolling compares users who poll the status of their job every two seconds with users who have one stream each. The
// jobs change once a second for 20 seconds. CPU time is that of the whole server, less that of a run that no user watches.
func BenchmarkPolling(b *testing.B) {
	for _, users := range []int{100, 1000} {
		b.Run(fmt.Sprintf("users=%d", users), func(b *testing.B) {
			unwatched := watchJobs(b, users, nil)
			polled := watchJobs(b, users, poll)
			streamed := watchJobs(b, users, stream)
			b.ReportMetric(0, "ns/op")
			for name, m := range map[string]*watched{"poll": polled, "stream": streamed} {
				b.ReportMetric(float64(m.requests.Load()), name+"-requests")
				b.ReportMetric(float64(m.bytes.Load())/1e6, name+"-MB")
				b.ReportMetric((m.cpu - unwatched.cpu).Seconds(), name+"-cpu-s")
				b.ReportMetric(percentile(m.delays, 0.5), name+"-ms-p50")
				b.ReportMetric(percentile(m.delays, 0.99), name+"-ms-p99")
			}
			b.ReportMetric(unwatched.cpu.Seconds(), "unwatched-cpu-s")
		})
	}
}

// watched holds the cost of a run, and how long after each update its user knew it or a later one.
type watched struct {
	requests, bytes atomic.Int64
	cpu             time.Duration
	mu              sync.Mutex
	delays          []time.Duration
}

// watcher follows a job until it has ended. It calls seen with every message.
type watcher func(ctx context.Context, m *watched, client *http.Client, edge, token, jobID string, seen func(message string)) error

// watchJobs runs a job for each of many users, and watches it.
func watchJobs(b *testing.B, users int, follow watcher) *watched {
	b.Helper()
	s := startServer(b)
	defer func() { _ = s.Kill() }() // the signal is the error
	m := &watched{}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()

	var reported sync.Map // job ID to a *[]time.Time
	begin := make(chan struct{})
	worker := headway.NewWorker(s.conn(auth.ScopeWorker), headway.WorkerConfig{Concurrency: users, Handlers: map[string]headway.Handler{
		"character": func(ctx context.Context, task *headway.Task) (any, error) {
			times := &[]time.Time{}
			reported.Store(task.Job().GetJobId(), times)
			step := task.Step("work").Total(updates).Start()
			<-begin
			ticker := time.NewTicker(time.Second)
			defer ticker.Stop()
			time.Sleep(time.Duration(rand.Int64N(int64(time.Second)))) // jobs don't change together
			for i := range updates {
				now := time.Now()
				m.mu.Lock()
				*times = append(*times, now)
				m.mu.Unlock()
				task.Message("%d", i)
				step.Set(float64(i + 1))
				<-ticker.C
			}
			return map[string]any{"ok": true}, nil
		},
	}})
	var working sync.WaitGroup
	working.Go(func() { _ = worker.Run(ctx) })
	defer working.Wait()
	defer cancel()

	jobs := jobsv1.NewJobServiceClient(s.conn(auth.ScopeService))
	ids := make([]string, users)
	for i := range ids {
		created, err := jobs.CreateJob(ctx, &jobsv1.CreateJobRequest{Kind: "character", Owner: user(i)})
		if err != nil {
			b.Fatal(err)
		}
		ids[i] = created.GetJob().GetJobId()
	}
	waitFor(ctx, b, "all jobs run", func() bool {
		n := 0
		reported.Range(func(any, any) bool { n++; return true })
		return n == users
	})
	transport := &http.Transport{MaxIdleConnsPerHost: users, DisableCompression: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &counted{Conn: conn, bytes: &m.bytes}, nil
		}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}

	before := busy(b, s.Pid())
	var watching sync.WaitGroup
	for i, id := range ids {
		if follow == nil {
			break
		}
		token, err := s.key.Sign(auth.Identity{Subject: user(i)}, time.Hour)
		if err != nil {
			b.Fatal(err)
		}
		watching.Go(func() {
			known := 0
			seen := func(message string) {
				latest, err := strconv.Atoi(message)
				if err != nil {
					return // not one of an update
				}
				now := time.Now()
				times, _ := reported.Load(id)
				m.mu.Lock()
				defer m.mu.Unlock()
				for ; known <= latest; known++ {
					m.delays = append(m.delays, now.Sub((*times.(*[]time.Time))[known]))
				}
			}
			if err := follow(ctx, m, client, s.edge, token, id, seen); err != nil {
				b.Errorf("%s: %v", id, err)
			}
		})
	}
	close(begin)
	watching.Wait()
	waitFor(ctx, b, "all jobs have ended", func() bool {
		for _, id := range []string{ids[0], ids[len(ids)-1]} {
			got, err := jobs.GetJob(ctx, &jobsv1.GetJobRequest{JobId: id})
			if err != nil || !headway.Terminal(got.GetJob().GetStatus()) {
				return false
			}
		}
		return true
	})
	m.cpu = busy(b, s.Pid()) - before
	if follow != nil && len(m.delays) < users*updates*9/10 {
		b.Errorf("%d of %d updates were seen", len(m.delays), users*updates)
	}
	return m
}

func user(i int) string { return fmt.Sprint("user-", i) }

// counted is a connection that counts the bytes in both directions.
type counted struct {
	net.Conn
	bytes *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.bytes.Add(int64(n))
	return n, err
}

// request sends one request of a watcher.
func request(ctx context.Context, m *watched, client *http.Client, url, token string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	m.requests.Add(1)
	answer, err := client.Do(r)
	if err == nil && answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		err = fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return answer, err
}

// poll asks for the status of a job every two seconds.
func poll(ctx context.Context, m *watched, client *http.Client, edge, token, jobID string, seen func(string)) error {
	time.Sleep(time.Duration(rand.Int64N(int64(pollEvery)))) // users don't come together
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		answer, err := request(ctx, m, client, "http://"+edge+"/api/v1/characters/jobs/"+jobID, token)
		if err != nil {
			return err
		}
		var body struct {
			Data struct{ Status, Message string }
		}
		err = json.NewDecoder(answer.Body).Decode(&body)
		_, _ = io.Copy(io.Discard, answer.Body) // so that the connection is used again
		answer.Body.Close()
		if err != nil {
			return err
		}
		seen(body.Data.Message)
		if body.Data.Status == "completed" {
			return nil
		}
		<-ticker.C
	}
}

// stream reads one stream to its end.
func stream(ctx context.Context, m *watched, client *http.Client, edge, token, jobID string, seen func(string)) error {
	answer, err := request(ctx, m, client, "http://"+edge+"/api/v1/sse/jobs/character/"+jobID, token)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	status := ""
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var body struct{ Type, Status, Message string }
		if err := json.Unmarshal([]byte(data), &body); err != nil {
			return err
		}
		if body.Type != "connected" {
			status = body.Status
			seen(body.Message)
		}
	}
	if status != "completed" {
		return fmt.Errorf("the stream ended with the status %q", status)
	}
	return nil
}

// server is a running `headway serve`.
type server struct {
	*proctest.Process
	b          *testing.B
	edge, jobs string
	key        *auth.Key
}

func startServer(b *testing.B) *server {
	b.Helper()
	key, err := auth.NewKey([]byte(benchKey))
	if err != nil {
		b.Fatal(err)
	}
	routes, err := filepath.Abs("../deploy/routes/job-status.yaml")
	if err != nil {
		b.Fatal(err)
	}
	s := &server{b: b, key: key, edge: proctest.FreeAddress(b), jobs: proctest.FreeAddress(b)}
	cmd := exec.Command(program(b, "headway"), "serve", "--data", b.TempDir(), "--listen", s.edge, "--jobs-listen", s.jobs,
		"--importer-listen", proctest.FreeAddress(b), "--metrics-listen=-", "--log-level=error", "--max-active=-1", "--routes", routes)
	cmd.Env = append(os.Environ(), "HEADWAY_KEY="+benchKey)
	cmd.Stderr = os.Stderr
	s.Process = proctest.Start(b, cmd)
	s.AwaitReady("http://" + s.edge + "/readyz")
	return s
}

func (s *server) conn(scope string) *grpc.ClientConn {
	conn, err := grpc.NewClient(s.jobs, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(s.key.ServiceCredentials("bench", scope)))
	if err != nil {
		s.b.Fatal(err)
	}
	s.b.Cleanup(func() { conn.Close() })
	return conn
}
