package importer_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
)

// rowsOf returns all rows of all tables of a target, one per line, except for the list of imports.
func rowsOf(t *testing.T, dir string) []string {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var lines []string
	for _, table := range []string{"areas", "departments", "designations", "employees", "schedules", "drivers", "car_assignments"} {
		lines = appendTable(t, lines, db, table)
	}
	return lines
}

func appendTable(t *testing.T, lines []string, db *sql.DB, table string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT * FROM `+table+` ORDER BY 1, 2`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, pointers := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		pointers[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(pointers...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s %q", table, values))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func equalLines(a, b []string) bool { return difference(a, b) == "" }

// difference returns the first line that differs. It returns nothing if the texts are equal.
func difference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			return fmt.Sprintf("line %d of %d: got %s\nwant (of %d) %s", i, len(got), g, len(want), w)
		}
	}
	return ""
}
