package sqlite

import (
	"crypto/rand"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/column"
	"headway/services/jobs/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, observe job.Observer) job.Store {
	t.Helper()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "a folder? with#odd %20 name", "jobs.db"), observe)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSQLiteKeepsTheContract(t *testing.T) { storetest.Run(t, open) }

func TestRefusedChangeDoesNotUndoOthers(t *testing.T) {
	s := open(t, nil).(*Store)
	defer s.Close()
	j, err := job.New(job.Spec{Kind: "crawl", Owner: "alice"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	blocked, goOn := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		s.changes.do(t.Context(), func(*tx) error { close(blocked); <-goOn; return nil })
	})
	<-blocked // from here on, changes wait, and share the next transaction
	var goodErr, badErr error
	wg.Go(func() { goodErr = s.changes.do(t.Context(), func(tx *tx) error { return tx.add(&j, "", nil) }) })
	wg.Go(func() {
		badErr = s.changes.do(t.Context(), func(tx *tx) error {
			_, err := s.changes.conn.ExecContext(tx.ctx, "INSERT INTO no_such_table VALUES (1)")
			return tx.fail("write nonsense", err)
		})
	})
	for len(s.changes.changes) < 2 {
		runtime.Gosched()
	}
	close(goOn)
	wg.Wait()
	if badErr == nil || goodErr != nil {
		t.Errorf("the bad change got %v, the good one %v", badErr, goodErr)
	}
	if _, err := s.Get(t.Context(), j.ID); err != nil {
		t.Errorf("the good change is not stored: %v", err)
	}
}

func TestListsWalkAnIndexAndSortNothingButTheirPage(t *testing.T) {
	s := open(t, nil).(*Store)
	defer s.Close()
	for _, f := range []job.Filter{
		{}, {Owner: "a"}, {Owner: "a", Kinds: []string{"x", "y"}}, {Kinds: []string{"x"}}, {Owner: "a", Statuses: []job.Status{4, 5}},
		{Statuses: []job.Status{5}, Kinds: []string{"x"}}, {Live: true}, {Live: true, Owner: "a"}, {Owner: "a", CreatedAfter: time.Now()},
		{Labels: map[string]string{"x": "1"}}, {Owner: "a", Labels: map[string]string{"x": "1", "y": "2"}, Statuses: []job.Status{4}, Kinds: []string{"k"}},
		{Owner: "a", Labels: map[string]string{"x": "1"}, Live: true, EndedAfter: time.Now()},
	} {
		f.Limit = 50
		query, args := listQuery(&f, column.Cursor{Created: 1 << 60, Seq: 1 << 60})
		text := explain(t, s, query, args)
		// The page itself is looked up by rowid and sorted. The branches must come in order from their indexes.
		if n := strings.Count(text, "TEMP B-TREE FOR ORDER BY"); n > 1 {
			t.Errorf("%+v sorts more than its page:\n%s", f, text)
		}
		if strings.Contains(text, "SCAN jobs\n") || strings.Contains(text, "SCAN j") || strings.Contains(text, "SCAN l") {
			t.Errorf("%+v reads the whole table:\n%s", f, text)
		}
	}
}

// explain returns SQLite's plan for the query.
func explain(t *testing.T, s *Store, query string, args []any) string {
	t.Helper()
	rows, err := s.reads.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&plan, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}

func TestDamagedJobDoesNotStopOthers(t *testing.T) {
	s := openAt(t, filepath.Join(t.TempDir(), "jobs.db"))
	defer s.Close()
	var ids []string
	for range 3 {
		spec := job.Spec{Kind: "crawl", Owner: "alice"}
		j, err := job.New(spec, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Create(t.Context(), j, "", spec.Fingerprint()); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, j.ID)
	}
	rename := func(infinite string) []error {
		_, errs := s.Update(t.Context(), ids, func(i int, j *job.Job) error {
			if j.Progress.Message = "changed"; j.ID == infinite {
				j.Progress.Rate = math.Inf(1)
			}
			return nil
		})
		return errs
	}
	if errs := rename(ids[1]); errs[0] != nil || errs[1] == nil || errs[2] != nil {
		t.Errorf("with one job that cannot be encoded: %v", errs)
	}
	err := s.changes.do(t.Context(), func(*tx) error {
		_, err := s.changes.conn.ExecContext(t.Context(), "UPDATE jobs SET progress = '{' WHERE id = ?", ids[0])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if errs := rename(""); errs[0] == nil || errs[1] != nil || errs[2] != nil {
		t.Errorf("with one job that cannot be decoded: %v", errs)
	}
	claimed, err := s.Claim(t.Context(), job.Claim{Kinds: []string{"crawl"}, Max: 3, Now: time.Now, Duration: time.Minute, Token: rand.Text})
	if err != nil || len(claimed.Jobs) != 2 {
		t.Errorf("claimed %d jobs, %v; want the other two", len(claimed.Jobs), err)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	first := openAt(t, path)
	second, err := Open(t.Context(), path, nil)
	if err == nil {
		second.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "another process uses the jobs database") {
		t.Errorf("a second store on the same file gives %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := openAt(t, path).Close(); err != nil {
		t.Error(err)
	}
}
