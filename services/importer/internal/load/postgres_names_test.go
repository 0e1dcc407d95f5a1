package load_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
)

const namesSchema = `
name: hr
title: HR
sheets:
  - name: units
    table: hr."Org Unit"
    key: code
    columns:
      - {name: code, column: 'unitCode', title: Code, type: text, required: true}
      - {name: title, column: 'Title "long"', title: Title, type: text, unique: true}
  - name: people
    table: hr."select"
    key: [number, part]
    columns:
      - {name: number, column: Nummer Ä, title: Number, type: integer, required: true}
      - {name: part, column: group, title: Part, type: text, required: true}
      - {name: unit, column: unitId, title: Unit, type: text, references: units.code}
      - {name: starts, column: startsAt, title: Starts, type: datetime, zone: Europe/Berlin}
      - {name: ends, column: endsAt, title: Ends, type: datetime, zone: Europe/Berlin}
`

const namesTables = `CREATE SCHEMA hr;
	CREATE TABLE hr."Org Unit" (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), "unitCode" varchar(5) NOT NULL UNIQUE, "Title ""long""" text CHECK ("Title ""long""" <> 'bad'));
	CREATE TABLE hr."select" ("Nummer Ä" smallint, "group" text, "unitId" uuid REFERENCES hr."Org Unit" (id), "startsAt" timestamptz(0), "endsAt" timestamp(3),
		CONSTRAINT "in order" CHECK ("endsAt" > '2000-01-01'), PRIMARY KEY ("group", "Nummer Ä"))`

func TestTablesHaveTheNamesOfTheDatabase(t *testing.T) {
	b := setupPostgres(t, namesSchema)
	b.exec(namesTables)
	header := []any{"Number", "Part", "Unit", "Starts", "Ends"}
	sheets := map[string][][]any{
		"Units": {{"Code", "Title"}, {"a", "One"}, {"b", "Two"}, {"c", "bad"}, {"toolong", "Three"}},
		"People": {header, {1, "x", "a", "2024-07-01 12:00", "2024-10-27T02:30:00+01:00"}, {2, "x", "b", "2024-03-31 02:30", nil}, {3, "x", "d", nil, nil},
			{4, "x", "c", "2024-10-27 02:30", nil}, {5, "x", nil, "2024-01-01 12:00:00.5", nil}, {6, "x", "b", nil, "1999-01-01"}, {40000, "x", nil, nil, nil}},
	}
	task, summary := b.run(sheetsOf(t, sheets), upsert)
	wantSame(t, "issues", b.issues(task.Import.ID), []string{"Units!B4 REFUSED_BY_DATABASE", "Units!A5 LENGTH", "People!D3 NOT_A_DATE", "People!C4 REFERENCE_MISSING", "People!C5 REFERENCE_BLOCKED",
		"People!D5 AMBIGUOUS_DATE", "People!D6 PRECISION_LOST", "People!E7 REFUSED_BY_DATABASE", "People!A8 RANGE"})
	if summary.Totals.Inserted != 3 {
		t.Errorf("the import came to %+v", summary.Totals)
	}
	const people = `SELECT p."Nummer Ä", u."unitCode", p."startsAt" AT TIME ZONE 'UTC' = '2024-07-01 10:00', p."endsAt" = '2024-10-27 01:30' FROM hr."select" p JOIN hr."Org Unit" u ON u.id = p."unitId"`
	if got := strings.Join(b.rows(people), ", "); got != "1 a true true" {
		t.Errorf("the people are %s", got)
	}
	good := map[string][][]any{"Units": {{"Code", "Title"}, {"a", "Two"}, {"b", "One"}}, "People": {header, sheets["People"][1]}}
	if _, again := b.run(sheetsOf(t, good), upsert); again.Totals.Unchanged != 1 || again.Totals.Updated != 2 {
		t.Errorf("the second import came to %+v", again.Totals)
	}
	if _, again := b.run(sheetsOf(t, good), upsert); again.Totals.Unchanged != 3 {
		t.Errorf("the third import came to %+v", again.Totals)
	}
	if got := strings.Join(b.rows(`SELECT relname FROM pg_class WHERE relname LIKE 'headway_unique%' AND relnamespace = 'hr'::regnamespace`), ", "); !strings.HasPrefix(got, "headway_unique_hr.") {
		t.Errorf("the unique index is %q", got)
	}
	if got := strings.Join(b.rows(`SELECT name FROM headway_tables ORDER BY 1`), ", "); got != `hr."Org Unit"` {
		t.Errorf("headway_tables has %s", got)
	}
}

func TestTablesAreCreatedWithNamesOfTheSchema(t *testing.T) {
	b := setupPostgres(t, namesSchema)
	b.exec(`CREATE SCHEMA hr`)
	header := []any{"Number", "Part", "Unit", "Starts", "Ends"}
	file := sheetsOf(t, map[string][][]any{"Units": {{"Code", "Title"}, {"a", "One"}}, "People": {header, {1, "x", "a", "2024-07-01 12:00", nil}}})
	for turn, want := range []imports.Counts{{Inserted: 2}, {Unchanged: 2}} {
		if _, summary := b.run(file, upsert); summary.Totals.Inserted != want.Inserted || summary.Totals.Unchanged != want.Unchanged {
			t.Errorf("import %d came to %+v", turn, summary.Totals)
		}
	}
	if got := strings.Join(b.rows(`SELECT "unitId", "startsAt" AT TIME ZONE 'UTC' = '2024-07-01 10:00' FROM hr."select"`), ", "); got != "a true" {
		t.Errorf("the people are %s", got)
	}
}

