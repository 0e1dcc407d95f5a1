package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	_ "modernc.org/sqlite" // the driver "sqlite"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/auth"
	"headway/services/jobs"
)

// benchKey signs the benchmarks' tokens.
const benchKey = "a secret of the benchmarks, long enough for HS256"

// jobsService is a running jobs service and what calls it.
type jobsService struct {
	b    *testing.B
	key  *auth.Key
	addr string
	data string
	stop func()
}

func startJobs(b *testing.B, data string) *jobsService {
	b.Helper()
	key, err := auth.NewKey([]byte(benchKey))
	if err != nil {
		b.Fatal(err)
	}
	service, err := jobs.New(jobs.Config{Settings: jobs.Settings{JobsListen: "127.0.0.1:0", MaxActive: -1}, DataDir: data, Verifier: key,
		Logger: slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	s := &jobsService{b: b, key: key, addr: service.Addr().String(), data: data}
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	b.Cleanup(s.stop)
	return s
}

func (s *jobsService) conn() *grpc.ClientConn {
	conn, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(s.key.ServiceCredentials("bench", auth.ScopeService)))
	if err != nil {
		s.b.Fatal(err)
	}
	s.b.Cleanup(func() { conn.Close() })
	return conn
}

// percentile of durations, in milliseconds.
func percentile(all []time.Duration, p float64) float64 {
	slices.Sort(all)
	return float64(all[min(int(p*float64(len(all))), len(all)-1)].Microseconds()) / 1000
}

// runs is how often a benchmark measures; it reports the medians.
const runs = 5

// medians collects one figure of every run under its unit.
type medians map[string][]float64

func (m medians) add(unit string, figure float64) { m[unit] = append(m[unit], figure) }

func (m medians) report(b *testing.B) {
	b.ReportMetric(0, "ns/op") // it would be the time of all runs together
	for unit, figures := range m {
		slices.Sort(figures)
		b.ReportMetric(figures[len(figures)/2], unit)
	}
}

// addLatencies adds p50 and p99, and the p99 beside that of plain transactions in the same run.
func (m medians) addLatencies(took, plain []time.Duration) {
	m.add("ms-p50", percentile(took, 0.5))
	m.add("ms-p99", percentile(took, 0.99))
	m.add("ms-plain-p99", percentile(plain, 0.99))
	m.add("×plain-p99", percentile(took, 0.99)/percentile(plain, 0.99))
}

// BenchmarkStatusChanges: 64 workers that create, lease and complete jobs over gRPC; an operation is one change of a
// job's status, on disk before it is answered. The yardstick is a loop of durable SQLite transactions of one row.
func BenchmarkStatusChanges(b *testing.B) {
	const workers, each = 64, 120
	m := medians{}
	for range runs {
		plain := perSecond(plainTransactions(b))
		s := startJobs(b, b.TempDir())
		var wg sync.WaitGroup
		begun := time.Now()
		for range workers {
			conn := s.conn()
			user, worker := jobsv1.NewJobServiceClient(conn), jobsv1.NewWorkerServiceClient(conn)
			wg.Go(func() {
				for range each {
					ctx := b.Context()
					if _, err := user.CreateJob(ctx, &jobsv1.CreateJobRequest{Kind: "bench"}); err != nil {
						b.Error(err)
						return
					}
					leased, err := worker.LeaseJobs(ctx, &jobsv1.LeaseJobsRequest{Kinds: []string{"bench"}})
					if err != nil {
						b.Error(err)
						return
					}
					for _, l := range leased.GetJobs() {
						if _, err := worker.CompleteJob(ctx, &jobsv1.CompleteJobRequest{JobId: l.GetJob().GetJobId(), LeaseToken: l.GetLeaseToken()}); err != nil {
							b.Error(err)
						}
					}
				}
			})
		}
		wg.Wait()
		rate := float64(3*workers*each) / time.Since(begun).Seconds()
		s.stop()
		m.add("changes/s", rate)
		m.add("plain/s", plain)
		m.add("×plain", rate/plain)
	}
	m.report(b)
}

func perSecond(took []time.Duration) float64 {
	var all time.Duration
	for _, one := range took {
		all += one
	}
	return float64(len(took)) / all.Seconds()
}

// wait waits until done, for half a minute at most.
func wait(done func() bool) {
	for begun := time.Now(); !done() && time.Since(begun) < 30*time.Second; {
		time.Sleep(10 * time.Millisecond)
	}
}

// plainTransactions is how long durable SQLite transactions of one row take, one after the other, for a second.
func plainTransactions(b *testing.B) (took []time.Duration) {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "plain.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER); INSERT INTO t VALUES (1, 0)"); err != nil {
		b.Fatal(err)
	}
	for begun := time.Now(); time.Since(begun) < time.Second; {
		one := time.Now()
		if _, err := db.Exec("UPDATE t SET n = n + 1 WHERE id = 1"); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(one))
	}
	return took
}

