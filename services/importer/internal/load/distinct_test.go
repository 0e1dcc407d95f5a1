package load_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// teamsOf is a mapping by which the sheet of the people has the teams too.
var teamsOf = []imports.SheetMapping{{Sheet: "teams", WorkbookSheet: "People", Distinct: true,
	Columns: map[string]string{"code": "Team", "size": "Team size"}, Rules: map[string]*schema.Rules{"code": {Case: schema.Upper}}},
	{Sheet: "people", WorkbookSheet: "People", Rules: map[string]*schema.Rules{"team": {Case: schema.Upper}}}}

func people(rows ...[]any) [][]any {
	return append([][]any{{"ID", "Team", "Team size", "Boss"}}, rows...)
}

// TestSheetFeedsSeveralTables imports teams out of the list of people.
func TestSheetFeedsSeveralTables(t *testing.T) {
	bothTargets(t, staffSchema, func(b *bench) {
		b.mapping = teamsOf
		file := sheetsOf(b.t, map[string][][]any{"People": people(
			[]any{"1", "a", 3, "2"}, []any{"2", "A", "3"}, []any{"3", "B", "many"}, []any{"4", "b", "many"}, []any{"5", "A", 4}, []any{"6"})})
		task, summary := b.run(file, upsert)
		wantCounts(b.t, summary.Sheets["teams"], "3 1 0 0 2 0")
		wantCounts(b.t, summary.Sheets["people"], "6 4 0 0 0 2")
		b.wantIssues(task.Import.ID, "People!C4 NOT_A_NUMBER", "People!B6 DUPLICATE_IN_FILE", "People!B4 REFERENCE_BLOCKED", "People!B5 REFERENCE_BLOCKED")
		if got := b.rows("SELECT id || ' ' || coalesce(team, '-') || ' ' || coalesce(size, 0) FROM people LEFT JOIN teams ON code = team ORDER BY id"); !reflect.DeepEqual(got, []string{"1 A 3", "2 A 3", "5 A 3", "6 - 0"}) {
			b.t.Errorf("people are %q", got)
		}
		page, err := b.store.Issues(b.t.Context(), task.Import.ID, imports.IssueFilter{Sheet: "teams", Limit: 10})
		if err != nil {
			b.t.Fatal(err)
		}
		if got, want := page.Issues[1].Message, "Code “A” is in People!B2 too, with other values. Size is “4” here, and “3” there. Enter the same values in both rows."; got != want {
			b.t.Errorf("the message is %s", got)
		}
		im, err := b.store.Get(b.t.Context(), task.Import.ID)
		if err != nil {
			b.t.Fatal(err)
		}
		notices := im.Sheets[0].Notices
		if len(notices) != 1 || notices[0].Reason != imports.RepeatedRows || notices[0].Count != 2 || !slices.Equal(notices[0].Ranges, []string{"3:3", "5:5"}) {
			b.t.Errorf("the notices are %+v", notices)
		}
		// Only new people are added. Their team is in the database, and that is not an error.
		_, summary = b.run(sheetsOf(b.t, map[string][][]any{"People": people([]any{"7", "A", 3}, []any{"8", "C", 1})}), imports.Policy{OnIssues: imports.SkipRows, Mode: imports.InsertOnly})
		wantCounts(b.t, summary.Sheets["teams"], "2 1 0 1 0 0")
		wantCounts(b.t, summary.Sheets["people"], "2 2 0 0 0 0")
	})
}

// TestTotalIsLeftOutOfAllTables imports a sheet whose last row is a total, which only the columns of one table show.
func TestTotalIsLeftOutOfAllTables(t *testing.T) {
	b := setupFor(t, staffSchema)
	b.mapping = []imports.SheetMapping{{Sheet: "teams", WorkbookSheet: "People", Distinct: true, Columns: map[string]string{"code": "Team", "size": ""}}}
	task, summary := b.run(sheetsOf(t, map[string][][]any{"People": people([]any{"1", "A", nil, "2"}, []any{"2", "A"}, []any{"3", "B"}, []any{nil, "Total"})}), upsert)
	wantCounts(t, summary.Sheets["teams"], "3 2 0 0 1 0")
	wantCounts(t, summary.Sheets["people"], "4 3 0 0 1 0")
	b.wantIssues(task.Import.ID, "People!C1 COLUMN_IGNORED", "People!B5 NOT_A_RECORD", "People!B5 NOT_A_RECORD")
}

