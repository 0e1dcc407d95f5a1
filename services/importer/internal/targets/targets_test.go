package targets_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"headway/internal/pgtest"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/targets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

// write writes a configuration.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "targets.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, text string) *targets.Set {
	t.Helper()
	c, err := targets.Load(write(t, text))
	if err != nil {
		t.Fatal(err)
	}
	set, err := targets.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Error(err)
		}
	})
	return set
}

// shop is a schema with one sheet.
func shop(name string) *schema.Schema {
	return &schema.Schema{Name: name, Sheets: []*schema.Sheet{{Name: "items", Title: "Items", Table: "items", Key: []string{"code"},
		Columns: []*schema.Column{{Name: "code", Title: "Code", Type: schema.Text, Required: true}}}}}
}

// load imports a row with a code, and without any other value.
func load(t *testing.T, set *targets.Set, of *schema.Schema, code string) error {
	t.Helper()
	tx, err := set.Begin(t.Context(), imports.Run{ImportID: "import-" + code, Number: 1, Schema: of}, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}()
	table, err := tx.Table(t.Context(), of, of.Sheets[0], of.Sheets[0].Columns)
	if err != nil {
		return err
	}
	row := make([]imports.Value, len(of.Sheets[0].Columns))
	row[0] = imports.Value{Kind: imports.Text, Bytes: []byte(code)}
	if err := table.Insert(t.Context(), [][]imports.Value{row}); err != nil {
		return err
	}
	return tx.Commit(t.Context(), nil)
}

func TestProblemsOfFileAreReportedTogether(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"empty":       {"", []string{"is empty"}},
		"unknown key": {"targets:\n  a:\n    flie: x.db\n", []string{"line 3", "flie"}},
		"all together": {`targets:
  a: {file: x.db, url: "postgres://h/d"}
  b: {url: "mysql://h/d"}
  c: {file: y.db, password_file: p}
  d: {file: z.db, manage: sometimes}
  e:
default: f
schemas:
  one: {target: g}
  two:
`, []string{"the target a: set either", "the target b: url must begin", "the target c: an SQLite file", `the target d: manage is "sometimes"`, "the target e is empty", `default target "f"`, `the schema one has the target "g"`, "the schema two has no rules"}},
		"the same file": {"targets:\n  a: {file: x.db}\n  b: {file: ./x.db}\n", []string{"targets a and b have the same file"}},
		"no target":     {"targets:\n  a: {file: x.db}\nschemas:\n  one: {users: [ann]}\n", []string{"the schema one has no target"}},
		"a duration":    {"targets:\n  a: {file: x.db, lock_timeout: soon}\n", []string{"line 2", "soon"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := targets.Load(write(t, c.text))
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("the error is %v, want it to have %q", err, want)
				}
			}
		})
	}
}

func TestSchemasUseTheirDatabases(t *testing.T) {
	server, name := pgtest.Shared(t), "targets_1"
	set := open(t, fmt.Sprintf("targets:\n  a: {file: a.db}\n  b: {url: %q}\ndefault: a\nschemas:\n  second: {target: b}\n", server.Database(t, name)))
	if err := set.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, each := range []string{"first", "second"} {
		if err := load(t, set, shop(each), each); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := server.SQL(name, "SELECT string_agg(code, ' ') FROM items"); err != nil || strings.TrimSpace(got) != "second" {
		t.Errorf("the rows are %q (%v)", got, err)
	}
}

func TestSchemaWithoutTargetIsRefused(t *testing.T) {
	set := open(t, "targets:\n  a: {file: a.db}\nschemas:\n  known: {target: a}\n")
	if err := load(t, set, shop("known"), "x"); err != nil {
		t.Error(err)
	}
	var conflict *imports.TableConflictError
	if err := load(t, set, shop("unknown"), "y"); !errors.As(err, &conflict) || !strings.Contains(conflict.Detail, "no target") {
		t.Errorf("the error is %v", err)
	}
}

func TestUsersOfSchemas(t *testing.T) {
	c, err := targets.Load(write(t, "targets:\n  a: {file: a.db}\nschemas:\n  open: {target: a}\n  closed: {target: a, users: [ann]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range []struct {
		schema, user string
		want         bool
	}{{"open", "ben", true}, {"closed", "ann", true}, {"closed", "ben", false}, {"unknown", "ann", false}} {
		if got := c.MayUse(each.schema, each.user); got != each.want {
			t.Errorf("%s and %s: %v", each.schema, each.user, got)
		}
	}
	if !targets.Single("records.db").MayUse("anything", "ben") {
		t.Error("without a file, users are limited")
	}
}

// TestManageLimitsChanges runs an import into tables that lack a column, or do not exist.
func TestManageLimitsChanges(t *testing.T) {
	server := pgtest.Shared(t)
	longer := shop("shop")
	longer.Sheets[0].Columns = append(longer.Sheets[0].Columns, &schema.Column{Name: "price", Title: "Price", Type: schema.Decimal})
	for i, c := range []struct {
		manage          string
		creates, extend bool
	}{{"extend", true, true}, {"create", true, false}, {"never", false, false}} {
		for _, kind := range []string{"file", "url"} {
			t.Run(c.manage+" "+kind, func(t *testing.T) {
				address := "x.db"
				if kind == "url" {
					address = server.Database(t, fmt.Sprint("manage_", i))
				}
				set := open(t, fmt.Sprintf("targets:\n  a: {%s: %q, manage: %s}\ndefault: a\n", kind, address, c.manage))
				refused := func(err error, allowed bool) {
					t.Helper()
					var conflict *imports.TableConflictError
					if allowed && err != nil || !allowed && (!errors.As(err, &conflict) || !strings.Contains(conflict.Detail, "manage: "+c.manage) || !strings.Contains(conflict.Detail, "headway schema migrate")) {
						t.Errorf("allowed %v: %v", allowed, err)
					}
				}
				refused(load(t, set, shop("shop"), "a"), c.creates)
				migrate(t, set, shop("shop"))
				if err := load(t, set, shop("shop"), "b"); err != nil {
					t.Error(err)
				}
				longer.Sheets[0].Columns = longer.Sheets[0].Columns[:2]
				refused(load(t, set, longer, "c"), c.extend)
				migrate(t, set, longer)
				if err := load(t, set, longer, "d"); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// migrate makes the changes that a schema needs.
func migrate(t *testing.T, set *targets.Set, of *schema.Schema) {
	t.Helper()
	plan, err := set.Plan(t.Context(), of)
	if err == nil {
		err = set.Migrate(t.Context(), of, plan)
	}
	if err != nil {
		t.Fatal(err)
	}
}
