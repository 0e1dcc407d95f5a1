package load_test

import (
	"context"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/load"
)

func TestRunStartsAgainForMergedCells(t *testing.T) {
	b := setupFor(t, staffSchema)
	task := b.task(workbook(t, [][]any{{"A", 1}, {nil, 2}, {"C", 3}}, [][]any{{"1", "A"}, {"2", nil}, {"3", nil}}, func(f *excelize.File) error {
		if err := f.MergeCell("Teams", "A2", "A3"); err != nil {
			return err
		}
		return f.MergeCell("People", "B2", "B4")
	}), upsert)
	opened, closed := 0, 0
	open := task.Open
	task.Open = func(ctx context.Context) (load.Input, error) {
		if opened++; opened != closed+1 {
			t.Errorf("opened %d times and closed %d times", opened, closed)
		}
		input, err := open(ctx)
		input.Close = func() error { closed++; return nil }
		return input, err
	}
	summary, err := b.loader.Run(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, summary.Sheets["teams"], "3 2 0 0 1 0")
	wantCounts(t, summary.Sheets["people"], "3 3 0 0 0 0")
	b.wantIssues(task.Import.ID, "Teams!A3 DUPLICATE_IN_FILE")
	page, err := b.store.Issues(t.Context(), task.Import.ID, imports.IssueFilter{})
	if err != nil || !strings.Contains(page.Issues[0].Message, "merged with the cells above") {
		t.Errorf("got %v, %v", page.Issues, err)
	}
	if teams := b.query(`SELECT group_concat(team, ' ') FROM people`); teams != "A A A" {
		t.Errorf("the teams are %v", teams)
	}
	im, err := b.store.Get(t.Context(), task.Import.ID)
	if err != nil || len(im.Sheets[0].Notices) != 1 || im.Sheets[0].Notices[0].Ranges[0] != "A2:A3" || len(im.Sheets[1].Notices) != 1 {
		t.Errorf("got %+v, %v", im.Sheets, err)
	}
	if opened != 2 || closed != 2 {
		t.Errorf("opened %d times and closed %d times, want 2", opened, closed)
	}
}
