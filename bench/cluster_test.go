//go:build linux

package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/internal/natstest"
	"headway/internal/proctest"
)

// BenchmarkCluster measures replicas, each in its own process, on one PostgreSQL server:
//
//   - heartbeat: the time from a heartbeat at one jobs service until a client of an edge at the other one has the update, with NATS and without
//   - leased: the time from CreateJob until a waiting worker has the job, at 300 per second, with clients and workers at both jobs
//     services, with all clients at one and all workers at the other, and with one jobs service
//   - takeover: the time from the crash of the jobs service that leads until the other one leads, and from the crash of an importer until
//     another one has leased its import
//   - throughput: status changes per second of two jobs services, and of one
func BenchmarkCluster(b *testing.B) {
	d, bus := startDatabases(b), "nats://"+natstest.Start(b)
	b.Run("heartbeat", func(b *testing.B) {
		m := medians{}
		for range *runs {
			for prefix, bus := range map[string]string{"nats-": bus, "alone-": ""} {
				took := startReplicas(b, d.url(), bus, 2).heartbeats()
				m.add(prefix+"ms-p50", percentile(took, 0.5))
				m.add(prefix+"ms-p99", percentile(took, 0.99))
			}
		}
		m.report(b)
	})
	b.Run("leased", func(b *testing.B) {
		m := medians{}
		for range *runs {
			for _, prefix := range []string{"one-", "", "elsewhere-"} {
				n := 2
				if prefix == "one-" {
					n = 1
				}
				r := startReplicas(b, d.url(), bus, n)
				users, workers := r.each(), r.each()
				if prefix == "elsewhere-" {
					users, workers = r.at(0), r.at(1)
				}
				took := createToLeasedOf(b, users, workers)
				m.add(prefix+"ms-p50", percentile(took, 0.5))
				m.add(prefix+"ms-p99", percentile(took, 0.99))
				r.stop()
			}
		}
		m.report(b)
	})
	b.Run("takeover", func(b *testing.B) {
		m := medians{}
		for range *runs {
			m.add("s-leader", startReplicas(b, d.url(), bus, 2).takeover().Seconds())
			url := d.url()
			m.add("s-import", startReplicas(b, url, bus, 2).importTakeover(d, url).Seconds())
		}
		m.report(b)
	})
	b.Run("throughput", func(b *testing.B) {
		m := medians{}
		for range *runs {
			var rates [3]float64
			for _, n := range []int{1, 2} {
				r := startReplicas(b, d.url(), bus, n)
				rates[n], _ = statusChangesOf(b, r.each())
				r.stop()
			}
			m.add("one-changes/s", rates[1])
			m.add("two-changes/s", rates[2])
			m.add("×one", rates[2]/rates[1])
		}
		m.report(b)
	})
}

// replicas are jobs services on one database.
type replicas struct {
	b       *testing.B
	key     *auth.Key
	all     []*proctest.Process
	address []string
	metrics []string
}

// startReplicas starts n jobs services, and waits until they know of each other.
func startReplicas(b *testing.B, database, bus string, n int) *replicas {
	b.Helper()
	key, err := auth.NewKey([]byte(benchKey))
	if err != nil {
		b.Fatal(err)
	}
	r := &replicas{b: b, key: key}
	for range n {
		address, metrics := proctest.FreeAddress(b), proctest.FreeAddress(b)
		r.all = append(r.all, startService(b, "jobs", metrics, "--jobs-listen", address, "--jobs-database", database, "--bus", bus,
			"--max-active=-1", "--max-queued=-1"))
		r.address, r.metrics = append(r.address, address), append(r.metrics, metrics)
	}
	waitFor(b.Context(), b, "the replicas know of each other, and one leads", func() bool {
		leaders := 0.0
		for i := range n {
			if r.metric(i, "headway_jobs_other_replicas") != float64(n-1) {
				return false
			}
			leaders += r.metric(i, "headway_jobs_leader")
		}
		return leaders == 1
	})
	return r
}

// startService starts a program, and waits until it is ready.
func startService(b *testing.B, name, metrics string, args ...string) *proctest.Process {
	b.Helper()
	cmd := exec.Command(program(b, name), append(args, "--metrics-listen", metrics, "--data", b.TempDir(), "--log-level", "error")...)
	cmd.Env = append(os.Environ(), "HEADWAY_KEY="+benchKey)
	cmd.Stderr = os.Stderr
	p := proctest.Start(b, cmd)
	p.AwaitReady("http://" + metrics + "/readyz")
	return p
}

