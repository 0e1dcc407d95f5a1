package jobs_test

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/internal/pgtest"
	"headway/internal/proctest"
	"headway/internal/rpcserver"
	"headway/services/jobs"
)

// The database stops for longer than a lease. No live worker loses its job because of that, and the job of a worker that is gone is
// taken from it afterward. The workers send their heartbeats at the same time, as real ones do: one after the other, those of a slow
// machine would come after their leases.
func TestDatabaseOutageExtendsAllLeases(t *testing.T) {
	server, err := pgtest.Start("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	const lease = 4 * time.Second
	w := setup(t, func(c *jobs.Config) {
		c.JobsDatabase, c.LeaseDuration, c.HeartbeatInterval = server.Database(t, "jobs"), lease, 500*time.Millisecond
	})
	user, worker := w.user("alice"), w.worker()
	beat := func(l *jobsv1.LeasedJob) error {
		_, err := call(t.Context(), func(ctx context.Context) error {
			_, err := worker.Heartbeat(ctx, &jobsv1.HeartbeatRequest{JobId: l.GetJob().GetJobId(), LeaseToken: l.GetLeaseToken()})
			return err
		})
		return err
	}
	var workers sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer workers.Wait()
	defer stop()
	var beats atomic.Int64
	work := func(l *jobsv1.LeasedJob) {
		for ctx.Err() == nil {
			if err := beat(l); err != nil && t.Context().Err() == nil {
				t.Errorf("the heartbeat of a live worker gives %v", err)
				return
			}
			beats.Add(1)
		}
	}
	const alive = 7
	for range alive {
		w.create(user, &jobsv1.CreateJobRequest{})
		l := w.lease(worker)
		workers.Go(func() { work(l) })
	}
	w.create(user, &jobsv1.CreateJobRequest{})
	dead := w.lease(worker)
	if err := beat(dead); err != nil { // so that its attempt counts
		t.Fatal(err)
	}
	server.Freeze()
	time.Sleep(lease + 2*time.Second) // the outage
	server.Thaw()
	before := beats.Load()
	again := w.lease(worker) // as soon as the lease of the worker that is gone has expired
	if again.GetJob().GetJobId() != dead.GetJob().GetJobId() || again.GetJob().GetError().GetReason() != "LEASE_EXPIRED" {
		t.Errorf("the next lease is that of job %s after %v, want %s", again.GetJob().GetJobId(), again.GetJob().GetError(), dead.GetJob().GetJobId())
	}
	if n := beats.Load() - before; n < alive {
		t.Errorf("after the outage, there were only %d heartbeats", n)
	}
}

// TestReadOnlyDatabaseIsNamed: a standby server answers queries, so it can be reached, but nothing can be stored.
func TestReadOnlyDatabaseIsNamed(t *testing.T) {
	server, err := pgtest.Start("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	var log proctest.Log
	w := setup(t, func(c *jobs.Config) {
		c.JobsDatabase, c.Logger = server.Database(t, "jobs"), slog.New(slog.NewTextHandler(&log, nil))
	})
	database := databaseHealth(t, w.addr, &log)
	database(healthv1.HealthCheckResponse_SERVING)
	for _, step := range []struct {
		readOnly string
		want     healthv1.HealthCheckResponse_ServingStatus
	}{{"on", healthv1.HealthCheckResponse_NOT_SERVING}, {"off", healthv1.HealthCheckResponse_SERVING}} {
		for _, statement := range []string{"ALTER SYSTEM SET default_transaction_read_only = " + step.readOnly, "SELECT pg_reload_conf()"} {
			if out, err := server.SQL("postgres", statement); err != nil {
				t.Fatal(err, out)
			}
		}
		database(step.want)
	}
	if text := log.String(); strings.Count(text, "the database is read-only") != 1 {
		t.Errorf("the log is\n%s", text)
	}
}

// databaseHealth returns a function that waits until the service at the address reports a state of its database.
func databaseHealth(t *testing.T, address string, log *proctest.Log) func(want healthv1.HealthCheckResponse_ServingStatus) {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	health := healthv1.NewHealthClient(conn)
	return func(want healthv1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		for {
			answer, err := health.Check(t.Context(), &healthv1.HealthCheckRequest{Service: rpcserver.DatabaseHealth})
			if err == nil && answer.GetStatus() == want {
				return
			}
			select {
			case <-t.Context().Done():
				t.Fatalf("the database is never %s. The log is\n%s", want, log.String())
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
}

// TestRefusedConnectionsAreAnOutage: a server that refuses new connections is named in the log, callers are asked to try again, and the
// service recovers. A new password is read from the password file.
func TestRefusedConnectionsAreAnOutage(t *testing.T) {
	server, err := pgtest.Start("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	run := func(statements ...string) {
		t.Helper()
		for _, statement := range statements {
			if out, err := server.SQL("postgres", statement); err != nil {
				t.Fatal(err, out)
			}
		}
	}
	run(`CREATE ROLE service LOGIN PASSWORD 'first'`, `CREATE DATABASE jobs OWNER service`)
	rules, err := server.SQL("postgres", `SHOW hba_file`)
	if err != nil {
		t.Fatal(err)
	}
	run(`COPY (VALUES ('host all service all scram-sha-256'), ('host all all all trust')) TO '`+strings.TrimSpace(rules)+`'`, `SELECT pg_reload_conf()`)
	passwords := filepath.Join(t.TempDir(), "pgpass")
	write := func(password string) {
		t.Helper()
		if err := os.WriteFile(passwords, []byte("*:*:*:service:"+password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first")
	var log proctest.Log
	w := setup(t, func(c *jobs.Config) {
		c.JobsDatabase = "postgres://service@" + server.Address() + "/jobs?passfile=" + url.QueryEscape(passwords)
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	database, user := databaseHealth(t, w.addr, &log), w.user("alice")
	for _, outage := range []struct {
		begin, named string
		end          func()
	}{
		{`ALTER ROLE service CONNECTION LIMIT 0`, "too many connections", func() { run(`ALTER ROLE service CONNECTION LIMIT -1`) }},
		{`ALTER ROLE service PASSWORD 'second'`, "password authentication failed", func() { write("second") }},
	} {
		database(healthv1.HealthCheckResponse_SERVING)
		w.create(user, &jobsv1.CreateJobRequest{})
		before := len(log.String())
		run(outage.begin, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'service'`)
		database(healthv1.HealthCheckResponse_NOT_SERVING)
		if _, err := user.CreateJob(t.Context(), &jobsv1.CreateJobRequest{Kind: "test"}); status.Code(err) != codes.Unavailable {
			t.Errorf("with %q, a call gets %v, want Unavailable", outage.named, err)
		}
		if text := log.String()[before:]; strings.Count(text, "not ready: ") != 1 || !strings.Contains(text, outage.named) {
			t.Errorf("the log is\n%s\nwant one line with %q", text, outage.named)
		}
		outage.end()
		database(healthv1.HealthCheckResponse_SERVING)
		w.create(user, &jobsv1.CreateJobRequest{})
	}
}
