package load_test

import (
	"errors"
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
)

// byHand is a change of a table that Headway has created, and the result of the next import of two cars and a trip: a
// conflict, or counts, with the cars that are in the database then.
type byHand struct {
	sqlite, postgres string
	conflict         string
	// migration is the name of the change in PostgreSQL's plan, if it differs from the conflict.
	migration   string
	cars, trips string
	rows        string
	// added are the columns that a notice names.
	added string
}

var changesByHand = map[string]byHand{
	"nothing":                     {cars: "2 1 1 0 0 0", trips: "1 1 0 0 0 0", rows: "aA2 bB3"},
	"a column is dropped":         {sqlite: `ALTER TABLE trips DROP COLUMN km`, postgres: `ALTER TABLE trips DROP COLUMN km`, cars: "2 1 1 0 0 0", trips: "1 1 0 0 0 0", rows: "aA2 bB3"},
	"the key is dropped":          {sqlite: `DROP TABLE trips; CREATE TABLE trips (plate TEXT, km INTEGER)`, postgres: `ALTER TABLE trips DROP COLUMN id`, conflict: "key column id"},
	"the key is no longer unique": {sqlite: `DROP TABLE trips; CREATE TABLE trips (id TEXT, plate TEXT, km INTEGER)`, postgres: `ALTER TABLE trips DROP CONSTRAINT trips_pkey`, conflict: "not identified by id", migration: "make (id) the key"},
	"the type is changed":         {sqlite: `DROP TABLE trips; CREATE TABLE trips (id TEXT PRIMARY KEY, plate TEXT, km TEXT)`, postgres: `ALTER TABLE trips ALTER COLUMN km TYPE date USING NULL`, conflict: "its column km", migration: "change the type of the column km from date to bigint"},
	"a column must not be empty":  {sqlite: `DROP TABLE trips; CREATE TABLE trips (id TEXT PRIMARY KEY, plate TEXT, km INTEGER NOT NULL)`, postgres: `ALTER TABLE trips ALTER COLUMN km SET NOT NULL`, conflict: "km must not be empty", migration: "let the column km be empty"},
	"another required column":     {sqlite: `DROP TABLE trips; CREATE TABLE trips (id TEXT PRIMARY KEY, plate TEXT, km INTEGER, driver TEXT NOT NULL)`, postgres: `ALTER TABLE trips ADD COLUMN driver text NOT NULL`, conflict: "driver"},
	"the unique index is dropped": {sqlite: `DROP INDEX headway_unique_cars_plate`, postgres: dropUnique, cars: "2 1 1 0 0 0", trips: "1 1 0 0 0 0", rows: "aA2 bB3"},
	"it is dropped, with duplicates": {sqlite: `DROP INDEX headway_unique_cars_plate; INSERT INTO cars (id, plate) VALUES ('x', 'A')`,
		postgres: dropUnique + `; INSERT INTO cars (id, plate) VALUES ('x', 'A')`, conflict: "its column plate"},
	"a column is renamed":  {added: "column slot,", sqlite: `ALTER TABLE cars RENAME COLUMN slot TO place`, postgres: `ALTER TABLE cars RENAME COLUMN slot TO place`, cars: "2 1 1 0 0 0", trips: "1 1 0 0 0 0", rows: "aA2 bB3"},
	"the table is renamed": {sqlite: `ALTER TABLE trips RENAME TO rides`, postgres: `ALTER TABLE trips RENAME TO rides`, cars: "2 1 1 0 0 0", trips: "1 1 0 0 0 0", rows: "aA2 bB3"},
	"a view instead":       {sqlite: `DROP TABLE trips; CREATE VIEW trips AS SELECT 'a' AS id, 'A' AS plate, 1 AS km`, postgres: `DROP TABLE trips; CREATE VIEW trips AS SELECT 'a'::text AS id, 'A'::text AS plate, 1::bigint AS km`, conflict: "it is"},
	"a trigger deletes rows": {sqlite: `CREATE TRIGGER gone AFTER INSERT ON trips BEGIN DELETE FROM trips WHERE id = new.id; END`,
		postgres: `CREATE FUNCTION gone() RETURNS trigger AS $$ BEGIN DELETE FROM trips WHERE id = new.id; RETURN NULL; END $$ LANGUAGE plpgsql;
			CREATE TRIGGER gone AFTER INSERT ON trips FOR EACH ROW EXECUTE FUNCTION gone()`, conflict: "because of a trigger"},
	"a trigger changes keys": {postgres: `CREATE FUNCTION other() RETURNS trigger AS $$ BEGIN new.id := 'x' || new.id; RETURN new; END $$ LANGUAGE plpgsql;
			CREATE TRIGGER other BEFORE INSERT ON trips FOR EACH ROW EXECUTE FUNCTION other()`, conflict: "1 of 1 row would be missing"},
	"a trigger of another table deletes rows": {sqlite: `CREATE TRIGGER gone AFTER INSERT ON trips BEGIN DELETE FROM cars; END`,
		postgres: `CREATE FUNCTION gone() RETURNS trigger AS $$ BEGIN DELETE FROM trips; DELETE FROM cars; RETURN NULL; END $$ LANGUAGE plpgsql;
			CREATE TRIGGER gone AFTER INSERT ON trips FOR EACH STATEMENT EXECUTE FUNCTION gone()`, conflict: "because of a trigger"},
	"a trigger adds rows": {sqlite: `CREATE TRIGGER more AFTER INSERT ON trips WHEN new.id NOT LIKE 'x%' BEGIN INSERT INTO trips VALUES ('x' || new.id, NULL, 1); END`,
		postgres: `CREATE FUNCTION more() RETURNS trigger AS $$ BEGIN INSERT INTO trips VALUES ('x' || new.id, NULL, 1); RETURN NULL; END $$ LANGUAGE plpgsql;
			CREATE TRIGGER more AFTER INSERT ON trips FOR EACH ROW WHEN (new.id NOT LIKE 'x%') EXECUTE FUNCTION more()`, conflict: "because of a trigger"},
	"a trigger adds rows to another table": {sqlite: `CREATE TRIGGER more AFTER INSERT ON trips BEGIN INSERT INTO cars VALUES ('x' || new.id, new.id, 9, NULL); END`,
		postgres: `CREATE FUNCTION more() RETURNS trigger AS $$ BEGIN INSERT INTO cars VALUES ('x' || new.id, new.id, 9, NULL); RETURN NULL; END $$ LANGUAGE plpgsql;
			CREATE TRIGGER more AFTER INSERT ON trips FOR EACH ROW EXECUTE FUNCTION more()`, conflict: "because of a trigger"},
	"a rule adds rows": {postgres: `CREATE RULE more AS ON INSERT TO trips DO ALSO INSERT INTO cars VALUES ('x' || new.id, new.id, 9, NULL)`, conflict: "because of a trigger"},
	"a trigger keeps old values": {sqlite: `CREATE TRIGGER keep AFTER UPDATE ON cars BEGIN UPDATE cars SET slot = old.slot WHERE id = new.id; END`,
		postgres: `CREATE FUNCTION keep() RETURNS trigger AS $$ BEGIN RETURN old; END $$ LANGUAGE plpgsql; CREATE TRIGGER keep BEFORE UPDATE ON cars FOR EACH ROW EXECUTE FUNCTION keep()`,
		cars:     "2 1 0 0 1 0", trips: "1 0 0 0 0 1", rows: "aA1 bB3"},
	"a trigger changes values": {sqlite: `CREATE TRIGGER other AFTER UPDATE ON cars BEGIN UPDATE cars SET slot = 7 WHERE id = new.id; END`,
		postgres: `CREATE FUNCTION other() RETURNS trigger AS $$ BEGIN new.slot := 7; RETURN new; END $$ LANGUAGE plpgsql; CREATE TRIGGER other BEFORE UPDATE ON cars FOR EACH ROW EXECUTE FUNCTION other()`,
		cars:     "2 1 1 0 0 0", trips: "1 1 0 0 0 0", rows: "aA7 bB3"},
	"a trigger skips updates": {sqlite: `CREATE TRIGGER skip BEFORE UPDATE ON cars BEGIN SELECT RAISE(IGNORE); END`,
		postgres: `CREATE FUNCTION skip() RETURNS trigger AS $$ BEGIN RETURN NULL; END $$ LANGUAGE plpgsql; CREATE TRIGGER skip BEFORE UPDATE ON cars FOR EACH ROW EXECUTE FUNCTION skip()`,
		cars:     "2 1 0 0 1 0", trips: "1 0 0 0 0 1", rows: "aA1 bB3"},
	"a rule skips rows": {postgres: `CREATE RULE skip AS ON INSERT TO trips DO INSTEAD NOTHING`, cars: "2 1 1 0 0 0", trips: "1 0 0 0 1 0", rows: "aA2 bB3"},
}

