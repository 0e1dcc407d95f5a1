package jobs

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"headway/internal/pgtest"
	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/postgres"
	"headway/services/jobs/internal/store/sqlite"
)

var databases atomic.Int64

// NewDatabase creates an empty database on the shared server, and returns its URL.
func NewDatabase(t testing.TB) string {
	t.Helper()
	return pgtest.Shared(t).Database(t, fmt.Sprint("jobs_", databases.Add(1)))
}

// stores returns the stores that tests run on. Each opener that a function returns opens one database, which is
// initially empty.
func stores(t *testing.T) map[string]func(t *testing.T) opener {
	t.Helper()
	return map[string]func(t *testing.T) opener{
		"SQLite": func(t *testing.T) opener {
			path := filepath.Join(t.TempDir(), "jobs.db")
			return func(ctx context.Context, observe job.Observer) (job.Store, error) {
				return sqlite.Open(ctx, path, observe)
			}
		},
		"PostgreSQL": func(t *testing.T) opener {
			url := NewDatabase(t)
			return func(ctx context.Context, observe job.Observer) (job.Store, error) {
				s, err := postgres.Open(ctx, url, observe)
				return clockless{s}, err
			}
		},
	}
}

// clockless is a store that uses the clock of the test's bubble, not that of the server, and that no other replica uses.
type clockless struct{ job.Store }

func (clockless) Now(context.Context) (time.Time, error) { return time.Time{}, nil }
