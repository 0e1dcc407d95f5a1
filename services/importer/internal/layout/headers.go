package layout

import (
	"slices"

	"headway/services/importer/internal/source"
)

// HeaderSearch is the number of non-empty rows that are searched for headers, which can be below a title.
const HeaderSearch = 50

// withoutTitles returns the rows of headers without those that have cells outside the table: they are titles.
func withoutTitles(rows []source.Row, t Table) []int {
	if len(t.Header) < 2 {
		return t.Header
	}
	width := 0
	for i := range rows {
		if lowest := t.Header[len(t.Header)-1]; rows[i].Number >= lowest && rows[i].Number <= max(t.Last, lowest) {
			width = max(width, lastFilled(rows[i]))
		}
	}
	header := slices.Clone(t.Header)
	return slices.DeleteFunc(header, func(number int) bool {
		i, found := slices.BinarySearchFunc(rows, number, func(r source.Row, number int) int { return r.Number - number })
		return found && lastFilled(rows[i]) > width
	})
}

// JoinHeaders returns one row with the headers of a table. The texts of several rows are joined from top to bottom. A text
// above several columns, of which only the first has it, belongs to all of them.
func JoinHeaders(rows []source.Row, t Table) source.Row {
	var joined source.Row
	for i := range rows {
		if !slices.Contains(t.Header, rows[i].Number) {
			continue
		}
		if joined.Number == 0 {
			joined = rows[i]
			continue
		}
		joined = joinTwo(joined, rows[i])
	}
	return joined
}

func joinTwo(above, below source.Row) source.Row {
	joined := source.Row{Number: below.Number}
	last := 0
	for _, r := range []source.Row{above, below} {
		if n := len(r.Cells); n > 0 {
			last = max(last, r.Cells[n-1].Col)
		}
	}
	var group *source.Cell
	for col := 1; col <= last; col++ {
		top, bottom := cellAt(above, col), cellAt(below, col)
		if top != nil {
			group = top
		}
		switch {
		case bottom == nil && top == nil:
		case bottom == nil:
			joined.Cells = append(joined.Cells, *top)
		case group == nil:
			joined.Cells = append(joined.Cells, *bottom)
		default:
			cell := bottom.WithText(slices.Concat(group.Text, []byte(" "), bottom.Text))
			joined.Cells = append(joined.Cells, cell)
		}
	}
	return joined
}

func cellAt(row source.Row, col int) *source.Cell {
	i, found := slices.BinarySearchFunc(row.Cells, col, func(c source.Cell, col int) int { return c.Col - col })
	if !found || source.Blank(&row.Cells[i]) {
		return nil
	}
	return &row.Cells[i]
}
