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

func texts(row ...string) (values []imports.Value) {
	for _, s := range row {
		values = append(values, imports.Value{Kind: imports.Text, Bytes: []byte(s)})
	}
	return values
}

// save inserts rows, or updates them if the table has their keys: those of all, or of none.
func save(t *testing.T, table imports.Table, rows [][]imports.Value) error {
	t.Helper()
	existing, err := table.Existing(t.Context(), rows)
	if err != nil {
		t.Fatal(err)
	}
	if existing[0] != nil {
		return table.Update(t.Context(), rows)
	}
	return table.Insert(t.Context(), rows)
}

// load writes rows to the tables of a schema, in the order of its sheets, and commits. The rows of a table are all new, or
// none is.
func load(t *testing.T, target *targetsqlite.Target, id string, sc *schema.Schema, rows ...[][]imports.Value) error {
	t.Helper()
	tx, err := target.Begin(t.Context(), imports.Run{ImportID: id, Number: 1, Schema: sc}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	for i, s := range sc.Sheets {
		table, err := tx.Table(t.Context(), sc, s, s.Columns)
		if err != nil {
			return err
		}
		if i < len(rows) {
			if err := save(t, table, rows[i]); err != nil {
				return err
			}
		}
	}
	return tx.Commit(t.Context(), nil)
}

func open(t *testing.T, statements ...string) *targetsqlite.Target {
	t.Helper()
	path := filepath.Join(t.TempDir(), "records.db")
	target, err := targetsqlite.Open(t.Context(), path, targetsqlite.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { target.Close() })
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return target
}

func wantConflict(t *testing.T, err error, detail string) {
	t.Helper()
	var conflict *imports.TableConflictError
	if !errors.As(err, &conflict) || !strings.Contains(conflict.Detail, detail) {
		t.Errorf("got %v, want a conflict about %q", err, detail)
	}
}

// fleet has drivers, and cars that refer to a driver by licence, which is a unique column and not the key.
func fleet() *schema.Schema {
	return &schema.Schema{Name: "fleet", Sheets: []*schema.Sheet{
		{Name: "drivers", Table: "drivers", Key: []string{"code"}, Columns: []*schema.Column{
			{Name: "code", Type: schema.Text, Required: true}, {Name: "licence", Type: schema.Text, Unique: true}}},
		{Name: "cars", Table: "cars", Key: []string{"plate"}, Columns: []*schema.Column{
			{Name: "plate", Type: schema.Text, Required: true},
			{Name: "licence", Type: schema.Text, References: &schema.Reference{Sheet: "drivers", Column: "licence"}}}},
	}}
}

func TestReferencedUniqueValueIsRenewedOnBothSheets(t *testing.T) {
	target := open(t)
	if err := load(t, target, "a", fleet(), [][]imports.Value{texts("d1", "L1")}, [][]imports.Value{texts("car", "L1")}); err != nil {
		t.Fatal(err)
	}
	if err := load(t, target, "b", fleet(), [][]imports.Value{texts("d1", "L2")}, [][]imports.Value{texts("car", "L2")}); err != nil {
		t.Errorf("the licence can't be renewed: %v", err)
	}
	wantConflict(t, load(t, target, "c", fleet(), [][]imports.Value{texts("d1", "L3")}), "a row refers to a value that this import replaces")
}

func TestTriggerThatSkipsRowsRefusesThem(t *testing.T) {
	target := open(t, shelves, `CREATE TRIGGER skip BEFORE INSERT ON shelves WHEN new.code = 's2' BEGIN SELECT RAISE(IGNORE); END`)
	err := load(t, target, "a", shop(), [][]imports.Value{texts("s1", "left"), texts("s2", "right"), texts("s3", "top")})
	var refused *imports.RefusedRowsError
	if !errors.As(err, &refused) || len(refused.Rows) != 1 || !refused.Rows[0].Key[0].Equal(texts("s2")[0]) || refused.Rows[0].Reason != "a trigger skips it" {
		t.Errorf("got %v", err)
	}
}

func TestFoundRowsOutliveWritesWithTriggers(t *testing.T) {
	target := open(t, shelves, `CREATE TRIGGER same AFTER UPDATE ON shelves BEGIN SELECT 1; END`)
	if err := load(t, target, "a", shop(), [][]imports.Value{texts("s1", "left"), texts("s2", "right")}); err != nil {
		t.Fatal(err)
	}
	tx, err := target.Begin(t.Context(), imports.Run{ImportID: "b", Number: 1, Schema: shop()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	table, err := tx.Table(t.Context(), shop(), shop().Sheets[0], shop().Sheets[0].Columns)
	if err != nil {
		t.Fatal(err)
	}
	found, err := table.Existing(t.Context(), [][]imports.Value{texts("s1", "up")})
	if err != nil {
		t.Fatal(err)
	}
	if err := table.Update(t.Context(), [][]imports.Value{texts("s2", "down")}); err != nil {
		t.Fatal(err)
	}
	if found[0] == nil || !found[0][0].Equal(texts("s1")[0]) || !found[0][1].Equal(texts("left")[0]) {
		t.Errorf("the row that was found is now %v", found[0])
	}
}

func TestTwoSchemasWithOneTableConflict(t *testing.T) {
	target := open(t)
	if err := load(t, target, "a", fleet()); err != nil {
		t.Fatal(err)
	}
	other := fleet()
	other.Name = "trucks"
	wantConflict(t, load(t, target, "b", other), "the schema fleet uses it too")
}

func TestIndexNamesOfTwoTablesDoNotCollide(t *testing.T) {
	column := func(name string) []*schema.Column {
		return []*schema.Column{{Name: "code", Type: schema.Text, Required: true}, {Name: name, Type: schema.Text, Unique: true}}
	}
	sc := &schema.Schema{Name: "names", Sheets: []*schema.Sheet{
		{Name: "one", Table: "a_b", Key: []string{"code"}, Columns: column("c")},
		{Name: "two", Table: "a", Key: []string{"code"}, Columns: column("b_c")},
	}}
	target := open(t)
	for _, id := range []string{"first", "second"} {
		if err := load(t, target, id, sc); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestStatementThatSQLiteRefusesIsConflict(t *testing.T) {
	target := open(t, shelves, `CREATE TRIGGER broken AFTER INSERT ON shelves BEGIN INSERT INTO gone VALUES (1); END`)
	wantConflict(t, load(t, target, "a", shop(), [][]imports.Value{texts("s1", "left")}), "gone")
}
