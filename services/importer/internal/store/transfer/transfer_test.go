package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"headway/internal/pgtest"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/store/postgres"
	"headway/services/importer/internal/store/sqlite"
	"headway/services/importer/internal/store/transfer"
)

const (
	fileVariable     = "HEADWAY_TEST_TRANSFER_FILE"
	databaseVariable = "HEADWAY_TEST_TRANSFER_DATABASE"
)

// TestMain runs the transfer instead of the tests if the environment asks for it, so that a test can kill it.
func TestMain(m *testing.M) {
	if file := os.Getenv(fileVariable); file != "" {
		if _, err := transfer.Run(context.Background(), file, os.Getenv(databaseVariable)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(pgtest.Main(m))
}

const stored = 30

// fill stores imports in every state, with all kinds of data.
func fill(t *testing.T, s imports.Store) {
	t.Helper()
	at := time.Date(2025, 3, 30, 1, 30, 0, 123456789, time.UTC)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range stored {
		im := imports.Import{ID: fmt.Sprintf("import-%02d", i), Owner: fmt.Sprint("owner\x00 ", i%3), Schema: "workforce", FileName: "Zoë 東京\x1a.xlsx", SizeBytes: 1 << 40, SHA256: "abc",
			FileStored: i%2 == 0, RequestID: fmt.Sprint("r", i), Fingerprint: "f", SchemaDigest: "d", Policy: imports.Policy{OnIssues: imports.Review, Mode: imports.UpdateOnly, DryRun: i%4 == 0},
			Sheets: []imports.Sheet{{Name: "teams", WorkbookSheet: "a\x00b", Bytes: 12, HeaderRow: 3, Columns: []imports.SheetColumn{{Name: "code", Column: 2}}}, {Name: "people"}},
			Text:   &source.TextFormat{Delimiter: ";"}, Notices: []imports.Notice{{Reason: "SAME_FILE"}}, CreatedAt: at.Add(time.Duration(i))}
		_, _, err := s.Create(t.Context(), im)
		check(err)
		if i%3 == 0 {
			continue
		}
		check(s.Scheduled(t.Context(), im.ID))
		check(s.BeginRun(t.Context(), im.ID, int64(i)))
		var issues []imports.Issue
		for row := range 400 {
			issues = append(issues, imports.Issue{Sheet: "people", Row: 400 - row, Cell: "A1", Value: "ÄRGER\x00", Severity: imports.Error, Code: imports.Length, Message: "Too long."})
		}
		check(s.AddIssues(t.Context(), im.ID, int64(i), issues))
		var rows imports.RowResults
		rows.Set(i, imports.Updated)
		check(s.EndSheet(t.Context(), im.ID, int64(i), "people", imports.SheetResult{Counts: imports.Counts{Read: 3}, Rows: &rows, Notices: []imports.Notice{{Reason: "x"}},
			Found: imports.Found{Errors: map[imports.IssueCode]uint32{imports.Required: 2}}}))
		check(s.Checked(t.Context(), im.ID, int64(i), []imports.RootCause{{BlockedRows: 7}}))
		check(s.Reviewed(t.Context(), im.ID, int64(i), imports.Counts{Read: 9}))
		check(s.EndRun(t.Context(), im.ID, int64(i), i%2 == 0))
	}
	mapping := []imports.SheetMapping{{Sheet: "teams", Columns: map[string]string{"code": "Kürzel"}}}
	check(s.SaveMapping(t.Context(), imports.SavedMapping{Name: "n", Owner: "ann", Schema: "workforce", Shared: true, Mapping: mapping, SavedAt: at}))
	check(s.RememberMapping(t.Context(), "ann", "workforce", "h", imports.RememberedMapping{Mapping: mapping, UsedAt: at}))
}

// content returns everything that a store has.
func content(t *testing.T, s imports.Store) map[string]any {
	t.Helper()
	all := map[string]any{}
	list, err := s.List(t.Context(), "", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	all["imports"] = list
	for _, im := range list {
		page, err := s.Issues(t.Context(), im.ID, imports.IssueFilter{Limit: 1000})
		latest, latestErr := s.Latest(t.Context(), im.ID, 3)
		causes, causesErr := s.RootCauses(t.Context(), im.ID)
		review, asked, reviewErr := s.LastReview(t.Context(), im.ID)
		rows, rowsErr := s.RowResults(t.Context(), im.ID, "people")
		if errors.Is(rowsErr, imports.ErrNotFound) {
			rowsErr = nil
		}
		if err := errors.Join(err, latestErr, causesErr, reviewErr, rowsErr); err != nil {
			t.Fatal(err)
		}
		all[im.ID] = []any{page.Issues, latest, causes, review, asked, rows}
	}
	saved, err := s.SavedMappings(t.Context(), "ann", "workforce")
	remembered, err2 := s.RememberedMapping(t.Context(), "ann", "workforce", "h")
	bytes, err3 := s.StoredBytes(t.Context(), "owner\x00 1")
	unscheduled, err4 := s.Unscheduled(t.Context())
	if err := errors.Join(err, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	all["mappings"] = []any{saved, remembered, bytes, len(unscheduled)}
	return all
}

func wantContent(t *testing.T, url string, want map[string]any) {
	t.Helper()
	target, err := postgres.Open(t.Context(), url)
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
	if len(got) != len(want) {
		t.Errorf("there are %d imports, want %d", len(got), len(want))
	}
	// Work continues: new issues come after the old ones.
	if err := target.BeginRun(t.Context(), "import-01", 99); err != nil {
		t.Fatal(err)
	}
	if err := target.AddIssues(t.Context(), "import-01", 99, []imports.Issue{{Sheet: "teams"}}); err != nil {
		t.Error(err)
	}
}

// filled returns a file with imports, and its contents.
func filled(t *testing.T) (path string, want map[string]any) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "importer.db")
	file, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, file)
	want = content(t, file)
	if _, err := transfer.Run(t.Context(), path, "postgres://127.0.0.1:1/x"); !errors.Is(err, sqlite.ErrInUse) {
		t.Errorf("a database in use: %v", err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path, want
}

func TestTransferKeepsEverything(t *testing.T) {
	path, want := filled(t)
	url := pgtest.Shared(t).Database(t, "transfer")
	if n, err := transfer.Run(t.Context(), path, url); err != nil || n != stored {
		t.Fatalf("copied %d imports, %v", n, err)
	}
	if _, err := transfer.Run(t.Context(), path, url); !errors.Is(err, postgres.ErrNotEmpty) {
		t.Errorf("the second time: %v", err)
	}
	wantContent(t, url, want)
	if _, err := transfer.Run(t.Context(), path+"x", url); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
}

// The process is killed later and later, until it ends before that.
func TestKilledTransferChangesNothing(t *testing.T) {
	path, want := filled(t)
	url := pgtest.Shared(t).Database(t, "killed_transfer")
	kills := 0
	for limit := 5 * time.Millisecond; ; limit += limit/4 + time.Millisecond {
		ctx, cancel := context.WithTimeout(t.Context(), limit) // SIGKILL at its end
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), fileVariable+"="+path, databaseVariable+"="+url)
		out, err := cmd.CombinedOutput()
		killed := ctx.Err() != nil
		cancel()
		if err == nil {
			break
		}
		if strings.Contains(string(out), postgres.ErrNotEmpty.Error()) {
			break // the last one was killed after its commit
		}
		if !killed {
			t.Fatalf("%v\n%s", err, out)
		}
		kills++
	}
	t.Logf("%d kills", kills)
	if kills < 5 {
		t.Errorf("only %d transfers were killed", kills)
	}
	wantContent(t, url, want)
}
