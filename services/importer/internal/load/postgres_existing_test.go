package load_test

import (
	"strings"
	"testing"
)

const stockSchema = `
name: stock
title: Stock
sheets:
  - name: parts
    title: Parts
    table: parts
    key: number
    columns:
      - {name: number, title: Number, type: text, required: true}
      - {name: label, title: Label, type: text}
      - {name: count, title: Count, type: integer}
      - {name: small, title: Small, type: integer}
      - {name: price, title: Price, type: decimal}
      - {name: state, title: State, type: text}
      - {name: serial, title: Serial, type: text}
      - {name: notes, title: Notes, type: text}
      - {name: fixed, title: Fixed, type: boolean}
      - {name: since, title: Since, type: date}
`

const stockTable = `CREATE TYPE state AS ENUM ('new', 'worn');
	CREATE DOMAIN label AS varchar(6) CHECK (value <> 'cursed');
	CREATE TABLE parts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number varchar(4) NOT NULL UNIQUE, label label, count integer NOT NULL DEFAULT 0, small smallint,
		price numeric(6, 2), state state, serial uuid, notes jsonb, fixed boolean, since date, doubled integer GENERATED ALWAYS AS (count * 2) STORED,
		made timestamptz NOT NULL DEFAULT now(), tags text[])`

func TestCatalogBoundsAreErrorsOfCells(t *testing.T) {
	b := setupPostgres(t, stockSchema)
	b.exec(stockTable)
	header := []any{"Number", "Label", "Count", "Small", "Price", "State", "Serial", "Notes", "Fixed", "Since"}
	good := []any{"n1", "bolt", 5, -32768, "-9999.99", "worn", "2F1E6F0A-52C8-4D4E-9C3B-0A7D1F5E8B21", `{"b": 1, "a": [1.50]}`, true, "2024-02-29"}
	file := sheetsOf(t, map[string][][]any{"Parts": {header, good,
		{"n2345", "bolts and nuts", 2147483648, 32768, "10000", "lost", "no uuid", "{", "TRUE", "2024-03-01"},
		{"n3", "cursed", nil, nil, 1.005, "New", nil, nil, nil, nil},
	}})
	task, summary := b.run(file, upsert)
	wantSame(t, "issues", b.issues(task.Import.ID), []string{"Parts!A3 LENGTH", "Parts!B3 LENGTH", "Parts!C3 RANGE", "Parts!D3 RANGE", "Parts!E3 RANGE",
		"Parts!F3 NOT_ALLOWED", "Parts!G3 PATTERN", "Parts!H3 PATTERN", "Parts!C4 REQUIRED", "Parts!E4 PRECISION_LOST",
		"Parts!F4 NORMALIZED", "Parts!G2 NORMALIZED"})
	if summary.Totals.Inserted != 1 || summary.Totals.Rejected != 2 {
		t.Errorf("the import came to %+v", summary.Totals)
	}
	if got := b.rows(`SELECT id, number, doubled, serial::text, fixed FROM parts`); strings.Join(got, ", ") != "1 n1 10 2f1e6f0a-52c8-4d4e-9c3b-0a7d1f5e8b21 true" {
		t.Errorf("the parts are %q", got)
	}
	if _, again := b.run(sheetsOf(t, map[string][][]any{"Parts": {header, good}}), upsert); again.Totals.Unchanged != 1 {
		t.Errorf("the second import came to %+v", again.Totals)
	}
	_, domain := b.run(sheetsOf(t, map[string][][]any{"Parts": {{"Number", "Label", "Count"}, {"n1", "cursed", 6}, {"n4", "bolt", 7}}}), upsert)
	if domain.Totals.Rejected != 1 || domain.Totals.Inserted != 1 {
		t.Errorf("the import against the domain came to %+v", domain.Totals)
	}
}

const surrogateSchema = `
name: staff
title: Staff
sheets:
  - name: departments
    title: Departments
    table: departments
    key: code
    columns:
      - {name: code, title: Code, type: text, required: true}
      - {name: title, title: Title, type: text}
  - name: people
    title: People
    table: people
    key: number
    columns:
      - {name: number, title: Number, type: integer, required: true}
      - {name: department_id, title: Department, type: text, required: true, references: departments.code}
      - {name: boss_id, title: Boss, type: integer, references: people.number}
`

// staffTables have surrogate keys, as most applications have them.
const staffTables = `CREATE TABLE departments (id serial PRIMARY KEY, code varchar(10) NOT NULL UNIQUE, title text);
	CREATE TABLE people (id bigserial PRIMARY KEY, number integer NOT NULL UNIQUE, department_id integer NOT NULL REFERENCES departments (id),
		boss_id bigint REFERENCES people (id));
	INSERT INTO departments VALUES (70, 'old', 'Old'); SELECT setval('departments_id_seq', 100);
	INSERT INTO people VALUES (500, 9, 70, NULL); SELECT setval('people_id_seq', 1000)`

func TestReferencesResolveToSurrogateKeys(t *testing.T) {
	b := setupPostgres(t, surrogateSchema)
	b.exec(staffTables)
	people := []any{"Number", "Department", "Boss"}
	sheets := map[string][][]any{
		"Departments": {{"Code", "Title"}, {"new", "New"}, {"old", "Old"}},
		"People":      {people, {1, "new", 2}, {2, "old", nil}, {3, "gone", nil}, {4, "new", 3}, {9, "new", 1}},
	}
	task, _ := b.run(sheetsOf(t, sheets), upsert)
	wantSame(t, "issues", b.issues(task.Import.ID), []string{"People!B4 REFERENCE_MISSING", "People!C5 REFERENCE_BLOCKED"})
	if got := strings.Join(b.rows(`SELECT p.number, d.code, b.number FROM people p JOIN departments d ON d.id = p.department_id LEFT JOIN people b ON b.id = p.boss_id ORDER BY 1`), ", "); got != "1 new 2, 2 old <nil>, 9 new 1" {
		t.Errorf("the people are %s", got)
	}
	sheets["People"] = [][]any{people, {1, "new", 2}, {2, "new", nil}, {9, "new", 1}}
	if _, again := b.run(sheetsOf(t, sheets), upsert); again.Totals.Unchanged != 4 || again.Totals.Updated != 1 {
		t.Errorf("the second import came to %+v", again.Totals)
	}
	if got := strings.Join(b.rows(`SELECT id, number, department_id, boss_id FROM people ORDER BY number`), ", "); !strings.HasSuffix(got, "500 9 101 "+strings.Fields(got)[0]) {
		t.Errorf("the people are %s", got)
	}
	if next := b.query(`SELECT nextval('departments_id_seq')`); next != int64(102) {
		t.Errorf("the next department would have the number %v", next)
	}
}
