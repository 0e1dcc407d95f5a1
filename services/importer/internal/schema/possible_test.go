package schema

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// problemsOf returns the problems of a schema as texts.
func problemsOf(t *testing.T, file, text string) string {
	t.Helper()
	_, err := Load(file, []byte(text))
	var problems Problems
	if err != nil && !errors.As(err, &problems) {
		t.Fatal(err)
	}
	return problems.Error()
}

const parentsAndChildren = `name: family
sheets:
  - name: parents
    key: code
    columns:
      - {name: code, type: text, required: true, PARENT}
  - name: children
    key: name
    columns:
      - {name: name, type: text, required: true}
      - {name: parent, type: text, references: parents.code, CHILD}
`

func TestContradictionsAreProblems(t *testing.T) {
	for name, c := range map[string]struct{ parent, child, want string }{
		"a value that is too long":            {"allowed: [ab, abc], max_length: 2", "aliases: [x]", `family.yaml:6: the allowed value "abc" can never be valid`},
		"a value that is too short":           {"allowed: [a, abc], min_length: 2", "aliases: [x]", `the allowed value "a" can never be valid`},
		"a value without the form":            {"allowed: [A1, b2], pattern: '[A-Z][0-9]'", "aliases: [x]", `the allowed value "b2" can never be valid`},
		"references that are too long":        {"max_length: 3", "min_length: 4", "family.yaml:11: no value of \"parent\" can be one of parents.code"},
		"references that are too short":       {"min_length: 4", "max_length: 3", "no value of \"parent\" can be one of parents.code"},
		"references without a common value":   {"allowed: [a, b]", "allowed: [c]", "the two have no allowed value in common"},
		"the longer of two possible matches":  {"allowed: [ab], pattern: 'a|ab'", "aliases: [x]", ""},
		"values that differ in case only":     {"allowed: [a, b]", "allowed: [B]", ""},
		"lengths that have a value in common": {"min_length: 2, max_length: 3", "min_length: 3, max_length: 9", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := problemsOf(t, "family.yaml", strings.NewReplacer("PARENT", c.parent, "CHILD", c.child).Replace(parentsAndChildren))
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("the problems are %q, want %q", got, c.want)
			}
		})
	}
}

func TestContradictoryRangesAreProblems(t *testing.T) {
	const ranges = `name: family
sheets:
  - name: parents
    key: code
    columns:
      - {name: code, type: TYPE, required: true, PARENT}
  - name: children
    key: name
    columns:
      - {name: name, type: text, required: true}
      - {name: parent, type: TYPE, references: parents.code, CHILD}
`
	for name, c := range map[string]struct{ kind, parent, child, want string }{
		"numbers below":        {"integer", "min: 10", "max: 9", "max is less than min there"},
		"numbers above":        {"decimal", "max: 1.5", "min: 1.51", "min is more than max there"},
		"dates":                {"date", "min: 2024-02-29", "max: 2024-02-28", "max is less than min there"},
		"moments":              {"datetime", "max: 2024-02-29", "min: 2024-02-29T00:01", "min is more than max there"},
		"an allowed value":     {"integer", "allowed: [3, 11], max: 10", "max: 5", `the allowed value "11" can never be valid`},
		"ranges that touch":    {"integer", "min: 10", "max: 10", ""},
		"only one has a range": {"time", "min: 10:00", "aliases: [x]", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := problemsOf(t, "family.yaml", strings.NewReplacer("TYPE", c.kind, "PARENT", c.parent, "CHILD", c.child).Replace(ranges))
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("the problems are %q, want %q", got, c.want)
			}
		})
	}
}

func TestRequiredReferenceToOwnSheetIsProblem(t *testing.T) {
	got := problemsOf(t, "staff.yaml", `name: staff
sheets:
  - name: people
    key: code
    columns:
      - {name: code, type: text, required: true}
      - {name: manager, type: text, required: true, references: people.code}
`)
	if want := `staff.yaml:7: every row of sheet "people" would need another row as its "manager"`; !strings.Contains(got, want) {
		t.Errorf("the problems are %q, want %q", got, want)
	}
}

// Two cycles, each next to other mistakes.
func TestAllCyclesAreReportedNextToOtherProblems(t *testing.T) {
	got := problemsOf(t, "loops.yaml", `name: loops
sheets:
  - name: a
    key: id
    columns:
      - {name: id, type: integer, required: true}
      - {name: b, type: integer, references: b.id}
  - name: b
    key: id
    columns:
      - {name: id, type: integer, required: true}
      - {name: a, type: integer, references: a.id}
      - {name: c, type: number}
  - name: c
    key: id
    columns:
      - {name: id, type: integer, required: true}
      - {name: d, type: integer, references: d.id}
  - name: d
    key: id
    mandatory: true
    columns:
      - {name: id, type: integer, required: true}
      - {name: c, type: integer, references: c.id}
      - {name: e, type: integer, references: e.id}
`)
	for _, want := range []string{"a → b → a", "c → d → c", `loops.yaml:13: "number" is not a type`, `loops.yaml:21: "mandatory" is not a key`, `loops.yaml:25: e.id does not exist`} {
		if !strings.Contains(got, want) {
			t.Errorf("the problems lack %q:\n%s", want, got)
		}
	}
}

func TestFilesAreCheckedTogether(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"a.yaml": strings.NewReplacer("PARENT", "max_length: 3", "CHILD", "max_length: 3").Replace(parentsAndChildren),
		"b.yaml": strings.Replace(strings.NewReplacer("PARENT", "max_length: 3", "CHILD", "max_length: 3, unique: true").Replace(parentsAndChildren), "family", "clan", 1),
		"c.yaml": "name: built_in\nsheets: []\n",
		".d":     "not a schema",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	builtIn := fstest.MapFS{"one.yaml": {Data: []byte("name: built_in\nsheets: [{name: x, key: id, columns: [{name: id, type: text, required: true}]}]\n")}}
	all, err := LoadFiles(builtIn, []string{folder}, nil)
	if len(all) != 1 || all[0].Name != "family" || err == nil {
		t.Fatalf("the schemas are %v, the problems %v", all, err)
	}
	for _, want := range []string{
		filepath.Join(folder, "b.yaml") + `:7: the table "children" is also filled by the schema "family"`,
		filepath.Join(folder, "c.yaml") + ":2: the schema has no sheets",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the problems lack %q:\n%v", want, err)
		}
	}
	if _, err := LoadFiles(builtIn, []string{t.TempDir()}, nil); err == nil {
		t.Error("an empty folder has no problem")
	}
}