func TestTablesThatFilesCannotFillAreConflicts(t *testing.T) {
	for name, c := range map[string]struct{ statement, detail string }{
		"an array":                    {`CREATE TABLE cars (id text PRIMARY KEY, plate text[], slot int, owner text)`, "an array (text[])"},
		"a time without its zone":     {`CREATE TABLE cars (id text PRIMARY KEY, plate timestamptz, slot int, owner text)`, "timestamp with time zone, which"},
		"a view":                      {`CREATE VIEW cars AS SELECT 'a' AS id, 'b' AS plate, 1 AS slot, 'c' AS owner`, "it is not a table"},
		"a key for some rows":         {`CREATE TABLE cars (id text, plate text, slot int, owner text); CREATE UNIQUE INDEX part ON cars (id) WHERE slot > 0`, "not identified by id"},
		"a key of an expression":      {`CREATE TABLE cars (id text NOT NULL, plate text, slot int, owner text); CREATE UNIQUE INDEX small ON cars (lower(id))`, "not identified by id"},
		"ids of Hibernate":            {`CREATE SEQUENCE cars_seq INCREMENT BY 50; CREATE TABLE cars (oid bigint PRIMARY KEY, id text NOT NULL UNIQUE, plate text, slot int, owner text)`, "its column oid, which the schema does not know"},
		"a required column":           {`CREATE TABLE cars (id text PRIMARY KEY, plate text, slot int, owner text, tenant int NOT NULL)`, "its column tenant, which the schema does not know"},
		"a generated column":          {`CREATE TABLE cars (id text PRIMARY KEY, plate text, slot int GENERATED ALWAYS AS (1) STORED, owner text)`, "slot is computed"},
		"a column of binary fraction": {`CREATE TABLE cars (id text PRIMARY KEY, plate text, slot real, owner text)`, "slot is of type real"},
	} {
		t.Run(name, func(t *testing.T) {
			b := setupPostgres(t, exchangeSchema)
			b.exec(c.statement)
			_, err := b.loader.Run(t.Context(), b.task(garage(t, [][]any{{"a", "A", 2}}, [][]any{}), upsert))
			var conflict *imports.TableConflictError
			if !errors.As(err, &conflict) || !strings.Contains(conflict.Detail, c.detail) {
				t.Errorf("the error is %v, want %q", err, c.detail)
			}
		})
	}
}

const generatedSchema = `
name: staff
title: Staff
sheets:
  - name: people
    key: number
    columns:
      - {name: number, title: Number, type: integer, required: true}
      - {name: label, title: Label, type: text}
      - {name: id, type: text, generate: uuid}
      - {name: created_at, type: datetime, generate: created}
      - {name: changed_on, type: date, generate: updated}
      - {name: updated_at, type: datetime, generate: updated}
      - {name: kind, type: text, constant: "O'Neill"}
      - {name: active, type: boolean, constant: "true"}
      - {name: rate, type: decimal, constant: "1.5"}
      - {name: since, type: datetime, zone: Europe/Berlin, constant: "2024-07-01T12:00"}
`

func TestGeneratedColumnsAreFilled(t *testing.T) {
	existing := map[string]string{
		"a new table": "",
		"a table that exists": `CREATE TABLE people (id text PRIMARY KEY, number int NOT NULL UNIQUE, label text, created_at timestamp(3) NOT NULL, updated_at timestamptz NOT NULL,
			changed_on date NOT NULL, kind varchar(20) NOT NULL, active boolean NOT NULL CHECK (active), rate numeric(4, 2) NOT NULL, since timestamptz NOT NULL, CHECK (created_at > '2020-01-01'))`,
		"a table that lacks some": `CREATE TABLE people (id uuid PRIMARY KEY, number int NOT NULL UNIQUE, label text, since timestamp NOT NULL)`,
	}
	for name, statement := range existing {
		t.Run(name, func(t *testing.T) {
			b := setupPostgres(t, generatedSchema)
			if statement != "" {
				b.exec(statement)
			}
			header := []any{"Number", "Label"}
			b.run(sheetsOf(t, map[string][][]any{"People": {header, {1, "one"}, {2, "two"}}}), upsert)
			const shown = `SELECT number, label, length(id::text), created_at::text, changed_on::text, updated_at::text, kind, active, rate::float8, since AT TIME ZONE 'UTC' = '2024-07-01 10:00' OR since::text = '2024-07-01 10:00:00', id FROM people ORDER BY number`
			before := b.rows(shown)
			if len(before) != 2 || before[0][strings.LastIndex(before[0], " "):] == before[1][strings.LastIndex(before[1], " "):] {
				t.Fatalf("the people are %q", before)
			}
			if got := fmt.Sprint(b.rows(`SELECT count(*) FROM people WHERE length(id::text) = 36 AND abs(extract(epoch FROM now() - updated_at)) < 3600 AND abs(changed_on - now()::date) < 2
				AND abs(extract(epoch FROM now() AT TIME ZONE 'UTC' - (created_at::text)::timestamp)) < 3600 AND kind = 'O''Neill' AND active AND rate = 1.5`)); got != "[2]" {
				t.Errorf("%s people are right: %q", got, before)
			}
			b.exec(`UPDATE people SET created_at = '2021-01-01', updated_at = '2021-01-01', kind = 'x'`)
			before = b.rows(shown)
			b.run(sheetsOf(t, map[string][][]any{"People": {header, {1, "uno"}, {2, "two"}}}), upsert)
			if after := b.rows(shown); after[1] != before[1] {
				t.Errorf("the unchanged row is %q, was %q", after[1], before[1])
			}
			if got := fmt.Sprint(b.rows(`SELECT number, label, kind, created_at::date::text, updated_at > now() - interval '1 hour' FROM people WHERE number = 1`)); got != "[1 uno x 2021-01-01 true]" {
				t.Errorf("the changed row is %s", got)
			}
		})
	}
}
