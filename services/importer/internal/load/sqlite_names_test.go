package load_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestGeneratedColumnsAreFilledOnSQLite(t *testing.T) {
	existing := map[string][]string{
		"a new table": nil,
		"a table that exists": {`CREATE TABLE people (id TEXT NOT NULL UNIQUE, number INTEGER PRIMARY KEY, label TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
			changed_on TEXT NOT NULL, kind TEXT NOT NULL, active INTEGER NOT NULL CHECK (active), rate TEXT NOT NULL, since TEXT NOT NULL)`},
		"a table that lacks some": {`CREATE TABLE people (id TEXT, number INTEGER PRIMARY KEY, label TEXT, since TEXT NOT NULL)`},
	}
	for name, statements := range existing {
		t.Run(name, func(t *testing.T) {
			b := setupFor(t, generatedSchema)
			b.exec(statements...)
			header := []any{"Number", "Label"}
			b.run(sheetsOf(t, map[string][][]any{"People": {header, {1, "one"}, {2, "two"}}}), upsert)
			if got := fmt.Sprint(b.rows(`SELECT count(DISTINCT id) FROM people WHERE id GLOB '????????-????-4???-[89ab]???-????????????' AND NOT id GLOB '*[^0-9a-f-]*'
				AND created_at > datetime('now', '-1 hour') AND created_at = updated_at AND length(updated_at) = 19 AND changed_on = substr(updated_at, 1, 10)
				AND kind = 'O''Neill' AND active = 1 AND rate = '1.5' AND since = '2024-07-01 10:00:00'`)); got != "[2]" {
				t.Errorf("%s people are right: %q", got, b.rows(`SELECT id, created_at, updated_at, changed_on, kind, active, rate, since FROM people`))
			}
			b.exec(`UPDATE people SET created_at = '2021', updated_at = '2021', kind = 'x'`)
			b.run(sheetsOf(t, map[string][][]any{"People": {header, {1, "uno"}, {2, "two"}}}), upsert)
			if got := strings.Join(b.rows(`SELECT number, label, kind, created_at, updated_at > '2021' FROM people ORDER BY number`), ", "); got != "1 uno x 2021 1, 2 two x 2021 0" {
				t.Errorf("the people are %s", got)
			}
		})
	}
}

func TestSQLiteTablesHaveTheNamesOfTheDatabase(t *testing.T) {
	b := setupFor(t, strings.NewReplacer(`hr."Org Unit"`, `'"Org Unit"'`, `hr."select"`, `'"select"'`, "'unitCode'", "'unit, code'").Replace(namesSchema))
	header := []any{"Number", "Part", "Unit", "Starts", "Ends"}
	sheets := map[string][][]any{
		"Units":  {{"Code", "Title"}, {"a", "One"}, {"b", "Two"}},
		"People": {header, {1, "x", "a", "2024-07-01 12:00", "2024-10-27T02:30:00+01:00"}, {2, "x", "c", nil, nil}},
	}
	task, _ := b.run(sheetsOf(t, sheets), upsert)
	wantSame(t, "issues", b.issues(task.Import.ID), []string{"People!C3 REFERENCE_MISSING"})
	if got := strings.Join(b.rows(`SELECT "Nummer Ä", "group", "unitId", "startsAt", "endsAt" FROM "select" JOIN "Org Unit" ON "unit, code" = "unitId"`), ", "); got != "1 x a 2024-07-01 10:00:00 2024-10-27 01:30:00" {
		t.Errorf("the people are %s", got)
	}
	sheets["Units"] = [][]any{{"Code", "Title"}, {"a", "Two"}, {"b", "One"}}
	if _, again := b.run(sheetsOf(t, sheets), upsert); again.Totals.Unchanged != 1 || again.Totals.Updated != 2 {
		t.Errorf("the second import came to %+v", again.Totals)
	}
}

func TestSQLiteHasNoSchemas(t *testing.T) {
	b := setupFor(t, namesSchema)
	_, err := b.loader.Run(t.Context(), b.task(sheetsOf(t, map[string][][]any{"Units": {{"Code", "Title"}, {"a", "One"}}, "People": {{"Number", "Part", "Unit", "Starts", "Ends"}}}), upsert))
	if err == nil || !strings.Contains(err.Error(), "no schemas") {
		t.Errorf("the error is %v", err)
	}
}
