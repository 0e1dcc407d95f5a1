package importer_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"headway/internal/pgtest"
	"headway/services/importer"
)

// people has a reference to depts if it is given.
const people = `name: staff
sheets:
  - name: depts
    key: code
    columns:
      - {name: code, type: text, required: true}
  - name: people
    key: number
    columns:
      - {name: number, type: integer, required: true}
      - {name: dept, type: text%s}
`

// migrated makes the changes of a schema, and returns the plan that remains.
func migrated(t *testing.T, records, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "staff.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for {
		plan, err := importer.PlanSchema(t.Context(), importer.TargetSettings{Records: records}, file)
		if err != nil {
			t.Fatal(err)
		}
		defer plan.Close()
		var all strings.Builder
		if err := plan.Write(&all); err != nil {
			t.Fatal(err)
		}
		if plan.Changes() == 0 {
			return all.String()
		}
		if err := plan.Migrate(t.Context()); err != nil {
			t.Fatalf("%v\n%s", err, &all)
		}
	}
}

func TestForeignKeysThatAreLeftOutAreShown(t *testing.T) {
	plain, refers := fmt.Sprintf(people, ""), fmt.Sprintf(people, ", references: depts.code")
	const upToDate = "The tables of the schema staff are up to date.\n"
	t.Run("PostgreSQL", func(t *testing.T) {
		name := fmt.Sprint("left_", databases.Add(1))
		url := pgtest.Shared(t).Database(t, name)
		if out, err := pgtest.Shared(t).SQL(name, `CREATE TABLE depts (code uuid PRIMARY KEY)`); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got := migrated(t, url, plain); got != upToDate {
			t.Errorf("without the reference: %s", got)
		}
		want := upToDate + "left people: the column dept gets no foreign key to depts.code, because its type is text, and that of the other column is uuid. Imports check the reference themselves\n"
		if got := migrated(t, url, refers); got != want {
			t.Errorf("got %s", got)
		}
	})
	t.Run("SQLite", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "staff.db")
		if got := migrated(t, file, plain); got != upToDate {
			t.Errorf("without the reference: %s", got)
		}
		db, err := sql.Open("sqlite", file)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(`CREATE TRIGGER audit AFTER INSERT ON people BEGIN SELECT 1; END`); err != nil {
			t.Fatal(err)
		}
		want := upToDate + "left people: its column dept doesn't refer to depts.code, but it does in the schema. This stays: it must be rebuilt, which is not possible: the trigger audit. " +
			"Change the schema, or the table. Imports check the reference themselves\n"
		if got := migrated(t, file, refers); got != want {
			t.Errorf("got %s", got)
		}
	})
}
