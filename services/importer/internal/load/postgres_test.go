package load_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // reads the target

	"headway/internal/pgtest"
	"headway/services/importer/internal/target/naming"
	"headway/services/importer/internal/target/postgres"
)

var databases atomic.Int64

// setupPostgres opens an engine for a schema, with a new PostgreSQL database as the target.
func setupPostgres(t *testing.T, yaml string) *bench {
	t.Helper()
	return setupPostgresWith(t, yaml, postgres.DefaultOptions())
}

// setupPostgresWith is like setupPostgres, with options of the target.
func setupPostgresWith(t *testing.T, yaml string, o postgres.Options) *bench {
	t.Helper()
	url := pgtest.Shared(t).Database(t, fmt.Sprint("load_", databases.Add(1)))
	target, err := postgres.New(url, o)
	if err != nil {
		t.Fatal(err)
	}
	return setupWith(t, yaml, naming.Target(target, naming.Config{}), "pgx", url)
}

// fewRows are options for which a file with few rows is written by many statements.
func fewRows() postgres.Options {
	o := postgres.DefaultOptions()
	o.StatementRows = 2
	return o
}

func TestOracleAgreesOnPostgreSQL(t *testing.T) {
	oraclesAgree(t, rounds(t)/25, func() *bench { return setupPostgresWith(t, exchangeSchema, fewRows()) })
}