// metric returns the value of a metric of a replica.
func (r *replicas) metric(i int, name string) float64 {
	r.b.Helper()
	resp, err := http.Get("http://" + r.metrics[i] + "/metrics")
	if err != nil {
		r.b.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.b.Fatal(err)
	}
	_, rest, _ := strings.Cut("\n"+string(text), "\n"+name+" ")
	value, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseFloat(value, 64)
	if err != nil {
		r.b.Fatalf("%s: %v", name, err)
	}
	return n
}

// at returns a function that connects to a replica.
func (r *replicas) at(i int) func() *grpc.ClientConn {
	return func() *grpc.ClientConn { return r.dial(r.address[i]) }
}

// each returns a function that connects to each replica in turn.
func (r *replicas) each() func() *grpc.ClientConn {
	next := -1
	return func() *grpc.ClientConn {
		next++
		return r.dial(r.address[next%len(r.address)])
	}
}

func (r *replicas) dial(address string) *grpc.ClientConn {
	r.b.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(r.key.ServiceCredentials("bench", auth.ScopeService)))
	if err != nil {
		r.b.Fatal(err)
	}
	r.b.Cleanup(func() { conn.Close() })
	return conn
}

func (r *replicas) stop() {
	for _, p := range r.all {
		_ = p.Kill() // the signal is the error
	}
}

// heartbeats sends progress of 100 jobs to one replica, twice a second for ten seconds, and returns how long each report took to a client of
// an edge that knows only the other replica. A client knows a report when it receives that one or a later one.
func (r *replicas) heartbeats() (took []time.Duration) {
	const n, rounds = 100, 20
	b, ctx := r.b, r.b.Context()
	defer r.stop()
	edge := startEdge(b, r.address[1], proctest.FreeAddress(b))
	defer edge.stop()
	conn := r.dial(r.address[0])
	users, worker := jobsv1.NewJobServiceClient(conn), jobsv1.NewWorkerServiceClient(conn)
	for i := range n {
		if _, err := users.CreateJob(ctx, &jobsv1.CreateJobRequest{Kind: "character", Owner: user(i)}); err != nil {
			b.Fatal(err)
		}
	}
	var leased []*jobsv1.LeasedJob
	for len(leased) < n {
		resp, err := worker.LeaseJobs(ctx, &jobsv1.LeaseJobsRequest{Kinds: []string{"character"}, MaxJobs: n, LeaseSeconds: 120})
		if err != nil {
			b.Fatal(err)
		}
		leased = append(leased, resp.GetJobs()...)
	}

	var mu sync.Mutex
	var watching, opened sync.WaitGroup
	sent := make([][]time.Time, n)
	for i, l := range leased {
		token, err := r.key.Sign(auth.Identity{Subject: l.GetJob().GetOwner()}, time.Hour)
		if err != nil {
			b.Fatal(err)
		}
		known, open := 0, sync.OnceFunc(opened.Done)
		opened.Add(1)
		watching.Go(func() {
			defer open()
			if err := stream(ctx, &watched{}, http.DefaultClient, edge.addr, token, l.GetJob().GetJobId(), func(message string) {
				open()
				round, err := strconv.Atoi(message)
				if err != nil {
					return // not one of a report
				}
				now := time.Now()
				mu.Lock()
				defer mu.Unlock()
				for ; known <= round; known++ {
					took = append(took, now.Sub(sent[i][known]))
				}
			}); err != nil {
				b.Error(err)
			}
		})
	}
	opened.Wait()
	ticker := time.NewTicker(500 * time.Millisecond / n)
	defer ticker.Stop()
	var beats sync.WaitGroup
	for round := range rounds {
		for i, l := range leased {
			<-ticker.C
			mu.Lock()
			sent[i] = append(sent[i], time.Now())
			mu.Unlock()
			beats.Go(func() {
				if _, err := worker.Heartbeat(ctx, &jobsv1.HeartbeatRequest{JobId: l.GetJob().GetJobId(), LeaseToken: l.GetLeaseToken(),
					Progress: &jobsv1.ProgressReport{Message: fmt.Sprint(round)}}); err != nil {
					b.Error(err)
				}
			})
		}
	}
	beats.Wait()
	waitFor(ctx, b, "every report is known", func() bool { mu.Lock(); defer mu.Unlock(); return len(took) == n*rounds })
	for _, l := range leased {
		if _, err := worker.CompleteJob(ctx, &jobsv1.CompleteJobRequest{JobId: l.GetJob().GetJobId(), LeaseToken: l.GetLeaseToken()}); err != nil {
			b.Error(err)
		}
	}
	watching.Wait()
	return took
}

