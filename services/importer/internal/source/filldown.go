package source

import (
	"bytes"
	"maps"
	"slices"
)

// filledRows are Rows whose empty cells have the value of the cell above.
type filledRows struct {
	Rows
	columns []filledColumn
	after   int
	row     Row
	cells   []Cell
}

type filledColumn struct {
	number int
	header []byte
	// above is the last value. text holds its text.
	above Cell
	text  []byte
}

// FillDown returns rows in which an empty cell of one of the columns has the value of the cell above, below a row. The columns have their
// headers, because a repeated header is not a value. As with merged cells, a row without content is not returned.
func FillDown(rows Rows, columns map[int]string, after int) Rows {
	f := &filledRows{Rows: rows, after: after}
	for _, number := range slices.Sorted(maps.Keys(columns)) {
		f.columns = append(f.columns, filledColumn{number: number, header: []byte(columns[number])})
	}
	return f
}

// Next implements Rows.
func (f *filledRows) Next() bool {
	if !f.Rows.Next() {
		f.row = Row{}
		return false
	}
	f.row = f.Rows.Row()
	if f.row.Number > f.after {
		f.fill()
	}
	return true
}

// Row implements Rows.
func (f *filledRows) Row() Row { return f.row }

func (f *filledRows) fill() {
	copied := false
	for i := range f.columns {
		c := &f.columns[i]
		at, found := slices.BinarySearchFunc(f.row.Cells, c.number, func(cell Cell, number int) int { return cell.Col - number })
		if found && !Blank(&f.row.Cells[at]) {
			c.note(&f.row.Cells[at])
			continue
		}
		if c.above.Kind == Empty {
			continue
		}
		if !copied {
			f.cells = append(f.cells[:0], f.row.Cells...)
			f.row.Cells, copied = f.cells, true
		}
		if found {
			f.row.Cells[at] = c.above
		} else {
			f.row.Cells = slices.Insert(f.row.Cells, at, c.above)
			f.cells = f.row.Cells
		}
	}
}

// note keeps the value of a cell for those below. Merged cells that are below their value are not looked at, because they can belong to the
// headers.
func (c *filledColumn) note(cell *Cell) {
	if cell.Merge.IsFilled() || cell.Kind == Text && bytes.EqualFold(bytes.TrimSpace(cell.Text), bytes.TrimSpace(c.header)) {
		return
	}
	c.text = append(c.text[:0], cell.Text...)
	c.above = cell.WithText(c.text)
	c.above.HasFormula, c.above.Merge = false, FilledDown
}
