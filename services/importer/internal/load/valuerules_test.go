package load_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

const ruledSchema = `
name: staff
sheets:
  - name: teams
    title: Teams
    key: code
    columns:
      - {name: code, type: text, required: true, rules: {case: upper, collapse: true}}
      - {name: size, type: integer, rules: {thousands: ".", blank: keep}}
  - name: people
    title: People
    key: id
    columns:
      - {name: id, title: ID, type: text, required: true, rules: {case: upper}}
      - {name: team, type: text, references: teams.code}
      - {name: boss, type: text, references: people.id, rules: {blank: keep}}
      - {name: mail, type: email, unique: true, rules: {case: lower}}
      - {name: born, type: date, rules: {date_order: dmy}}
`

// bothTargets runs a test with SQLite and with PostgreSQL.
func bothTargets(t *testing.T, yaml string, test func(b *bench)) {
	t.Run("SQLite", func(t *testing.T) { test(setupFor(t, yaml)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(setupPostgres(t, yaml)) })
}

func TestKeysAndReferencesCompareByRules(t *testing.T) {
	bothTargets(t, ruledSchema, func(b *bench) {
		first := workbook(b.t, [][]any{{"hr", "1.200"}, {"A  b", 2}, {"HR", 3}},
			[][]any{{"e1", "Hr", "", "Ann@X.org", "03/04/1985"}, {"e2", "a b", "E1", "bob@x.org"}, {"E1", "HR"}, {"e3", "hr", "", "ANN@x.org"}})
		task, summary := b.run(first, upsert)
		wantCounts(b.t, summary.Sheets["teams"], "3 2 0 0 1 0")
		wantCounts(b.t, summary.Sheets["people"], "4 2 0 0 2 0")
		b.wantIssues(task.Import.ID, "Teams!A4 DUPLICATE_IN_FILE", "People!A4 DUPLICATE_IN_FILE", "People!D5 DUPLICATE_IN_FILE")
		again, summary := b.run(workbook(b.t, [][]any{{"Hr"}, {"a B", ""}, {"new"}}, [][]any{{"E1", "HR", "", "ann@x.org", "3.4.1985"}, {"E2", "A B", "", "bob@x.org"}}), upsert)
		b.wantIssues(again.Import.ID)
		wantCounts(b.t, summary.Sheets["teams"], "3 1 0 2 0 0") // the size is kept
		wantCounts(b.t, summary.Sheets["people"], "2 0 0 2 0 0")
		_, summary = b.run(workbook(b.t, nil, [][]any{{"E2", "A B", "", "new@x.org"}}), upsert)
		wantCounts(b.t, summary.Sheets["people"], "1 0 1 0 0 0")
		got := b.rows("SELECT id || ' ' || team || ' ' || coalesce(boss, '-') || ' ' || mail FROM people ORDER BY id")
		if want := []string{"E1 HR - ann@x.org", "E2 A B E1 new@x.org"}; !reflect.DeepEqual(got, want) {
			b.t.Errorf("people are %q, want %q", got, want)
		}
		if got := b.rows("SELECT code || ' ' || coalesce(size, 0) FROM teams ORDER BY code"); !reflect.DeepEqual(got, []string{"A B 2", "HR 1200", "NEW 0"}) {
			b.t.Errorf("teams are %q", got)
		}
	})
}

func TestTableWithKeysAgainstTheRulesIsRefused(t *testing.T) {
	plain := strings.NewReplacer(", rules: {case: upper, collapse: true}", "", ", rules: {case: upper}", "").Replace(ruledSchema)
	bothTargets(t, plain, func(b *bench) {
		b.run(workbook(b.t, [][]any{{"HR", 1}}, [][]any{{"e1", "HR"}}), upsert)
		s, err := schema.Load("schema.yaml", []byte(ruledSchema))
		if err != nil {
			b.t.Fatal(err)
		}
		b.schema = s
		_, err = b.loader.Run(b.t.Context(), b.task(workbook(b.t, [][]any{{"hr", 2}}, nil), upsert))
		var conflict *imports.TableConflictError
		if !errors.As(err, &conflict) || conflict.Table != "people" || !strings.Contains(conflict.Detail, "“e1”") || !strings.Contains(conflict.Detail, "case: upper") {
			b.t.Errorf("the error is %v", err)
		}
	})
}

func TestRulesOfMappingComeBeforeThoseOfSchema(t *testing.T) {
	b := setupFor(t, staffSchema)
	file := workbook(t, [][]any{{"a", "1.500"}, {"b", "n/a"}}, [][]any{{"1", "A", "", "", "03/04/2025"}})
	task := b.task(file, upsert)
	task.Import.Sheets[0].Rules = map[string]*schema.Rules{"code": {Case: schema.Upper}, "size": {Thousands: ".", Empty: []string{"N/A"}}}
	task.Import.Sheets[1].Rules = map[string]*schema.Rules{"born": {DateOrder: schema.MDY}}
	summary, err := b.loader.Run(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	b.wantIssues(task.Import.ID)
	wantCounts(t, summary.Sheets["people"], "1 1 0 0 0 0")
	if got := b.rows("SELECT code || ' ' || coalesce(size, 0) FROM teams ORDER BY code"); !reflect.DeepEqual(got, []string{"A 1500", "B 0"}) {
		t.Errorf("teams are %q", got)
	}
	im, err := b.store.Get(t.Context(), task.Import.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := []imports.ColumnChanges{
		{Column: "code", Cells: 2, Rules: []imports.RuleChanges{{Rule: "case", Cells: 2, Samples: []imports.ChangedCell{{Cell: "Teams!A2", Before: "a", After: "A"}, {Cell: "Teams!A3", Before: "b", After: "B"}}}}},
		{Column: "size", Cells: 2, Rules: []imports.RuleChanges{
			{Rule: "empty", Cells: 1, Samples: []imports.ChangedCell{{Cell: "Teams!B3", Before: "n/a"}}},
			{Rule: "separators", Cells: 1, Samples: []imports.ChangedCell{{Cell: "Teams!B2", Before: "1.500", After: "1500"}}}}},
	}
	if got := im.Sheets[0].Changes; !reflect.DeepEqual(got, want) {
		t.Errorf("the changes are %+v", got)
	}
	if got := im.Sheets[1].Changes; len(got) != 1 || got[0].Rules[0].Rule != "dates" || got[0].Rules[0].Samples[0].After != "2025-03-04" {
		t.Errorf("the changes of the people are %+v", got)
	}
}

func TestSamplesAreTheFirstChangedCells(t *testing.T) {
	b := setupFor(t, ruledSchema)
	var rows [][]any
	for i := range 5000 {
		rows = append(rows, []any{"k" + strings.Repeat("x", i/100) + string(rune('A'+i%26)) + string(rune('A'+i/26%26)) + strings.Repeat("Y", i/676)})
	}
	for _, policy := range []imports.Policy{{Mode: imports.Upsert, DryRun: true}, upsert} {
		task := b.task(workbook(t, rows, nil), policy)
		if _, err := b.loader.Run(t.Context(), task); err != nil {
			t.Fatal(err)
		}
		im, err := b.store.Get(t.Context(), task.Import.ID)
		if err != nil {
			t.Fatal(err)
		}
		changes := im.Sheets[0].Changes
		if len(changes) != 1 || changes[0].Cells != 5000 || len(changes[0].Rules) != 1 {
			t.Fatalf("the changes are %+v", changes)
		}
		samples := changes[0].Rules[0].Samples
		if len(samples) != imports.MaxSamples || samples[0].Cell != "Teams!A2" || samples[1].Cell != "Teams!A3" || samples[2].Cell != "Teams!A4" {
			t.Errorf("the samples are %+v", samples)
		}
	}
}

func TestDefaultOfColumnOutsideItsBoundsIsAnIssue(t *testing.T) {
	b := setupFor(t, strings.Replace(ruledSchema, `thousands: ".", blank: keep`, `default: 7, lookup: {many: "99"}`, 1))
	_, summary := b.run(workbook(t, [][]any{{"a"}, {"b", "MANY"}}, nil, func(f *excelize.File) error { return f.SetCellStr("Teams", "A1", "Code") }), upsert)
	wantCounts(t, summary.Sheets["teams"], "2 2 0 0 0 0")
	if got := b.rows("SELECT code || ' ' || size FROM teams ORDER BY code"); !reflect.DeepEqual(got, []string{"A 7", "B 99"}) {
		t.Errorf("teams are %q", got)
	}
}
