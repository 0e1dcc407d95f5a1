package load_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
)

// exchangeSchema has references to unique columns, of text and of whole numbers, within a sheet and across sheets.
const exchangeSchema = `
name: garage
title: Garage
sheets:
  - name: cars
    title: Cars
    table: cars
    key: id
    columns:
      - {name: id, title: ID, type: text, required: true}
      - {name: plate, title: Plate, type: text, required: true, unique: true}
      - {name: slot, title: Slot, type: integer, unique: true}
      - {name: tows, title: Tows, type: text, references: cars.id}
  - name: trips
    title: Trips
    table: trips
    optional: true
    key: id
    columns:
      - {name: id, title: ID, type: text, required: true}
      - {name: plate, title: Plate, type: text, references: cars.plate}
      - {name: km, title: Km, type: integer}
`

var (
	carHeader  = []any{"ID", "Plate", "Slot", "Tows"}
	tripHeader = []any{"ID", "Plate", "Km"}
)

// garage returns a workbook with cars and, unless trips is nil, with trips.
func garage(t testing.TB, cars, trips [][]any) []byte {
	t.Helper()
	sheets := map[string][][]any{"Cars": append([][]any{carHeader}, cars...)}
	if trips != nil {
		sheets["Trips"] = append([][]any{tripHeader}, trips...)
	}
	return sheetsOf(t, sheets)
}

// rows returns the rows of a query as text: "1 a <nil>".
func (b *bench) rows(query string) []string {
	b.t.Helper()
	db, err := sql.Open(b.driver, b.source)
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	found, err := db.QueryContext(b.t.Context(), query)
	if err != nil {
		b.t.Fatalf("%s: %v", query, err)
	}
	defer found.Close()
	columns, err := found.Columns()
	if err != nil {
		b.t.Fatal(err)
	}
	list := []string{}
	for found.Next() {
		values, targets := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := found.Scan(targets...); err != nil {
			b.t.Fatal(err)
		}
		list = append(list, strings.TrimSuffix(fmt.Sprintln(values...), "\n"))
	}
	if err := found.Err(); err != nil {
		b.t.Fatal(err)
	}
	return list
}

