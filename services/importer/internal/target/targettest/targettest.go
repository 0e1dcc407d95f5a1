// Package targettest is a test suite of the contract of imports.Target, for every implementation.
package targettest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// Open opens an empty target. Further calls open the same target. The test closes it.
type Open func(t *testing.T) (open func() imports.Target)

var (
	code   = &schema.Column{Name: "code", Title: "Code", Type: schema.Text, Required: true}
	part   = &schema.Column{Name: "part", Title: "Part", Type: schema.Integer, Required: true}
	price  = &schema.Column{Name: "price", Title: "Price", Type: schema.Decimal}
	serial = &schema.Column{Name: "serial", Title: "Serial", Type: schema.Text, Unique: true}
	parent = &schema.Column{Name: "parent", Title: "Parent", Type: schema.Text, References: &schema.Reference{Sheet: "items", Column: "code"}}
)

func items(columns ...*schema.Column) (*schema.Schema, *schema.Sheet) {
	sheet := &schema.Sheet{Name: "items", Title: "Items", Table: "items", Key: []string{"code"}, Columns: columns}
	return &schema.Schema{Name: "shop", Sheets: []*schema.Sheet{sheet}}, sheet
}

func text(s string) imports.Value  { return imports.Value{Kind: imports.Text, Bytes: []byte(s)} }
func number(n int64) imports.Value { return imports.Value{Kind: imports.Integer, Int: n} }

var null = imports.Value{}

