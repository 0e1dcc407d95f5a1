package importer_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"headway/internal/pgtest"
	"headway/services/importer"
)

// postgresTables are tables as people have them: IDs that the database makes, an enum, moments, an array, a computed column, and
// a table whose rows only an ID identifies.
const postgresTables = `CREATE SCHEMA hr;
	CREATE TYPE hr.contract AS ENUM ('permanent', 'temporary');
	CREATE TABLE hr.departments (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code varchar(8) NOT NULL UNIQUE, title text NOT NULL, parent_id bigint REFERENCES hr.departments);
	CREATE TABLE hr."Employee List" (id uuid PRIMARY KEY, "personnelNo" integer NOT NULL UNIQUE, email text UNIQUE, name varchar(80) NOT NULL, department_id bigint NOT NULL REFERENCES hr.departments,
		"managerId" uuid REFERENCES hr."Employee List", contract hr.contract, salary numeric(9, 2), hired date NOT NULL, last_login timestamptz, active boolean NOT NULL DEFAULT true,
		tags text[], initials text GENERATED ALWAYS AS (left(name, 1)) STORED, "createdAt" timestamptz NOT NULL DEFAULT now(), "updatedAt" timestamp NOT NULL);
	CREATE TABLE hr.assignments (employee uuid NOT NULL REFERENCES hr."Employee List", plate text NOT NULL, since date, PRIMARY KEY (employee, plate));
	CREATE TABLE hr.notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text);
	CREATE TABLE shapes (name text PRIMARY KEY, outline polygon NOT NULL);
	CREATE TABLE letters (id serial PRIMARY KEY, body text);
	CREATE TABLE schema_migrations (version text PRIMARY KEY);
	INSERT INTO hr.departments (code, title) VALUES ('IT', 'Computers');`

func TestSchemaForTablesOfPostgreSQL(t *testing.T) {
	name := fmt.Sprint("infer_", databases.Add(1))
	url := pgtest.Shared(t).Database(t, name)
	if out, err := pgtest.Shared(t).SQL(name, postgresTables); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wantGuess(t, inferTables(t, url, "staff"), "postgres.yaml")
}

func TestOddTablesOfPostgreSQLAreInferred(t *testing.T) {
	name := fmt.Sprint("infer_", databases.Add(1))
	url := pgtest.Shared(t).Database(t, name)
	if out, err := pgtest.Shared(t).SQL(name, `CREATE TABLE items (order_no integer NOT NULL, "group" text NOT NULL, line_no integer NOT NULL, headway_mark text, PRIMARY KEY (order_no, "group", line_no));
		CREATE TABLE notes (id bigserial PRIMARY KEY, notable_type text NOT NULL, notable_id uuid NOT NULL, position integer NOT NULL, body text, UNIQUE (notable_type, notable_id, position));
		CREATE TABLE sqlite_copies (id integer PRIMARY KEY);
		CREATE TABLE "Aufträge" ("größe_in_cm" integer PRIMARY KEY, "Größe in cm" text, "Straße" text, "Élan" text NOT NULL DEFAULT '');
		CREATE TABLE history (code text PRIMARY KEY);
		CREATE TABLE socialaccount_socialapplication_sites (code text PRIMARY KEY);
		CREATE TABLE socialaccount_socialapplication_sizes (code text PRIMARY KEY);
		CREATE TABLE marks (code text PRIMARY KEY, headway_mark text NOT NULL)`); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := inferTables(t, url, "odd")
	for _, want := range []string{"key: [order_no, group, line_no]", `# The column "headway_mark" is left out: names that begin with "headway_" are reserved`, "key: [notable_type, notable_id, position]",
		"# The table sqlite_copies is left out: names that begin", `title: "Aufträge"`, `title: "Größe in cm", column: "größe_in_cm", type: integer, required: true}`, `title: "Straße", column: "Straße", type: text}`,
		`title: "Élan", column: "Élan", type: text}`, `title: History table`, `title: Socialaccount socialapplication`, `title: Socialaccount socialapplicati 2`, `# The table marks is left out: its column "headway_mark" must not be empty`} {
		if !strings.Contains(got, want) {
			t.Errorf("the schema lacks %s:\n%s", want, got)
		}
	}
}

