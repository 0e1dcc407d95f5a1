package targettest

import (
	"errors"
	"slices"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// values reads all values of a column.
func values(t *testing.T, open func() imports.Target) {
	target := open()
	defer func() { must(t, target.Close()) }()
	columns := []*schema.Column{code, serial, price}
	load(t, target, "a", columns, []imports.Value{text("x"), text("s1"), text("1.5")}, []imports.Value{text("y"), null, text("2")})
	tx := begin(t, target, "b", 1)
	defer func() { must(t, tx.Rollback()) }()
	tb := table(t, tx, columns...)
	for column, want := range map[string][]string{"code": {"x", "y"}, "serial": {"s1"}, "price": {"1.5", "2"}} {
		var got []string
		must(t, tb.Values(t.Context(), column, func(v imports.Value) error {
			got = append(got, string(v.Append(nil)))
			return nil
		}))
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("the values of %s are %q, want %q", column, got, want)
		}
	}
	stop, calls := errors.New("stop"), 0
	err := tb.Values(t.Context(), "code", func(imports.Value) error {
		calls++
		return stop
	})
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("after an error: %v, %d calls", err, calls)
	}
	if _, err := tb.Existing(t.Context(), [][]imports.Value{{text("x"), null, null}}); err != nil {
		t.Errorf("a lookup after an early end: %v", err)
	}
}

// keptBlanks updates rows with a column that keeps the values of empty cells.
func keptBlanks(t *testing.T, open func() imports.Target) {
	target := open()
	defer func() { must(t, target.Close()) }()
	kept := &schema.Column{Name: "note", Title: "Note", Type: schema.Text, Rules: &schema.Rules{Blank: schema.KeepBlank}}
	linked := &schema.Column{Name: "parent", Title: "Parent", Type: schema.Text, References: parent.References, Rules: kept.Rules}
	columns := []*schema.Column{code, price, kept, linked}
	load(t, target, "a", columns, []imports.Value{text("x"), text("1"), text("old"), null}, []imports.Value{text("y"), text("2"), text("old"), text("x")})
	update(t, target, "b", columns, []imports.Value{text("x"), null, null, null}, []imports.Value{text("y"), text("3"), text("new"), null})
	tx := begin(t, target, "c", 1)
	must(t, table(t, tx, columns...).Insert(t.Context(), [][]imports.Value{{text("z"), null, null, null}}))
	commit(t, tx)
	want := [][]imports.Value{{text("x"), null, text("old"), null}, {text("y"), text("3"), text("new"), text("x")}, {text("z"), null, null, null}}
	wantHeld(t, target, columns, want, want...)
}