// BenchmarkCreateToLeased: the time from the call of CreateJob to the job in the hands of a waiting worker, at 300 jobs
// a second.
func BenchmarkCreateToLeased(b *testing.B) {
	const jobsInAll, rate = 1500, 300
	m := medians{}
	for range runs {
		plain := plainTransactions(b)
		s := startJobs(b, b.TempDir())
		ctx, cancel := context.WithCancel(b.Context())
		var mu sync.Mutex
		begun, took := map[string]time.Time{}, []time.Duration(nil)
		var workers, creators sync.WaitGroup
		for range 16 {
			worker := jobsv1.NewWorkerServiceClient(s.conn())
			workers.Go(func() {
				for ctx.Err() == nil {
					leased, err := worker.LeaseJobs(ctx, &jobsv1.LeaseJobsRequest{Kinds: []string{"bench"}})
					now := time.Now()
					if err != nil {
						return
					}
					for _, l := range leased.GetJobs() {
						mu.Lock()
						took = append(took, now.Sub(begun[l.GetJob().GetTitle()]))
						mu.Unlock()
						worker.CompleteJob(ctx, &jobsv1.CompleteJobRequest{JobId: l.GetJob().GetJobId(), LeaseToken: l.GetLeaseToken()})
					}
				}
			})
		}
		user := jobsv1.NewJobServiceClient(s.conn())
		time.Sleep(200 * time.Millisecond)
		ticker := time.NewTicker(time.Second / rate)
		for i := range jobsInAll {
			<-ticker.C
			creators.Go(func() {
				title := fmt.Sprint(i)
				mu.Lock()
				begun[title] = time.Now()
				mu.Unlock()
				if _, err := user.CreateJob(ctx, &jobsv1.CreateJobRequest{Kind: "bench", Title: title}); err != nil {
					b.Error(err)
				}
			})
		}
		ticker.Stop()
		creators.Wait()
		wait(func() bool { mu.Lock(); defer mu.Unlock(); return len(took) == jobsInAll })
		cancel()
		workers.Wait()
		s.stop()
		if len(took) != jobsInAll {
			b.Errorf("%d of %d jobs were leased", len(took), jobsInAll)
		}
		m.addLatencies(took, plain)
	}
	m.report(b)
}

