package targettest

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

func owners(t *testing.T, open func() imports.Target) {
	target := open()
	defer target.Close()
	columns := []*schema.Column{code, serial}
	load(t, target, "a", columns, []imports.Value{text("x"), text("s1")}, []imports.Value{text("y"), null})
	tx := begin(t, target, "b", 1)
	defer func() { must(t, tx.Rollback()) }()
	tb := table(t, tx, columns...)
	for column, want := range map[string][][]imports.Value{
		"serial": {{text("x")}, nil, nil},
		"code":   {nil, nil, {text("y")}},
	} {
		got, err := tb.Owners(t.Context(), column, []imports.Value{text("s1"), null, text(map[string]string{"serial": "s2", "code": "y"}[column])})
		must(t, err)
		if g, w := shown(got), shown(want); !reflect.DeepEqual(g, w) {
			t.Errorf("owners of %s are %q, want %q", column, g, w)
		}
	}
}

// moved writes rows that take values which earlier rows release.
func moved(t *testing.T, open func() imports.Target) {
	target := open()
	defer func() { must(t, target.Close()) }()
	columns := []*schema.Column{code, serial}
	load(t, target, "a", columns, []imports.Value{text("z"), text("s1")}, []imports.Value{text("y"), text("s2")}, []imports.Value{text("x"), text("s3")})
	tx := begin(t, target, "b", 1)
	tb := table(t, tx, columns...)
	changed := [][]imports.Value{{text("x"), null}, {text("y"), text("s3")}, {text("z"), text("s2")}}
	must(t, tb.Update(t.Context(), changed))
	added := []imports.Value{text("n"), text("s1")}
	must(t, tb.Insert(t.Context(), [][]imports.Value{added}))
	commit(t, tx)
	rows := slices.Concat(changed, [][]imports.Value{added})
	wantHeld(t, target, columns, rows, rows...)
}

// exchanged writes rows that exchange the values of a unique column.
func exchanged(t *testing.T, open func() imports.Target) {
	target := open()
	defer func() { must(t, target.Close()) }()
	columns := []*schema.Column{code, serial}
	load(t, target, "a", columns, []imports.Value{text("x"), text("s1")}, []imports.Value{text("y"), text("s2")})
	tx := begin(t, target, "b", 1)
	tb := table(t, tx, columns...)
	rows := [][]imports.Value{{text("x"), text("s2")}, {text("y"), text("s1")}}
	must(t, tb.Release(t.Context(), 1, rows))
	must(t, tb.Update(t.Context(), rows))
	commit(t, tx)
	wantHeld(t, target, columns, rows, rows...)
}

// enforced checks that the database itself refuses a second row with a unique value, after the import that created the table.
func enforced(t *testing.T, open func() imports.Target) {
	target := open()
	defer func() { must(t, target.Close()) }()
	columns := []*schema.Column{code, serial}
	load(t, target, "a", columns, []imports.Value{text("x"), text("s1")}, []imports.Value{text("y"), null}, []imports.Value{text("z"), null})
	tx := begin(t, target, "b", 1)
	defer func() { must(t, tx.Rollback()) }()
	tb := table(t, tx, columns...)
	counts := map[string]imports.Counts{"items": {Read: 1, Inserted: 1}}
	err := tb.Insert(t.Context(), [][]imports.Value{{text("n"), text("s1")}})
	if err == nil {
		_, err = tx.Check(t.Context(), counts)
	}
	if err == nil {
		err = tx.Commit(t.Context(), counts)
	}
	var refused *imports.RefusedRowsError
	if !errors.As(err, &refused) && !errors.Is(err, imports.ErrOvertaken) { // a run looks such a value up before
		t.Errorf("a second row with the value of a unique column: %v", err)
	}
}

func uniqueRule(t *testing.T, open func() imports.Target) {
	target := open()
	defer target.Close()
	plain := &schema.Column{Name: "serial", Title: "Serial", Type: schema.Text}
	load(t, target, "a", []*schema.Column{code, serial}, []imports.Value{text("x"), text("s")})
	load(t, target, "b", []*schema.Column{code, plain}, []imports.Value{text("y"), text("s")})
	tx := begin(t, target, "c", 1)
	defer func() { must(t, tx.Rollback()) }()
	sc, sheet := items(code, serial)
	_, err := tx.Table(t.Context(), sc, sheet, sheet.Columns)
	wantConflict(t, err)
}
