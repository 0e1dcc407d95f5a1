package bench

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/pgtest"
	"headway/services/jobs"
)

// The benchmarks of this file compare SQLite with PostgreSQL on the same machine, which waits for the disk with every commit.

// databases creates empty databases for jobs.
type databases struct {
	b      *testing.B
	server *pgtest.Server
	count  int
}

func startDatabases(b *testing.B) *databases {
	b.Helper()
	server, err := pgtest.Start("shared_buffers=256MB", "max_wal_size=4GB")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := server.Stop(); err != nil {
			b.Error(err)
		}
	})
	return &databases{b: b, server: server}
}

// url returns the URL of an empty PostgreSQL database.
func (d *databases) url() string {
	d.count++
	return d.server.Database(d.b, fmt.Sprint("bench_", d.count))
}

// busy returns the CPU time of the PostgreSQL server, including processes that have ended.
func (d *databases) busy() time.Duration {
	return busyWithChildren(d.b, func() (first int, children []int) {
		all := d.server.PIDs()
		return all[0], all[1:]
	})
}

// busyWithChildren returns the CPU time of a process and of its children. The first process counts the children that have ended, so one
// that ends in the meantime is counted once: the time is only returned if none was added while the others were read.
func busyWithChildren(tb testing.TB, list func() (first int, children []int)) time.Duration {
	tb.Helper()
	for {
		first, children := list()
		ended := cpuTime(tb, first, 13, 14)
		sum := ended
		for _, pid := range children {
			one, err := readCPUTime(pid, 11, 12)
			if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ESRCH) {
				tb.Fatal(err)
			}
			sum += one
		}
		if cpuTime(tb, first, 13, 14) == ended {
			return sum + cpuTime(tb, first, 11, 12)
		}
	}
}

// onEach calls measure with a service on each kind of database, which is empty at first. prefix tells the units apart.
func (d *databases) onEach(measure func(prefix string, s *jobsService), change ...func(*jobs.Settings)) {
	measure("", startJobs(d.b, d.b.TempDir(), "", change...))
	measure("postgres-", startJobs(d.b, d.b.TempDir(), d.url(), change...))
}

