package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3/lock"
)

// A migration can take longer than a start without one. Here, another process migrates, and holds the lock for that.
func TestMigrationCanTakeLongerThanOpening(t *testing.T) {
	const timeout = 50 * time.Millisecond
	url := database(t)
	other, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(t.Context())
	if _, err := other.Exec(t.Context(), `SELECT pg_advisory_lock($1)`, lock.DefaultLockID); err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	go func() {
		s, err := openWithin(t.Context(), url, nil, timeout)
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		t.Fatalf("the store was opened during the migration of another process: %v", err)
	case <-time.After(20 * timeout):
	}
	if _, err := other.Exec(t.Context(), `SELECT pg_advisory_unlock($1)`, lock.DefaultLockID); err != nil {
		t.Fatal(err)
	}
	if err := <-opened; err != nil && strings.Contains(err.Error(), "migrate the jobs database") { // what follows the migration can be late
		t.Error(err)
	}
	if _, err := other.Exec(t.Context(), `SELECT 1 FROM queue`); err != nil {
		t.Errorf("the database is not migrated: %v", err)
	}
}
