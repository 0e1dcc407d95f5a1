package load_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"headway/internal/pgtest"
	"headway/schemas"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/load"
	"headway/services/importer/internal/mapping"
	"headway/services/importer/internal/sample"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/xlsx"
	storesqlite "headway/services/importer/internal/store/sqlite"
	"headway/services/importer/internal/target/naming"
	targetsqlite "headway/services/importer/internal/target/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

// bench is a loader with its own databases.
type bench struct {
	t       testing.TB
	loader  *load.Loader
	store   *storesqlite.Store
	target  imports.Target
	driver  string // and source: how database/sql opens the target
	source  string
	schema  *schema.Schema
	imports int
	others  int
	// mapping is that of the next task.
	mapping []imports.SheetMapping
}

// setup opens an engine for the workforce schema.
func setup(t testing.TB) *bench {
	t.Helper()
	data, err := schemas.Files.ReadFile("workforce.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return setupFor(t, string(data))
}

// setupFor opens an engine for a schema, with a new SQLite file as the target.
func setupFor(t testing.TB, yaml string) *bench {
	t.Helper()
	path := filepath.Join(t.TempDir(), "records.db")
	target, err := targetsqlite.Open(t.Context(), path, targetsqlite.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	return setupWith(t, yaml, naming.Target(target, naming.Config{Plain: true}), "sqlite", path)
}

// setupWith opens an engine for a schema and a target.
func setupWith(t testing.TB, yaml string, target imports.Target, driver, source string) *bench {
	t.Helper()
	s, err := schema.Load("schema.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	store, err := storesqlite.Open(t.Context(), filepath.Join(dir, "importer.db"))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, store: store, target: target, driver: driver, source: source, schema: s}
	b.loader = &load.Loader{Target: target, Store: store, SpillDir: dir}
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// silent is a Progress that ignores all calls.
type silent struct{}

func (silent) Waiting(int)                                       {}
func (silent) Restarts(string)                                   {}
func (silent) SheetBegins(string)                                {}
func (silent) SheetMoves(string, uint32, uint32, imports.Counts) {}
func (silent) SheetEnds(string, imports.Counts)                  {}
func (silent) Writes(uint32, uint32)                             {}
func (silent) Doing(string)                                      {}
func (silent) Committing(context.Context) error                  { return nil }

// task prepares a run of a workbook.
func (b *bench) task(file []byte, policy imports.Policy) load.Task {
	b.t.Helper()
	book, err := xlsx.Open(b.t.Context(), bytes.NewReader(file), int64(len(file)), source.Limits{})
	if err != nil {
		b.t.Fatal(err)
	}
	sheets, err := mapping.Find(b.t.Context(), book, b.schema, b.mapping)
	if err != nil {
		b.t.Fatal(err)
	}
	b.imports++
	im := imports.Import{ID: fmt.Sprintf("import-%02d", b.imports), Owner: "ann", Schema: b.schema.Name, Policy: policy, Sheets: sheets, CreatedAt: time.Now()}
	if _, _, err := b.store.Create(b.t.Context(), im); err != nil {
		b.t.Fatal(err)
	}
	open := func(context.Context) (load.Input, error) {
		return load.Input{Workbook: book, Close: func() error { return nil }}, nil
	}
	return load.Task{Import: im, Schema: b.schema, Open: open, Number: 1, Progress: silent{},
		Decide: func(load.Summary) load.Decision { return load.Commit }}
}

func (b *bench) run(file []byte, policy imports.Policy) (load.Task, load.Summary) {
	b.t.Helper()
	task := b.task(file, policy)
	summary, err := b.loader.Run(b.t.Context(), task)
	if err != nil {
		b.t.Fatal(err)
	}
	return task, summary
}

func sampleBook(t testing.TB, rows, issues int) ([]byte, sample.Manifest) {
	t.Helper()
	var file bytes.Buffer
	manifest, err := sample.Write(t.Context(), &file, sample.Options{Rows: rows, Issues: issues, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes(), manifest
}

// query returns the first column of the first row.
func (b *bench) query(statement string, args ...any) (value any) {
	b.t.Helper()
	db, err := sql.Open(b.driver, b.source)
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(b.t.Context(), statement, args...).Scan(&value); err != nil {
		b.t.Fatalf("%s: %v", statement, err)
	}
	return value
}

func TestSampleImportMatchesItsManifest(t *testing.T) {
	for _, size := range []struct {
		rows, issues int
		keyBytes     int64
	}{{1000, 0, 0}, {1000, 60, 0}, {5000, 400, 0}, {5000, 400, 1}, {5000, 400, 64 << 10}} {
		t.Run(fmt.Sprintf("%d rows %d issues %d bytes for keys", size.rows, size.issues, size.keyBytes), func(t *testing.T) {
			b := setup(t)
			b.loader.KeyBytes = size.keyBytes
			file, manifest := sampleBook(t, size.rows, size.issues)
			task, summary := b.run(file, imports.Policy{OnIssues: imports.SkipRows, Mode: imports.Upsert})
			for _, want := range manifest.Sheets {
				got := summary.Sheets[want.Sheet]
				if got.Read != want.Read || got.Inserted != want.Inserted || got.Rejected != want.Rejected || got.Blocked != want.Blocked {
					t.Errorf("%s: got %+v, want %+v", want.Sheet, got, want)
				}
				table := b.schema.Sheet(want.Sheet).Table
				if held := b.query(`SELECT count(*) FROM ` + table); held != int64(want.Inserted) {
					t.Errorf("%s holds %d rows, want %d", table, held, want.Inserted)
				}
			}
			b.wantFaults(task.Import.ID, manifest)
		})
	}
}

// wantFaults expects an issue for each mistake in the manifest, at its cell, and no others except those of blocked
// rows.
func (b *bench) wantFaults(id string, manifest sample.Manifest) {
	b.t.Helper()
	page, err := b.store.Issues(b.t.Context(), id, imports.IssueFilter{Limit: 1_000_000})
	if err != nil {
		b.t.Fatal(err)
	}
	got := map[string]string{}
	for _, is := range page.Issues {
		if is.Code == imports.ReferenceBlocked {
			continue
		}
		got[is.Cell] = is.Code.String() + " " + is.Column
	}
	for _, fault := range manifest.Mistakes {
		cell := b.schema.Sheet(fault.Sheet).Title + "!" + fault.Cell
		if want := fault.Code + " " + fault.Column; got[cell] != want {
			b.t.Errorf("%s: got %q, want %q", cell, got[cell], want)
		}
		delete(got, cell)
	}
	for cell, code := range got {
		b.t.Errorf("%s: %s was not expected", cell, code)
	}
}

func TestTextOfSharedStringsIsLimited(t *testing.T) {
	b := setupFor(t, staffSchema)
	long := strings.Repeat("x", 1000)
	people := [][]any{{"1", nil, nil, "a"}}
	for i := range 3000 {
		people = append(people, []any{fmt.Sprint("e", i), long})
	}
	b.loader.TextBytes = 1 << 20
	_, err := b.loader.Run(t.Context(), b.task(workbook(t, nil, people), upsert))
	if source.ReasonOf(err) != source.LimitExceeded || !strings.Contains(err.Error(), "its cells have more than 1048576 bytes of text together") {
		t.Errorf("got %v", err)
	}
	task := b.task(workbook(t, nil, people), upsert)
	task.Import.SizeBytes = 20_000
	if _, err := b.loader.Run(t.Context(), task); err != nil {
		t.Errorf("within the ratio of the file: %v", err)
	}
}
