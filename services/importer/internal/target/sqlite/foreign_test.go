package sqlite_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	targetsqlite "headway/services/importer/internal/target/sqlite"
)

// shop has items that belong to shelves.
func shop() *schema.Schema {
	code := &schema.Column{Name: "code", Type: schema.Text, Required: true}
	return &schema.Schema{Name: "shop", Sheets: []*schema.Sheet{
		{Name: "shelves", Table: "shelves", Key: []string{"code"}, Columns: []*schema.Column{code, {Name: "label", Type: schema.Text, Unique: true}}},
		{Name: "items", Table: "items", Key: []string{"code"}, Columns: []*schema.Column{code,
			{Name: "shelf", Type: schema.Text, References: &schema.Reference{Sheet: "shelves", Column: "code"}}}},
	}}
}

// write writes rows of texts to a sheet's table, after the test has changed the database with plain SQL.
func write(t *testing.T, sc *schema.Schema, sheet string, before []string, rows ...[]string) error {
	t.Helper()
	return writeTo(t, filepath.Join(t.TempDir(), "records.db"), sc, sheet, before, rows...)
}

func writeTo(t *testing.T, path string, sc *schema.Schema, sheet string, before []string, rows ...[]string) error {
	t.Helper()
	target, err := targetsqlite.Open(t.Context(), path, targetsqlite.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range before {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	tx, err := target.Begin(t.Context(), imports.Run{ImportID: "a", Number: 1, Schema: sc}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	var table imports.Table
	for _, s := range sc.Sheets {
		opened, err := tx.Table(t.Context(), sc, s, s.Columns)
		if err != nil {
			t.Fatal(err)
		}
		if s.Name == sheet {
			table = opened
		}
	}
	var values [][]imports.Value
	for _, row := range rows {
		var cells []imports.Value
		for _, text := range row {
			cells = append(cells, imports.Value{Kind: imports.Text, Bytes: []byte(text)})
		}
		values = append(values, cells)
	}
	if err := save(t, table, values); err != nil {
		return err
	}
	return tx.Commit(t.Context(), nil)
}

const (
	shelves = `CREATE TABLE shelves (code TEXT PRIMARY KEY, label TEXT UNIQUE) STRICT`
	oneRow  = `INSERT INTO shelves VALUES ('s1', 'left')`
)

func TestUndeclaredForeignKeysAreChecked(t *testing.T) {
	foreignColumn := shop()
	foreignColumn.Sheets[1].Columns[1].References.Column = "label"
	for name, c := range map[string]struct {
		schema *schema.Schema
		before []string
		sheet  string
		row    []string
	}{
		"of the run's table": {shop(), []string{`CREATE TABLE rooms (code TEXT PRIMARY KEY)`,
			`CREATE TABLE items (code TEXT PRIMARY KEY, shelf TEXT REFERENCES rooms (code)) STRICT`}, "items", []string{"i1", "s1"}},
		"to a value of the run's table that may change": {shop(), []string{shelves, oneRow,
			`CREATE TABLE signs (label TEXT REFERENCES shelves (label))`, `INSERT INTO signs VALUES ('left')`}, "shelves", []string{"s1", "right"}},
		"of the schema, to a value that may change": {foreignColumn, []string{shelves, oneRow,
			`CREATE TABLE items (code TEXT PRIMARY KEY, shelf TEXT REFERENCES shelves (label)) STRICT`, `INSERT INTO items VALUES ('i1', 'left')`},
			"shelves", []string{"s1", "right"}},
	} {
		t.Run(name, func(t *testing.T) {
			var conflict *imports.TableConflictError
			if err := write(t, c.schema, c.sheet, c.before, c.row); !errors.As(err, &conflict) {
				t.Errorf("got %v; want the row refused", err)
			}
		})
	}
}

// TestNewTablesHaveUniqueIndexes checks that a table that an import has created refuses what other programs write.
func TestNewTablesHaveUniqueIndexes(t *testing.T) {
	sc := shop()
	sc.Sheets[1].Columns[1].References.Column = "label"
	path := filepath.Join(t.TempDir(), "records.db")
	if err := writeTo(t, path, sc, "shelves", nil, []string{"s1", "left"}, []string{"s2", "right"}); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for statement, allowed := range map[string]bool{
		`INSERT INTO shelves VALUES ('s3', 'left')`: false,
		`INSERT INTO shelves VALUES ('s3', 'top')`:  true,
		// The index is also that of the foreign key.
		`PRAGMA foreign_keys = ON; INSERT INTO items VALUES ('i1', 'right')`:    true,
		`PRAGMA foreign_keys = ON; INSERT INTO items VALUES ('i2', 'anywhere')`: false,
	} {
		if _, err := db.ExecContext(t.Context(), statement); (err == nil) != allowed {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func TestReferencesOfSchemaAreCheckedOnce(t *testing.T) {
	// The run has checked it. This reference to a missing row shows that SQLite does not check it again.
	err := write(t, shop(), "items", []string{shelves, oneRow, `CREATE TABLE signs (shelf TEXT REFERENCES shelves (code))`}, []string{"i1", "nowhere"})
	if err != nil {
		t.Error(err)
	}
}

func TestMigrationKeepsTablesOfOtherPrograms(t *testing.T) {
	for name, items := range map[string]string{
		"references to IDs": `CREATE TABLE items (code TEXT NOT NULL PRIMARY KEY, shelf INTEGER REFERENCES shelves (id), spare TEXT) STRICT`,
		"unique columns":    `CREATE TABLE items (code TEXT NOT NULL PRIMARY KEY, shelf TEXT REFERENCES shelves (code), spare TEXT, UNIQUE (shelf, spare)) STRICT`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "records.db")
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			for _, statement := range []string{`CREATE TABLE shelves (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, label TEXT UNIQUE) STRICT`, items} {
				if _, err := db.ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
			target, err := targetsqlite.Open(t.Context(), path, targetsqlite.DefaultOptions())
			if err != nil {
				t.Fatal(err)
			}
			defer target.Close()
			sc := shop()
			sc.Sheets[1].Columns = append(sc.Sheets[1].Columns, &schema.Column{Name: "spare", Type: schema.Text, References: &schema.Reference{Sheet: "shelves", Column: "code"}})
			plan, err := target.Plan(t.Context(), sc)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range plan {
				if c.Table == "items" {
					t.Errorf("the plan has %v", c)
				}
			}
		})
	}
}

// TestBlockedMigrationDescribesTheRows has rows that don't fit the new type, rule, and key of their columns.
func TestBlockedMigrationDescribesTheRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{`CREATE TABLE shelves (code TEXT NOT NULL PRIMARY KEY, label TEXT, height TEXT) STRICT`,
		`INSERT INTO shelves VALUES ('s1', 'left', '12'), ('s2', 'left', '13.5'), ('s3', NULL, 'high')`} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	target, err := targetsqlite.Open(t.Context(), path, targetsqlite.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	plan, err := target.Plan(t.Context(), &schema.Schema{Name: "shop", Sheets: []*schema.Sheet{{Name: "shelves", Table: "shelves", Key: []string{"label"}, Columns: []*schema.Column{
		{Name: "code", Type: schema.Text}, {Name: "label", Type: schema.Text, Required: true}, {Name: "height", Type: schema.Integer}}}}})
	if err != nil || len(plan) == 0 {
		t.Fatal(plan, err)
	}
	detail := plan[len(plan)-1].Detail
	for _, want := range []string{`rows without label: 1`, `values of label in several rows: 1, such as "left"`, `rows whose height is not a whole number: 2, such as "13.5"`} {
		if !strings.Contains(detail, want) {
			t.Errorf("%q does not say: %s", detail, want)
		}
	}
}
