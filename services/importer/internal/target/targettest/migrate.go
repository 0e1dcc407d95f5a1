package targettest

import (
	"errors"
	"fmt"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// plan returns the changes that the table of the sheet needs.
func plan(t *testing.T, target imports.Target, sheet *schema.Sheet) []imports.Change {
	t.Helper()
	changes, err := target.Plan(t.Context(), shop(sheet))
	must(t, err)
	return changes
}

func shop(sheet *schema.Sheet) *schema.Schema {
	return &schema.Schema{Name: "shop", Sheets: []*schema.Sheet{sheet}}
}

// kinds returns the kinds of changes of a plan.
func kinds(changes []imports.Change) map[imports.ChangeKind]int {
	all := map[imports.ChangeKind]int{}
	for _, c := range changes {
		all[c.Kind]++
	}
	return all
}

// migrate carries out the plan for a sheet, and expects that nothing is left to do.
func migrate(t *testing.T, target imports.Target, sheet *schema.Sheet) {
	t.Helper()
	changes := plan(t, target, sheet)
	if kinds(changes)[imports.Blocked] > 0 {
		t.Fatalf("the plan is blocked: %v", changes)
	}
	must(t, target.Migrate(t.Context(), shop(sheet), changes))
	if rest := plan(t, target, sheet); len(rest) > 0 {
		t.Fatalf("after the migration, the plan is %v", rest)
	}
}

// wantRows compares the rows that the table of a sheet has for the keys of rows.
func wantRows(t *testing.T, target imports.Target, sheet *schema.Sheet, want ...[]imports.Value) {
	t.Helper()
	tx, err := target.Begin(t.Context(), imports.Run{ImportID: "rows-" + t.Name(), Number: 1, Schema: shop(sheet)}, nil)
	must(t, err)
	defer func() { must(t, tx.Rollback()) }()
	tb, err := tx.Table(t.Context(), shop(sheet), sheet, sheet.Columns)
	must(t, err)
	got, err := tb.Existing(t.Context(), want)
	must(t, err)
	for i := range want {
		if g, w := shown(got[i : i+1])[0], shown(want[i : i+1])[0]; g != w {
			t.Errorf("row %d is %q, want %q", i, g, w)
		}
	}
}

// needsMigration expects that a run refuses a sheet as long as it is not migrated.
func needsMigration(t *testing.T, target imports.Target, sheet *schema.Sheet) {
	t.Helper()
	tx, err := target.Begin(t.Context(), imports.Run{ImportID: "refused-" + t.Name(), Number: 1, Schema: shop(sheet)}, nil)
	must(t, err)
	defer func() { must(t, tx.Rollback()) }()
	_, err = tx.Table(t.Context(), shop(sheet), sheet, sheet.Columns)
	wantConflict(t, err)
}

func planned(t *testing.T, open func() imports.Target) {
	target := open()
	defer func() { must(t, target.Close()) }()
	_, sheet := items(code, price, serial)
	first := plan(t, target, sheet)
	if kinds(first)[imports.Create] == 0 || kinds(first)[imports.Migrate]+kinds(first)[imports.Blocked] > 0 {
		t.Fatalf("the plan of a new table is %v", first)
	}
	if again := plan(t, target, sheet); !imports.SamePlan(first, again) {
		t.Fatalf("a plan changed the database: then it is %v", again)
	}
	migrate(t, target, sheet)
	_, longer := items(code, price, serial, part)
	longer.Columns[3] = &schema.Column{Name: "part", Title: "Part", Type: schema.Integer}
	if changes := plan(t, target, longer); kinds(changes)[imports.Extend] != 1 || len(changes) != 1 {
		t.Errorf("the plan of a new column is %v", changes)
	}
	if err := target.Migrate(t.Context(), shop(longer), first); !errors.Is(err, imports.ErrPlanChanged) {
		t.Errorf("an old plan: %v", err)
	}
	load(t, target, "a", []*schema.Column{code, price, serial}, []imports.Value{text("x"), text("1.5"), text("s")})
	migrate(t, target, longer)
	wantRows(t, target, longer, []imports.Value{text("x"), text("1.5"), text("s"), null})
}

// foreseen looks at the changes of runs that create a table, extend it, and leave it as it is.
func foreseen(t *testing.T, open func() imports.Target) {
	target := open()
	defer func() { must(t, target.Close()) }()
	for i, c := range []struct {
		columns []*schema.Column
		want    imports.ChangeKind
	}{{[]*schema.Column{code}, imports.Create}, {[]*schema.Column{code, price}, imports.Extend}, {[]*schema.Column{code, price}, ""}} {
		for _, commits := range []bool{false, true} {
			tx := begin(t, target, fmt.Sprint("import ", i, commits), 1)
			if changes := tx.Changes(); len(changes) > 0 {
				t.Errorf("without a table, the changes are %v", changes)
			}
			tb := table(t, tx, c.columns...)
			changes := tx.Changes()
			switch {
			case c.want == "" && len(changes) > 0:
				t.Errorf("the changes of a table that fits are %v", changes)
			case c.want != "" && (len(changes) != 1 || changes[0].Kind != c.want || changes[0].Table != "items" || changes[0].Detail == "" || len(changes[0].Statements) == 0):
				t.Errorf("the changes are %v, want one of the kind %s", changes, c.want)
			}
			row := []imports.Value{text(fmt.Sprint(i)), text("1")}
			must(t, tb.Insert(t.Context(), [][]imports.Value{row[:len(c.columns)]}))
			if commits {
				commit(t, tx)
			} else {
				must(t, tx.Rollback())
			}
		}
	}
}

// migrated changes names, types, rules, and the key of a table with rows.
func migrated(t *testing.T, open func() imports.Target) {
	target := open()
	defer func() { must(t, target.Close()) }()
	flag := &schema.Column{Name: "flag", Title: "Flag", Type: schema.Text, Required: true}
	columns := []*schema.Column{code, part, price, serial, flag}
	load(t, target, "a", columns, []imports.Value{text("7"), number(1), text("1.5"), text("s1"), text("12")}, []imports.Value{text("8"), number(2), null, null, text("-3")})

	sheet := func(change func(*schema.Sheet)) *schema.Sheet {
		_, s := items(&schema.Column{Name: "code", Type: schema.Text, Required: true}, &schema.Column{Name: "part", Type: schema.Integer, Required: true},
			&schema.Column{Name: "price", Type: schema.Decimal}, &schema.Column{Name: "serial", Type: schema.Text, Unique: true}, &schema.Column{Name: "flag", Type: schema.Text, Required: true})
		change(s)
		return s
	}
	named := func(s *schema.Sheet) {
		s.Table, s.RenamedFrom = "goods", "items"
		s.Columns[3].Name, s.Columns[3].RenamedFrom = "serial_number", "serial"
	}
	needsMigration(t, target, sheet(named))
	migrate(t, target, sheet(named))
	rows := [][]imports.Value{{text("7"), number(1), text("1.5"), text("s1"), text("12")}, {text("8"), number(2), null, null, text("-3")}}
	wantRows(t, target, sheet(named), rows...)

	typed := func(s *schema.Sheet) {
		named(s)
		s.Columns[1].Type, s.Columns[1].Required = schema.Text, false
		s.Columns[4].Type = schema.Integer
	}
	needsMigration(t, target, sheet(typed))
	migrate(t, target, sheet(typed))
	rows = [][]imports.Value{{text("7"), text("1"), text("1.5"), text("s1"), number(12)}, {text("8"), text("2"), null, null, number(-3)}}
	wantRows(t, target, sheet(typed), rows...)

	keyed := func(s *schema.Sheet) {
		typed(s)
		s.Key = []string{"flag"}
		s.Columns[0].Required = false
	}
	needsMigration(t, target, sheet(keyed))
	migrate(t, target, sheet(keyed))
	wantRows(t, target, sheet(keyed), rows...)

	dropped := func(s *schema.Sheet) { keyed(s); s.Columns = s.Columns[2:] }
	wantRows(t, target, sheet(dropped), rows[0][2:], rows[1][2:])
}

// notMigrated wants changes that rows prevent.
func notMigrated(t *testing.T, open func() imports.Target) {
	target := open()
	defer func() { must(t, target.Close()) }()
	columns := []*schema.Column{code, part, price}
	rows := [][]imports.Value{{text("007"), number(1), null}, {text("8"), number(1), text("1")}}
	load(t, target, "a", columns, rows...)
	for name, change := range map[string]func(*schema.Sheet){
		"a type that changes values": func(s *schema.Sheet) { s.Columns[0].Type = schema.Integer },
		"a key with duplicates":      func(s *schema.Sheet) { s.Key = []string{"part"} },
		"a key with empty values":    func(s *schema.Sheet) { s.Key, s.Columns[2].Required = []string{"price"}, true },
	} {
		t.Run(name, func(t *testing.T) {
			_, s := items(&schema.Column{Name: "code", Type: schema.Text, Required: true}, &schema.Column{Name: "part", Type: schema.Integer, Required: true},
				&schema.Column{Name: "price", Type: schema.Decimal})
			change(s)
			err := target.Migrate(t.Context(), shop(s), plan(t, target, s))
			wantConflict(t, err)
			_, before := items(columns...)
			wantRows(t, target, before, rows...)
		})
	}
}

// uniqueKey makes a unique column the key, and the key a unique column.
func uniqueKey(t *testing.T, open func() imports.Target) {
	target := open()
	defer func() { must(t, target.Close()) }()
	of := func(key string, unique string) *schema.Sheet {
		sheet := &schema.Sheet{Name: "items", Title: "Items", Table: "items", Key: []string{key}}
		for _, c := range []string{"code", "serial"} {
			sheet.Columns = append(sheet.Columns, &schema.Column{Name: c, Title: c, Type: schema.Text, Required: true, Unique: c == unique})
		}
		return sheet
	}
	rows := [][]imports.Value{{text("x"), text("s1")}, {text("y"), text("s2")}}
	load(t, target, "a", of("code", "serial").Columns, rows...)
	needsMigration(t, target, of("serial", "code"))
	migrate(t, target, of("serial", "code"))
	wantRows(t, target, of("serial", "code"), rows...)
}