// TestRepeatedRowsOfManyBatches finds equal rows whose keys are in files.
func TestRepeatedRowsOfManyBatches(t *testing.T) {
	for _, keyBytes := range []int64{0, 1} {
		b := setupFor(t, staffSchema)
		b.loader.KeyBytes = keyBytes
		b.mapping = teamsOf
		const rows, teams = 9_000, 2_500
		list := make([][]any, rows)
		for i := range list {
			list[i] = []any{fmt.Sprint(i), fmt.Sprint("team ", i%teams, strings.Repeat("x", 900)), i % teams}
		}
		list[8_000][2] = -1
		task, summary := b.run(streamed(t, "People", people(list...)), upsert)
		wantCounts(t, summary.Sheets["teams"], "2501 2500 0 0 1 0")
		wantCounts(t, summary.Sheets["people"], "9000 9000 0 0 0 0")
		b.wantIssues(task.Import.ID, "People!B8002 DUPLICATE_IN_FILE")
	}
}

func TestColumnsAreSplitAndJoined(t *testing.T) {
	b := setupFor(t, staffSchema)
	b.mapping = []imports.SheetMapping{{Sheet: "people", WorkbookSheet: "People", Columns: map[string]string{"boss": ""},
		Splits: []imports.ColumnSplit{{Header: "Number and date", Separator: ";", Columns: []string{"id", "", "born"}}},
		Joins:  []imports.ColumnJoin{{Column: "mail", Headers: []string{"User", "Host"}, Separator: "@"}}},
		{Sheet: "teams", WorkbookSheet: "Teams", Splits: []imports.ColumnSplit{{Header: "Team", Separator: " ", Columns: []string{"code", "size"}, FromEnd: true}}}}
	file := sheetsOf(t, map[string][][]any{
		"People": {{"Number and date", "User", "Host", "Team"}, {"1 ; x;2001-02-03", "ann", "x.org"}, {2, "bob"}, {" 3;;2001-02-30;4", "", "y.org"}, {"", nil, nil, nil}, {";x", "a", "b"}},
		"Teams":  {{"Team"}, {"North  Sea\u00a0 12"}, {7}, {"A x"}},
	})
	task, _ := b.run(file, upsert)
	b.wantIssues(task.Import.ID, "Teams!A3 REQUIRED", "Teams!A4 NOT_A_NUMBER", "People!A4 NOT_A_DATE", "People!A6 REQUIRED")
	if got := b.rows("SELECT id || ' ' || mail || ' ' || coalesce(born, '-') FROM people ORDER BY id"); !reflect.DeepEqual(got, []string{"1 ann@x.org 2001-02-03", "2 bob -"}) {
		t.Errorf("people are %q", got)
	}
	if got := b.rows("SELECT code || '|' || size FROM teams"); !reflect.DeepEqual(got, []string{"North  Sea|12"}) {
		t.Errorf("teams are %q", got)
	}
}

func TestDebitsAreSubtracted(t *testing.T) {
	b := setupFor(t, strings.Replace(wideSchema, "{name: c0, type: text, required: true}", "{name: c0, type: decimal}", 1))
	constants := map[string]string{"c1": "x", "c2": "x", "c3": "x", "c4": "x", "c5": "x"}
	b.mapping = []imports.SheetMapping{{Sheet: "wide", WorkbookSheet: "Bank", Constants: constants,
		Joins: []imports.ColumnJoin{{Column: "c0", Headers: []string{"Credit", "Debit"}, Negated: []string{"Debit"}}}}}
	task, _ := b.run(sheetsOf(t, map[string][][]any{"Bank": {{"Key", "Debit", "Credit"}, {"a", 4.5}, {"b", nil, 20}, {"c", "1.250,50", ""}, {"d", 3, 0}, {"e", "0.00", "12,50"},
		{"f", -4.5}, {"g", "-4,50"}, {"h", 1, 2}, {"i"}, {"j", 0, 0}, {"k", "-", "7"}}}), upsert)
	b.wantIssues(task.Import.ID, "Bank!C4 NORMALIZED", "Bank!C7 NOT_A_NUMBER", "Bank!C8 NOT_A_NUMBER", "Bank!C9 NOT_A_NUMBER")
	got := strings.Join(b.rows("SELECT key || ' ' || coalesce(c0, '-') FROM wide ORDER BY key"), ", ")
	if got != "a -4.5, b 20, c -1250.5, d -3, e 12.5, i -, j 0, k 7" {
		t.Errorf("the amounts are %s", got)
	}
}

