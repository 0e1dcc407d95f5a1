package transfer

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"headway/internal/pgtest"
	"headway/internal/proctest"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/postgres"
	"headway/services/jobs/internal/store/sqlite"
)

// With HEADWAY_TEST_TRANSFER, the program of the tests copies a file.
func TestMain(m *testing.M) {
	if path := os.Getenv("HEADWAY_TEST_TRANSFER"); path != "" {
		if _, err := Run(context.Background(), path, os.Getenv("HEADWAY_TEST_DATABASE")); err != nil {
			slog.Error("the copy failed", "error", err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(pgtest.Main(m))
}

// fill stores jobs in every state, with all kinds of data.
func fill(t *testing.T, s job.Store) {
	t.Helper()
	now := time.Now()
	for i := range 12 {
		spec := job.Spec{Kind: "crawl", Owner: fmt.Sprint("owner ", i%3), Title: "Zoë 東京", RequestID: fmt.Sprint("r-", i), Priority: int32(i % 2),
			Payload: json.RawMessage(`{"n":9007199254740991}`), Labels: map[string]string{"team": "a"},
			Steps: []job.PlannedStep{{Name: "fetch", Total: 10}}}
		j, err := job.New(spec, now)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Create(t.Context(), j, spec.RequestID, spec.Fingerprint()); err != nil {
			t.Fatal(err)
		}
	}
	claimed, err := s.Claim(t.Context(), job.Claim{Kinds: []string{"crawl"}, Max: 8, Now: func() time.Time { return now }, Worker: "w", Duration: time.Minute, Token: rand.Text})
	if err != nil || len(claimed.Jobs) != 8 {
		t.Fatal(err)
	}
	var output int64
	for i, leased := range claimed.Jobs {
		token := leased.Lease.Token
		if output, err = s.AppendOutput(t.Context(), leased.ID, token, 0, []byte(strings.Repeat("text", 30_000)), 1<<20); err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprint("blob ", i)
		if err := errors.Join(s.Reserve(t.Context(), key, now), s.Seal(t.Context(), leased.ID, job.Segment{Length: output / 2, Key: key})); err != nil {
			t.Fatal(err)
		}
		_, errs := s.Update(t.Context(), []string{leased.ID}, func(_ int, j *job.Job) error {
			switch i {
			case 0:
				return j.Complete(now, token, json.RawMessage(`{"text":"`+strings.Repeat("x", 20_000)+`"}`), nil)
			case 1:
				return j.Fail(now, token, job.Failing{Permanent: true, Failure: job.Failure{Reason: "SITE_DOWN"}}, 0)
			case 2:
				return j.Fail(now, token, job.Failing{}, 0.5)
			case 3:
				return j.Park(now, token, json.RawMessage(`{"sure":"?"}`), nil, []byte("page 7"))
			case 4:
				return j.Release(now, token, []byte("page 9"))
			}
			j.SaveCheckpoint([]byte("here"))
			if _, err := j.Renew(now.Add(time.Second), token, time.Minute); err != nil {
				return err
			}
			j.Touch(now.Add(time.Second))
			return nil
		})
		if errs[0] != nil {
			t.Fatal(errs[0])
		}
	}
	if err := s.Reserve(t.Context(), "never written", now); err != nil {
		t.Fatal(err)
	}
}

// content returns all data of a store's jobs.
func content(t *testing.T, s job.Store) map[string]any {
	t.Helper()
	all := map[string]any{}
	page, err := s.List(t.Context(), job.Filter{Limit: 100, Labels: map[string]string{"team": "a"}})
	if err != nil {
		t.Fatal(err)
	}
	all["jobs"] = page.Jobs
	for _, j := range page.Jobs {
		tail, err := s.Tail(t.Context(), j.ID)
		if err != nil {
			t.Fatal(err)
		}
		begin, err := s.ReadOutput(t.Context(), j.ID, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		end, err := s.ReadOutput(t.Context(), j.ID, tail.Begins, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		result, err := s.Result(t.Context(), j.ID)
		if err != nil && !errors.Is(err, job.ErrNotFound) {
			t.Fatal(err)
		}
		all[j.ID] = []any{tail, begin, end, string(result)}
	}
	due, err := s.Due(t.Context(), time.Now().Add(time.Hour), 100)
	if err != nil {
		t.Fatal(err)
	}
	all["due"] = len(due)
	if all["blobs"], err = s.Unreferenced(t.Context(), time.Now().Add(time.Hour), 100); err != nil {
		t.Fatal(err)
	}
	if all["live"], err = s.CountLive(t.Context()); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestTransferKeepsEverything(t *testing.T) {
	path, url := filepath.Join(t.TempDir(), "jobs.db"), pgtest.Shared(t).Database(t, "transfer")
	source, err := sqlite.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, source)
	want := content(t, source)
	if _, err := Run(t.Context(), path, url); err == nil {
		t.Error("a database in use was copied")
	}
	if err := source.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := Run(t.Context(), path, url); err != nil || n != 12 {
		t.Fatalf("Run: %d, %v", n, err)
	}
	if _, err := Run(t.Context(), path, url); !errors.Is(err, postgres.ErrNotEmpty) {
		t.Errorf("the second Run: %v", err)
	}
	target, err := postgres.Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	got := content(t, target)
	for name, value := range want {
		if !reflect.DeepEqual(got[name], value) {
			t.Errorf("%s is\n%+v, want\n%+v", name, got[name], value)
		}
	}
	// Work continues: ready jobs are leased, with checkpoints, and new jobs come after the old ones.
	claimed, err := target.Claim(t.Context(), job.Claim{Kinds: []string{"crawl"}, Max: 100, Now: time.Now, Duration: time.Minute, Token: rand.Text})
	if err != nil || len(claimed.Jobs) != 5 {
		t.Errorf("claimed %d jobs, %v; want 5", len(claimed.Jobs), err)
	}
	checkpoints := 0
	for _, j := range claimed.Jobs {
		if string(j.Checkpoint) == "page 9" {
			checkpoints++
		}
	}
	if checkpoints != 1 {
		t.Errorf("%d of the jobs have the checkpoint", checkpoints)
	}
	spec := job.Spec{Kind: "crawl", Owner: "owner 0", RequestID: "new"}
	j, err := job.New(spec, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, replayed, err := target.Create(t.Context(), j, spec.RequestID, spec.Fingerprint()); err != nil || replayed {
		t.Errorf("a new job: replayed %v, %v", replayed, err)
	}
}

// The program is killed while it copies, once at each table. Nothing is in the database after that, and the next copy is complete.
func TestKilledTransferChangesNothing(t *testing.T) {
	path, url := filepath.Join(t.TempDir(), "jobs.db"), pgtest.Shared(t).Database(t, "transfer_killed")
	source, err := sqlite.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, source)
	want := content(t, source)
	if err := source.Close(); err != nil {
		t.Fatal(err)
	}
	target, err := postgres.Open(t.Context(), url, nil) // it creates the tables
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	other, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.WithoutCancel(t.Context()))
	waiting := func(yes bool) {
		t.Helper()
		for {
			var waits bool
			if err := other.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted
				AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))`).Scan(&waits); err != nil {
				t.Fatal(err)
			}
			if waits == yes {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
	for _, table := range tables {
		name := table.name
		if name == "jobs" {
			name = "lane_limit" // at the end, when everything is copied
		}
		lock, err := other.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := lock.Exec(t.Context(), "LOCK TABLE "+name); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "HEADWAY_TEST_TRANSFER="+path, "HEADWAY_TEST_DATABASE="+url)
		process := proctest.Start(t, cmd)
		waiting(true)
		if err := process.Kill(); err == nil {
			t.Fatalf("the copy ended, although the table %s is locked", name)
		}
		if err := lock.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		waiting(false)
		for _, table := range tables {
			var used bool
			if err := other.QueryRow(t.Context(), "SELECT EXISTS (SELECT 1 FROM "+table.name+")").Scan(&used); err != nil || used {
				t.Fatalf("after a kill at %s, the table %s has rows: %v, %v", name, table.name, used, err)
			}
		}
	}
	if n, err := Run(t.Context(), path, url); err != nil || n != 12 {
		t.Fatalf("Run: %d, %v", n, err)
	}
	if target, err = postgres.Open(t.Context(), url, nil); err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if got := content(t, target); !reflect.DeepEqual(got, want) {
		t.Errorf("the content is\n%+v, want\n%+v", got, want)
	}
}

// The server can have the statistics of an empty table while the jobs are copied. The checks of foreign keys must not read a whole index
// for each row then.
func TestTransferReadsNoWholeIndex(t *testing.T) {
	path, url := filepath.Join(t.TempDir(), "jobs.db"), pgtest.Shared(t).Database(t, "transfer_statistics")
	source, err := sqlite.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	const n = 5000
	now := time.Now()
	var all []job.Creation
	for range n {
		spec := job.Spec{Kind: "crawl", Owner: "alice", Labels: map[string]string{"team": "a"}}
		j, err := job.New(spec, now)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, job.Creation{Job: j, Fingerprint: spec.Fingerprint()})
	}
	for _, created := range source.CreateAll(t.Context(), all) {
		if created.Err != nil {
			t.Fatal(created.Err)
		}
	}
	if err := source.Close(); err != nil {
		t.Fatal(err)
	}
	target, err := postgres.Open(t.Context(), url, nil) // it creates the tables
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if _, err := conn.Exec(t.Context(), `UPDATE pg_class SET reltuples = 0, relpages = 1000 WHERE oid = 'jobs'::regclass`); err != nil {
		t.Fatal(err)
	}
	if copied, err := Run(t.Context(), path, url); err != nil || copied != n {
		t.Fatalf("Run: %d, %v", copied, err)
	}
	var blocks int64
	for blocks == 0 { // the server publishes what a connection has read when the connection ends
		err := conn.QueryRow(t.Context(), `SELECT max(idx_blks_hit) FROM pg_statio_user_indexes WHERE relname = 'jobs' AND indexrelname <> 'jobs_pkey'`).Scan(&blocks)
		if err != nil {
			t.Fatal(err)
		}
	}
	if blocks > 5*n {
		t.Errorf("for %d jobs, %d blocks of an index were read", n, blocks)
	}
}
