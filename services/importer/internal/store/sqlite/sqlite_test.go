package sqlite_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"headway/services/importer/internal/imports"
	storesqlite "headway/services/importer/internal/store/sqlite"
	"headway/services/importer/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) func() imports.Store {
		path := filepath.Join(t.TempDir(), "importer.db")
		return func() imports.Store {
			store, err := storesqlite.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			return store
		}
	})
}

func TestLockedDatabaseIsUnavailable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "importer.db")
	store, err := storesqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, _, err := store.Create(t.Context(), imports.Import{ID: "a", Sheets: []imports.Sheet{{Name: "s"}}}); err != nil {
		t.Fatal(err)
	}
	if err := store.BeginRun(t.Context(), "a", 1); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.AddIssues(t.Context(), "a", 1, []imports.Issue{{Sheet: "s"}}); !errors.Is(err, imports.ErrStoreUnavailable) {
		t.Errorf("got %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := store.AddIssues(t.Context(), "a", 1, []imports.Issue{{Sheet: "s"}}); err != nil {
		t.Errorf("once the database is free: %v", err)
	}
}