// BenchmarkHeartbeatToWatcher: the time from the call of Heartbeat to the snapshot at a watcher, with 1,000 watchers of
// 1,000 jobs that report every other second each.
func BenchmarkHeartbeatToWatcher(b *testing.B) {
	const jobsInAll, rounds = 1000, 5
	m := medians{}
	for range runs {
		plain := plainTransactions(b)
		s := startJobs(b, b.TempDir())
		ctx, cancel := context.WithCancel(b.Context())
		conn := s.conn()
		user, worker := jobsv1.NewJobServiceClient(conn), jobsv1.NewWorkerServiceClient(conn)
		var leased []*jobsv1.LeasedJob
		for range jobsInAll {
			if _, err := user.CreateJob(ctx, &jobsv1.CreateJobRequest{Kind: "bench"}); err != nil {
				b.Fatal(err)
			}
		}
		for len(leased) < jobsInAll {
			resp, err := worker.LeaseJobs(ctx, &jobsv1.LeaseJobsRequest{Kinds: []string{"bench"}, MaxJobs: 100, LeaseSeconds: 120})
			if err != nil {
				b.Fatal(err)
			}
			leased = append(leased, resp.GetJobs()...)
		}
		var mu sync.Mutex
		sent, took := map[string]time.Time{}, []time.Duration(nil)
		var ready, watchers sync.WaitGroup
		conns := [8]*grpc.ClientConn{}
		for i := range conns {
			conns[i] = s.conn()
		}
		for i, l := range leased {
			ready.Add(1)
			watchers.Go(func() {
				stream, err := jobsv1.NewJobServiceClient(conns[i%len(conns)]).WatchJob(ctx, &jobsv1.WatchJobRequest{JobId: l.GetJob().GetJobId()})
				if err != nil {
					b.Error(err)
					ready.Done()
					return
				}
				stream.Recv()
				ready.Done()
				for {
					resp, err := stream.Recv()
					now := time.Now()
					if err != nil {
						return
					}
					mu.Lock()
					if at, ok := sent[resp.GetJob().GetProgress().GetMessage()]; ok {
						took = append(took, now.Sub(at))
					}
					mu.Unlock()
				}
			})
		}
		ready.Wait()
		var beats sync.WaitGroup
		ticker := time.NewTicker(2 * time.Second / jobsInAll)
		for round := range rounds {
			for i, l := range leased {
				<-ticker.C
				beats.Go(func() {
					message := fmt.Sprintf("%d of %d", round, i)
					mu.Lock()
					sent[message] = time.Now()
					mu.Unlock()
					if _, err := worker.Heartbeat(ctx, &jobsv1.HeartbeatRequest{JobId: l.GetJob().GetJobId(), LeaseToken: l.GetLeaseToken(),
						Progress: &jobsv1.ProgressReport{Message: message}}); err != nil {
						b.Error(err)
					}
				})
			}
		}
		ticker.Stop()
		beats.Wait()
		time.Sleep(500 * time.Millisecond)
		cancel()
		watchers.Wait()
		s.stop()
		if len(took) < jobsInAll*rounds*99/100 {
			b.Errorf("%d of %d reports arrived", len(took), jobsInAll*rounds)
		}
		m.addLatencies(took, plain)
	}
	m.report(b)
}

// BenchmarkBesideFinishedJobs: what creating, leasing, a watch from its beginning to the job's end, and a page of a list
// cost with 1,000 finished jobs in the store, and how many times that with 1,000,000. The unit "×" is what counts.
func BenchmarkBesideFinishedJobs(b *testing.B) {
	m := medians{}
	fewData, manyData := withFinished(b, 1_000), withFinished(b, 1_000_000)
	for range runs {
		few, many := besideFinished(b, fewData), besideFinished(b, manyData)
		for what := range few {
			m.add("ms-"+what, percentile(few[what], 0.5))
			m.add("×"+what, percentile(many[what], 0.5)/percentile(few[what], 0.5))
		}
		m.add("ms-plain", percentile(plainTransactions(b), 0.5))
	}
	m.report(b)
}

// withFinished is a data folder with so many finished jobs.
func withFinished(b *testing.B, finished int) string {
	b.Helper()
	data := b.TempDir()
	startJobs(b, data).stop() // makes the tables
	fill(b, filepath.Join(data, "jobs.db"), finished)
	return data
}

