package source_test

import (
	"fmt"
	"strings"
	"testing"

	"headway/services/importer/internal/source"
)

// lineRows are rows whose cells are separated by vertical bars.
type lineRows struct {
	lines []string
	n     int
}

func (r *lineRows) Next() bool             { r.n++; return r.n <= len(r.lines) }
func (r *lineRows) Err() error             { return nil }
func (r *lineRows) Close() error           { return nil }
func (r *lineRows) Progress() (a, b int64) { return 0, 0 }
func (r *lineRows) Row() source.Row {
	row := source.Row{Number: r.n}
	for i, text := range strings.Split(r.lines[r.n-1], "|") {
		if text != "" {
			row.Cells = append(row.Cells, source.Cell{Col: i + 1, Kind: source.Text, Text: []byte(text)})
		}
	}
	return row
}

func TestEmptyCellsHaveTheValueAbove(t *testing.T) {
	lines := []string{"Region|City|Sales", "|Lost|1", "North|Oslo|12", "|Bergen|7", "Region|City|Sales", "|Narvik|2", "South||9", "|Bari|", ""}
	rows := source.FillDown(&lineRows{lines: lines}, map[int]string{1: "Region", 2: "City"}, 1)
	var got []string
	for rows.Next() {
		var cells []string
		for _, c := range rows.Row().Cells {
			text := fmt.Sprintf("%d%s", c.Col, c.Text)
			if c.Merge.IsFilled() {
				text += "*"
			}
			cells = append(cells, text)
		}
		got = append(got, strings.Join(cells, " "))
	}
	want := []string{"1Region 2City 3Sales", "2Lost 31", "1North 2Oslo 312", "1North* 2Bergen 37", "1Region 2City 3Sales", "1North* 2Narvik 32",
		"1South 2Narvik* 39", "1South* 2Bari", "1South* 2Bari*"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the rows are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
