package targettest

import (
	"fmt"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// groups returns items that can belong to a group and to another item. Their references are part of the schema if refers is set.
func groups(refers bool) *schema.Schema {
	group := &schema.Column{Name: "group_code", Title: "Group", Type: schema.Text}
	whole := &schema.Column{Name: "parent", Title: "Parent", Type: schema.Text}
	if refers {
		group.References = &schema.Reference{Sheet: "groups", Column: "code"}
		whole.References = &schema.Reference{Sheet: "items", Column: "code"}
	}
	of, _ := items(code, group, whole)
	of.Sheets = append(of.Sheets, &schema.Sheet{Name: "groups", Title: "Groups", Table: "groups", Key: []string{"code"}, Columns: []*schema.Column{code}})
	return of
}

// fill commits rows of the groups and of the items.
func fill(t *testing.T, target imports.Target, of *schema.Schema, id string, rows [][]imports.Value, inGroups ...[]imports.Value) {
	t.Helper()
	tx, err := target.Begin(t.Context(), imports.Run{ImportID: id, Number: 1, Schema: of}, nil)
	must(t, err)
	for i, sheet := range of.Sheets {
		tb, err := tx.Table(t.Context(), of, sheet, sheet.Columns)
		must(t, err)
		must(t, tb.Insert(t.Context(), [][][]imports.Value{rows, inGroups}[i]))
	}
	commit(t, tx)
}

// referenced adds references to columns that have rows.
func referenced(t *testing.T, open func() imports.Target) {
	target := open()
	defer func() { must(t, target.Close()) }()
	fill(t, target, groups(false), "a", [][]imports.Value{{text("x"), text("g"), null}, {text("y"), null, text("x")}}, []imports.Value{text("g")})

	of := groups(true)
	fill(t, target, of, "b", [][]imports.Value{{text("z"), text("h"), text("z")}}, []imports.Value{text("h")}) // needs no migration
	changes, err := target.Plan(t.Context(), of)
	must(t, err)
	if n := kinds(changes); n[imports.Migrate] == 0 || n[imports.Migrate] != len(changes) {
		t.Fatalf("the plan is %v", changes)
	}
	must(t, target.Migrate(t.Context(), of, changes))
	rest, err := target.Plan(t.Context(), of)
	must(t, err)
	if len(rest) > 0 {
		t.Errorf("after the migration, the plan is %v", rest)
	}
	for i, row := range [][]imports.Value{{text("v"), text("none"), null}, {text("v"), null, text("none")}} {
		before := groups(false)
		tx, err := target.Begin(t.Context(), imports.Run{ImportID: fmt.Sprint("broken ", i), Number: 1, Schema: before}, nil)
		must(t, err)
		tb, err := tx.Table(t.Context(), before, before.Sheets[0], before.Sheets[0].Columns)
		must(t, err)
		must(t, tb.Insert(t.Context(), [][]imports.Value{row}))
		if dangling, err := tx.Check(t.Context(), nil); len(dangling) == 0 {
			t.Errorf("the database accepts row %d: %v, %v", i, dangling, err)
		}
		must(t, tx.Rollback())
	}
	fill(t, target, of, "c", [][]imports.Value{{text("w"), text("i"), text("x")}}, []imports.Value{text("i")})
}

// notReferenced adds references that rows break, to a table that exists and to one that does not.
func notReferenced(t *testing.T, open func() imports.Target) {
	target := open()
	defer func() { must(t, target.Close()) }()
	before := groups(false)
	fill(t, target, before, "a", [][]imports.Value{{text("x"), text("g"), null}}, []imports.Value{text("h")})
	missing := groups(true)
	missing.Sheets[1].Table = "clusters"
	for _, of := range []*schema.Schema{groups(true), missing} {
		changes, err := target.Plan(t.Context(), of)
		must(t, err)
		if kinds(changes)[imports.Blocked] != 1 {
			t.Errorf("the plan is %v", changes)
		}
		wantConflict(t, target.Migrate(t.Context(), of, changes))
	}
	rest, err := target.Plan(t.Context(), before)
	must(t, err)
	if len(rest) > 0 {
		t.Errorf("something was changed: %v", rest)
	}
}
