//go:build linux

package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
)

// streams is a jobs service with jobs to watch, and an edge in a separate process.
type streams struct {
	b      *testing.B
	jobs   *jobsService
	user   jobsv1.JobServiceClient
	worker jobsv1.WorkerServiceClient
	edge   *edgeProcess
	// empty is the memory of the edge before the first job.
	empty float64
}

func startStreams(b *testing.B) *streams {
	b.Helper()
	s := &streams{b: b, jobs: startJobs(b, b.TempDir(), "")}
	conn := s.jobs.conn()
	s.user, s.worker = jobsv1.NewJobServiceClient(conn), jobsv1.NewWorkerServiceClient(conn)
	s.edge = startEdge(b, s.jobs.addr, "127.0.0.1:0")
	s.empty = residentNow(b, s.edge.cmd.Process.Pid)
	return s
}

func (s *streams) stop() {
	s.edge.stop()
	s.jobs.stop()
}

// create creates queued jobs with three steps, each of another user, and returns the file that lists their streams.
func (s *streams) create(n int, kind string) (targets string) {
	s.b.Helper()
	lines := make([]string, n)
	var wg sync.WaitGroup
	for part := range 32 {
		wg.Go(func() {
			for i := part; i < n; i += 32 {
				owner := fmt.Sprintf("user-%d", i)
				resp, err := s.user.CreateJob(s.b.Context(), &jobsv1.CreateJobRequest{
					Kind: kind, Owner: owner, Title: fmt.Sprintf("Scene %d of the winter film", i),
					Steps: []*jobsv1.StepPlan{
						{Name: "fetch", Title: "Fetch the parts", Unit: "parts", Total: 40, Weight: 1},
						{Name: "render", Title: "Render", Unit: "frames", Total: 2400, Weight: 20},
						{Name: "publish", Title: "Publish", Weight: 1},
					},
				})
				if err != nil {
					s.b.Error(err)
					return
				}
				lines[i] = fmt.Sprintf("/api/v1/sse/jobs/%s/%s\t%s", kind, resp.GetJob().GetJobId(), s.token(owner))
			}
		})
	}
	wg.Wait()
	targets = filepath.Join(s.b.TempDir(), "targets")
	if err := os.WriteFile(targets, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		s.b.Fatal(err)
	}
	return targets
}

func (s *streams) token(owner string) string {
	s.b.Helper()
	token, err := s.jobs.key.Sign(auth.Identity{Subject: owner}, time.Hour)
	if err != nil {
		s.b.Fatal(err)
	}
	return token
}

// lease leases the only job of a kind.
func (s *streams) lease(kind string) *jobsv1.LeasedJob {
	s.b.Helper()
	resp, err := s.worker.LeaseJobs(s.b.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{kind}, MaxJobs: 1, LeaseSeconds: 120})
	if err != nil || len(resp.GetJobs()) != 1 {
		s.b.Fatalf("lease: %d jobs, %v", len(resp.GetJobs()), err)
	}
	return resp.GetJobs()[0]
}

// sendProgress sends progress as often as the worker of a watched job, four times per second, with padding.
func (s *streams) sendProgress(job *jobsv1.LeasedJob, times int, padding string) {
	s.b.Helper()
	ticker := time.NewTicker(260 * time.Millisecond)
	defer ticker.Stop()
	for i := range times {
		done := float64(i)
		if _, err := s.worker.Heartbeat(s.b.Context(), &jobsv1.HeartbeatRequest{
			JobId: job.GetJob().GetJobId(), LeaseToken: job.GetLeaseToken(),
			Progress: &jobsv1.ProgressReport{Message: fmt.Sprintf("Frame %d of 2,400 %s", i, padding), Steps: []*jobsv1.StepReport{{
				Name: "render", State: jobsv1.StepState_STEP_STATE_ACTIVE, Done: &done, Counters: map[string]float64{"frames": done, "retries": 3},
			}}},
		}); err != nil {
			s.b.Fatal(err)
		}
		<-ticker.C
	}
}

// message returns a job's state as the edge sends it.
func (s *streams) message(targets string) json.RawMessage {
	s.b.Helper()
	text, err := os.ReadFile(targets)
	if err != nil {
		s.b.Fatal(err)
	}
	path, token, _ := strings.Cut(strings.SplitN(string(text), "\n", 2)[0], "\t")
	ctx, cancel := context.WithCancel(s.b.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.edge.addr+path, nil)
	if err != nil {
		s.b.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.b.Fatal(err)
	}
	defer resp.Body.Close()
	var all strings.Builder
	for buf := make([]byte, 4096); ; {
		n, err := resp.Body.Read(buf)
		all.Write(buf[:n])
		if _, rest, ok := strings.Cut(all.String(), `data: {"type":"initial_status"`); ok && strings.Contains(rest, "\n\n") {
			rest, _, _ = strings.Cut(rest, "\n\n")
			return json.RawMessage(`{"type":"job_update"` + rest)
		}
		if err != nil {
			s.b.Fatal(err)
		}
	}
}