// plainUpdates runs durable PostgreSQL transactions of one row on 64 connections for a second, and returns how many per second.
func (d *databases) plainUpdates() float64 {
	const connections = 64
	url := d.url()
	if out, err := d.server.SQL(fmt.Sprint("bench_", d.count), `CREATE TABLE t (id int PRIMARY KEY, n int) WITH (fillfactor = 50);
		INSERT INTO t SELECT i, 0 FROM generate_series(1, 64) AS i`); err != nil {
		d.b.Fatal(err, out)
	}
	conns := make([]*pgx.Conn, connections)
	for i := range conns {
		conn, err := pgx.Connect(d.b.Context(), url)
		if err != nil {
			d.b.Fatal(err)
		}
		defer conn.Close(d.b.Context())
		conns[i] = conn
	}
	var done atomic.Int64
	var wg sync.WaitGroup
	begun := time.Now()
	for i, conn := range conns {
		wg.Go(func() {
			for time.Since(begun) < time.Second {
				if _, err := conn.Exec(d.b.Context(), "UPDATE t SET n = n + 1 WHERE id = $1", i+1); err != nil {
					d.b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(begun).Seconds()
}

// BenchmarkStatusChangesOnBothStores measures 64 workers that create, lease, and complete jobs with one call each. CPU time is as in
// BenchmarkBatches.
func BenchmarkStatusChangesOnBothStores(b *testing.B) {
	m, d := medians{}, startDatabases(b)
	for range *runs {
		rates := map[string]float64{}
		d.onEach(func(prefix string, s *jobsService) {
			own, server := busy(b, os.Getpid()), d.busy()
			rate, changes := statusChanges(b, s)
			rates[prefix] = rate
			m.add(prefix+"changes/s", rate)
			m.addCPU(prefix, busy(b, os.Getpid())-own, d.busy()-server, changes)
		})
		m.add("×sqlite", rates["postgres-"]/rates[""])
	}
	m.report(b)
}

// BenchmarkBatches measures workers that create, lease, and complete 32 jobs with each call. The comparisons are durable transactions
// of one row, and River in the same PostgreSQL server, whose jobs also have three changes each. CPU time is that of this
// process, which is the service and its clients, and of the PostgreSQL server.
func BenchmarkBatches(b *testing.B) {
	m, d, path := medians{}, startDatabases(b), buildRiver(b)
	for range *runs {
		m.add("plain/s", perSecond(plainTransactions(b)))
		m.add("postgres-updates/s", d.plainUpdates())
		all, worked := river(b, path, d.url())
		m.add("river-jobs/s", all)
		m.add("river-jobs-worked/s", worked)
		d.onEach(func(prefix string, s *jobsService) {
			own, server := busy(b, os.Getpid()), d.busy()
			rate, changes := batches(b, s)
			m.add(prefix+"changes/s", rate)
			m.addCPU(prefix, busy(b, os.Getpid())-own, d.busy()-server, changes)
		})
	}
	m.report(b)
}

// addCPU adds the CPU time of a change: that of this process, and of the PostgreSQL server if it has the jobs.
func (m medians) addCPU(prefix string, own, server time.Duration, changes float64) {
	m.add(prefix+"µs-cpu/change", float64(own.Microseconds())/changes)
	if prefix != "" {
		m.add("µs-server-cpu/change", float64(server.Microseconds())/changes)
	}
}

// buildRiver builds the program bench/river, which is not a part of the workspace.
func buildRiver(b *testing.B) (path string) {
	b.Helper()
	path = filepath.Join(b.TempDir(), "river")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Dir, cmd.Env = "river", append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// river returns how many jobs River inserts and works per second, and how many it works per second.
func river(b *testing.B, path, url string) (all, worked float64) {
	b.Helper()
	if _, err := fmt.Sscan(command(b, path, url), &all, &worked); err != nil {
		b.Fatal(err)
	}
	return all, worked
}

// batches returns the changes per second, and their number.
func batches(b *testing.B, s *jobsService) (rate, n float64) {
	const workers, each, size = 8, 40, 32
	defer s.stop()
	var changes atomic.Int64
	var wg sync.WaitGroup
	begun := time.Now()
	for range workers {
		conn := s.conn()
		user, worker := jobsv1.NewJobServiceClient(conn), jobsv1.NewWorkerServiceClient(conn)
		wg.Go(func() {
			create := &jobsv1.CreateJobsRequest{}
			for range size {
				create.Jobs = append(create.Jobs, &jobsv1.CreateJobRequest{Kind: "bench"})
			}
			for range each {
				if _, err := user.CreateJobs(b.Context(), create); err != nil {
					b.Error(err)
					return
				}
				leased, err := worker.LeaseJobs(b.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"bench"}, MaxJobs: size})
				if err != nil {
					b.Error(err)
					return
				}
				complete := &jobsv1.CompleteJobsRequest{}
				for _, l := range leased.GetJobs() {
					complete.Jobs = append(complete.Jobs, &jobsv1.CompleteJobRequest{JobId: l.GetJob().GetJobId(), LeaseToken: l.GetLeaseToken()})
				}
				changes.Add(int64(size + len(complete.GetJobs())))
				if len(complete.GetJobs()) == 0 {
					continue
				}
				done, err := worker.CompleteJobs(b.Context(), complete)
				if err != nil {
					b.Error(err)
					return
				}
				for _, r := range done.GetResults() {
					if r.GetError() != nil {
						b.Error(r.GetError())
					}
				}
				changes.Add(int64(len(done.GetResults())))
			}
		})
	}
	wg.Wait()
	n = float64(changes.Load())
	return n / time.Since(begun).Seconds(), n
}

// BenchmarkCreateToLeasedOnBothStores measures the time from CreateJob until a waiting worker has the job, at 300 per second.
func BenchmarkCreateToLeasedOnBothStores(b *testing.B) {
	m, d := medians{}, startDatabases(b)
	for range *runs {
		d.onEach(func(prefix string, s *jobsService) {
			took := createToLeased(b, s)
			m.add(prefix+"ms-p50", percentile(took, 0.5))
			m.add(prefix+"ms-p99", percentile(took, 0.99))
		})
	}
	m.report(b)
}

// BenchmarkMillionQueued measures claims with 1,000,000 queued jobs of 10,000 owners, and the ratio to 1,000 jobs of 10
// owners; and how long the start of the service takes with the million.
func BenchmarkMillionQueued(b *testing.B) {
	m, d := medians{}, startDatabases(b)
	for _, prefix := range []string{"", "postgres-"} {
		few, many := d.queued(prefix, 1_000, 10), d.queued(prefix, 1_000_000, 10_000)
		for range *runs {
			few, many := claims(b, few), claims(b, many)
			m.add(prefix+"ms-claim", percentile(many, 0.5))
			m.add(prefix+"×claim", percentile(many, 0.5)/percentile(few, 0.5))
		}
		for range *runs {
			before := memory(b)
			begun := time.Now()
			s := many.start(b)
			m.add(prefix+"s-start", time.Since(begun).Seconds())
			m.add(prefix+"MiB-start", (memory(b)-before)/(1<<20))
			s.stop()
		}
	}
	m.report(b)
}

// stored is a database with queued jobs.
type stored struct{ data, url string }

func (s stored) start(b *testing.B) *jobsService { return startJobs(b, s.data, s.url) }

// queued returns a database with n queued jobs.
func (d *databases) queued(prefix string, n, owners int) stored {
	d.b.Helper()
	s := stored{data: d.b.TempDir()}
	if prefix != "" {
		s.url = d.url()
	}
	s.start(d.b).stop() // creates the tables
	now := time.Now().Add(-time.Hour).UnixMicro()
	const columns = `id, kind, owner, title, status, ready, revision, priority, attempt, max_attempts, backoff, max_backoff, payload, progress,
		cancel_requested, cancel_by, created_at, started_at, updated_at, completed_at, not_before, deadline, due_at, ready_at, worker,
		lease_token, lease_duration, queue_position, has_checkpoint, ended_token, unheard, result_bytes, request_id`
	if prefix == "" {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(s.data, "jobs.db"))
		if err != nil {
			d.b.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
			INSERT INTO jobs (`+columns+`, output_bytes, lease_expires_at) SELECT printf('%08x-0000-7000-8000-000000000000', i), 'bench', 'user-' || (i % ?2),
			'A queued job', 1, 1, 1, 0, 0, 3, 1000000, 300000000, '{"url":"https://example.org/"}', '{}', 0, 0, ?3 + i, 0, ?3 + i, 0, 0, 0, 0, ?3 + i,
			'', '', 0, 1000, 0, '', 0, 0, '', 0, 0 FROM n`, n, owners, now); err != nil {
			d.b.Fatal(err)
		}
		return s
	}
	if out, err := d.server.SQL(fmt.Sprint("bench_", d.count), fmt.Sprintf(`INSERT INTO jobs (`+columns+`)
		SELECT lpad(to_hex(i), 8, '0') || '-0000-7000-8000-000000000000', 'bench', 'user-' || (i %% %d), 'A queued job', 1, true, 1, 0, 0, 3, 1000000,
			300000000, '{"url":"https://example.org/"}', '{}', false, 0, %d + i, 0, %[2]d + i, 0, 0, 0, 0, %[2]d + i, '', '', 0, 1000, false, '', 0, 0, ''
			FROM generate_series(1, %[3]d) AS i;
		INSERT INTO queue (kind, owner, rank, seq) SELECT kind, owner, created_at, seq FROM jobs;
		INSERT INTO lanes (kind, owner, ready, active, state, round, stamp, granted)
			SELECT kind, owner, count(*), 0, 1, 0, nextval('lane_stamps'), 0 FROM jobs GROUP BY kind, owner;
		ANALYZE`, owners, now, n)); err != nil {
		d.b.Fatal(err, out)
	}
	return s
}

// claims returns how long 300 leases took, each with its commit.
func claims(b *testing.B, from stored) (took []time.Duration) {
	b.Helper()
	s := from.start(b)
	defer s.stop()
	worker := jobsv1.NewWorkerServiceClient(s.conn())
	for range 300 {
		begun := time.Now()
		resp, err := worker.LeaseJobs(b.Context(), &jobsv1.LeaseJobsRequest{Kinds: []string{"bench"}, LeaseSeconds: 300})
		if err != nil || len(resp.GetJobs()) != 1 {
			b.Fatal(resp, err)
		}
		took = append(took, time.Since(begun))
		if _, err := worker.ReleaseJob(b.Context(), &jobsv1.ReleaseJobRequest{JobId: resp.GetJobs()[0].GetJob().GetJobId(),
			LeaseToken: resp.GetJobs()[0].GetLeaseToken()}); err != nil {
			b.Fatal(err)
		}
	}
	return took
}

// memory returns the memory of this process in bytes.
func memory(b *testing.B) float64 { return residentNow(b, os.Getpid()) }