var postgresRefusals = map[string]refusing{
	"a check": {statements: []string{`ALTER TABLE cars ADD CONSTRAINT good_plates CHECK (plate <> 'BAD')`},
		cars:   [][]any{{"a", "BAD", 1}, {"n", "N", 9, "a"}, {"b", "B", 5}},
		issues: []string{"Cars!B2 REFUSED_BY_DATABASE", "Cars!D3 REFERENCE_BLOCKED"}, message: "good_plates", wantCars: "aA1 bB5"},
	"a check of columns that the file lacks": {statements: []string{`ALTER TABLE cars ADD COLUMN seats int DEFAULT 4, ADD CONSTRAINT seats_fit CHECK (slot < seats * 3)`, `UPDATE cars SET seats = 9 WHERE id = 'a'`},
		cars: [][]any{{"a", "A", 20}, {"n", "N", 13}, {"b", "B", 5}}, issues: []string{"Cars!3:3 REFUSED_BY_DATABASE"}, message: "seats_fit", wantCars: "aA20 bB5"},
	"a check of a domain": {statements: []string{`CREATE DOMAIN slots AS bigint CONSTRAINT small CHECK (VALUE < 13)`, `ALTER TABLE cars ALTER slot TYPE slots`},
		cars: [][]any{{"a", "A", 13}, {"b", "B", 5}}, issues: []string{"Cars!C2 REFUSED_BY_DATABASE"}, message: "it breaks the check small: (VALUE < 13)", wantCars: "aA1 bB5"},
	"a value without a partition": {statements: []string{`DROP TABLE trips`, `CREATE TABLE trips (id text PRIMARY KEY, plate text, km bigint) PARTITION BY LIST (id)`,
		`CREATE TABLE first_trips PARTITION OF trips FOR VALUES IN ('t1')`}, trips: [][]any{{"t1", "A", 5}, {"t2", "B", 6}}, issues: []string{"Trips!A3 REFUSED_BY_DATABASE"},
		message: "none of its partitions accepts it", wantTrip: "t1A5"},
	"a table that inherits": {statements: []string{`CREATE TABLE vans () INHERITS (cars)`, `INSERT INTO vans VALUES ('a', 'V', 9)`},
		cars: [][]any{{"a", "A", 4}, {"b", "B", 5}}, issues: []string{"Cars!2:2 REFUSED_BY_DATABASE"}, message: "several rows of the table", wantCars: "aA1 aV9 bB5"},
	"a unique index": {statements: []string{`CREATE UNIQUE INDEX once ON trips (km)`},
		trips: [][]any{{"t1", "A", 5}, {"t2", "B", 6}, {"t3", "A", 5}}, issues: []string{"Trips!C4 REFUSED_BY_DATABASE"}, message: "once",
		wantTrip: "t1A5 t2B6"},
	"a unique index of an expression for some rows": {statements: []string{`CREATE UNIQUE INDEX lowest ON trips (abs(km), lower(plate)) WHERE km < 10`, `INSERT INTO trips VALUES ('t0', 'A', 5)`},
		trips: [][]any{{"t1", "A", -5}, {"t2", "B", 11}, {"t3", "B", 11}}, issues: []string{"Trips!2:2 REFUSED_BY_DATABASE"}, message: "lowest", wantTrip: "t0A5 t2B11 t3B11"},
	"a trigger that raises an error": {statements: []string{
		`CREATE FUNCTION no() RETURNS trigger AS $$ BEGIN IF new.slot = 13 THEN RAISE EXCEPTION 'no thirteen'; END IF; RETURN new; END $$ LANGUAGE plpgsql`,
		`CREATE TRIGGER no BEFORE UPDATE ON cars FOR EACH ROW EXECUTE FUNCTION no()`},
		cars: [][]any{{"a", "A", 13}, {"b", "B", 14}}, issues: []string{"Cars!2:2 REFUSED_BY_DATABASE"}, message: "no thirteen", wantCars: "aA1 bB14"},
	"a trigger that skips rows": {statements: []string{
		`CREATE FUNCTION skip() RETURNS trigger AS $$ BEGIN IF new.km = 13 THEN RETURN NULL; END IF; RETURN new; END $$ LANGUAGE plpgsql`,
		`CREATE TRIGGER skip BEFORE INSERT ON trips FOR EACH ROW EXECUTE FUNCTION skip()`},
		trips: [][]any{{"t1", "A", 5}, {"t2", "B", 13}, {"t3", "A", 6}}, issues: []string{"Trips!3:3 REFUSED_BY_DATABASE"}, message: "skips it", wantTrip: "t1A5 t3A6"},
	"an exclusion constraint": {statements: []string{`ALTER TABLE trips ADD CONSTRAINT far_apart EXCLUDE USING gist (int8range(km, km + 5) WITH &&)`},
		trips: [][]any{{"t1", "A", 5}, {"t2", "B", 9}, {"t3", "A", 10}}, issues: []string{"Trips!3:3 REFUSED_BY_DATABASE"}, message: "far_apart", wantTrip: "t1A5 t3A10"},
	"a foreign key to another table": {statements: []string{`CREATE TABLE lots (n bigint PRIMARY KEY)`, `INSERT INTO lots VALUES (1), (2), (4)`,
		`ALTER TABLE cars ADD FOREIGN KEY (slot) REFERENCES lots (n)`},
		cars: [][]any{{"a", "A", 4}, {"b", "B", 3}}, issues: []string{"Cars!C3 REFERENCE_MISSING"}, message: "The table “lots” has no row with “3”", wantCars: "aA4 bB2"},
	"a foreign key of another table": {statements: []string{`CREATE TABLE fines (plate text REFERENCES cars (plate))`, `INSERT INTO fines VALUES ('A'), ('A')`},
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
	"values that are exchanged": {statements: []string{`INSERT INTO trips VALUES ('t0', 'A', 1)`, `CREATE TABLE fines (plate text REFERENCES cars (plate) DEFERRABLE)`, `INSERT INTO fines VALUES ('B')`},
		cars: [][]any{{"a", "B", 1}, {"b", "A", 2}}, wantCars: "aB1 bA2", wantTrip: "t0A1"},
}

func TestPostgreSQLRefusalsAreIssuesOfRows(t *testing.T) {
	for name, c := range postgresRefusals {
		t.Run(name, func(t *testing.T) { c.compare(setupPostgres(t, exchangeSchema)) })
	}
}