// dropUnique drops the unique index of the plates, with the foreign key that depends on it.
const dropUnique = `DO $$ DECLARE i text; BEGIN SELECT indexname INTO i FROM pg_indexes WHERE indexname LIKE 'headway_unique_cars_plate%'; EXECUTE 'DROP INDEX ' || i || ' CASCADE'; END $$`

// TestTablesChangedByHand checks that an import after such a change is a conflict that saves nothing, or is counted truthfully.
func TestTablesChangedByHand(t *testing.T) {
	for name, c := range changesByHand {
		t.Run(name, func(t *testing.T) {
			for _, b := range []*bench{setupFor(t, exchangeSchema), setupPostgres(t, exchangeSchema)} {
				statements := c.sqlite
				if b.driver == "pgx" {
					statements = c.postgres
				}
				if statements != "" || name == "nothing" {
					c.compare(b, statements)
				}
			}
		})
	}
}

// TestTriggersAreSeenWithoutStatistics checks the changes that add or lose rows on a server that does not count the inserted ones.
func TestTriggersAreSeenWithoutStatistics(t *testing.T) {
	for name, c := range changesByHand {
		if strings.Contains(name, "trigger") || strings.Contains(name, "rule") {
			t.Run(name, func(t *testing.T) {
				b := setupPostgres(t, exchangeSchema)
				b.exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET track_counts = off', current_database()); END $$`)
				c.compare(b, c.postgres)
			})
		}
	}
}

