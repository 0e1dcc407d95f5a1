package schema

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"headway/schemas"
)

func small(name, title string) string {
	return "name: " + name + "\ntitle: " + title + "\nsheets:\n  - {name: rows, key: id, columns: [{name: id, type: text, required: true}]}\n"
}

type folder struct {
	t   *testing.T
	dir string
}

func (f folder) write(file, content string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, file), []byte(content), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f folder) remove(file string) {
	f.t.Helper()
	if err := os.Remove(filepath.Join(f.dir, file)); err != nil {
		f.t.Fatal(err)
	}
}

func registry(t *testing.T, f folder, log *strings.Builder) *Registry {
	t.Helper()
	r, err := NewRegistry(RegistryConfig{BuiltIn: schemas.Files, Folder: f.dir, Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func schemaNames(r *Registry) string {
	var list []string
	for _, s := range r.List() {
		list = append(list, s.Name)
	}
	return strings.Join(list, " ")
}

func TestFolderIsReadAgainWithoutRestart(t *testing.T) {
	f := folder{t, t.TempDir()}
	synctest.Test(t, func(t *testing.T) {
		f.write("fleet.yaml", small("fleet", "One"))
		f.write("notes.txt", "no schema")
		f.write(".fleet.yaml.swp.yaml", "an editor's own")
		r := registry(t, f, &strings.Builder{})
		if got := schemaNames(r); got != "fleet workforce" {
			t.Fatalf("the schemas are %q", got)
		}
		f.write("fleet.yaml", small("fleet", "Two"))
		f.write("assets.yml", small("assets", "Assets"))
		if s, _ := r.Get("fleet"); s.Title != "One" {
			t.Error("the folder is read again immediately")
		}
		time.Sleep(2 * time.Second)
		if s, err := r.Get("fleet"); err != nil || s.Title != "Two" {
			t.Errorf("the changed schema is %v, %v", s, err)
		}
		f.remove("fleet.yaml")
		time.Sleep(2 * time.Second)
		if got := schemaNames(r); got != "assets workforce" {
			t.Errorf("the schemas are %q", got)
		}
		if _, err := r.Get("fleet"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "assets, workforce") {
			t.Errorf("a schema that is gone gives %v", err)
		}
	})
}

func TestInvalidFileKeepsLastValidSchema(t *testing.T) {
	f := folder{t, t.TempDir()}
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		f.write("fleet.yaml", small("fleet", "Good"))
		f.write("new.yaml", "name: new\n")
		r := registry(t, f, &log)
		f.write("fleet.yaml", strings.Replace(small("fleet", "Bad"), "type: text", "type: txt", 1))
		for range 3 {
			time.Sleep(2 * time.Second)
			if s, err := r.Get("fleet"); err != nil || s.Title != "Good" {
				t.Fatalf("the schema is %v, %v", s, err)
			}
		}
		problems := r.Problems()
		if len(problems) != 2 || !strings.HasPrefix(problems[0].Error(), "fleet.yaml:4: ") || !strings.HasPrefix(problems[1].Error(), "new.yaml:1: ") {
			t.Errorf("the problems are %v", problems)
		}
		if n := strings.Count(log.String(), "file=fleet.yaml"); n != 1 {
			t.Errorf("the problem is logged %d times:\n%s", n, &log)
		}
		f.write("fleet.yaml", small("fleet", "Fixed"))
		f.remove("new.yaml")
		time.Sleep(2 * time.Second)
		if s, _ := r.Get("fleet"); s.Title != "Fixed" || len(r.Problems()) != 0 {
			t.Errorf("after the fix, the schema is %q and the problems are %v", s.Title, r.Problems())
		}
	})
}

func TestNameBelongsToOneSchema(t *testing.T) {
	f := folder{t, t.TempDir()}
	f.write("a.yaml", small("fleet", "First"))
	f.write("b.yaml", small("fleet", "Second"))
	f.write("c.yaml", small("workforce", "Mine"))
	r := registry(t, f, &strings.Builder{})
	if s, _ := r.Get("fleet"); s.Title != "First" {
		t.Errorf("fleet is %q", s.Title)
	}
	if s, _ := r.Get("workforce"); s.Title != "Workforce" {
		t.Errorf("workforce is %q", s.Title)
	}
	problems := r.Problems()
	if len(problems) != 2 {
		t.Fatalf("the problems are %v", problems)
	}
	for i, want := range []string{"a.yaml", "built-in"} {
		var problem *Problem
		if !errors.As(problems[i], &problem) || problem.Code != NameTaken || problem.Line != 1 || !strings.Contains(problem.Message, want) {
			t.Errorf("problem %d is %v", i, problems[i])
		}
	}
}

func TestRejectedSchemaSaysWhy(t *testing.T) {
	f := folder{t, t.TempDir()}
	f.write("a.yaml", small("fleet", "First"))
	f.write("b.yaml", strings.Replace(small("ships", "Second"), "text", "integer", 1)) // the same table, with another type
	f.write("cars.yaml", "name: [")
	r := registry(t, f, &strings.Builder{})
	for name, want := range map[string]string{"ships": "b.yaml:", "cars": "cars.yaml:"} {
		_, err := r.Get(name)
		var rejected *RejectedError
		if !errors.As(err, &rejected) || !errors.Is(err, ErrNotFound) || rejected.Name != name || !strings.Contains(rejected.Cause.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Get("boats"); errors.As(err, new(*RejectedError)) {
		t.Errorf("without a file: %v", err)
	}
}

func TestMissingFolderKeepsSchemas(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "schemas")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f := folder{t, dir}
	synctest.Test(t, func(t *testing.T) {
		f.write("fleet.yaml", small("fleet", "Fleet"))
		r := registry(t, f, &strings.Builder{})
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if got := schemaNames(r); got != "fleet workforce" || len(r.Problems()) != 1 {
			t.Errorf("the schemas are %q, the problems %v", got, r.Problems())
		}
	})
	if _, err := NewRegistry(RegistryConfig{Folder: dir}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there at the start gives %v", err)
	}
}

func TestInvalidBuiltInSchemaIsError(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"broken": {"x.yaml": {Data: []byte("name: x\n")}},
		"twice":  {"x.yaml": {Data: []byte(small("x", "X"))}, "y.yaml": {Data: []byte(small("x", "Y"))}},
	} {
		if _, err := NewRegistry(RegistryConfig{BuiltIn: files}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestRegistryIsSafeForConcurrentUse(t *testing.T) {
	f := folder{t, t.TempDir()}
	f.write("fleet.yaml", small("fleet", "Fleet"))
	r, err := NewRegistry(RegistryConfig{BuiltIn: schemas.Files, Folder: f.dir, CheckEvery: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				if _, err := r.Get("fleet"); err != nil {
					t.Error(err)
				}
				r.List()
			}
		})
	}
	all.Wait()
}

// shared returns a schema of one sheet that fills the table people.
func shared(name, columns string) string {
	return "name: " + name + "\nsheets:\n  - name: staff\n    table: people\n    key: id\n    columns:\n      - {name: id, type: text, required: true}\n" + columns
}

func TestSchemasCannotHarmSharedTable(t *testing.T) {
	mail := "      - {name: mail, type: text, unique: true}\n"
	for name, test := range map[string]struct {
		first, second string
		want          string // a text that the problem must contain; can be empty
	}{
		"the same table":            {shared("a", mail), shared("b", mail), ""},
		"an optional column":        {shared("a", mail), shared("b", mail+"      - {name: phone, type: phone}\n"), ""},
		"another type":              {shared("a", mail), shared("b", "      - {name: mail, type: integer, unique: true}\n"), "mail"},
		"not unique":                {shared("a", mail), shared("b", "      - {name: mail, type: text}\n"), "mail"},
		"without the unique column": {shared("a", mail), shared("b", ""), "mail"},
		"another required column":   {shared("a", mail), shared("b", mail+"      - {name: born_on, type: date, required: true}\n"), "born_on"},
		"required in one":           {shared("a", mail), shared("b", "      - {name: mail, type: text, unique: true, required: true}\n"), "mail"},
		"another key":               {shared("a", mail), strings.Replace(shared("b", mail+"      - {name: code, type: text, required: true}\n"), "key: id", "key: code", 1), "key"},
		"another reference":         {shared("a", mail), shared("b", mail+"      - {name: boss, type: text, references: staff.id}\n"), ""},
		"a reference elsewhere": {shared("a", mail+"      - {name: boss, type: text, references: staff.id}\n"),
			shared("b", mail+"      - {name: boss, type: text, references: others.id}\n") + "  - {name: others, key: id, columns: [{name: id, type: text, required: true}]}\n", "boss"},
	} {
		t.Run(name, func(t *testing.T) {
			f := folder{t, t.TempDir()}
			f.write("1.yaml", test.first)
			f.write("2.yaml", test.second)
			r := registry(t, f, &strings.Builder{})
			problems := r.Problems()
			if test.want == "" {
				if len(problems) != 0 || schemaNames(r) != "a b workforce" {
					t.Errorf("the problems are %v", problems)
				}
				return
			}
			var problem *Problem
			if len(problems) != 1 || !errors.As(problems[0], &problem) || problem.Code != TableTaken || problem.Line != 4 ||
				!strings.Contains(problem.Message, test.want) || !strings.Contains(problem.Message, "1.yaml") {
				t.Fatalf("the problems are %v", problems)
			}
			if _, err := r.Get("b"); !errors.Is(err, ErrNotFound) {
				t.Errorf("the second schema can be used: %v", err)
			}
		})
	}
}

func TestSchemasOfDifferentDatabasesShareNoTable(t *testing.T) {
	f := folder{t, t.TempDir()}
	f.write("1.yaml", shared("a", ""))
	f.write("2.yaml", strings.Replace(shared("b", "      - {name: code, type: text, required: true}\n"), "key: id", "key: code", 1))
	f.write("3.yaml", strings.Replace(shared("c", "      - {name: code, type: text, required: true}\n"), "key: id", "key: code", 1))
	databases := map[string]string{"a": "one", "b": "two", "c": "one"}
	r, err := NewRegistry(RegistryConfig{BuiltIn: schemas.Files, Folder: f.dir, Database: func(schema string) string { return databases[schema] }})
	if err != nil {
		t.Fatal(err)
	}
	if got := schemaNames(r); got != "a b workforce" {
		t.Errorf("the schemas are %q", got)
	}
}

// TestBuiltInSchemaYieldsItsTables has a file for a table that a database already has, with a common name.
func TestBuiltInSchemaYieldsItsTables(t *testing.T) {
	f := folder{t, t.TempDir()}
	f.write("1.yaml", strings.Replace(shared("mine", ""), "table: people", "table: employees", 1))
	log := &strings.Builder{}
	synctest.Test(t, func(t *testing.T) {
		r := registry(t, f, log)
		if got := schemaNames(r); got != "mine" || len(r.Problems()) != 0 {
			t.Errorf("the schemas are %q, the problems %v", got, r.Problems())
		}
		time.Sleep(2 * time.Second)
		if _, err := r.Get("workforce"); !errors.Is(err, ErrNotFound) {
			t.Errorf("the built-in schema can be used: %v", err)
		}
		if n := strings.Count(log.String(), "built-in schema left out"); n != 1 {
			t.Errorf("the log says %d times that the schema is left out", n)
		}
		f.write("1.yaml", shared("mine", ""))
		time.Sleep(2 * time.Second)
		if got := schemaNames(r); got != "mine workforce" {
			t.Errorf("with another table, the schemas are %q", got)
		}
	})
}

func TestLastGoodSchemaYieldsSharedTable(t *testing.T) {
	f := folder{t, t.TempDir()}
	synctest.Test(t, func(t *testing.T) {
		f.write("2.yaml", shared("b", ""))
		r := registry(t, f, &strings.Builder{})
		if got := schemaNames(r); got != "b workforce" {
			t.Fatalf("the schemas are %q", got)
		}
		// The new file comes first, so it owns the table.
		f.write("1.yaml", shared("a", "      - {name: mail, type: text, unique: true}\n"))
		time.Sleep(2 * time.Second)
		if got := schemaNames(r); got != "a workforce" || len(r.Problems()) != 1 {
			t.Errorf("the schemas are %q, the problems %v", got, r.Problems())
		}
	})
}
