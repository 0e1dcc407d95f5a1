package load_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/load"
)

// exec runs statements on the target database, as an operator would.
func (b *bench) exec(statements ...string) {
	b.t.Helper()
	db, err := sql.Open(b.driver, b.source)
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(b.t.Context(), statement); err != nil {
			b.t.Fatalf("%s: %v", statement, err)
		}
	}
}

// refusing is a database with rules that the schema does not have, and a file that breaks them.
type refusing struct {
	statements         []string
	cars, trips        [][]any
	issues             []string
	message            string // of one of the issues
	wantCars, wantTrip string
}

var refusingCases = map[string]refusing{
	"a check": {statements: []string{`ALTER TABLE cars ADD COLUMN c TEXT CHECK (plate <> 'BAD')`},
		cars:   [][]any{{"a", "BAD", 1}, {"n", "N", 9, "a"}, {"b", "B", 5}},
		issues: []string{"Cars!2:2 REFUSED_BY_DATABASE", "Cars!D3 REFERENCE_BLOCKED"}, message: "CHECK constraint failed", wantCars: "aA1 bB5"},
	"a unique index": {statements: []string{`CREATE UNIQUE INDEX once ON trips (km)`},
		trips: [][]any{{"t1", "A", 5}, {"t2", "B", 6}, {"t3", "A", 5}}, issues: []string{"Trips!C4 REFUSED_BY_DATABASE"}, message: "UNIQUE constraint failed",
		wantTrip: "t1A5 t2B6"},
	"a trigger that raises an error": {statements: []string{`CREATE TRIGGER no BEFORE UPDATE ON cars WHEN new.slot = 13 BEGIN SELECT RAISE(ABORT, 'no thirteen'); END`},
		cars: [][]any{{"a", "A", 13}, {"b", "B", 14}}, issues: []string{"Cars!2:2 REFUSED_BY_DATABASE"}, message: "no thirteen", wantCars: "aA1 bB14"},
	"a trigger that fails": {statements: []string{`CREATE TRIGGER no BEFORE INSERT ON cars WHEN new.slot = 13 BEGIN SELECT RAISE(FAIL, 'no thirteen'); END`},
		cars: [][]any{{"x", "X", 13}, {"b", "B", 14}}, issues: []string{"Cars!2:2 REFUSED_BY_DATABASE"}, message: "no thirteen", wantCars: "aA1 bB14"},
	"a trigger that skips rows": {statements: []string{`CREATE TRIGGER skip BEFORE INSERT ON trips WHEN new.km = 13 BEGIN SELECT RAISE(IGNORE); END`},
		trips: [][]any{{"t1", "A", 5}, {"t2", "B", 13}, {"t3", "A", 6}}, issues: []string{"Trips!3:3 REFUSED_BY_DATABASE"}, message: "a trigger skips it", wantTrip: "t1A5 t3A6"},
	"a foreign key to another table": {statements: []string{`CREATE TABLE lots (n INTEGER PRIMARY KEY)`, `INSERT INTO lots VALUES (1), (2), (4)`,
		`PRAGMA writable_schema = ON`, `UPDATE sqlite_schema SET sql = replace(sql, '"slot" INTEGER', '"slot" INTEGER REFERENCES lots (n)') WHERE name = 'cars'`},
		cars: [][]any{{"a", "A", 4}, {"b", "B", 3}}, issues: []string{"Cars!C3 REFERENCE_MISSING"}, message: "The table “lots” has no row with “3”", wantCars: "aA4 bB2"},
	"a foreign key of another table": {statements: []string{`CREATE TABLE fines (plate TEXT REFERENCES cars (plate))`, `INSERT INTO fines VALUES ('A'), ('A')`},
		cars: [][]any{{"a", "X", 1}, {"b", "Y", 2}}, issues: []string{"Cars!B2 REFUSED_BY_DATABASE"}, message: "2 rows of the table “fines” would still refer to it", wantCars: "aA1 bY2"},
	"a sheet that is not in the file": {statements: []string{`INSERT INTO trips VALUES ('t0', 'A', 1)`},
		cars: [][]any{{"a", "X", 1}, {"b", "Y", 2}}, issues: []string{"Cars!B2 REFUSED_BY_DATABASE"},
		message: "1 row of the table “trips” would still refer to it", wantCars: "aA1 bY2", wantTrip: "t0A1"},
	"a row that is not in the file": {statements: []string{`INSERT INTO trips VALUES ('t0', 'A', 1), ('t1', 'B', 1)`},
		cars: [][]any{{"a", "X", 1}, {"b", "Y", 2}}, trips: [][]any{{"t1", "Y", 1}}, issues: []string{"Cars!B2 REFUSED_BY_DATABASE"}, wantCars: "aA1 bY2", wantTrip: "t0A1 t1Y1"},
	"a row with an error": {statements: []string{`INSERT INTO trips VALUES ('t0', 'A', 1), ('t1', 'B', 1)`},
		cars: [][]any{{"a", "X", 1}, {"b", "Y", 2}}, trips: [][]any{{"t0", "X", "far"}, {"t1", "X", 2}},
		issues:   []string{"Cars!B2 REFUSED_BY_DATABASE", "Cars!B3 REFUSED_BY_DATABASE", "Trips!B2 REFERENCE_BLOCKED", "Trips!B3 REFERENCE_BLOCKED", "Trips!C2 NOT_A_NUMBER"},
		wantCars: "aA1 bB2", wantTrip: "t0A1 t1B1"},
	"values that are exchanged": {statements: []string{`INSERT INTO trips VALUES ('t0', 'A', 1)`, `CREATE TABLE fines (plate TEXT REFERENCES cars (plate))`, `INSERT INTO fines VALUES ('B')`},
		cars: [][]any{{"a", "B", 1}, {"b", "A", 2}}, wantCars: "aB1 bA2", wantTrip: "t0A1"},
}