func (c byHand) compare(b *bench, statements string) {
	b.t.Helper()
	b.run(garage(b.t, [][]any{{"a", "A", 1}}, [][]any{}), upsert)
	for statement := range strings.SplitSeq(statements, "; ") {
		if strings.Contains(statements, "$$") || strings.Contains(statements, "BEGIN") {
			b.exec(statements)
			break
		}
		if statement != "" {
			b.exec(statement)
		}
	}
	task := b.task(garage(b.t, [][]any{{"a", "A", 2}, {"b", "B", 3}}, [][]any{{"t1", "A", nil}}), upsert)
	summary, err := b.loader.Run(b.t.Context(), task)
	if c.conflict != "" {
		want := c.conflict
		if b.driver == "pgx" && c.migration != "" {
			want = "it has to be migrated first: " + c.migration
		}
		var conflict *imports.TableConflictError
		if !errors.As(err, &conflict) || !strings.Contains(conflict.Detail, want) {
			b.t.Errorf("%s: got %v, want a conflict about %q", b.driver, err, want)
		}
		if got := b.query(`SELECT count(*) FROM cars WHERE slot = 2`); got != int64(0) {
			b.t.Errorf("%s: %v cars were saved", b.driver, got)
		}
		return
	}
	if err != nil {
		b.t.Errorf("%s: %v", b.driver, err)
		return
	}
	wantCounts(b.t, summary.Sheets["cars"], c.cars)
	wantCounts(b.t, summary.Sheets["trips"], c.trips)
	added := b.notice(task.Import.ID, imports.ColumnsAdded)
	if (added == "") != (c.added == "") || !strings.Contains(added, c.added) {
		b.t.Errorf("%s: the notice of added columns is %q, want %q", b.driver, added, c.added)
	}
	if got := strings.Join(b.rows(`SELECT id || plate || slot FROM cars ORDER BY id`), " "); got != c.rows {
		b.t.Errorf("%s: the cars are %s, want %s", b.driver, got, c.rows)
	}
	if got := b.query(`SELECT count(*) FROM trips`); got != int64(summary.Sheets["trips"].Inserted) {
		b.t.Errorf("%s: %v trips are in the database, and %d were counted", b.driver, got, summary.Sheets["trips"].Inserted)
	}
}
