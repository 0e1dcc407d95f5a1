package report

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/load"
	"headway/services/importer/internal/mapping"
	"headway/services/importer/internal/sample"
	"headway/services/importer/internal/schema"
	storesqlite "headway/services/importer/internal/store/sqlite"
	targetsqlite "headway/services/importer/internal/target/sqlite"
)

// importer is the real loader with its own databases.
type importer struct {
	t      *testing.T
	schema *schema.Schema
	loader *load.Loader
	store  *storesqlite.Store
	runs   int
}

func newImporter(t *testing.T, s *schema.Schema) *importer {
	t.Helper()
	dir := t.TempDir()
	store, err := storesqlite.Open(t.Context(), filepath.Join(dir, "importer.db"))
	if err != nil {
		t.Fatal(err)
	}
	target, err := targetsqlite.Open(t.Context(), filepath.Join(dir, "records.db"), targetsqlite.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return &importer{t: t, schema: s, store: store, loader: &load.Loader{Target: target, Store: store, SpillDir: dir}}
}

type unwatched struct{}

func (unwatched) Waiting(int)                                       {}
func (unwatched) Restarts(string)                                   {}
func (unwatched) SheetBegins(string)                                {}
func (unwatched) SheetMoves(string, uint32, uint32, imports.Counts) {}
func (unwatched) SheetEnds(string, imports.Counts)                  {}
func (unwatched) Writes(uint32, uint32)                             {}
func (unwatched) Doing(string)                                      {}
func (unwatched) Committing(context.Context) error                  { return nil }

// run imports a workbook, skips rows with errors, and returns the counts and the report.
func (im *importer) run(file []byte) (imports.Counts, []byte) {
	im.t.Helper()
	book := openBook(im.t, file)
	sheets, err := mapping.Find(im.t.Context(), book, im.schema, nil)
	if err != nil {
		im.t.Fatal(err)
	}
	im.runs++
	upload := imports.Import{ID: fmt.Sprintf("import-%02d", im.runs), Owner: "ann", Schema: im.schema.Name, Sheets: sheets, CreatedAt: time.Now(),
		Policy: imports.Policy{OnIssues: imports.SkipRows, Mode: imports.Upsert}}
	if _, _, err := im.store.Create(im.t.Context(), upload); err != nil {
		im.t.Fatal(err)
	}
	outcome, err := im.loader.Run(im.t.Context(), load.Task{Import: upload, Schema: im.schema, Number: 1, Progress: unwatched{},
		Open: func(context.Context) (load.Input, error) {
			return load.Input{Workbook: book, Close: func() error { return nil }}, nil
		},
		Decide: func(load.Summary) load.Decision { return load.Commit }})
	if err != nil {
		im.t.Fatal(err)
	}
	download := (&Producer{Store: im.store}).load(upload)
	if download.Import, err = im.store.Get(im.t.Context(), upload.ID); err != nil {
		im.t.Fatal(err)
	}
	download.Schema, download.Workbook = im.schema, book
	_, out := report(im.t, download)
	return outcome.Totals, out
}

func TestReportCanBeFixedAndUploaded(t *testing.T) {
	var file bytes.Buffer
	manifest, err := sample.Write(t.Context(), &file, sample.Options{Rows: 1500, Issues: 150})
	if err != nil {
		t.Fatal(err)
	}
	want := manifest.Total()
	im := newImporter(t, workforce(t))
	first, out := im.run(file.Bytes())
	if first.Rejected != want.Rejected || first.Blocked != want.Blocked || want.Blocked == 0 {
		t.Fatalf("the import comes to %+v, want %+v", first, want)
	}

	again, out := im.run(out)
	// A key that was a duplicate is not a duplicate here, because the first row with it is not in the report.
	twice := uint32(0)
	for _, f := range manifest.Mistakes {
		if f.Code == "DUPLICATE_IN_FILE" {
			twice++
		}
	}
	if again.Read != first.Rejected+first.Blocked || again.Blocked != first.Blocked || again.Rejected < first.Rejected-twice || again.Inserted != 0 {
		t.Errorf("the report as it is comes to %+v after %+v with %d duplicate keys", again, first, twice)
	}

	f, err := excelize.OpenReader(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// The one department that blocks others has no number for its budget.
	if err := f.SetCellFloat("Departments", "E2", 125000.5, 2, 64); err != nil {
		t.Fatal(err)
	}
	var fixed bytes.Buffer
	if err := f.Write(&fixed); err != nil {
		t.Fatal(err)
	}
	last, _ := im.run(fixed.Bytes())
	if last.Blocked != 0 || last.Inserted != 1+first.Blocked {
		t.Errorf("with the department fixed it comes to %+v, want it and the %d blocked rows inserted", last, first.Blocked)
	}
}
