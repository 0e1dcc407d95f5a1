package postgres_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"headway/internal/pgtest"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/target/postgres"
	"headway/services/importer/internal/target/targettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

var databases atomic.Int64

// database creates an empty database, and returns its name and URL.
func database(t *testing.T) (name, url string) {
	t.Helper()
	name = fmt.Sprint("test_", databases.Add(1))
	return name, pgtest.Shared(t).Database(t, name)
}

func open(t *testing.T, url string) *postgres.Target {
	t.Helper()
	target, err := postgres.New(url, postgres.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func TestContract(t *testing.T) {
	targettest.Run(t, func(t *testing.T) func() imports.Target {
		_, url := database(t)
		return func() imports.Target { return open(t, url) }
	})
}
