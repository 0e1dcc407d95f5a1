package postgres

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"go.uber.org/goleak"

	"headway/internal/pgtest"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

var databases atomic.Int64

// database creates an empty database and returns its URL.
func database(t testing.TB) string {
	t.Helper()
	return pgtest.Shared(t).Database(t, fmt.Sprint("test_", databases.Add(1)))
}

func open(t *testing.T, observe job.Observer) job.Store {
	t.Helper()
	s, err := Open(t.Context(), database(t), observe)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPostgreSQLKeepsTheContract(t *testing.T) { storetest.Run(t, open) }

// The tables have no statistics here, as in the first minutes of a new database, or those of tables from which all rows were deleted.
func TestNoStatementReadsWholeTables(t *testing.T) {
	t.Run("without statistics", func(t *testing.T) { noStatementReadsWholeTables(t, "") })
	t.Run("with statistics of empty tables", func(t *testing.T) {
		noStatementReadsWholeTables(t, `UPDATE pg_class SET reltuples = 0, relpages = 1000 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`)
	})
}

func noStatementReadsWholeTables(t *testing.T, statistics string) {
	t.Helper()
	server, err := pgtest.Start("autovacuum=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	s, err := Open(t.Context(), server.Database(t, "jobs"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if statistics != "" {
		if out, err := server.SQL("jobs", statistics); err != nil {
			t.Fatal(out, err)
		}
		for range 300 {
			add(t, s)
		}
		for { // until the store has corrected them
			if err := s.Reserve(t.Context(), rand.Text(), time.Now()); err != nil {
				t.Fatal(err)
			}
			out, err := server.SQL("jobs", `SELECT count(*) FROM pg_class WHERE relname IN ('jobs', 'queue') AND reltuples >= 200`)
			if err != nil {
				t.Fatal(out, err)
			}
			if strings.TrimSpace(out) == "2" {
				break
			}
		}
	}
	const rounds, size = 20, 50
	for range rounds {
		var all []job.Creation
		for range size {
			spec := job.Spec{Kind: "crawl", Owner: "alice", Labels: map[string]string{"batch": "a"}}
			j, err := job.New(spec, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, job.Creation{Job: j, Fingerprint: spec.Fingerprint()})
		}
		for _, created := range s.CreateAll(t.Context(), all) {
			if created.Err != nil {
				t.Fatal(created.Err)
			}
		}
		claimed, err := s.Claim(t.Context(), job.Claim{Kinds: []string{"crawl"}, Max: size / 2, Now: time.Now, Duration: time.Minute, Token: rand.Text})
		if err != nil || len(claimed.Jobs) != size/2 {
			t.Fatal(len(claimed.Jobs), err)
		}
		var ids []string
		for _, j := range claimed.Jobs {
			ids = append(ids, j.ID)
		}
		for range 2 { // a heartbeat, and the end
			_, errs := s.Update(t.Context(), ids[1:], func(i int, j *job.Job) error {
				j.Touch(time.Now())
				return nil
			})
			if err := errors.Join(errs...); err != nil {
				t.Fatal(err)
			}
		}
		_, errs := s.Update(t.Context(), ids[1:], func(_ int, j *job.Job) error {
			return j.Complete(time.Now(), j.Lease.Token, nil, nil)
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), ids[1], func(*job.Job) error { return nil }); err != nil {
			t.Fatal(err)
		}
		for _, filter := range []job.Filter{{Owner: "alice", Limit: 10}, {Live: true, Limit: 10}, {Statuses: []job.Status{job.Active}, Limit: 10},
			{Owner: "alice", Labels: map[string]string{"batch": "a"}, Limit: 10}} {
			if _, err := s.List(t.Context(), filter); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Queue(t.Context(), "crawl", job.MaxAhead); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Due(t.Context(), time.Now(), 100); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil { // the server counts what its connections have read when they end
		t.Fatal(err)
	}
	out, err := server.SQL("jobs", `SELECT relname, seq_scan, seq_tup_read FROM pg_stat_user_tables WHERE seq_tup_read > 100`)
	if err != nil || out != "" {
		t.Errorf("table | scans | rows\n%s%v", out, err)
	}
	out, err = server.SQL("jobs", `SELECT indexrelname, idx_scan, idx_tup_read FROM pg_stat_user_indexes WHERE idx_tup_read > 60000`)
	if err != nil || out != "" {
		t.Errorf("index | scans | rows\n%s%v", out, err)
	}
}

// The entries of indexes are most of the cost of a change.
func TestLeaseTouchesNoIndexOfJobs(t *testing.T) {
	url := database(t)
	s, err := Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const n = 200
	for range n {
		add(t, s)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context()) //nolint:errcheck // nothing to keep
	if _, err := tx.Exec(t.Context(), `UPDATE jobs SET status = 2, ready = false, revision = revision + 1, attempt = 1, worker = 'worker',
		lease_token = repeat('x', 40), started_at = created_at, updated_at = created_at`); err != nil {
		t.Fatal(err)
	}
	var updated, withoutIndexes int
	if err := tx.QueryRow(t.Context(), `SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = 'jobs'`).
		Scan(&updated, &withoutIndexes); err != nil {
		t.Fatal(err)
	}
	if updated != n || withoutIndexes != n {
		t.Errorf("of %d leases, %d touch no index, want %d", updated, withoutIndexes, n)
	}
}

// On a network, each round trip delays all changes of a transaction.
func TestTransactionsTakeFewRoundTrips(t *testing.T) {
	s, p := openThrough(t, nil)
	var sent atomic.Int64
	p.Lose(func([]byte) bool { sent.Add(1); return false })
	var claimed job.Claimed
	steps := []struct {
		name string
		most int64
		do   func()
	}{
		{"create", 1, func() { add(t, s) }},
		{"claim", 2, func() {
			var err error
			claimed, err = s.Claim(t.Context(), job.Claim{Kinds: []string{"crawl"}, Max: 1, Now: time.Now, Duration: time.Minute, Token: rand.Text})
			if err != nil || len(claimed.Jobs) != 1 {
				t.Fatal(claimed, err)
			}
		}},
		{"heartbeat", 1, func() { touch(t, s, claimed.Jobs[0].ID) }},
		{"complete", 1, func() {
			_, errs := s.Update(t.Context(), []string{claimed.Jobs[0].ID}, func(_ int, j *job.Job) error {
				return j.Complete(time.Now(), j.Lease.Token, nil, nil)
			})
			if errs[0] != nil {
				t.Fatal(errs[0])
			}
		}},
	}
	for round := range 2 { // the first one prepares the statements
		for _, step := range steps {
			before := sent.Load()
			step.do()
			if n := sent.Load() - before; round > 0 && n > step.most {
				t.Errorf("%s took %d round trips, want at most %d", step.name, n, step.most)
			}
		}
	}
}

func TestRefusedChangeDoesNotUndoOthers(t *testing.T) {
	store, err := Open(t.Context(), database(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	blocked, goOn := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		store.changes.do(&change{ctx: t.Context(), run: func(*tx) error { close(blocked); <-goOn; return nil }})
	})
	<-blocked // from here on, changes wait, and share the next transaction
	titles := []string{"one", "not UTF-8: \xff", "three"}
	jobs, errs := make([]job.Job, len(titles)), make([]error, len(titles))
	for i, title := range titles {
		spec := job.Spec{Kind: "crawl", Owner: "alice", Title: title}
		j, err := job.New(spec, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { jobs[i], _, errs[i] = store.Create(t.Context(), j, "", spec.Fingerprint()) })
	}
	for len(store.changes.changes) < len(titles) {
		runtime.Gosched()
	}
	close(goOn)
	wg.Wait()
	for i, j := range jobs {
		if i == 1 {
			if errs[i] == nil {
				t.Error("a title that the database refuses is stored")
			}
			continue
		}
		if errs[i] != nil {
			t.Errorf("the title %q gives %v", titles[i], errs[i])
			continue
		}
		if got, err := store.Get(t.Context(), j.ID); err != nil || got.Title != titles[i] {
			t.Errorf("%q is stored as %q, %v", titles[i], got.Title, err)
		}
	}
}

func TestReadyJobsJoinTheQueueWhenTheDatabaseIsMigrated(t *testing.T) {
	url := database(t)
	s, err := Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	first, active := add(t, s), leaseOne(t, s)
	if active.ID != first.ID {
		t.Fatal("the second job was leased first")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*config)
	defer db.Close()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.DownTo(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(t.Context(), url, nil); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	claimed, err := s.Claim(t.Context(), job.Claim{Kinds: []string{"crawl"}, Max: 3, Now: time.Now, Duration: time.Minute, Token: rand.Text})
	if err != nil || len(claimed.Jobs) != 1 || claimed.Jobs[0].ID == active.ID {
		t.Errorf("after the migration, %v is leased, %v", claimed.Jobs, err)
	}
}
