package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"headway/internal/pgtest"
)

// TestKilledMigrationChangesAllOrNothing kills `schema migrate` later and later. After each time, the database is as before or as
// after a migration that was not disturbed.
func TestKilledMigrationChangesAllOrNothing(t *testing.T) {
	server, folder := pgtest.Shared(t), t.TempDir()
	const columns = "name: fleet\nsheets:\n  - name: cars\n    key: %s\n    columns:\n      - {name: plate, type: text, required: true, unique: %v}\n      - {name: number, type: integer, required: true, unique: %v}\n"
	before := writeText(t, filepath.Join(folder, "before.yaml"), fmt.Sprintf(columns, "plate", false, true)+"      - {name: seats, type: text}\n      - {name: note, type: text}\n")
	after := writeText(t, filepath.Join(folder, "after.yaml"), fmt.Sprintf(columns, "number", true, false)+"      - {name: places, type: integer, renamed_from: seats}\n      - {name: owner, type: text}\n")
	insert := func(numbers string) string {
		return "INSERT INTO cars (plate, number, seats, note) SELECT 'P-' || n, n, CAST(n % 9 AS text), 'x' FROM " + numbers
	}
	for name, database := range map[string]struct {
		// open creates a database, and returns its address. dump returns all that it has.
		open func(name string) string
		fill func(address string) error
		dump func(address string) (string, error)
	}{
		"PostgreSQL": {
			open: func(name string) string { return server.Database(t, "migration_"+name) },
			fill: func(address string) error {
				_, err := server.SQL(filepath.Base(address), insert("generate_series(1, 4000) n"))
				return err
			},
			dump: func(address string) (string, error) {
				// The server notices late that a client is gone.
				for {
					open, err := server.SQL(filepath.Base(address), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'")
					if err != nil {
						return open, err
					}
					if strings.TrimSpace(open) == "0" {
						break
					}
					time.Sleep(10 * time.Millisecond)
				}
				lines, err := server.Dump(filepath.Base(address))
				return strings.Join(lines, "\n"), err
			},
		},
		"SQLite": {
			open: func(name string) string { return filepath.Join(folder, name+".db") },
			fill: func(address string) error {
				return exec.Command("sqlite3", address, insert("(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 4000) SELECT n FROM s)")).Run()
			},
			dump: func(address string) (string, error) {
				out, err := exec.Command("sqlite3", address, ".dump").Output()
				lines := strings.Split(string(out), "\n")
				slices.Sort(lines)
				return strings.Join(lines, "\n"), err
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			migrate := func(address, schema string, limit time.Duration) (killed bool) {
				t.Helper()
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				cmd := exec.CommandContext(ctx, headwayProgram, "schema", "migrate", "--yes", "--records", address, schema)
				out, err := cmd.CombinedOutput()
				if ctx.Err() != nil {
					return true // by SIGKILL
				}
				if err != nil {
					t.Fatalf("schema migrate: %v\n%s", err, out)
				}
				return false
			}
			dump := func(address string) string {
				t.Helper()
				text, err := database.dump(address)
				if err != nil {
					t.Fatal(err)
				}
				return text
			}
			undisturbed, hit := database.open("undisturbed"), database.open("hit")
			for _, address := range []string{undisturbed, hit} {
				migrate(address, before, time.Minute)
				if err := database.fill(address); err != nil {
					t.Fatal(err)
				}
			}
			old, began := dump(undisturbed), time.Now()
			migrate(undisturbed, after, time.Minute)
			took, made := time.Since(began), dump(undisturbed)
			if old == made {
				t.Fatal("the migration changes nothing")
			}
			kills := 0
			for i := range 8 { // each time a little later, until the migration ends before
				if !migrate(hit, after, took*time.Duration(i+1)/9) {
					break
				}
				kills++
				if now := dump(hit); now != old && now != made {
					t.Fatalf("after %d kills, the database is neither as before nor as after the migration", kills)
				}
			}
			if kills == 0 {
				t.Error("no migration was killed")
			}
			migrate(hit, after, time.Minute)
			if dump(hit) != made {
				t.Error("the database differs from the one that was not disturbed")
			}
			t.Logf("%d kills in a migration of %v", kills, took)
		})
	}
}