// inferTables returns the schema for the tables of a database. It checks that the tables need no change for it.
func inferTables(t *testing.T, records, name string, tables ...string) string {
	t.Helper()
	guess, err := importer.InferSchema(t.Context(), []string{records}, importer.InferOptions{Name: name, Tables: tables})
	if err != nil {
		t.Fatal(err)
	}
	var yaml bytes.Buffer
	if err := guess.WriteYAML(&yaml); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), name+".yaml")
	if err := os.WriteFile(file, yaml.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	plan, err := importer.PlanSchema(t.Context(), importer.TargetSettings{Records: records}, file)
	if err != nil {
		t.Fatalf("%v\n%s", err, &yaml)
	}
	defer plan.Close()
	var changes strings.Builder
	if err := plan.Write(&changes); err != nil {
		t.Fatal(err)
	}
	// Headway's own tables may be missing.
	if plan.Changes() > 1 || plan.Changes() == 1 && !strings.HasPrefix(changes.String(), "create headway_imports, headway_tables:") {
		t.Errorf("the tables need changes for their own schema:\n%s\n%s", &changes, &yaml)
	}
	return yaml.String()
}

func wantGuess(t *testing.T, got, file string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", "infer", file))
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the schema is\n%s", got)
	}
}

// sqliteTables are the same on SQLite, whose types are words.
const sqliteTables = `CREATE TABLE departments (id INTEGER PRIMARY KEY, code VARCHAR(8) NOT NULL UNIQUE, title TEXT NOT NULL);
	CREATE TABLE Employees (id INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER NOT NULL UNIQUE, login TEXT COLLATE NOCASE UNIQUE, departmentId INTEGER NOT NULL REFERENCES Departments (ID),
		salary DECIMAL(10, 2), rating REAL, hired DATE NOT NULL, seen DATETIME, active BOOLEAN NOT NULL DEFAULT 1, photo BLOB, initials TEXT GENERATED ALWAYS AS (substr(login, 1, 1)));
	CREATE TABLE pairs (a INTEGER NOT NULL REFERENCES employees, b TEXT NOT NULL, PRIMARY KEY (a, b)) WITHOUT ROWID;
	INSERT INTO departments (code, title) VALUES ('IT', 'Computers')`

func TestSchemaForTablesOfSQLite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "staff.db")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(sqliteTables); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := importer.InferSchema(t.Context(), []string{file}, importer.InferOptions{}); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed (%v)", err)
	}
	wantGuess(t, inferTables(t, file, "staff"), "sqlite.yaml")
}

// TestTablesWithSpacesAreChosen chooses tables by patterns with the name as it is, and as SQL has it.
func TestTablesWithSpacesAreChosen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "staff.db")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE "Sales Dept. 2025" (code TEXT PRIMARY KEY); CREATE TABLE cars (plate TEXT PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"Sales Dept.*", `"Sales Dept. 2025"`, `"Sales Dept.*"`, "*Dept*"} {
		guess, err := importer.InferSchema(t.Context(), []string{file}, importer.InferOptions{Tables: []string{pattern}})
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		var yaml strings.Builder
		if err := guess.WriteYAML(&yaml); err != nil {
			t.Fatal(err)
		}
		if text := yaml.String(); !strings.Contains(text, "Sales Dept. 2025") || strings.Contains(text, "plate") {
			t.Errorf("%s chooses other tables: %s", pattern, text)
		}
	}
}

func TestInferRefusesUnreadableSources(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.db")
	db, err := sql.Open("sqlite", empty)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE django_migrations (id INTEGER PRIMARY KEY); CREATE TABLE cars (plate TEXT PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		sources, tables []string
		want            string
	}{
		"two databases":      {[]string{empty, empty}, nil, "has to be the only argument"},
		"no such table":      {[]string{empty}, []string{"lorries"}, "no tables that can be imported into"},
		"a pattern":          {[]string{empty}, []string{"[a"}, "is not a pattern"},
		"tables of a file":   {[]string{"infer_tables_test.go"}, []string{"cars"}, "--tables chooses tables of a database"},
		"a missing file":     {[]string{filepath.Join(t.TempDir(), "none.db")}, nil, "no such file"},
		"a stopped database": {[]string{"postgres://127.0.0.1:1/none"}, nil, "connect to the target database"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := importer.InferSchema(t.Context(), c.sources, importer.InferOptions{Tables: c.tables})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want %q", err, c.want)
			}
		})
	}
	if got := inferTables(t, empty, "fleet"); !strings.Contains(got, "key: plate") || strings.Contains(got, "django") {
		t.Errorf("the schema is\n%s", got)
	}
	if got := inferTables(t, empty, "fleet", "c*"); !strings.Contains(got, "key: plate") {
		t.Errorf("the schema is\n%s", got)
	}
}
