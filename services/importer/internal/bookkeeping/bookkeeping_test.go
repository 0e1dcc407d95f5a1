package bookkeeping_test

import (
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"headway/services/importer/internal/bookkeeping"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/imports/bookstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	bookstest.Run(t, func(t *testing.T) func() imports.Bookkeeping {
		path := filepath.Join(t.TempDir(), "importer.db")
		return func() imports.Bookkeeping {
			books, err := bookkeeping.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			return books
		}
	})
}