func TestDatabaseRefusalsAreIssuesOfTheirRows(t *testing.T) {
	for name, c := range refusingCases {
		t.Run(name, func(t *testing.T) {
			c.compare(setupFor(t, exchangeSchema))
		})
	}
}

// compare imports the file, first as a dry run, and compares the issues and the tables.
func (c *refusing) compare(b *bench) {
	t := b.t
	t.Helper()
	b.run(garage(t, [][]any{{"a", "A", 1}, {"b", "B", 2}}, [][]any{}), upsert)
	b.exec(c.statements...)
	file := garage(t, c.cars, c.trips)
	dry := b.task(file, upsert)
	dry.Decide = func(load.Summary) load.Decision { return load.RollBack }
	before, err := b.loader.Run(t.Context(), dry)
	if err != nil {
		t.Fatal(err)
	}
	task, summary := b.run(file, upsert)
	wantSame(t, "issues", b.issues(task.Import.ID), c.issues)
	wantSame(t, "issues of the dry run", b.issues(dry.Import.ID), c.issues)
	if before.Totals != summary.Totals {
		t.Errorf("the dry run came to %+v, the run to %+v", before.Totals, summary.Totals)
	}
	if c.message != "" && !strings.Contains(fmt.Sprint(b.messages(task.Import.ID)), c.message) {
		t.Errorf("the messages are %q", b.messages(task.Import.ID))
	}
	if got := strings.Join(b.rows(`SELECT id || plate || coalesce(CAST(slot AS TEXT), '') FROM cars ORDER BY id`), " "); c.wantCars != "" && got != c.wantCars {
		t.Errorf("the cars are %s, want %s", got, c.wantCars)
	}
	if got := strings.Join(b.rows(`SELECT id || plate || CAST(km AS TEXT) FROM trips ORDER BY id`), " "); got != c.wantTrip {
		t.Errorf("the trips are %s, want %s", got, c.wantTrip)
	}
}

// messages returns the messages of all kept issues.
func (b *bench) messages(id string) (list []string) {
	b.t.Helper()
	page, err := b.store.Issues(b.t.Context(), id, imports.IssueFilter{Limit: 1_000_000})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, is := range page.Issues {
		list = append(list, is.Message)
	}
	return list
}

func TestTablesThatCannotKeepRowsAreConflicts(t *testing.T) {
	for name, c := range map[string]struct{ statement, detail string }{
		"a trigger that deletes rows":         {`CREATE TRIGGER drop_it AFTER INSERT ON trips BEGIN DELETE FROM trips WHERE id = new.id; END`, "it would have 0 rows"},
		"a trigger that adds rows":            {`CREATE TRIGGER more AFTER INSERT ON trips WHEN new.id NOT LIKE 'x%' BEGIN INSERT INTO trips VALUES ('x' || new.id, NULL, 1); END`, "it would have 4 rows"},
		"a trigger of another table":          {`CREATE TRIGGER other AFTER INSERT ON trips BEGIN DELETE FROM cars; END`, "it would have 0 rows"},
		"a trigger that ends the transaction": {`CREATE TRIGGER end_it BEFORE INSERT ON trips WHEN new.km = 5 BEGIN SELECT RAISE(ROLLBACK, 'all or nothing'); END`, "ends the import"},
		"a trigger that cannot run":           {`CREATE TRIGGER broken AFTER INSERT ON trips BEGIN INSERT INTO gone VALUES (1); END`, "gone"},
		"a key that ignores spaces":           {`DROP TABLE trips; CREATE TABLE trips (id TEXT PRIMARY KEY COLLATE RTRIM, plate TEXT, km INTEGER) STRICT`, "RTRIM"},
		"a view":                              {`DROP TABLE trips; CREATE VIEW trips AS SELECT 1 AS id, 'A' AS plate, 1 AS km`, "it is a view"},
		"a computed column":                   {`DROP TABLE trips; CREATE TABLE trips (id TEXT PRIMARY KEY, plate TEXT, km INTEGER AS (length(plate))) STRICT`, "computed"},
		"a key that is not unique":            {`DROP TABLE trips; CREATE TABLE trips (id TEXT, plate TEXT, km INTEGER) STRICT; CREATE UNIQUE INDEX i ON trips (id, lower(plate))`, "not identified by id"},
		"another type":                        {`DROP TABLE trips; CREATE TABLE trips (id TEXT PRIMARY KEY, plate TEXT, km REAL) STRICT`, "km has the type REAL"},
	} {
		t.Run(name, func(t *testing.T) {
			b := setupFor(t, exchangeSchema)
			b.run(garage(t, [][]any{{"a", "A", 1}}, [][]any{}), upsert)
			b.exec(strings.Split(c.statement, "; CREATE")[0])
			for _, more := range strings.Split(c.statement, "; CREATE")[1:] {
				b.exec("CREATE" + more)
			}
			task := b.task(garage(t, [][]any{{"a", "A", 2}, {"b", "B", 3}}, [][]any{{"t1", "A", 5}, {"t2", "B", 6}}), upsert)
			_, err := b.loader.Run(t.Context(), task)
			var conflict *imports.TableConflictError
			if !errors.As(err, &conflict) || !strings.Contains(conflict.Detail, c.detail) {
				t.Fatalf("the error is %v, want %q", err, c.detail)
			}
			if got := strings.Join(b.rows(`SELECT id || plate || slot FROM cars`), " "); got != "aA1" {
				t.Errorf("the cars are %s", got)
			}
		})
	}
}
