package targettest

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// company is the column that has the tenant of a row.
var company = &schema.Column{Name: "company", Title: "Company", Type: schema.Integer, Required: true}

// shared are items of all companies: a code is unique within one of them.
func shared(columns ...*schema.Column) *schema.Sheet {
	_, sheet := items(append([]*schema.Column{company}, columns...)...)
	sheet.Key = []string{"company", "code"}
	return sheet
}

// ofCompany are the items of one company, whose files do not have its number.
func ofCompany(number int, columns ...*schema.Column) *schema.Sheet {
	_, sheet := items(columns...)
	sheet.Generated = []*schema.Generated{{Name: "company", Field: "company", Type: schema.Integer, By: schema.Constant, Constant: fmt.Sprint(number)}}
	return sheet
}

// write commits a run with new and changed rows of a sheet.
func write(t *testing.T, target imports.Target, id string, sheet *schema.Sheet, added, changed [][]imports.Value) {
	t.Helper()
	tx, err := target.Begin(t.Context(), imports.Run{ImportID: id, Number: 1, Schema: shop(sheet)}, nil)
	must(t, err)
	tb, err := tx.Table(t.Context(), shop(sheet), sheet, sheet.Columns)
	must(t, err)
	must(t, tb.Insert(t.Context(), added))
	if len(changed) > 0 {
		must(t, tb.Update(t.Context(), changed))
	}
	commit(t, tx)
}

// tenants has a table in which a code is unique within a company, and a schema that gives one company as a constant: the rows of others are
// neither found nor changed.
func tenants(t *testing.T, open func() imports.Target) {
	target := open()
	defer func() { must(t, target.Close()) }()
	all := shared(code, price)
	others := [][]imports.Value{{number(7), text("x"), text("7")}, {number(7), text("y"), text("7")}}
	write(t, target, "all", all, slices.Concat(others, [][]imports.Value{{number(42), text("x"), text("1")}, {number(42), text("z"), text("1")}}), nil)

	one := ofCompany(42, code, price)
	if changes := plan(t, target, one); len(changes) > 0 {
		t.Errorf("the plan for one company is %v", changes)
	}
	tx, err := target.Begin(t.Context(), imports.Run{ImportID: "look", Number: 1, Schema: shop(one)}, nil)
	must(t, err)
	tb, err := tx.Table(t.Context(), shop(one), one, one.Columns)
	must(t, err)
	found, err := tb.Existing(t.Context(), [][]imports.Value{{text("x"), null}, {text("y"), null}, {text("z"), null}})
	must(t, err)
	if g, w := shown(found), shown([][]imports.Value{{text("x"), text("1")}, nil, {text("z"), text("1")}}); !reflect.DeepEqual(g, w) {
		t.Errorf("found are %q, want %q", g, w)
	}
	owners, err := tb.Owners(t.Context(), "code", []imports.Value{text("x"), text("y")})
	must(t, err)
	if g, w := shown(owners), shown([][]imports.Value{{text("x")}, nil}); !reflect.DeepEqual(g, w) {
		t.Errorf("owners are %q, want %q", g, w)
	}
	var codes []string
	must(t, tb.Values(t.Context(), "code", func(v imports.Value) error {
		codes = append(codes, string(v.Append(nil)))
		return nil
	}))
	if slices.Sort(codes); !slices.Equal(codes, []string{"x", "z"}) {
		t.Errorf("the codes are %q", codes)
	}
	must(t, tx.Rollback())

	write(t, target, "one", one, [][]imports.Value{{text("y"), text("2")}}, [][]imports.Value{{text("x"), text("3")}})
	wantRows(t, target, all, others[0], others[1], []imports.Value{number(42), text("x"), text("3")}, []imports.Value{number(42), text("y"), text("2")},
		[]imports.Value{number(42), text("z"), text("1")})
}

// tenantsUnique has a column that is unique in the whole table, although the key is unique within a company.
func tenantsUnique(t *testing.T, open func() imports.Target) {
	target := open()
	defer func() { must(t, target.Close()) }()
	all := shared(code, serial)
	write(t, target, "all", all, [][]imports.Value{{number(7), text("x"), text("s7")}, {number(42), text("x"), text("s1")}, {number(42), text("z"), text("s2")}}, nil)
	one := ofCompany(42, code, serial)
	tx, err := target.Begin(t.Context(), imports.Run{ImportID: "look", Number: 1, Schema: shop(one)}, nil)
	must(t, err)
	tb, err := tx.Table(t.Context(), shop(one), one, one.Columns)
	must(t, err)
	owners, err := tb.Owners(t.Context(), "serial", []imports.Value{text("s7"), text("s1")})
	must(t, err)
	if g, w := shown(owners), shown([][]imports.Value{nil, {text("x")}}); !reflect.DeepEqual(g, w) {
		t.Errorf("owners are %q, want %q", g, w)
	}
	must(t, tx.Rollback())
	rows := [][]imports.Value{{text("x"), text("s2")}, {text("z"), text("s1")}}
	tx, err = target.Begin(t.Context(), imports.Run{ImportID: "exchange", Number: 1, Schema: shop(one)}, nil)
	must(t, err)
	tb, err = tx.Table(t.Context(), shop(one), one, one.Columns)
	must(t, err)
	must(t, tb.Release(t.Context(), 1, rows))
	must(t, tb.Update(t.Context(), rows))
	commit(t, tx)
	wantRows(t, target, all, []imports.Value{number(7), text("x"), text("s7")}, []imports.Value{number(42), text("x"), text("s2")}, []imports.Value{number(42), text("z"), text("s1")})
}
