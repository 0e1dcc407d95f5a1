package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"headway/internal/pgtest"
)

// TestInferredSchemaImportsItsFile infers a schema with the command line, and imports the same file with it.
func TestInferredSchemaImportsItsFile(t *testing.T) {
	folder, files := t.TempDir(), t.TempDir()
	s := start(t, "--schemas-dir", folder)
	if err := os.WriteFile(filepath.Join(files, "Drivers.csv"), []byte("Plate;Owner;Bought on\nA-1;Ann;2024-01-02\nB-2;Ben;2023-05-06\nC-3;;2022-07-08\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"fleet": filepath.Join(files, "Drivers.csv")} {
		written := filepath.Join(folder, name+".yaml")
		if _, stderr, code := s.command("schema", "infer", "--name", name, "-o", written, file); code != 0 || stderr != "" {
			t.Fatalf("infer %s: exit code %d\n%s", name, code, stderr)
		}
		again, stderr, code := s.command("schema", "infer", "--name", name, file)
		if data, err := os.ReadFile(written); code != 0 || err != nil || again != string(data) {
			t.Errorf("%s on standard output differs from its file: exit code %d, %v\n%s", name, code, err, stderr)
		}
		// The server reads the folder every few seconds.
		token := s.token("user")
		eventually(t, "the schema "+name+" is loaded", func() error {
			_, answer := s.rest(token, "GET", "/api/v1/schemas", nil)
			if !strings.Contains(fmt.Sprint(answer), "name:"+name+" ") {
				return fmt.Errorf("the schemas are %v", answer)
			}
			return nil
		})
		if _, stderr, code := s.command("import", "--schema", name, file); code != 0 {
			data, _ := os.ReadFile(written)
			t.Errorf("import of %s: exit code %d\n%s\n%s", name, code, stderr, data)
		}
	}
	stdout, stderr, code := s.command("schema", "infer", filepath.Join(folder, "none.csv"))
	if code != 2 || stdout != "" || !strings.Contains(stderr, "none.csv") {
		t.Errorf("a missing file: exit code %d\n%s%s", code, stdout, stderr)
	}
}

// writeText writes a file, and returns its path.
func writeText(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSchemaCommandsCheckAndDescribe runs `schema check` and `schema docs` on valid and invalid files.
func TestSchemaCommandsCheckAndDescribe(t *testing.T) {
	s := start(t)
	folder := t.TempDir()
	write := func(name, text string) string { return writeText(t, filepath.Join(folder, name), text) }
	valid := write("fleet.yaml", "name: fleet\nsheets:\n  - name: cars\n    key: plate\n    columns:\n      - {name: plate, type: text, required: true}\n")
	if stdout, stderr, code := s.command("schema", "check", folder); code != 0 || stdout != "1 schema is valid.\n" {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	page := filepath.Join(folder, "page.html")
	if _, stderr, code := s.command("schema", "docs", valid, "-o", page); code != 0 {
		t.Errorf("docs: exit code %d\n%s", code, stderr)
	}
	if data, err := os.ReadFile(page); err != nil || !strings.Contains(string(data), `<tr id="cars.plate">`) {
		t.Errorf("the page is %s (%v)", data, err)
	}
	if stdout, stderr, code := s.command("schema", "docs", "workforce"); code != 0 || !strings.Contains(stdout, "employees") {
		t.Errorf("a built-in schema: exit code %d\n%s", code, stderr)
	}
	invalid := write("bad.yaml", "name: bad\nsheets:\n  - name: cars\n    key: number\n    colums: []\n")
	_, stderr, code := s.command("schema", "check", valid, invalid)
	if code != 2 || !strings.Contains(stderr, invalid+`:4: the key of sheet "cars"`) || !strings.Contains(stderr, invalid+`:5: "colums"`) {
		t.Errorf("an invalid file: exit code %d\n%s", code, stderr)
	}
	if _, stderr, code := s.command("schema", "docs", invalid); code != 2 || !strings.Contains(stderr, "bad.yaml:4") {
		t.Errorf("docs of an invalid file: exit code %d\n%s", code, stderr)
	}
}

// TestSchemaMigrateChangesTables shows and makes the changes of a schema with the command line, on both databases.
func TestSchemaMigrateChangesTables(t *testing.T) {
	s := start(t)
	folder := t.TempDir()
	write := func(name, text string) string { return writeText(t, filepath.Join(folder, name), text) }
	const columns = "name: fleet\nsheets:\n  - name: cars\n    key: plate\n    columns:\n      - {name: plate, type: text, required: true}\n"
	for name, database := range map[string]string{"file": filepath.Join(folder, "x.db"), "url": pgtest.Shared(t).Database(t, "schema_migrate")} {
		t.Run(name, func(t *testing.T) {
			schema := write("fleet.yaml", columns+"      - {name: seats, type: text}\n")
			command := func(code int, want string, arguments ...string) {
				t.Helper()
				stdout, stderr, got := s.command(append([]string{"schema"}, append(arguments, "--records", database, schema)...)...)
				if got != code || !strings.Contains(stdout+stderr, want) {
					t.Errorf("%v: exit code %d, want %d and %q\n%s%s", arguments, got, code, want, stdout, stderr)
				}
			}
			command(1, `CREATE TABLE "cars"`, "diff")
			command(2, "--yes", "migrate")
			command(1, `CREATE TABLE "cars"`, "diff")
			command(0, "Made ", "migrate", "--yes")
			command(0, "up to date", "diff")
			write("fleet.yaml", columns+"      - {name: places, type: integer, renamed_from: seats}\n")
			command(1, "migrate cars: rename the column seats to places", "diff")
			command(0, "Made 2 changes.", "migrate", "--yes")
			command(0, "up to date", "migrate")
		})
	}
	_, stderr, code := s.command("schema", "diff", "--records", "mysql://localhost/x", "workforce")
	if code != 2 || !strings.Contains(stderr, `"mysql"`) {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}