// latency returns a percentile of the time from commit to arrival of updates, in milliseconds.
func (r report) latency(p float64) float64 {
	var all, seen int64
	for _, n := range r.Latency {
		all += n
	}
	for _, step := range slices.Sorted(maps.Keys(r.Latency)) {
		if seen += r.Latency[step]; float64(seen) >= p*float64(all) {
			return float64(step+1) / 10
		}
	}
	return 0
}

// lastReader returns a percentile over the updates of the time from commit until the last reader has it.
func (r report) lastReader(p float64) float64 {
	all := make([]time.Duration, 0, len(r.Last))
	for _, late := range r.Last {
		all = append(all, time.Duration(late))
	}
	if len(all) == 0 {
		return 0
	}
	return percentile(all, p)
}

// cost returns the CPU time per message, in microseconds.
func cost(used time.Duration, messages int64) float64 {
	return float64(used.Microseconds()) / float64(max(messages, 1))
}

// BenchmarkStreamsIdle measures 10,000 idle streams of 10,000 jobs of 10,000 users. KiB/stream is the resident memory of the
// edge for each, including job and user, compared with an edge without jobs.
func BenchmarkStreamsIdle(b *testing.B) {
	const n = 10_000
	for b.Loop() {
		s := startStreams(b)
		targets := s.create(n, "bench")
		readers := startFleet(b, n)
		readers.open(order{Count: n, Window: 100, Addr: s.edge.addr, Targets: targets})
		mine := (resident(b, s.edge.cmd.Process.Pid) - s.empty) / n / 1024
		readers.stop()
		s.stop()

		other := startPart(b, "plain")
		empty := residentNow(b, other.cmd.Process.Pid)
		readers = startFleet(b, n)
		readers.open(order{Count: n, Window: 100, Addr: other.addr, Targets: targets})
		plain := (resident(b, other.cmd.Process.Pid) - empty) / n / 1024
		readers.stop()
		other.stop()

		b.ReportMetric(mine, "KiB/stream")
		b.ReportMetric(plain, "KiB/stream-plain")
		b.ReportMetric(mine/plain, "÷plain")
	}
}

// BenchmarkStreamsFanOut measures 10,000 streams of one job with progress four times per second, for 25 seconds, and then the
// same messages from a plain net/http handler, and from a bare loop of write(2).
func BenchmarkStreamsFanOut(b *testing.B) {
	const n, updates = 10_000, 100
	for b.Loop() {
		s := startStreams(b)
		targets := s.create(1, "bench")
		job := s.lease("bench")
		s.sendProgress(job, 2, "")
		data := s.message(targets)
		readers := startFleet(b, n)
		readers.open(order{Count: n, Window: 100, Addr: s.edge.addr, Targets: targets})
		s.sendProgress(job, 8, "")
		readers.each(order{Op: "reset"})
		before := busy(b, s.edge.cmd.Process.Pid)
		s.sendProgress(job, updates, "")
		used := busy(b, s.edge.cmd.Process.Pid) - before
		r := readers.each(order{Op: "report"})
		readers.stop()
		s.stop()
		plain := measureOther(b, "plain", n, updates, targets, data)
		floor := measureOther(b, "floor", n, updates, targets, data)

		mine := cost(used, r.Messages)
		b.ReportMetric(mine, "µs-cpu/msg")
		b.ReportMetric(plain.cost, "µs-cpu/msg-plain")
		b.ReportMetric(floor.cost, "µs-cpu/msg-write2")
		b.ReportMetric(mine/floor.cost, "÷write2")
		b.ReportMetric(mine/plain.cost, "÷plain")
		b.ReportMetric(r.latency(0.5), "ms-p50")
		b.ReportMetric(r.latency(0.99), "ms-p99")
		b.ReportMetric(r.lastReader(0.99), "ms-p99-last")
		b.ReportMetric(plain.lastReader(0.99), "ms-p99-last-plain")
		b.ReportMetric(float64(r.Messages)/float64(updates), "msgs/update")
		b.ReportMetric(float64(len(data)), "bytes/msg")
	}
}

type measured struct {
	report
	cost float64
}

// measureOther measures another server with the same number of messages, of the same size, at the same rate and number of readers.
func measureOther(b *testing.B, name string, n, updates int, targets string, data json.RawMessage) measured {
	b.Helper()
	server := startPart(b, name)
	defer server.stop()
	readers := startFleet(b, n)
	defer readers.stop()
	readers.open(order{Count: n, Window: 100, Addr: server.addr, Targets: targets})
	publish := func(from, to uint64) {
		ticker := time.NewTicker(260 * time.Millisecond)
		defer ticker.Stop()
		for id := from; id < to; id++ {
			server.send(order{Op: "publish", ID: id, Data: data})
			server.answer()
			<-ticker.C
		}
	}
	publish(2, 10)
	readers.each(order{Op: "reset"})
	before := busy(b, server.cmd.Process.Pid)
	publish(10, 10+uint64(updates))
	used := busy(b, server.cmd.Process.Pid) - before
	r := readers.each(order{Op: "report"})
	return measured{r, cost(used, r.Messages)}
}
