package postgres

import (
	"fmt"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"headway/internal/pgtest"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

var databases atomic.Int64

// database creates an empty database and returns its URL.
func database(t testing.TB) string {
	t.Helper()
	return pgtest.Shared(t).Database(t, fmt.Sprint("test_", databases.Add(1)))
}

func open(t *testing.T, observe job.Observer) job.Store {
	t.Helper()
	s, err := Open(t.Context(), database(t), observe)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPostgreSQLKeepsTheContract(t *testing.T) { storetest.Run(t, open) }
