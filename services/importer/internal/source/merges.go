package source

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
)

// Merged is implemented by Rows of formats that have merged cells.
type Merged interface {
	// WatchMerges selects the merged ranges that are recorded. It is called before the first call of Next.
	WatchMerges(wanted func(Range) bool)
	// Merges returns the recorded ranges. They are complete after Next has returned false.
	Merges() []Range
}

// Range is a range of cells. Rows and columns count from 1.
type Range struct{ FirstRow, LastRow, FirstCol, LastCol int32 }

// RangeBytes is the memory of a Range.
const RangeBytes = 16

// String returns the range as in Excel, such as "B2:B4".
func (r Range) String() string {
	return CellName(int(r.FirstCol), int(r.FirstRow)) + ":" + CellName(int(r.LastCol), int(r.LastRow))
}

// HasColumn reports whether the range has cells in a column.
func (r Range) HasColumn(col int) bool { return int(r.FirstCol) <= col && col <= int(r.LastCol) }

// IsBelow reports whether the range has cells below a row, in one of the columns.
func (r Range) IsBelow(row int, columns []int) bool {
	return int(r.LastRow) > row && slices.ContainsFunc(columns, r.HasColumn)
}

// Merges reads a whole sheet, and returns the requested merged ranges. A sheet of a format without merged cells has
// none.
func Merges(ctx context.Context, w Workbook, sheet string, wanted func(Range) bool) ([]Range, error) {
	rows, err := w.Rows(ctx, sheet)
	if err != nil {
		return nil, err
	}
	merged, ok := rows.(Merged)
	if !ok {
		return nil, rows.Close()
	}
	merged.WatchMerges(wanted)
	for rows.Next() {
	}
	return merged.Merges(), errors.Join(rows.Err(), rows.Close())
}

// Merge describes how a cell of MergedRows is merged.
type Merge uint8

// The ways in which a cell is merged.
const (
	NotMerged Merge = iota
	// MergeStart is the cell that has the value of its range.
	MergeStart
	// MergeHides is a cell whose own value differs from that of the range, which hides it.
	MergeHides
	// MergeSpans is a cell of a range across several columns.
	MergeSpans
	// MergeFilled is a cell without its own value. It has the value of its range.
	MergeFilled
	// FilledDown is a cell without its own value that is not merged. It has the value of the cell above. It is set by FillDown only.
	FilledDown
)

// IsFilled reports whether the cell has the value of another one.
func (m Merge) IsFilled() bool { return m >= MergeFilled }

// MergedRows are Rows whose merged cells have the value that Excel shows.
type MergedRows struct {
	Rows
	columns []int
	// ranges are sorted by their first row. next is the first that does not begin above the current row.
	ranges []Range
	next   int
	active []activeRange
	row    Row
	cells  []Cell
}

// activeRange is a range that the current row is in.
type activeRange struct {
	Range
	// value is the value of its first cell. text holds its text.
	value Cell
	text  []byte
	spans bool
}

// FillMerges returns rows in which each cell of a merged range has the range's value, if the range is within one of the
// columns. The cells of other ranges are only marked. As without merged cells, a row without content is not returned.
func FillMerges(rows Rows, ranges []Range, columns []int) *MergedRows {
	ranges = slices.Clone(ranges)
	slices.SortStableFunc(ranges, func(a, b Range) int { return cmp.Compare(a.FirstRow, b.FirstRow) })
	return &MergedRows{Rows: rows, ranges: ranges, columns: columns}
}

// Next implements Rows.
func (m *MergedRows) Next() bool {
	if !m.Rows.Next() {
		m.row = Row{}
		return false
	}
	m.row = m.Rows.Row()
	number := int32(m.row.Number)
	m.active = slices.DeleteFunc(m.active, func(a activeRange) bool { return a.LastRow < number })
	for ; m.next < len(m.ranges) && m.ranges[m.next].FirstRow <= number; m.next++ {
		if r := m.ranges[m.next]; r.LastRow >= number {
			m.begin(r)
		}
	}
	if len(m.active) > 0 {
		m.fill()
	}
	return true
}

// Row implements Rows.
func (m *MergedRows) Row() Row { return m.row }

// At returns the merged range of a cell of the current row.
func (m *MergedRows) At(col int) (Range, bool) {
	for i := range m.active {
		if m.active[i].HasColumn(col) {
			return m.active[i].Range, true
		}
	}
	return Range{}, false
}

// begin adds a range that the current row is in. If the first row of the range has no cells, the range has no value.
func (m *MergedRows) begin(r Range) {
	for i := range m.active {
		if m.active[i].FirstCol <= r.LastCol && r.FirstCol <= m.active[i].LastCol {
			return // overlapping ranges are invalid, so only the first one counts
		}
	}
	a := activeRange{Range: r, value: Cell{Format: &general}}
	inside := 0
	for _, c := range m.columns {
		if r.HasColumn(c) {
			inside++
		}
	}
	a.spans = inside > 1
	if cell := m.cell(int(r.FirstCol)); cell != nil && int(r.FirstRow) == m.row.Number && !a.spans {
		a.text = bytes.Clone(cell.Text)
		a.value = cell.WithText(a.text)
		a.value.HasFormula = false
	}
	m.active = append(m.active, a)
}

var general = NumberFormat{Code: "General"}

func (m *MergedRows) cell(col int) *Cell {
	i, found := slices.BinarySearchFunc(m.row.Cells, col, func(c Cell, col int) int { return c.Col - col })
	if !found {
		return nil
	}
	return &m.row.Cells[i]
}

// fill marks the merged cells of the current row, and sets their values.
func (m *MergedRows) fill() {
	m.cells = append(m.cells[:0], m.row.Cells...)
	for i := range m.active {
		a := &m.active[i]
		for _, col := range m.columns {
			if a.HasColumn(col) {
				m.fillCell(a, col)
			}
		}
	}
	m.row.Cells = m.cells
}

func (m *MergedRows) fillCell(a *activeRange, col int) {
	at, found := slices.BinarySearchFunc(m.cells, col, func(c Cell, col int) int { return c.Col - col })
	isStart := col == int(a.FirstCol) && m.row.Number == int(a.FirstRow)
	switch {
	case a.spans:
		if !found {
			m.cells = slices.Insert(m.cells, at, Cell{Col: col, Format: &general})
		}
		m.cells[at].Merge = MergeSpans
	case isStart:
		if found {
			m.cells[at].Merge = MergeStart
		}
	case found && !Blank(&m.cells[at]):
		own := &m.cells[at]
		own.Merge = MergeFilled
		if own.Kind != a.value.Kind || !bytes.Equal(own.Text, a.value.Text) {
			own.Merge = MergeHides
		}
	case a.value.Kind != Empty:
		filled := a.value
		filled.Col, filled.Merge = col, MergeFilled
		if found {
			m.cells[at] = filled
		} else {
			m.cells = slices.Insert(m.cells, at, filled)
		}
	}
}