// takeover kills the replica that leads, and returns how long it takes until the other one leads.
func (r *replicas) takeover() time.Duration {
	r.b.Helper()
	defer r.stop()
	leader := 0
	if r.metric(1, "headway_jobs_leader") == 1 {
		leader = 1
	}
	begun := time.Now()
	_ = r.all[leader].Kill() // the signal is the error
	waitFor(r.b.Context(), r.b, "the other replica leads", func() bool { return r.metric(1-leader, "headway_jobs_leader") == 1 })
	return time.Since(begun)
}

// importTakeover kills an importer in the middle of an import, and returns how long it takes until another importer has leased the import.
func (r *replicas) importTakeover(d *databases, database string) time.Duration {
	b := r.b
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), timeout)
	defer cancel()
	defer r.stop()
	workbook, blobs := filepath.Join(b.TempDir(), "sample.xlsx"), b.TempDir()
	command(b, program(b, "headway"), "sample", "--rows", "100", "-o", workbook)
	command(b, program(b, "headway"), "schema", "migrate", "--yes", "--records", database, "workforce")
	importer := func() (*proctest.Process, string) {
		address := proctest.FreeAddress(b)
		return startService(b, "importer", proctest.FreeAddress(b), "--importer-listen", address, "--jobs-address", strings.Join(r.address, ","),
			"--imports-database", database, "--records", database, "--blobs", "file://"+blobs), address
	}
	first, address := importer()
	defer func() { _ = first.Kill() }()

	holder, err := pgx.Connect(ctx, database)
	if err != nil {
		b.Fatal(err)
	}
	defer holder.Close(context.WithoutCancel(ctx))
	if _, err := holder.Exec(ctx, "BEGIN; LOCK TABLE areas IN EXCLUSIVE MODE"); err != nil { // so that the import is in the middle
		b.Fatal(err)
	}
	id := upload(b, r.dial(address), workbook)
	snapshots, err := jobsv1.NewJobServiceClient(r.dial(r.address[0])).WatchJob(ctx, &jobsv1.WatchJobRequest{JobId: id})
	if err != nil {
		b.Fatal(err)
	}
	until := func(what string, ok func(*jobsv1.Job) bool) {
		b.Helper()
		for {
			resp, err := snapshots.Recv()
			if err != nil {
				b.Fatalf("%s: %v", what, err)
			}
			if ok(resp.GetJob()) {
				return
			}
		}
	}
	active := func(j *jobsv1.Job) bool { return j.GetStatus() == jobsv1.JobStatus_JOB_STATUS_ACTIVE }
	leased := uint32(0)
	until("the import is leased", func(j *jobsv1.Job) bool { leased = j.GetRevision(); return active(j) })
	until("the import makes progress", func(j *jobsv1.Job) bool { return active(j) && j.GetRevision() > leased })
	second, _ := importer()
	defer func() { _ = second.Kill() }()
	begun := time.Now()
	_ = first.Kill() // the signal is the error
	until("another importer has the import", func(j *jobsv1.Job) bool { return active(j) && j.GetError().GetReason() == "LEASE_EXPIRED" })
	took := time.Since(begun)
	if _, err := holder.Exec(ctx, "COMMIT"); err != nil {
		b.Fatal(err)
	}
	until("the import ends", func(j *jobsv1.Job) bool { return j.GetStatus() == jobsv1.JobStatus_JOB_STATUS_COMPLETED })
	return took
}

// upload uploads a workbook, and returns the ID of its import.
func upload(b *testing.B, conn *grpc.ClientConn, path string) (id string) {
	b.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	stream, err := importsv1.NewImportServiceClient(conn).UploadWorkbook(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, part := range []*importsv1.UploadWorkbookRequest{
		{Part: &importsv1.UploadWorkbookRequest_Options{Options: &importsv1.UploadOptions{FileName: "sample.xlsx",
			OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS}}},
		{Part: &importsv1.UploadWorkbookRequest_Data{Data: data}},
	} {
		if err := stream.Send(part); err != nil {
			break // CloseAndRecv returns the cause
		}
	}
	resp, err := stream.CloseAndRecv()
	if err != nil {
		b.Fatal(err)
	}
	return resp.GetImport().GetImportId()
}
