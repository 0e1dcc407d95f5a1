package postgres

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"headway/internal/pgtest"
	"headway/services/jobs/internal/job"
)

// openThrough opens a store whose connections go through a new proxy.
func openThrough(t *testing.T, observe job.Observer) (*Store, *pgtest.Proxy) {
	t.Helper()
	return openBehind(t, database(t), pgtest.Shared(t).Address(), observe)
}

// openBehind opens the database at a URL, through a new proxy in front of its server's address.
func openBehind(t *testing.T, at, address string, observe job.Observer) (*Store, *pgtest.Proxy) {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	c := pgtest.NewProxy(t, address)
	u.Host = c.Address()
	s, err := Open(t.Context(), u.String(), observe)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, c
}

func add(t *testing.T, s *Store) job.Job {
	t.Helper()
	spec := job.Spec{Kind: "crawl", Owner: "alice"}
	j, err := job.New(spec, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	stored, _, err := s.Create(t.Context(), j, "", spec.Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

// commits reports whether a client sends a commit.
func commits(sent []byte) bool { return bytes.Contains(sent, []byte("\x00"+commitStatement+"\x00")) }

// The server crashes before a commit. After it, it gives the same transaction ID to another client, which commits.
func TestReusedTransactionIDIsNotTakenForCommit(t *testing.T) {
	server, err := pgtest.Start("wal_writer_delay=10s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	s, c := openBehind(t, server.Database(t, "jobs"), server.Address(), nil)
	j := add(t, s)
	sql := func(statement string) string {
		out, err := server.SQL("jobs", statement)
		if err != nil {
			t.Error(err, out)
		}
		return strings.TrimSpace(out)
	}
	sql("CREATE TABLE other (id bigint); CHECKPOINT")
	lost := false
	c.Lose(func(sent []byte) bool {
		if lost || !commits(sent) {
			return false
		}
		lost = true
		id := sql(`SELECT backend_xid FROM pg_stat_activity WHERE application_name = 'headway-jobs' AND backend_xid IS NOT NULL`)
		server.Kill()
		if err := server.Restart(); err != nil {
			t.Error(err)
		}
		reused := false
		for range 100 {
			if reused = sql(`INSERT INTO other VALUES (1) RETURNING pg_current_xact_id()`) == id; reused {
				break
			}
		}
		if !reused {
			t.Errorf("no other transaction got the ID %s", id)
		}
		return true
	})
	jobs, errs := s.Update(t.Context(), []string{j.ID}, func(_ int, j *job.Job) error { j.Touch(time.Now()); return nil })
	if errs[0] != nil || !lost {
		t.Fatalf("the change gives %v; the commit was lost: %v", errs[0], lost)
	}
	if got, err := s.Get(t.Context(), j.ID); err != nil || got.Revision != jobs[0].Revision || got.Revision != 2 {
		t.Errorf("the change gives revision %d, and the stored one is %d, %v", jobs[0].Revision, got.Revision, err)
	}
}

// Another replica writes before this one asks for the outcome of its commit.
func TestOutcomeIsKnownAfterAnotherProcessWrote(t *testing.T) {
	url := database(t)
	s, c := openBehind(t, url, pgtest.Shared(t).Address(), nil)
	j := add(t, s)
	other, err := Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	var lost atomic.Bool
	wrote := make(chan struct{})
	c.Lose(func(sent []byte) bool {
		if !commits(sent) || !lost.CompareAndSwap(false, true) {
			return false
		}
		go func() { add(t, other); close(wrote) }()
		return true
	})
	calls := 0
	errs := make(chan error, 1)
	go func() {
		_, all := s.Update(t.Context(), []string{j.ID}, func(_ int, j *job.Job) error { calls++; j.Touch(time.Now()); return nil })
		errs <- all[0]
	}()
	<-wrote
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if err := <-errs; err != nil || calls != 1 || !lost.Load() {
		t.Fatalf("the change gives %v, after %d calls; the answer was lost: %v", err, calls, lost.Load())
	}
	if got, err := s.Get(t.Context(), j.ID); err != nil || got.Revision != 2 {
		t.Errorf("the stored revision is %d, %v", got.Revision, err)
	}
}

func TestUnusedWritersAreForgotten(t *testing.T) {
	url := database(t)
	count := func() (n int) {
		s, err := Open(t.Context(), url, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		add(t, s)
		if err := s.reads.QueryRow(t.Context(), `SELECT count(*) FROM writers`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if _, err := s.reads.Exec(t.Context(), `UPDATE writers SET used_at = used_at - interval '16 days'`); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if got := [4]int{count(), count(), count(), count()}; got != [4]int{1, 2, 2, 2} {
		t.Errorf("after each start there are %v rows", got)
	}
}

func TestLostCommitAnswerIsLookedUpNotRepeated(t *testing.T) {
	var mu sync.Mutex
	var told []uint32
	s, c := openThrough(t, func(commit *job.Commit) {
		mu.Lock()
		defer mu.Unlock()
		for _, j := range commit.Jobs {
			told = append(told, j.Revision)
		}
	})
	j := add(t, s)
	for i := range 5 {
		var lost atomic.Bool
		c.Lose(func(sent []byte) bool {
			return commits(sent) && lost.CompareAndSwap(false, true)
		})
		calls := 0
		jobs, errs := s.Update(t.Context(), []string{j.ID}, func(_ int, j *job.Job) error {
			calls++
			j.Touch(time.Now())
			return nil
		})
		if errs[0] != nil || jobs[0].Revision != uint32(i+2) || calls != 1 || !lost.Load() {
			t.Fatalf("the change gives revision %d, %v, after %d calls; the answer was lost: %v", jobs[0].Revision, errs[0], calls, lost.Load())
		}
	}
	c.Lose(nil)
	got, err := s.Get(t.Context(), j.ID)
	if err != nil || got.Revision != 6 {
		t.Errorf("the stored revision is %d, %v", got.Revision, err)
	}
	mu.Lock()
	defer mu.Unlock()
	for i, revision := range told {
		if revision != uint32(i+1) {
			t.Errorf("the observer received the revisions %v", told)
			break
		}
	}
}

func TestChangeBeforeLostCommitHappensOnce(t *testing.T) {
	s, c := openThrough(t, nil)
	j := add(t, s)
	// The commit itself is lost: the server never receives it.
	var lost atomic.Bool
	c.Lose(func(sent []byte) bool {
		if commits(sent) && lost.CompareAndSwap(false, true) {
			copy(sent, strings.Repeat("\x00", len(sent))) // it arrives as invalid data, and the server ends the connection
			return true
		}
		return false
	})
	jobs, errs := s.Update(t.Context(), []string{j.ID}, func(_ int, j *job.Job) error { j.Touch(time.Now()); return nil })
	if errs[0] != nil || jobs[0].Revision != 2 || !lost.Load() {
		t.Errorf("the change gives revision %d, %v; the commit was lost: %v", jobs[0].Revision, errs[0], lost.Load())
	}
	if got, err := s.Get(t.Context(), j.ID); err != nil || got.Revision != 2 {
		t.Errorf("the stored revision is %d, %v", got.Revision, err)
	}
}

func TestCutConnectionsLoseAndRepeatNothing(t *testing.T) {
	s, c := openThrough(t, nil)
	const n = 15
	var ids []string
	for range n {
		ids = append(ids, add(t, s).ID)
	}
	stop := make(chan struct{})
	var cutting sync.WaitGroup
	cutting.Go(func() {
		// The interval grows, because a connection that is cut before it can commit anything makes no progress.
		for interval := 100 * time.Millisecond; ; interval += interval / 10 {
			select {
			case <-stop:
				return
			case <-time.After(interval):
				c.Cut()
			}
		}
	})
	claimed := map[string]int{}
	for len(claimed) < n {
		got, err := s.Claim(t.Context(), job.Claim{Kinds: []string{"crawl"}, Max: 1, Now: time.Now, Duration: time.Minute, Token: rand.Text})
		if errors.Is(err, job.ErrUnavailable) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range got.Jobs {
			claimed[j.ID]++
		}
		if len(got.Jobs) == 0 {
			break
		}
	}
	close(stop)
	cutting.Wait()
	for _, id := range ids {
		if claimed[id] != 1 {
			t.Errorf("job %s was claimed %d times", id, claimed[id])
		}
		if j, err := s.Get(context.Background(), id); err != nil || j.Status != job.Active || j.Attempt != 1 {
			t.Errorf("job %s is %v in attempt %d, %v", id, j.Status, j.Attempt, err)
		}
	}
}

func TestAbsentDatabaseIsUnavailable(t *testing.T) {
	s, c := openThrough(t, nil)
	j := add(t, s)
	c.Close()
	if _, err := s.Get(t.Context(), j.ID); !errors.Is(err, job.ErrUnavailable) {
		t.Errorf("Get: %v", err)
	}
	if _, errs := s.Update(t.Context(), []string{j.ID}, func(int, *job.Job) error { return nil }); !errors.Is(errs[0], job.ErrUnavailable) {
		t.Errorf("Update: %v", errs[0])
	}
}

func TestPasswordIsNotInErrors(t *testing.T) {
	for _, url := range []string{"postgres://headway:secret@127.0.0.1:1/jobs?connect_timeout=1", "postgres://headway:secret@127.0.0.1:port/jobs", "postgres://headway:secret@/jobs?sslmode=nonsense"} {
		_, err := openWithin(t.Context(), url, nil, time.Second)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s gives %v", url, err)
		}
	}
}

// The first start creates all tables. Connections that are cut at any byte delay it, and leave nothing half done.
func TestOpenSurvivesCutConnections(t *testing.T) {
	u, err := url.Parse(database(t))
	if err != nil {
		t.Fatal(err)
	}
	p := pgtest.NewProxy(t, pgtest.Shared(t).Address())
	u.Host = p.Address()
	cuts := 0
	p.Limit(func() int64 { // grows, so that it gets a little further each time
		cuts++
		return int64(500 * cuts * cuts)
	})
	s, err := Open(t.Context(), u.String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Limit(nil)
	defer s.Close()
	if cuts < 5 {
		t.Errorf("the start took %d connections only", cuts)
	}
	if j := add(t, s); j.ID == "" {
		t.Error("no job was created")
	}
}

// A connection can be dead without an error at either end. The server keeps its lock, which the next connection needs.
func TestSilentConnectionIsReplaced(t *testing.T) {
	s, p := openThrough(t, nil)
	j := add(t, s)
	server := s.changes.backend
	s.changes.timeout = 500 * time.Millisecond
	swallowed := p.Mute()
	errs := make(chan error, 1)
	go func() {
		_, all := s.Update(t.Context(), []string{j.ID}, func(_ int, j *job.Job) error { j.Touch(time.Now()); return nil })
		errs <- all[0]
	}()
	<-swallowed
	p.Unmute()
	if err := <-errs; err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(t.Context(), j.ID); err != nil || got.Revision != 2 {
		t.Errorf("the job has revision %d, %v", got.Revision, err)
	}
	if s.changes.backend == server {
		t.Error("the connection was not replaced")
	}
}
