package load_test

import (
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/imports"
)

// counted is a Memory that counts.
type counted struct{ now, max int64 }

func (c *counted) Grow(n int64) error {
	c.now += n
	c.max = max(c.max, c.now)
	return nil
}

func (c *counted) Shrink(n int64) { c.now -= n }

func TestRunStartsAgainForMergedCells(t *testing.T) {
	b := setupFor(t, staffSchema)
	task := b.task(workbook(t, [][]any{{"A", 1}, {nil, 2}, {"C", 3}}, [][]any{{"1", "A"}, {"2", nil}, {"3", nil}}, func(f *excelize.File) error {
		if err := f.MergeCell("Teams", "A2", "A3"); err != nil {
			return err
		}
		return f.MergeCell("People", "B2", "B4")
	}), upsert)
	memory := &counted{}
	task.Memory = memory
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
	if memory.max == 0 || memory.now > 1024 {
		t.Errorf("%d of %d bytes are still reserved", memory.now, memory.max)
	}
}
