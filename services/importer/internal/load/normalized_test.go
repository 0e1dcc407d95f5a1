package load_test

import (
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/imports"
)

func TestLookAlikeKeysAndReferencesAreEqual(t *testing.T) {
	b := setupFor(t, staffSchema)
	task, summary := b.run(workbook(t,
		[][]any{{"HR", 1}, {"HR\u00a0", 2}, {"Caf\u00e9", 3}, {"\u200bCafe\u0301", 4}},
		[][]any{{"1", " HR\u200b"}, {"2", "Cafe\u0301"}}), upsert)
	wantCounts(t, summary.Sheets["teams"], "4 2 0 0 2 0")
	wantCounts(t, summary.Sheets["people"], "2 2 0 0 0 0")
	page, err := b.store.Issues(b.t.Context(), task.Import.ID, imports.IssueFilter{Code: imports.DuplicateInFile, Limit: 1})
	if err != nil || len(page.Issues) != 1 || !strings.HasPrefix(page.Issues[0].Message, "Code “HR” (U+00A0 (no-break space) after the text) ") {
		t.Errorf("got %+v, %v", page.Issues, err)
	}
	b.wantIssues(task.Import.ID, "Teams!A3 DUPLICATE_IN_FILE", "Teams!A3 NORMALIZED", "Teams!A5 DUPLICATE_IN_FILE", "People!B2 NORMALIZED")
}

func TestNormalizedCellsAreCountedPerColumn(t *testing.T) {
	b := setupFor(t, staffSchema)
	rows := [][]any{{"A", "1"}}
	for i := range 2500 {
		rows = append(rows, []any{"K" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/26) + " ", "1'000"})
	}
	task, summary := b.run(workbook(t, rows, nil, func(f *excelize.File) error { return f.SetCellStr("Teams", "A1", "Code\u200b") }), upsert)
	if c := summary.Sheets["teams"]; c.Inserted != 2501 || c.Warnings != 2 || c.Issues != 0 {
		t.Errorf("%+v", c)
	}
	page, err := b.store.Issues(b.t.Context(), task.Import.ID, imports.IssueFilter{Limit: 10})
	if err != nil || len(page.Issues) != 2 {
		t.Fatalf("%d issues, %v", len(page.Issues), err)
	}
	const want = "“Ka” (a blank after the text) was read as “Ka”. 2,499 other cells of this column were cleaned up too."
	if is := page.Issues[0]; is.Message != want || is.Cell != "Teams!A3" || is.Severity != imports.Warning {
		t.Errorf("got %+v", is)
	}
}
