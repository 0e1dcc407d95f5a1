package load_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/imports"
)

const staffSchema = `
name: staff
title: Staff
sheets:
  - name: teams
    title: Teams
    table: teams
    key: code
    columns:
      - {name: code, title: Code, type: text, required: true}
      - {name: size, title: Size, type: integer}
  - name: people
    title: People
    table: people
    key: id
    columns:
      - {name: id, title: ID, type: text, required: true}
      - {name: team, title: Team, type: text, references: teams.code}
      - {name: boss, title: Boss, type: text, references: people.id}
      - {name: mail, title: Mail, type: text, unique: true}
      - {name: born, title: Born, type: date}
`

// sheetOf is a sheet to write: its headers are the first row.
type sheetOf [][]any

var (
	teamHeader   = []any{"Code", "Size"}
	peopleHeader = []any{"ID", "Team", "Boss", "Mail", "Born"}
)

func workbook(t testing.TB, teams, people [][]any, change ...func(*excelize.File) error) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	sheets := []struct {
		name string
		rows sheetOf
	}{{"Teams", append(sheetOf{teamHeader}, teams...)}, {"People", append(sheetOf{peopleHeader}, people...)}}
	for _, sheet := range sheets {
		if _, err := f.NewSheet(sheet.name); err != nil {
			t.Fatal(err)
		}
		for i, row := range sheet.rows {
			if err := f.SetSheetRow(sheet.name, fmt.Sprintf("A%d", i+1), &row); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.DeleteSheet("Sheet1"); err != nil {
		t.Fatal(err)
	}
	for _, c := range change {
		if err := c(f); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if err := f.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

var upsert = imports.Policy{OnIssues: imports.SkipRows, Mode: imports.Upsert}

// issues returns "cell CODE" for all stored issues, in their order.
func (b *bench) issues(id string) []string {
	b.t.Helper()
	page, err := b.store.Issues(b.t.Context(), id, imports.IssueFilter{Limit: 1_000_000})
	if err != nil {
		b.t.Fatal(err)
	}
	list := []string{}
	for _, is := range page.Issues {
		list = append(list, is.Cell+" "+is.Code.String())
	}
	return list
}

func (b *bench) wantIssues(id string, want ...string) {
	b.t.Helper()
	if got := b.issues(id); !slices.Equal(got, want) {
		b.t.Errorf("issues are\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// wantCounts compares "read inserted updated unchanged rejected blocked" of a sheet.
func wantCounts(t testing.TB, c imports.Counts, want string) {
	t.Helper()
	if got := fmt.Sprint(c.Read, c.Inserted, c.Updated, c.Unchanged, c.Rejected, c.Blocked); got != want {
		t.Errorf("read, inserted, updated, unchanged, rejected, blocked are %s, want %s", got, want)
	}
}

func TestRejectedParentBlocksItsDescendants(t *testing.T) {
	b := setupFor(t, staffSchema)
	task, summary := b.run(workbook(t,
		[][]any{{"A", 1}, {"B", "many"}},
		[][]any{
			{"1", "A"},
			{"2", "B"},                // blocked by the team
			{"3", "A", "2"},           // blocked by 2
			{"4", "A", "3"},           // blocked by 3
			{"5", "A", "1"},           //
			{"6", "C"},                // no such team
			{"7", "A", "6"},           // blocked by 6
			{"8", "A", "9"},           // its boss is below
			{"9", "A", "1"},           //
			{"10", "A", "11"},         // its boss is below and rejected
			{"11", "A", "", "", "no"}, // no date
		}), upsert)
	wantCounts(t, summary.Sheets["teams"], "2 1 0 0 1 0")
	wantCounts(t, summary.Sheets["people"], "11 4 0 0 2 5")
	b.wantIssues(task.Import.ID,
		"Teams!B3 NOT_A_NUMBER",
		"People!B3 REFERENCE_BLOCKED", "People!C4 REFERENCE_BLOCKED", "People!C5 REFERENCE_BLOCKED",
		"People!B7 REFERENCE_MISSING", "People!C8 REFERENCE_BLOCKED", "People!C11 REFERENCE_BLOCKED", "People!E12 NOT_A_DATE")
	if held := b.query(`SELECT group_concat(id, ' ') FROM (SELECT id FROM people ORDER BY id)`); held != "1 5 8 9" {
		t.Errorf("the database holds %v", held)
	}
	var told []string
	for _, cause := range summary.RootCauses {
		told = append(told, fmt.Sprint(cause.Issue.Cell, ": ", cause.Message))
	}
	want := []string{
		"Teams!B3: “B” of “Teams” has an error. 3 rows of “People” are waiting for it.",
		"People!B7: “C” of “Teams” is missing. 2 rows of “People” are waiting for it.",
		"People!E12: “11” of “People” has an error. 1 row of “People” is waiting for it.",
	}
	if !slices.Equal(told, want) {
		t.Errorf("causes are %q, want %q", told, want)
	}
}

func TestCircularReferencesAreIssues(t *testing.T) {
	b := setupFor(t, staffSchema)
	task, summary := b.run(workbook(t, [][]any{{"A"}}, [][]any{
		{"1", "A", "2"}, {"2", "A", "3"}, {"3", "A", "1"}, // a cycle
		{"4", "A", "1"}, // refers to the cycle
		{"5", "A", "5"}, // itself
		{"6", "A", ""},
	}), upsert)
	wantCounts(t, summary.Sheets["people"], "6 1 0 0 4 1")
	b.wantIssues(task.Import.ID, "People!C2 REFERENCE_CYCLE", "People!C3 REFERENCE_CYCLE", "People!C4 REFERENCE_CYCLE",
		"People!C5 REFERENCE_BLOCKED", "People!C6 REFERENCE_CYCLE")
}

func TestLongChainIsWrittenFromItsTop(t *testing.T) {
	b := setupFor(t, staffSchema)
	const n = 5000
	people := make([][]any, n)
	for i := range people {
		people[i] = []any{fmt.Sprint(i), "A", fmt.Sprint(i + 1)}
	}
	people[n-1][2] = nil
	_, summary := b.run(workbook(t, [][]any{{"A"}}, people), upsert)
	wantCounts(t, summary.Sheets["people"], fmt.Sprintf("%d %d 0 0 0 0", n, n))
}

func TestRowsCanReferToExistingRows(t *testing.T) {
	b := setupFor(t, staffSchema)
	b.run(workbook(t, [][]any{{"A", 3}}, [][]any{{"1", "A"}}), upsert)
	_, summary := b.run(workbook(t, nil, [][]any{{"2", "A", "1"}, {"3", "A", "2"}, {"4", "A", "nobody"}}), upsert)
	wantCounts(t, summary.Sheets["people"], "3 2 0 0 1 0")
}

func TestDuplicateKeyNamesTheFirst(t *testing.T) {
	b := setupFor(t, staffSchema)
	task, summary := b.run(workbook(t, [][]any{{"A"}, {"A"}}, [][]any{
		{"1", "A", "", "x@y"}, {"2", "A", "", "x@y"}, {"1", "A"}, {"3", "A"}, {"4", "A"},
	}), upsert)
	wantCounts(t, summary.Sheets["people"], "5 3 0 0 2 0")
	b.wantIssues(task.Import.ID, "Teams!A3 DUPLICATE_IN_FILE", "People!D3 DUPLICATE_IN_FILE", "People!A4 DUPLICATE_IN_FILE")
	page, err := b.store.Issues(t.Context(), task.Import.ID, imports.IssueFilter{Sheet: "people"})
	if err != nil {
		t.Fatal(err)
	}
	if m := page.Issues[0].Message; !strings.Contains(m, "People!D2") {
		t.Errorf("the message %q does not name the first", m)
	}
}

func TestRowsAreInsertedUpdatedOrLeftAlone(t *testing.T) {
	b := setupFor(t, staffSchema)
	first := workbook(t, [][]any{{"A", 1}, {"B", 2}, {"C", nil}}, nil)
	b.run(first, upsert)
	_, summary := b.run(workbook(t, [][]any{{"A", 1}, {"B", 3}, {"C", nil}, {"D", 4}}, nil), upsert)
	wantCounts(t, summary.Sheets["teams"], "4 1 1 2 0 0")
	if size := b.query(`SELECT size FROM teams WHERE code = 'B'`); size != int64(3) {
		t.Errorf("B has the size %v", size)
	}
	_, summary = b.run(workbook(t, [][]any{{"B", nil}}, nil), upsert)
	wantCounts(t, summary.Sheets["teams"], "1 0 1 0 0 0")
	if size := b.query(`SELECT size FROM teams WHERE code = 'B'`); size != nil {
		t.Errorf("B has the size %v, want none", size)
	}
}

func TestMissingColumnKeepsItsValues(t *testing.T) {
	b := setupFor(t, staffSchema)
	b.run(workbook(t, [][]any{{"A", 7}}, nil), upsert)
	narrow := workbook(t, [][]any{{"A"}, {"B"}}, nil, func(f *excelize.File) error { return f.RemoveCol("Teams", "B") })
	_, summary := b.run(narrow, upsert)
	wantCounts(t, summary.Sheets["teams"], "2 1 0 1 0 0")
	if size := b.query(`SELECT size FROM teams WHERE code = 'A'`); size != int64(7) {
		t.Errorf("A has the size %v, want 7", size)
	}
}

func TestModesRefuseOtherRows(t *testing.T) {
	b := setupFor(t, staffSchema)
	b.run(workbook(t, [][]any{{"A", 1}}, nil), upsert)
	file := workbook(t, [][]any{{"A", 2}, {"B", 2}}, [][]any{{"1", "A"}, {"2", "B"}})

	task, summary := b.run(file, imports.Policy{OnIssues: imports.SkipRows, Mode: imports.InsertOnly})
	wantCounts(t, summary.Sheets["teams"], "2 1 0 0 1 0")
	wantCounts(t, summary.Sheets["people"], "2 2 0 0 0 0") // A exists, so 1 can refer to it
	b.wantIssues(task.Import.ID, "Teams!A2 KEY_EXISTS")

	task, summary = b.run(workbook(t, [][]any{{"A", 5}, {"X", 2}}, [][]any{{"1", "X"}}), imports.Policy{OnIssues: imports.SkipRows, Mode: imports.UpdateOnly})
	wantCounts(t, summary.Sheets["teams"], "2 0 1 0 1 0")
	wantCounts(t, summary.Sheets["people"], "1 0 0 0 0 1")
	b.wantIssues(task.Import.ID, "Teams!A3 KEY_UNKNOWN", "People!B2 REFERENCE_BLOCKED")
}

func TestUniqueValueOfExistingRowIsAnIssue(t *testing.T) {
	b := setupFor(t, staffSchema)
	b.run(workbook(t, nil, [][]any{{"1", "", "", "one"}, {"2", "", "", "two"}}), upsert)
	task, summary := b.run(workbook(t, nil, [][]any{{"3", "", "", "one"}, {"1", "", "", "one"}}), upsert)
	wantCounts(t, summary.Sheets["people"], "2 0 0 0 2 0")
	b.wantIssues(task.Import.ID, "People!D2 DUPLICATE_IN_DATABASE", "People!D3 DUPLICATE_IN_FILE")
	// Row 1 releases its value before the row that takes it.
	_, summary = b.run(workbook(t, nil, [][]any{{"1", "", "", "uno"}, {"2", "", "", "one"}, {"4", "", "", "two"}}), upsert)
	wantCounts(t, summary.Sheets["people"], "3 1 2 0 0 0")
}

func TestDatesFollowTheWorkbooksDateSystem(t *testing.T) {
	for _, date1904 := range []bool{false, true} {
		b := setupFor(t, staffSchema)
		file := workbook(t, nil, [][]any{{"1", "", "", "", 30000}}, func(f *excelize.File) error {
			if err := f.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &date1904}); err != nil {
				return err
			}
			style, err := f.NewStyle(&excelize.Style{NumFmt: 14})
			if err != nil {
				return err
			}
			return f.SetCellStyle("People", "E2", "E2", style)
		})
		b.run(file, upsert)
		want := map[bool]string{false: "1982-02-18", true: "1986-02-19"}[date1904]
		if got := b.query(`SELECT born FROM people`); got != want {
			t.Errorf("1904 is %v: got %v, want %v", date1904, got, want)
		}
	}
}

func TestPhantomRowsAreNotCounted(t *testing.T) {
	b := setupFor(t, staffSchema)
	file := workbook(t, [][]any{{"A", 1}, {nil, nil}, {" ", ""}, {"B", 2}}, nil, func(f *excelize.File) error {
		style, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
		if err != nil {
			return err
		}
		return f.SetCellStyle("Teams", "A6", "B2000", style)
	})
	_, summary := b.run(file, upsert)
	wantCounts(t, summary.Sheets["teams"], "2 2 0 0 0 0")
}

func TestUnmappedColumnsAreReportedOnce(t *testing.T) {
	b := setupFor(t, staffSchema)
	file := workbook(t, [][]any{{"A", 1}, {"B", 2}, {"C", 3}}, nil, func(f *excelize.File) error {
		return errors.Join(f.SetCellStr("Teams", "C1", "Notes"), f.SetCellStr("Teams", "C2", "x"), f.SetCellStr("Teams", "C3", "y"),
			f.SetCellStr("Teams", "E3", "stray"), f.SetCellStr("Teams", "E4", "stray"), f.SetCellStr("Teams", "E9", "below"))
	})
	task, summary := b.run(file, upsert)
	wantCounts(t, summary.Sheets["teams"], "3 3 0 0 0 0")
	b.wantIssues(task.Import.ID, "Teams!C1 COLUMN_IGNORED", "Teams!E3 COLUMN_IGNORED")
	if c := summary.Sheets["teams"]; c.Issues != 0 || c.Warnings != 2 {
		t.Errorf("%d issues and %d warnings", c.Issues, c.Warnings)
	}
}

func TestStoredIssuesAreLimitedAndAllAreCounted(t *testing.T) {
	b := setupFor(t, staffSchema)
	const n = imports.KeptPerSheet + 500
	teams := make([][]any, n)
	for i := range teams {
		teams[i] = []any{fmt.Sprint("T", i), "many"}
	}
	task, summary := b.run(workbook(t, teams, [][]any{{"1", fmt.Sprint("T", n-1)}}), upsert)
	if c := summary.Sheets["teams"]; c.Issues != n || c.Rejected != n {
		t.Errorf("%d issues, %d rejected, want %d", c.Issues, c.Rejected, n)
	}
	page, err := b.store.Issues(t.Context(), task.Import.ID, imports.IssueFilter{Sheet: "teams"})
	if err != nil || page.Matching != imports.KeptPerSheet {
		t.Errorf("%d are kept, %v", page.Matching, err)
	}
	if len(summary.RootCauses) != 1 || summary.RootCauses[0].Issue.Row != n+1 || summary.RootCauses[0].Issue.Cell != fmt.Sprintf("Teams!B%d", n+1) {
		t.Errorf("causes are %+v", summary.RootCauses)
	}
}

func TestReleasedUniqueValueCanBeTaken(t *testing.T) {
	for name, people := range map[string][][]any{
		"the giver is below":                 {{"e2", nil, nil, "a"}, {"e1", nil, nil, "b"}},
		"the giver waits for its boss":       {{"e1", nil, "e3", "b"}, {"e2", nil, nil, "a"}, {"e3", nil, nil, "c"}},
		"the giver is below and waits":       {{"e2", nil, nil, "a"}, {"e1", nil, "e3", "b"}, {"e3", nil, nil, "c"}},
		"a chain of takers":                  {{"e2", nil, nil, "a"}, {"e3", nil, nil, "m"}, {"e1", nil, nil, nil}},
		"the giver releases it to a new row": {{"new", nil, nil, "a"}, {"e1", nil, nil, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			b := setupFor(t, staffSchema)
			b.run(workbook(t, nil, [][]any{{"e1", nil, nil, "a"}, {"e2", nil, nil, "m"}}), upsert)
			task, summary := b.run(workbook(t, nil, people), upsert)
			b.wantIssues(task.Import.ID)
			if c := summary.Totals; int(c.Inserted+c.Updated) != len(people) {
				t.Errorf("got %+v", c)
			}
		})
	}
}

func TestUnreleasedUniqueValueIsDuplicate(t *testing.T) {
	b := setupFor(t, staffSchema)
	b.run(workbook(t, nil, [][]any{{"e1", nil, nil, "a"}}), upsert)
	task, _ := b.run(workbook(t, nil, [][]any{{"e2", nil, nil, "a"}, {"e1", nil, nil, "a", "2000-01-01"}}), upsert)
	b.wantIssues(task.Import.ID, "People!D2 DUPLICATE_IN_DATABASE", "People!D3 DUPLICATE_IN_FILE")
}

func TestCycleThroughRowsOfDatabaseIsFound(t *testing.T) {
	for name, test := range map[string]struct {
		before, file [][]any
		want         []string
	}{
		"one row": {[][]any{{"e1"}, {"e2", nil, "e1"}}, [][]any{{"e1", nil, "e2"}}, []string{"People!C2 REFERENCE_CYCLE"}},
		"a chain": {[][]any{{"e1"}, {"e2", nil, "e1"}, {"e3", nil, "e2"}, {"e4", nil, "e3"}}, [][]any{{"e1", nil, "e4"}}, []string{"People!C2 REFERENCE_CYCLE"}},
		"through a row of the file": {[][]any{{"e1"}, {"e2", nil, "e1"}, {"e3"}}, [][]any{{"e1", nil, "e3"}, {"e3", nil, "e2"}},
			[]string{"People!C2 REFERENCE_CYCLE", "People!C3 REFERENCE_CYCLE"}},
		"a row of the file ends it": {[][]any{{"e1"}, {"e2", nil, "e1"}, {"e3", nil, "e2"}}, [][]any{{"e2"}, {"e1", nil, "e3"}}, nil},
		"a chain without a cycle":   {[][]any{{"e1"}, {"e2", nil, "e1"}, {"e3", nil, "e2"}}, [][]any{{"e4", nil, "e3"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := setupFor(t, staffSchema)
			b.run(workbook(t, nil, test.before), upsert)
			task, _ := b.run(workbook(t, nil, test.file), upsert)
			b.wantIssues(task.Import.ID, test.want...)
		})
	}
}
