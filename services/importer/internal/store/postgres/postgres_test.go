package postgres_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"headway/internal/pgtest"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/store/postgres"
	"headway/services/importer/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

var databases atomic.Int64

// database creates an empty database and returns its URL.
func database(t *testing.T) string {
	t.Helper()
	return pgtest.Shared(t).Database(t, fmt.Sprint("imports_", databases.Add(1)))
}

func open(t *testing.T, url string) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestPostgreSQLKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) func() imports.Store {
		url := database(t)
		return func() imports.Store { return open(t, url) }
	})
}

func TestStoresOpenAtTheSameTime(t *testing.T) {
	url := database(t)
	var opening sync.WaitGroup
	for range 8 {
		opening.Go(func() {
			store, err := postgres.Open(t.Context(), url)
			if err != nil {
				t.Error(err)
				return
			}
			store.Close()
		})
	}
	opening.Wait()
	out, err := pgtest.Shared(t).SQL(url[strings.LastIndex(url, "/")+1:], `SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`)
	if err != nil || strings.TrimSpace(out) != "0" {
		t.Errorf("%s tables are outside the schema of the importer, %v", out, err)
	}
}
