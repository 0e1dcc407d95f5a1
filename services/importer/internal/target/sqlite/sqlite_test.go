package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	targetsqlite "headway/services/importer/internal/target/sqlite"
	"headway/services/importer/internal/target/targettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	targettest.Run(t, func(t *testing.T) func() imports.Target {
		path := filepath.Join(t.TempDir(), "with space & ?.db")
		return func() imports.Target {
			target, err := targetsqlite.Open(t.Context(), path, targetsqlite.DefaultOptions())
			if err != nil {
				t.Fatal(err)
			}
			return target
		}
	})
}

// begin opens a transaction with a table of one key column.
func begin(t *testing.T, path string) (*targetsqlite.Target, imports.TargetTx, imports.Table) {
	t.Helper()
	target, err := targetsqlite.Open(t.Context(), path, targetsqlite.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { target.Close() })
	tx, err := target.Begin(t.Context(), imports.Run{ImportID: "a", Number: 1, Schema: &schema.Schema{}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sheet := &schema.Sheet{Name: "items", Table: "items", Key: []string{"code"}, Columns: []*schema.Column{{Name: "code", Type: schema.Text, Required: true}}}
	table, err := tx.Table(t.Context(), &schema.Schema{Name: "shop", Sheets: []*schema.Sheet{sheet}}, sheet, sheet.Columns)
	if err != nil {
		t.Fatal(err)
	}
	return target, tx, table
}

func row(code string) [][]imports.Value {
	return [][]imports.Value{{{Kind: imports.Text, Bytes: []byte(code)}}}
}

func TestReadersAreNotBlockedWhileAnImportWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	_, tx, table := begin(t, path)
	if err := table.Insert(t.Context(), row("x")); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var n int
	if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM headway_imports`).Scan(&n); err != nil {
		t.Errorf("a reader: %v", err)
	}
	if err := tx.Commit(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM items`).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
}

func TestRuleUnknownToSchemaRefusesRow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE items (code TEXT PRIMARY KEY CHECK (code <> 'x'))`); err != nil {
		t.Fatal(err)
	}
	_, tx, table := begin(t, path)
	defer tx.Rollback()
	var refused *imports.RefusedRowsError
	for _, write := range []func(context.Context, [][]imports.Value) error{table.Insert, table.Update} {
		err := write(t.Context(), slices.Concat(row("a"), row("x"), row("b")))
		if !errors.As(err, &refused) || len(refused.Rows) != 1 || !refused.Rows[0].Key[0].Equal(row("x")[0][0]) {
			t.Errorf("got %v", err)
		}
	}
	if held, err := table.Owners(t.Context(), "code", slices.Concat(row("a")[0], row("x")[0], row("b")[0])); err != nil || held[0] == nil || held[1] != nil || held[2] == nil {
		t.Errorf("the table holds %v, %v", held, err)
	}
}

func TestReadOnlyDatabaseIsUnavailable(t *testing.T) {
	if _, err := targetsqlite.Open(t.Context(), filepath.Join(t.TempDir(), "no", "such", "folder", "records.db"), targetsqlite.DefaultOptions()); !errors.Is(err, imports.ErrTargetUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestImportWaitsForWriterOfAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	target, err := targetsqlite.Open(t.Context(), path, targetsqlite.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	other, err := targetsqlite.Open(t.Context(), path, targetsqlite.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	first, err := other.Begin(t.Context(), imports.Run{ImportID: "a", Number: 1, Schema: &schema.Schema{}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	began := make(chan error, 1)
	go func() {
		tx, err := target.Begin(t.Context(), imports.Run{ImportID: "b", Number: 1, Schema: &schema.Schema{}}, nil)
		if err == nil {
			err = tx.Rollback()
		}
		began <- err
	}()
	if err := first.Commit(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := <-began; err != nil {
		t.Error(err)
	}
}
