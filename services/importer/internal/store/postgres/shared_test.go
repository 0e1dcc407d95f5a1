package postgres_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"headway/internal/pgtest"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/store/postgres"

	"github.com/jackc/pgx/v5"
)

func newImport(id, request string) imports.Import {
	return imports.Import{ID: id, Owner: "ann", Schema: "s", RequestID: request, Fingerprint: "f", Sheets: []imports.Sheet{{Name: "people"}}, CreatedAt: time.Now().UTC()}
}

func issues(n int) []imports.Issue {
	list := make([]imports.Issue, n)
	for i := range list {
		list[i] = imports.Issue{Sheet: "people", Row: i + 2, Severity: imports.Error, Code: imports.Required}
	}
	return list
}

// pair opens a new database twice.
func pair(t *testing.T) (a, b *postgres.Store) {
	t.Helper()
	url := database(t)
	a, b = open(t, url), open(t, url)
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func create(t *testing.T, s imports.Store, im imports.Import) {
	t.Helper()
	if _, replayed, err := s.Create(t.Context(), im); err != nil || replayed {
		t.Fatalf("create %s: replayed %v, %v", im.ID, replayed, err)
	}
}

// An importer that was stopped for a while stores issues, results, and ends of a run, while another one has begun the next run.
func TestRunOfOtherImporterIsFenced(t *testing.T) {
	a, b := pair(t)
	create(t, a, newImport("x", ""))
	const runs = 40
	for run := int64(1); run <= runs; run++ {
		if err := a.BeginRun(t.Context(), "x", run); err != nil {
			t.Fatal(err)
		}
		var together sync.WaitGroup
		fenced := func(err error) {
			if err != nil && !errors.Is(err, imports.ErrFenced) {
				t.Error(err)
			}
		}
		together.Go(func() { fenced(a.AddIssues(t.Context(), "x", run, issues(20))) })
		together.Go(func() {
			fenced(a.EndSheet(t.Context(), "x", run, "people", imports.SheetResult{Counts: imports.Counts{Read: 1}, Rows: &imports.RowResults{}}))
		})
		together.Go(func() { fenced(a.Checked(t.Context(), "x", run, nil)) })
		if err := b.BeginRun(t.Context(), "x", run+1); err != nil {
			t.Fatal(err)
		}
		together.Wait()
		page, err := b.Issues(t.Context(), "x", imports.IssueFilter{})
		if err != nil || page.Matching > 0 {
			t.Fatalf("run %d has %d issues of run %d, %v", run+1, page.Matching, run, err)
		}
		im, err := b.Get(t.Context(), "x")
		if _, rows := b.RowResults(t.Context(), "x", "people"); err != nil || im.Totals().Read > 0 || !errors.Is(rows, imports.ErrNotFound) {
			t.Fatalf("run %d has the results of run %d: %+v, %v, %v", run+1, run, im, rows, err)
		}
		if err := a.EndRun(t.Context(), "x", run, true); !errors.Is(err, imports.ErrFenced) {
			t.Fatalf("the end of run %d: %v", run, err)
		}
	}
}

func TestRequestAtTwoImportersCreatesOneImport(t *testing.T) {
	a, b := pair(t)
	for i := range 40 {
		request := string(rune('a' + i))
		var together sync.WaitGroup
		var kept [2]imports.Import
		var replayed [2]bool
		for j, s := range []*postgres.Store{a, b} {
			together.Go(func() {
				var err error
				if kept[j], replayed[j], err = s.Create(t.Context(), newImport(request+string(rune('0'+j)), request)); err != nil {
					t.Error(err)
				}
			})
		}
		together.Wait()
		if kept[0].ID != kept[1].ID || replayed[0] == replayed[1] {
			t.Fatalf("%s: kept %s and %s, replayed %v", request, kept[0].ID, kept[1].ID, replayed)
		}
	}
}

// The request is repeated at another importer while the first one withdraws the import.
func TestAcknowledgedImportIsNotWithdrawn(t *testing.T) {
	a, b := pair(t)
	for i := range 60 {
		id := string(rune('a' + i))
		create(t, a, newImport(id, id))
		var together sync.WaitGroup
		var kept bool
		var scheduling error
		together.Go(func() {
			var err error
			if kept, err = a.Withdraw(t.Context(), id); err != nil {
				t.Error(err)
			}
		})
		together.Go(func() { scheduling = b.Scheduled(t.Context(), id) })
		together.Wait()
		existing, err := b.Exist(t.Context(), []string{id})
		if err != nil || existing[id] != kept || kept != (scheduling == nil) {
			t.Fatalf("the import exists: %v, it was kept: %v, its job was noted: %v, %v", existing[id], kept, scheduling, err)
		}
	}
}

func TestOneImporterLeads(t *testing.T) {
	a, b := pair(t)
	lead := func(s *postgres.Store, name string, period time.Duration) bool {
		t.Helper()
		leads, err := s.Lead(t.Context(), name, period)
		if err != nil {
			t.Fatal(err)
		}
		return leads
	}
	if !lead(a, "a", time.Hour) || lead(b, "b", time.Hour) || !lead(a, "a", time.Hour) {
		t.Error("the first one doesn't lead alone")
	}
	if err := b.Resign(t.Context(), "b"); err != nil || lead(b, "b", time.Hour) {
		t.Errorf("another one ended the lead, %v", err)
	}
	if err := a.Resign(t.Context(), "a"); err != nil || !lead(b, "b", time.Microsecond) {
		t.Errorf("after the first one has resigned, the other one doesn't lead, %v", err)
	}
	if !lead(a, "a", time.Hour) {
		t.Error("no importer leads after a lead that has ended")
	}
}

// through opens a new database through a proxy, and directly.
func through(t *testing.T) (*pgtest.Proxy, *postgres.Store, *postgres.Store) {
	t.Helper()
	address := database(t)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	proxy := pgtest.NewProxy(t, u.Host)
	direct := open(t, address)
	store := open(t, strings.Replace(address, u.Host, proxy.Address(), 1))
	t.Cleanup(func() { store.Close(); direct.Close() })
	return proxy, store, direct
}

// loseCommit loses the answers to the next n commits.
func loseCommit(proxy *pgtest.Proxy, n int) {
	proxy.Lose(func(sent []byte) bool {
		if n > 0 && bytes.Contains(bytes.ToLower(sent), []byte("commit")) {
			n--
			return true
		}
		return false
	})
}

func TestLostCommitIsRepeated(t *testing.T) {
	proxy, store, direct := through(t)
	loseCommit(proxy, 1)
	if kept, replayed, err := store.Create(t.Context(), newImport("x", "r")); err != nil || replayed || kept.ID != "x" {
		t.Errorf("create: %s, %v, %v", kept.ID, replayed, err) // replayed would delete the workbook
	}
	loseCommit(proxy, 1)
	if err := store.BeginRun(t.Context(), "x", 1); err != nil {
		t.Error(err)
	}
	loseCommit(proxy, 1)
	err := store.AddIssues(t.Context(), "x", 1, issues(5))
	if !errors.Is(err, imports.ErrStoreUnavailable) {
		t.Errorf("issues that can be stored already: %v", err)
	}
	if page, err := direct.Issues(t.Context(), "x", imports.IssueFilter{}); err != nil || page.Matching != 5 {
		t.Errorf("%d issues are stored, %v", page.Matching, err)
	}
	loseCommit(proxy, 1)
	if err := store.EndRun(t.Context(), "x", 1, true); err != nil {
		t.Error(err)
	}
	proxy.Cut()
	if im, err := store.Get(t.Context(), "x"); err != nil || !im.Committed {
		t.Errorf("after the connections were lost: %+v, %v", im, err)
	}
}

// TestFrozenImporterKeepsNoRows freezes an importer in the middle of a transaction, which holds the row of its import. The operating
// system keeps its connection open. Meanwhile, another importer takes the import over.
func TestFrozenImporterKeepsNoRows(t *testing.T) {
	proxy, frozen, direct := through(t)
	if _, _, err := direct.Create(t.Context(), newImport("x", "")); err != nil {
		t.Fatal(err)
	}
	if err := frozen.BeginRun(t.Context(), "x", 1); err != nil {
		t.Fatal(err)
	}
	database := fmt.Sprint("imports_", databases.Load())
	sql := func(statement string) string {
		t.Helper()
		out, err := pgtest.Shared(t).SQL(database, statement)
		if err != nil {
			t.Fatal(err, out)
		}
		return strings.TrimSpace(out)
	}
	blocker, err := pgx.Connect(t.Context(), pgtest.Shared(t).URL(database))
	if err != nil {
		t.Fatal(err)
	}
	defer blocker.Close(t.Context())
	if _, err := blocker.Exec(t.Context(), `BEGIN; LOCK TABLE headway_importer.sheets`); err != nil {
		t.Fatal(err)
	}
	added := make(chan error, 1)
	go func() { added <- frozen.AddIssues(t.Context(), "x", 1, issues(1)) }()
	for sql(`SELECT count(*) FROM pg_locks WHERE NOT granted`) != "1" {
		time.Sleep(time.Millisecond)
	}
	proxy.Mute() // from now on, nothing arrives
	if err := blocker.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := direct.BeginRun(t.Context(), "x", 2); err != nil {
		t.Error(err)
	}
	proxy.Unmute()
	proxy.Cut()
	if err := <-added; !errors.Is(err, imports.ErrFenced) {
		t.Errorf("the frozen importer continues with %v", err)
	}
}

func TestLostCreationIsUncertain(t *testing.T) {
	proxy, store, direct := through(t)
	loseCommit(proxy, 1<<30)
	if _, _, err := store.Create(t.Context(), newImport("x", "r")); !errors.Is(err, imports.ErrCreateUncertain) {
		t.Errorf("create: %v", err)
	}
	if _, err := direct.Get(t.Context(), "x"); err != nil {
		t.Errorf("the import of the lost commit: %v", err)
	}
	proxy.Close()
	if _, _, err := store.Create(t.Context(), newImport("y", "")); !errors.Is(err, imports.ErrStoreUnavailable) || errors.Is(err, imports.ErrCreateUncertain) {
		t.Errorf("without a connection: %v", err)
	}
}