func besideFinished(b *testing.B, data string) map[string][]time.Duration {
	b.Helper()
	s := startJobs(b, data)
	defer s.stop()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	conn := s.conn()
	user, worker := jobsv1.NewJobServiceClient(conn), jobsv1.NewWorkerServiceClient(conn)
	took := map[string][]time.Duration{}
	timed := func(what string, fn func() error) {
		begun := time.Now()
		if err := fn(); err != nil {
			b.Fatalf("%s: %v", what, err)
		}
		took[what] = append(took[what], time.Since(begun))
	}
	for range 200 {
		var id string
		timed("create", func() error {
			resp, err := user.CreateJob(ctx, &jobsv1.CreateJobRequest{Kind: "bench", Labels: map[string]string{"team": "search"}})
			id = resp.GetJob().GetJobId()
			return err
		})
		var watch grpc.ServerStreamingClient[jobsv1.WatchJobResponse]
		timed("watch", func() (err error) { // until the current state is here
			if watch, err = user.WatchJob(ctx, &jobsv1.WatchJobRequest{JobId: id}); err == nil {
				_, err = watch.Recv()
			}
			return err
		})
		all, stopAll := context.WithCancel(ctx)
		timed("watch-mine", func() error { // until all that has not ended is here
			stream, err := user.WatchJobs(all, &jobsv1.WatchJobsRequest{})
			for synced := false; err == nil && !synced; {
				var resp *jobsv1.WatchJobsResponse
				resp, err = stream.Recv()
				synced = resp.GetSynced()
			}
			return err
		})
		stopAll()
		var leased *jobsv1.LeaseJobsResponse
		timed("lease", func() (err error) {
			leased, err = worker.LeaseJobs(ctx, &jobsv1.LeaseJobsRequest{Kinds: []string{"bench"}})
			return err
		})
		for what, request := range map[string]*jobsv1.ListJobsRequest{
			"list":           {},
			"list-by-kind":   {Kinds: []string{"bench"}},
			"list-by-status": {Statuses: []jobsv1.JobStatus{jobsv1.JobStatus_JOB_STATUS_COMPLETED}},
			"list-by-label":  {Labels: []string{"team=search"}},
			"list-by-rare":   {Labels: []string{"team=nobody"}},
			"list-all":       {AllOwners: true, Statuses: []jobsv1.JobStatus{jobsv1.JobStatus_JOB_STATUS_ACTIVE, jobsv1.JobStatus_JOB_STATUS_FAILED}},
		} {
			request.PageSize = 20
			timed(what, func() error { _, err := user.ListJobs(ctx, request); return err })
		}
		for _, l := range leased.GetJobs() {
			timed("complete-to-watcher", func() error {
				_, err := worker.CompleteJob(ctx, &jobsv1.CompleteJobRequest{JobId: l.GetJob().GetJobId(), LeaseToken: l.GetLeaseToken()})
				for err == nil {
					_, err = watch.Recv()
				}
				if errors.Is(err, io.EOF) {
					return nil
				}
				return err
			})
		}
	}
	return took
}

// fill puts finished jobs into the store's file: copies of one that was made the usual way.
func fill(b *testing.B, path string, n int) {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	_, err = db.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO jobs (id, kind, owner, title, status, ready, revision, priority, attempt, max_attempts, backoff, max_backoff,
			payload, result, progress, output_bytes, cancel_requested, cancel_by, created_at, started_at, updated_at, completed_at,
			not_before, deadline, due_at, worker, lease_token, lease_duration, lease_expires_at, queue_position, has_checkpoint, request_id)
		SELECT printf('%08x-0000-7000-8000-000000000000', i), 'bench', iif(i % 2, 'bench', 'user-' || (i % 1000)), 'A finished job', 4, 0, 9, 0, 1, 3,
			1000000, 300000000, '{"url":"https://example.org/"}', '{"pages":100}', '{"percent":100}', 0, 0, 0, ?2 + i, ?2 + i, ?2 + i, ?2 + i,
			0, 0, 0, '', '', 0, 0, 0, 0, '' FROM n`, n, time.Now().Add(-time.Hour).UnixMicro())
	if err != nil {
		b.Fatal(err)
	}
}