// TestUnmappingIsTheInverseOfMapping imports random tables by random mappings, from files that have their values in the form of the mapping.
func TestUnmappingIsTheInverseOfMapping(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 18))
		b := setupFor(t, wideSchema)
		names := []string{"c0", "c1", "c2", "c3", "c4", "c5"}
		rows := make([][]string, 1+r.IntN(8))
		for i := range rows {
			for range names {
				rows[i] = append(rows[i], randomWords(r))
			}
			rows[i] = append([]string{fmt.Sprint("k", i%5)}, rows[i]...)
			copy(rows[i][1:], rows[i%5][1:]) // of the first row with the key
		}
		m, header, cells := unmapped(r, names, rows)
		b.mapping = []imports.SheetMapping{m}
		file := append([][]any{header}, cells...)
		task, summary := b.run(sheetsOf(t, map[string][][]any{"File": file}), upsert)
		b.wantIssues(task.Import.ID)
		distinct := min(len(rows), 5)
		wantCounts(t, summary.Sheets["wide"], fmt.Sprint(distinct, distinct, 0, 0, 0, 0))
		var want []string
		for _, row := range rows[:distinct] {
			want = append(want, strings.Join(row, "|"))
		}
		slices.Sort(want)
		if got := b.rows("SELECT key || '|' || c0 || '|' || c1 || '|' || c2 || '|' || c3 || '|' || c4 || '|' || c5 FROM wide ORDER BY key"); !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d, mapping %+v:\nthe rows are %q\nwant %q", seed, m, got, want)
		}
	}
}

const wideSchema = `
name: wide
sheets:
  - name: wide
    key: key
    columns:
      - {name: key, type: text, required: true}
      - {name: c0, type: text, required: true}
      - {name: c1, type: text, required: true}
      - {name: c2, type: text, required: true}
      - {name: c3, type: text, required: true}
      - {name: c4, type: text, required: true}
      - {name: c5, type: text, required: true}
`

// randomWords returns words without the separators of unmapped.
func randomWords(r *rand.Rand) string {
	words := make([]string, 1+r.IntN(2))
	for i := range words {
		words[i] = []string{"x", "ä7", "Ω-3", "«q»", "0012", "1,5", "#N/A", "日本"}[r.IntN(8)]
	}
	return strings.Join(words, "_")
}

// unmapped returns a random mapping, and the headers and cells of a file from which it makes the rows: their key, and the named columns.
// Each column has its own header, is part of a cell, or consists of several cells.
func unmapped(r *rand.Rand, names []string, rows [][]string) (m imports.SheetMapping, header []any, cells [][]any) {
	m = imports.SheetMapping{Sheet: "wide", WorkbookSheet: "File", Distinct: true, Columns: map[string]string{"key": "Schlüssel"}}
	header, cells = []any{"Schlüssel"}, make([][]any, len(rows))
	for i, row := range rows {
		cells[i] = []any{row[0]}
	}
	add := func(title string, cell func(row []string) string) {
		header = append(header, title)
		for i := range cells {
			cells[i] = append(cells[i], cell(rows[i]))
		}
	}
	for c := 0; c < len(names); {
		title, at := fmt.Sprint("Spalte ", c), c+1
		switch n := 1 + r.IntN(min(3, len(names)-c)); {
		case n > 1:
			separator := []string{";", " ", " / ", "::"}[r.IntN(4)]
			m.Splits = append(m.Splits, imports.ColumnSplit{Header: title, Separator: separator, Columns: names[c : c+n], FromEnd: r.IntN(2) == 0})
			add(title, func(row []string) string { return strings.Join(row[at:at+n], separator) })
			c += n
		case r.IntN(2) == 0:
			m.Joins = append(m.Joins, imports.ColumnJoin{Column: names[c], Headers: []string{title + " links", title + " rechts"}})
			add(title+" links", func(row []string) string { return string([]rune(row[at])[:1]) })
			add(title+" rechts", func(row []string) string { return string([]rune(row[at])[1:]) })
			c++
		default:
			m.Columns[names[c]] = title
			add(title, func(row []string) string { return row[at] })
			c++
		}
	}
	return m, header, cells
}
