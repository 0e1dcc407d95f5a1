package bench

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
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

// benchKey signs the tokens of the benchmarks.
const benchKey = "a secret of the benchmarks, long enough for HS256"

// jobsService is a running jobs service with its clients.
type jobsService struct {
	b    *testing.B
	key  *auth.Key
	addr string
	data string
	stop func()
}

// startJobs starts a jobs service with its jobs in the directory, or in the PostgreSQL database at the URL. Settings can be changed.
func startJobs(b *testing.B, data, url string, change ...func(*jobs.Settings)) *jobsService {
	b.Helper()
	settings := jobs.Settings{JobsListen: "127.0.0.1:0", MaxActive: -1, MaxQueued: -1, JobsDatabase: url}
	for _, c := range change {
		c(&settings)
	}
	key, err := auth.NewKey([]byte(benchKey))
	if err != nil {
		b.Fatal(err)
	}
	service, err := jobs.New(jobs.Config{Settings: settings, DataDir: data, Verifier: key,
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

// runs is how often a benchmark measures. It reports the medians.
var runs = flag.Int("runs", 5, "how often a benchmark measures")

// medians collects one figure per run by unit.
type medians map[string][]float64

func (m medians) add(unit string, figure float64) { m[unit] = append(m[unit], figure) }

func (m medians) report(b *testing.B) {
	b.ReportMetric(0, "ns/op") // it would be the total time of all runs
	for unit, figures := range m {
		slices.Sort(figures)
		b.ReportMetric(figures[len(figures)/2], unit)
	}
}

// addLatencies adds p50 and p99, and the ratio to the p99 of plain transactions in the same run.
func (m medians) addLatencies(took, plain []time.Duration) {
	m.add("ms-p50", percentile(took, 0.5))
	m.add("ms-p99", percentile(took, 0.99))
	m.add("ms-plain-p99", percentile(plain, 0.99))
	m.add("×plain-p99", percentile(took, 0.99)/percentile(plain, 0.99))
}

// BenchmarkStatusChanges measures 64 workers that create, lease, and complete jobs over gRPC. An operation is one change of
// a status, on disk before the response. The comparison is a loop of durable SQLite transactions of one row.
func BenchmarkStatusChanges(b *testing.B) {
	m := medians{}
	for range *runs {
		plain := perSecond(plainTransactions(b))
		rate, _ := statusChanges(b, startJobs(b, b.TempDir(), ""))
		m.add("changes/s", rate)
		m.add("plain/s", plain)
		m.add("×plain", rate/plain)
	}
	m.report(b)
}

// statusChanges returns the changes per second of 64 workers that create, lease, and complete jobs one by one, and their number.
func statusChanges(b *testing.B, s *jobsService) (rate, n float64) {
	defer s.stop()
	return statusChangesOf(b, s.conn)
}

// statusChangesOf is statusChanges with a connection from conn for each worker.
func statusChangesOf(b *testing.B, conn func() *grpc.ClientConn) (rate, n float64) {
	const workers, each = 64, 120
	var wg sync.WaitGroup
	begun := time.Now()
	for range workers {
		conn := conn()
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
	n = 3 * workers * each
	return n / time.Since(begun).Seconds(), n
}

func perSecond(took []time.Duration) float64 {
	var all time.Duration
	for _, one := range took {
		all += one
	}
	return float64(len(took)) / all.Seconds()
}

// wait waits until done, for at most half a minute.
func wait(done func() bool) {
	for begun := time.Now(); !done() && time.Since(begun) < 30*time.Second; {
		time.Sleep(10 * time.Millisecond)
	}
}

// plainTransactions runs durable SQLite transactions of one row for a second, and returns their durations.
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

// BenchmarkCreateToLeased measures the time from the call of CreateJob until a waiting worker has the job, at 300 jobs per
// second.
func BenchmarkCreateToLeased(b *testing.B) {
	m := medians{}
	for range *runs {
		plain := plainTransactions(b)
		m.addLatencies(createToLeased(b, startJobs(b, b.TempDir(), "")), plain)
	}
	m.report(b)
}

func createToLeased(b *testing.B, s *jobsService) []time.Duration {
	defer s.stop()
	return createToLeasedOf(b, s.conn, s.conn)
}

// createToLeasedOf is createToLeased with a connection from ofWorker for each of 16 workers, and two from ofUser for the creation of jobs.
func createToLeasedOf(b *testing.B, ofUser, ofWorker func() *grpc.ClientConn) []time.Duration {
	const jobsInAll, rate = 1500, 300
	ctx, cancel := context.WithCancel(b.Context())
	var mu sync.Mutex
	begun, took := map[string]time.Time{}, []time.Duration(nil)
	var workers, creators sync.WaitGroup
	var ready sync.WaitGroup
	for range 16 {
		worker := jobsv1.NewWorkerServiceClient(ofWorker())
		ready.Add(1)
		workers.Go(func() {
			_, err := worker.LeaseJobs(ctx, &jobsv1.LeaseJobsRequest{Kinds: []string{"bench"}, WaitSeconds: -1}) // connects
			ready.Done()
			if err != nil {
				b.Error(err)
				return
			}
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
	users := []jobsv1.JobServiceClient{jobsv1.NewJobServiceClient(ofUser()), jobsv1.NewJobServiceClient(ofUser())}
	ready.Wait()
	ticker := time.NewTicker(time.Second / rate)
	for i := range jobsInAll {
		<-ticker.C
		creators.Go(func() {
			title := fmt.Sprint(i)
			mu.Lock()
			begun[title] = time.Now()
			mu.Unlock()
			if _, err := users[i%len(users)].CreateJob(ctx, &jobsv1.CreateJobRequest{Kind: "bench", Title: title}); err != nil {
				b.Error(err)
			}
		})
	}
	ticker.Stop()
	creators.Wait()
	wait(func() bool { mu.Lock(); defer mu.Unlock(); return len(took) == jobsInAll })
	cancel()
	workers.Wait()
	if len(took) != jobsInAll {
		b.Errorf("%d of %d jobs were leased", len(took), jobsInAll)
	}
	return took
}

// BenchmarkHeartbeatToWatcher measures the time from the call of Heartbeat until a watcher has the snapshot, with 1,000
// watchers of 1,000 jobs, each with progress every two seconds.
func BenchmarkHeartbeatToWatcher(b *testing.B) {
	const jobsInAll, rounds = 1000, 5
	m := medians{}
	for range *runs {
		plain := plainTransactions(b)
		s := startJobs(b, b.TempDir(), "")
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
		sent, took, final := map[string]time.Time{}, []time.Duration(nil), 0 // reports of the last round
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
						if strings.HasPrefix(resp.GetJob().GetProgress().GetMessage(), fmt.Sprint(rounds-1, " of ")) {
							final++
						}
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
		wait(func() bool { mu.Lock(); defer mu.Unlock(); return final == jobsInAll })
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