// Run runs the contract.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, func() imports.Target){
		"what was committed is there":                    committed,
		"what was rolled back is not":                    rolledBack,
		"values are stored exactly":                      exact,
		"many rows in one call":                          many,
		"new rows are inserted":                          inserted,
		"an applied import is reported with its counts":  applied,
		"a later run fences an earlier one off":          fenced,
		"runs take turns in their order":                 turns,
		"a wait for a turn can be cancelled":             cancelledWait,
		"keys of several columns":                        composite,
		"owners of unique values":                        owners,
		"values of a column":                             values,
		"empty cells keep values":                        keptBlanks,
		"rows exchange unique values":                    exchanged,
		"unique values move from row to row":             moved,
		"values of all types are read back":              typed,
		"rows are looked up while others are new":        concurrent,
		"found rows outlive the next lookup":             outlived,
		"rows are updated without all columns":           partial,
		"a table is extended":                            extended,
		"a unique rule comes and goes":                   uniqueRule,
		"a new table refuses a unique value that it has": enforced,
		"a unique column becomes the key":                uniqueKey,
		"a table that would lose data is refused":        conflicts,
		"rows of other tenants are not seen":             tenants,
		"a unique column is shared with other tenants":   tenantsUnique,
		"a plan is shown and carried out":                planned,
		"a run shows its changes before the commit":      foreseen,
		"a table with rows is migrated":                  migrated,
		"rows prevent a migration":                       notMigrated,
		"a reference is added to a column":               referenced,
		"a reference to missing rows is refused":         notReferenced,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func begin(t *testing.T, target imports.Target, id string, run int64) imports.TargetTx {
	t.Helper()
	shop, _ := items(code)
	tx, err := target.Begin(t.Context(), imports.Run{ImportID: id, Number: run, Schema: shop}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func table(t *testing.T, tx imports.TargetTx, columns ...*schema.Column) imports.Table {
	t.Helper()
	sc, sheet := items(columns...)
	tb, err := tx.Table(t.Context(), sc, sheet, columns)
	if err != nil {
		t.Fatal(err)
	}
	return tb
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// load commits rows of the columns.
func load(t *testing.T, target imports.Target, id string, columns []*schema.Column, rows ...[]imports.Value) {
	t.Helper()
	tx := begin(t, target, id, 1)
	must(t, table(t, tx, columns...).Insert(t.Context(), rows))
	commit(t, tx)
}

// commit checks and commits a run.
func commit(t *testing.T, tx imports.TargetTx) {
	t.Helper()
	dangling, err := tx.Check(t.Context(), nil)
	must(t, err)
	if len(dangling) > 0 {
		t.Fatalf("dangling are %v", dangling)
	}
	must(t, tx.Commit(t.Context(), nil))
}

// update commits changed rows of the columns.
func update(t *testing.T, target imports.Target, id string, columns []*schema.Column, rows ...[]imports.Value) {
	t.Helper()
	tx := begin(t, target, id, 1)
	must(t, table(t, tx, columns...).Update(t.Context(), rows))
	commit(t, tx)
}

// shown returns rows as text, for comparisons.
func shown(rows [][]imports.Value) []string {
	var list []string
	for _, row := range rows {
		if row == nil {
			list = append(list, "none")
			continue
		}
		line := ""
		for _, v := range row {
			line += fmt.Sprintf("%d:%s ", v.Kind, v.Append(nil))
		}
		list = append(list, line)
	}
	return list
}

// wantHeld compares the rows that the target has for the keys.
func wantHeld(t *testing.T, target imports.Target, columns []*schema.Column, keys [][]imports.Value, want ...[]imports.Value) {
	t.Helper()
	tx := begin(t, target, "look-"+t.Name(), time.Now().UnixNano())
	defer func() { must(t, tx.Rollback()) }()
	got, err := table(t, tx, columns...).Existing(t.Context(), keys)
	must(t, err)
	if g, w := shown(got), shown(want); !reflect.DeepEqual(g, w) {
		t.Errorf("held are %q, want %q", g, w)
	}
}

func committed(t *testing.T, open func() imports.Target) {
	target := open()
	columns := []*schema.Column{code, price}
	tx := begin(t, target, "a", 1)
	tb := table(t, tx, columns...)
	if !tb.WasEmpty() {
		t.Error("a new table was not empty")
	}
	must(t, tb.Insert(t.Context(), [][]imports.Value{{text("x"), text("1.5")}}))
	must(t, tb.Insert(t.Context(), [][]imports.Value{{text("y"), null}}))
	must(t, tx.Commit(t.Context(), map[string]imports.Counts{}))
	must(t, tx.Rollback())
	must(t, target.Close())
	target = open()
	defer target.Close()
	tx = begin(t, target, "b", 1)
	if table(t, tx, columns...).WasEmpty() {
		t.Error("the table is empty")
	}
	must(t, tx.Rollback())
	update(t, target, "c", columns, []imports.Value{text("x"), text("2")})
	wantHeld(t, target, columns, [][]imports.Value{{text("y"), null}, {text("z"), null}, {text("x"), null}},
		[]imports.Value{text("y"), null}, nil, []imports.Value{text("x"), text("2")})
}

func rolledBack(t *testing.T, open func() imports.Target) {
	target := open()
	defer target.Close()
	tx := begin(t, target, "a", 1)
	must(t, table(t, tx, code).Insert(t.Context(), [][]imports.Value{{text("x")}}))
	must(t, tx.Rollback())
	tx = begin(t, target, "a", 2)
	defer func() { must(t, tx.Rollback()) }()
	if !table(t, tx, code).WasEmpty() {
		t.Error("rows were left")
	}
}

func exact(t *testing.T, open func() imports.Target) {
	target := open()
	defer target.Close()
	columns := []*schema.Column{code, part, price}
	var rows [][]imports.Value
	for i, c := range []string{"007", "7", "7 ", "Äpfel", "äpfel", "a'b\"c", "日本\U0001F600", "1e5"} {
		rows = append(rows, []imports.Value{text(c), number(-9223372036854775808 + int64(i)), text("0.1234567890123456789")})
	}
	load(t, target, "a", columns, rows...)
	wantHeld(t, target, columns, rows, rows...)
}

func inserted(t *testing.T, open func() imports.Target) {
	target := open()
	defer target.Close()
	tx := begin(t, target, "a", 1)
	tb := table(t, tx, code, price)
	must(t, tb.Insert(t.Context(), [][]imports.Value{{text("x"), text("1.25")}, {text("y"), null}}))
	must(t, tx.Commit(t.Context(), nil))
	wantHeld(t, target, []*schema.Column{code, price}, [][]imports.Value{{text("y"), null}, {text("x"), null}},
		[]imports.Value{text("y"), null}, []imports.Value{text("x"), text("1.25")})
}

func many(t *testing.T, open func() imports.Target) {
	target := open()
	defer target.Close()
	var rows [][]imports.Value
	for i := range 2345 {
		rows = append(rows, []imports.Value{text(fmt.Sprint(i)), number(int64(i))})
	}
	columns := []*schema.Column{code, part}
	load(t, target, "a", columns, rows...)
	wantHeld(t, target, columns, rows, rows...)
}

func composite(t *testing.T, open func() imports.Target) {
	target := open()
	defer target.Close()
	sheet := &schema.Sheet{Name: "items", Table: "items", Key: []string{"code", "part"}, Columns: []*schema.Column{price, code, part}}
	sc := &schema.Schema{Name: "shop", Sheets: []*schema.Sheet{sheet}}
	tx := begin(t, target, "a", 1)
	tb, err := tx.Table(t.Context(), sc, sheet, sheet.Columns)
	must(t, err)
	must(t, tb.Insert(t.Context(), [][]imports.Value{{text("1"), text("a"), number(1)}, {text("2"), text("a"), number(2)}}))
	commit(t, tx)
	tx = begin(t, target, "b", 1)
	tb, err = tx.Table(t.Context(), sc, sheet, sheet.Columns)
	must(t, err)
	must(t, tb.Update(t.Context(), [][]imports.Value{{text("3"), text("a"), number(1)}}))
	commit(t, tx)
	tx = begin(t, target, "c", 1)
	defer func() { must(t, tx.Rollback()) }()
	tb, err = tx.Table(t.Context(), sc, sheet, sheet.Columns)
	must(t, err)
	got, err := tb.Existing(t.Context(), [][]imports.Value{{null, text("a"), number(2)}, {null, text("b"), number(1)}, {null, text("a"), number(1)}})
	must(t, err)
	want := [][]imports.Value{{text("2"), text("a"), number(2)}, nil, {text("3"), text("a"), number(1)}}
	if g, w := shown(got), shown(want); !reflect.DeepEqual(g, w) {
		t.Errorf("held are %q, want %q", g, w)
	}
}

// typed writes a value of each type and reads it back.
func typed(t *testing.T, open func() imports.Target) {
	target := open()
	defer func() { must(t, target.Close()) }()
	columns := []*schema.Column{code}
	row := []imports.Value{text("x")}
	empty := []imports.Value{text("y")}
	for kind, value := range map[schema.Type]imports.Value{
		schema.Text: text("a\tb\\c\nd"), schema.Integer: number(-5), schema.Decimal: text("-12.05"), schema.Boolean: number(1),
		schema.Date: text("2024-02-29"), schema.Time: text("23:59:59.5"), schema.DateTime: text("1999-12-31 00:00:00.125"),
		schema.Email: text("a@b.example"), schema.Phone: text("+49 30 1"), schema.Enum: text("\\N"),
	} {
		columns = append(columns, &schema.Column{Name: "a_" + string(kind), Type: kind, Allowed: []string{"\\N"}})
		row, empty = append(row, value), append(empty, null)
	}
	load(t, target, "a", columns, row, empty)
	wantHeld(t, target, columns, [][]imports.Value{empty, row}, empty, row)
}

// concurrent looks rows up while others are inserted.
func concurrent(t *testing.T, open func() imports.Target) {
	target := open()
	defer func() { must(t, target.Close()) }()
	columns := []*schema.Column{code, serial}
	held := [][]imports.Value{{text("x"), text("s")}}
	load(t, target, "a", columns, held...)
	tx := begin(t, target, "b", 1)
	tb := table(t, tx, columns...)
	written := make(chan error, 1)
	go func() {
		for i := range 50 {
			if err := tb.Insert(t.Context(), [][]imports.Value{{text(fmt.Sprint(i)), null}}); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	for range 50 {
		got, err := tb.Existing(t.Context(), held)
		must(t, err)
		if g, w := shown(got), shown(held); !reflect.DeepEqual(g, w) {
			t.Fatalf("held are %q, want %q", g, w)
		}
	}
	must(t, <-written)
	commit(t, tx)
	wantHeld(t, target, columns, [][]imports.Value{{text("49"), null}}, []imports.Value{text("49"), null})
}

// outlived looks rows up before those that it has found are used.
func outlived(t *testing.T, open func() imports.Target) {
	target := open()
	defer func() { must(t, target.Close()) }()
	columns := []*schema.Column{code, serial, price}
	rows := [][]imports.Value{{text("x"), text("s1"), text("1.5")}, {text("y"), text("s2"), text("2.5")}}
	load(t, target, "a", columns, rows...)
	tx := begin(t, target, "b", 1)
	defer func() { must(t, tx.Rollback()) }()
	tb := table(t, tx, columns...)
	ask := func(key string) [][]imports.Value { return [][]imports.Value{{text(key), null, null}} }
	for i := range 4 {
		first, err := tb.Existing(t.Context(), ask([]string{"x", "y"}[i%2]))
		must(t, err)
		owner, err := tb.Owners(t.Context(), "serial", []imports.Value{rows[i%2][1]})
		must(t, err)
		_, err = tb.Existing(t.Context(), ask([]string{"y", "none"}[i%2]))
		must(t, err)
		_, err = tb.Owners(t.Context(), "serial", []imports.Value{rows[1-i%2][1]})
		must(t, err)
		if g, w := shown(slices.Concat(first, owner)), shown([][]imports.Value{rows[i%2], rows[i%2][:1]}); !reflect.DeepEqual(g, w) {
			t.Errorf("found were %q, want %q", g, w)
		}
	}
}

// partial updates rows from a file that lacks a required column.
func partial(t *testing.T, open func() imports.Target) {
	target := open()
	defer func() { must(t, target.Close()) }()
	all := []*schema.Column{code, part, price}
	load(t, target, "i1", all, []imports.Value{text("a"), number(1), text("2.5")}, []imports.Value{text("b"), number(2), null})
	tx := begin(t, target, "i2", 1)
	of, sheet := items(all...)
	table, err := tx.Table(t.Context(), of, sheet, []*schema.Column{code, price})
	must(t, err)
	must(t, table.Update(t.Context(), [][]imports.Value{{text("a"), text("7")}, {text("b"), text("8")}}))
	must(t, tx.Commit(t.Context(), nil))
	wantHeld(t, target, all, [][]imports.Value{{text("a"), null, null}, {text("b"), null, null}},
		[]imports.Value{text("a"), number(1), text("7")}, []imports.Value{text("b"), number(2), text("8")})
}

func extended(t *testing.T, open func() imports.Target) {
	target := open()
	defer target.Close()
	load(t, target, "a", []*schema.Column{code}, []imports.Value{text("x")})
	columns := []*schema.Column{code, price, parent}
	load(t, target, "b", columns, []imports.Value{text("y"), text("1"), text("x")})
	key := [][]imports.Value{{text("x"), null, null}, {text("y"), null, null}}
	wantHeld(t, target, columns, key, []imports.Value{text("x"), null, null}, []imports.Value{text("y"), text("1"), text("x")})
}

func conflicts(t *testing.T, open func() imports.Target) {
	target := open()
	defer target.Close()
	load(t, target, "a", []*schema.Column{code, part, price}, []imports.Value{text("x"), number(1), null})
	for name, columns := range map[string][]*schema.Column{
		"another type":                 {code, {Name: "part", Type: schema.Text, Required: true}, price},
		"may be empty now":             {code, {Name: "part", Type: schema.Integer}, price},
		"a required column is dropped": {code, price},
	} {
		t.Run(name, func(t *testing.T) {
			tx := begin(t, target, "b", 1)
			defer func() { must(t, tx.Rollback()) }()
			sc, sheet := items(columns...)
			_, err := tx.Table(t.Context(), sc, sheet, columns)
			wantConflict(t, err)
		})
	}
	t.Run("another key", func(t *testing.T) {
		tx := begin(t, target, "b", 1)
		defer func() { must(t, tx.Rollback()) }()
		sc, sheet := items(code, part, price)
		sheet.Key = []string{"part"}
		_, err := tx.Table(t.Context(), sc, sheet, sheet.Columns)
		wantConflict(t, err)
	})
}

func wantConflict(t *testing.T, err error) {
	t.Helper()
	var conflict *imports.TableConflictError
	if !errors.As(err, &conflict) || conflict.Detail == "" {
		t.Errorf("got %v, want a conflict", err)
	}
}