func TestRowsExchangeUniqueValues(t *testing.T) {
	before := [][]any{{"a", "A", 1}, {"b", "B", 2}, {"c", "C", 3}, {"d", "D", 4}}
	for name, test := range map[string]struct {
		cars   [][]any
		policy imports.Mode
		issues []string
		want   string // the cars afterward, and the changed ones
	}{
		"two rows":                             {cars: [][]any{{"a", "B", 1}, {"b", "A", 2}}, want: "aB1 bA2 cC3 dD4"},
		"four rows":                            {cars: [][]any{{"a", "B", 1}, {"b", "C", 2}, {"c", "D", 3}, {"d", "A", 4}}, want: "aB1 bC2 cD3 dA4"},
		"two columns at a time":                {cars: [][]any{{"a", "B", 3}, {"b", "A", 2}, {"c", "C", 1}}, want: "aB3 bA2 cC1 dD4"},
		"numbers":                              {cars: [][]any{{"a", "A", 2}, {"b", "B", 3}, {"c", "C", 1}}, want: "aA2 bB3 cC1 dD4"},
		"two cycles and a chain":               {cars: [][]any{{"a", "B", 1}, {"b", "A", 2}, {"c", "D", 3}, {"d", "E", 4}}, want: "aB1 bA2 cD3 dE4"},
		"a new row takes from the cycle's end": {cars: [][]any{{"e", "A", nil}, {"a", "B", 1}, {"b", "C", 2}, {"c", "X", 3}}, want: "aB1 bC2 cX3 dD4 eA<nil>"},
		"a row with an error stops its cycle": {cars: [][]any{{"a", "B", 1}, {"b", "A", "x"}, {"c", "D", 3}, {"d", "C", 4}},
			issues: []string{"Cars!B2 DUPLICATE_IN_DATABASE", "Cars!C3 NOT_A_NUMBER"}, want: "aA1 bB2 cD3 dC4"},
		"a blocked row stops its cycle": {cars: [][]any{{"x", nil, nil}, {"a", "B", 1}, {"b", "A", 2, "x"}, {"c", "D", 3}, {"d", "C", 4}},
			issues: []string{"Cars!B2 REQUIRED", "Cars!B3 DUPLICATE_IN_DATABASE", "Cars!D4 REFERENCE_BLOCKED"}, want: "aA1 bB2 cD3 dC4"},
		"a missing reference stops a long cycle": {cars: [][]any{{"a", "B", 1}, {"b", "C", 2}, {"c", "D", 3, "nowhere"}, {"d", "A", 4}},
			issues: []string{"Cars!B2 DUPLICATE_IN_DATABASE", "Cars!B3 DUPLICATE_IN_DATABASE", "Cars!B5 DUPLICATE_IN_DATABASE", "Cars!D4 REFERENCE_MISSING"},
			want:   "aA1 bB2 cC3 dD4"},
		"references cross the cycle": {cars: [][]any{{"a", "B", 1, "b"}, {"b", "A", 2}, {"c", "D", 3, "d"}, {"d", "C", 4, "a"}}, want: "aB1 bA2 cD3 dC4"},
		"a row refers to the one it takes from": {cars: [][]any{{"n", "A", 9, "a"}, {"a", "N", 1, nil}, {"b", "C", 2, "c"}, {"c", "B", 3}},
			want: "aN1 bC2 cB3 dD4 nA9"},
		"two rows take and refer in turn": {cars: [][]any{{"n", "A", 9, nil}, {"a", "N", 1, "n"}}, want: "aN1 bB2 cC3 dD4 nA9"},
		"a cycle of references is an issue": {cars: [][]any{{"a", "B", 1, "b"}, {"b", "A", 2, "a"}},
			issues: []string{"Cars!D2 REFERENCE_CYCLE", "Cars!D3 REFERENCE_CYCLE"}, want: "aA1 bB2 cC3 dD4"},
		"only new rows": {cars: [][]any{{"a", "B", 1}, {"b", "A", 2}}, policy: imports.InsertOnly,
			issues: []string{"Cars!A2 KEY_EXISTS", "Cars!A3 KEY_EXISTS", "Cars!B2 DUPLICATE_IN_DATABASE", "Cars!B3 DUPLICATE_IN_DATABASE"}, want: "aA1 bB2 cC3 dD4"},
		"only updates": {cars: [][]any{{"a", "B", 1}, {"b", "A", 2}}, policy: imports.UpdateOnly, want: "aB1 bA2 cC3 dD4"},
	} {
		t.Run(name, func(t *testing.T) {
			b := setupFor(t, exchangeSchema)
			b.run(garage(t, before, nil), upsert)
			policy := upsert
			if test.policy != 0 {
				policy.Mode = test.policy
			}
			task, summary := b.run(garage(t, test.cars, nil), policy)
			got := b.issues(task.Import.ID)
			wantSame(t, "issues", got, test.issues)
			if all := strings.Join(b.rows(`SELECT id || plate || ifnull(slot, '<nil>') FROM cars ORDER BY id`), " "); all != test.want {
				t.Errorf("the cars are %s, want %s", all, test.want)
			}
			if err := summary.Totals.Conserved(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRowsThatExchangeValuesReferToNewRows has references by a number that the database generates, so that the new row must be written first.
func TestRowsThatExchangeValuesReferToNewRows(t *testing.T) {
	const towing = `
name: towing
sheets:
  - name: cars
    key: code
    columns:
      - {name: code, type: text, required: true}
      - {name: plate, type: text, required: true, unique: true}
      - {name: tows_id, title: Tows, type: text, unique: true, references: cars.code}
`
	for name, test := range map[string]struct {
		rows [][]any
		want string
	}{
		"nothing is exchanged":           {rows: [][]any{{"c9", "N", nil}, {"c1", "A", "c9"}, {"c8", "M", "c1"}, {"c2", "B", "c8"}}, want: "c1Ac9 c2Bc8 c3C- c4D- c8Mc1 c9N-"},
		"the new row takes a value":      {rows: [][]any{{"c9", "A", nil}, {"c1", "B", "c9"}, {"c2", "N", "c4"}}, want: "c1Bc9 c2Nc4 c3C- c4D- c9A-"},
		"the new row takes a reference":  {rows: [][]any{{"c1", "A", "c9"}, {"c2", "B", "c3"}, {"c9", "N", "c4"}}, want: "c1Ac9 c2Bc3 c3C- c4D- c9Nc4"},
		"known rows refer to each other": {rows: [][]any{{"c1", "B", "c9"}, {"c2", "A", "c3"}, {"c9", "N", "c4"}}, want: "c1Bc9 c2Ac3 c3C- c4D- c9Nc4"},
	} {
		for database, b := range map[string]*bench{
			"SQLite":     setupFor(t, towing),
			"PostgreSQL": setupPostgres(t, strings.Replace(towing, "unique: true, references", "references", 1)), // which can't be unique there
		} {
			b.exec(`CREATE TABLE cars (id `+map[string]string{"SQLite": "integer", "PostgreSQL": "serial"}[database]+` PRIMARY KEY, code varchar(20) NOT NULL UNIQUE,
				plate varchar(20) NOT NULL UNIQUE, tows_id integer REFERENCES cars (id))`,
				`INSERT INTO cars (code, plate) VALUES ('c1', 'A'), ('c2', 'B'), ('c3', 'C'), ('c4', 'D')`,
				`UPDATE cars SET tows_id = id + 2 WHERE id <= 2`)
			task, _ := b.run(sheetsOf(t, map[string][][]any{"Cars": append([][]any{{"Code", "Plate", "Tows"}}, test.rows...)}), upsert)
			b.wantIssues(task.Import.ID)
			got := strings.Join(b.rows(`SELECT c.code || c.plate || coalesce(t.code, '-') FROM cars c LEFT JOIN cars t ON t.id = c.tows_id ORDER BY c.code`), " ")
			if got != test.want {
				t.Errorf("%s, on %s: the cars are %s, want %s", name, database, got, test.want)
			}
		}
	}
}

func TestThousandsOfRowsExchangeUniqueValues(t *testing.T) {
	const n = 5000
	b := setupFor(t, exchangeSchema)
	var before, shifted, pairs [][]any
	for i := range n {
		id, at := fmt.Sprint("car-", i), func(i int) any { return fmt.Sprint("P", (i+n)%n) }
		before = append(before, []any{id, at(i), i})
		shifted = append(shifted, []any{id, at(i + 1), (i + n - 1) % n})
		pairs = append(pairs, []any{id, at((i + 1) ^ 1), (i + n - 1) % n})
	}
	b.run(garage(t, before, nil), upsert)
	for _, after := range [][][]any{shifted, pairs, before} {
		task, summary := b.run(garage(t, after, nil), upsert)
		b.wantIssues(task.Import.ID)
		if summary.Totals.Updated == 0 || summary.Totals.Updated+summary.Totals.Unchanged != n {
			t.Errorf("got %+v", summary.Totals)
		}
		for _, i := range []int{0, 1, n / 2, n - 1} {
			want := fmt.Sprint(after[i]...)
			if got := b.query(`SELECT id || ' ' || plate || ' ' || slot FROM cars WHERE id = ?`, after[i][0]); got != fmt.Sprintf("%v %v %v", after[i]...) {
				t.Errorf("got %v, want %v", got, want)
			}
		}
	}
	if n := b.query(`SELECT count(*) FROM cars WHERE plate LIKE 'headway%' OR slot < 0`); n != int64(0) {
		t.Errorf("%v temporary values are left", n)
	}
}

func TestRowThatExistsIsReferredToAsItIs(t *testing.T) {
	b := setupFor(t, exchangeSchema)
	b.run(garage(t, [][]any{{"a", "A", 1}}, [][]any{}), upsert)
	policy := imports.Policy{OnIssues: imports.SkipRows, Mode: imports.InsertOnly}
	task, _ := b.run(garage(t, [][]any{{"a", "NEW", 1}}, [][]any{{"t1", "NEW", 1}, {"t2", "A", 1}}), policy)
	b.wantIssues(task.Import.ID, "Cars!A2 KEY_EXISTS", "Trips!B2 REFERENCE_BLOCKED")
	if got := b.rows(`SELECT id, plate FROM trips`); len(got) != 1 || got[0] != "t2 A" {
		t.Errorf("the trips are %q", got)
	}
}
