package layout

import (
	"bytes"
	"slices"
	"strings"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// Stacked is one of several tables of a sheet, one below another.
type Stacked struct {
	// Title is the text of the last row with one value above the headers, or empty.
	Title string
	// First is the first row of headers, or 1 for the first table. Last is the last row with several values, or 0 for the last table.
	First, Last int
	// FirstColumn and LastColumn are the columns of the table, or 0 if no other table is next to it.
	FirstColumn, LastColumn int
	// Header is the number of the first row of headers, or 0 if they were not found.
	Header int
	// Headers are the texts of the first row of headers. There are none for rows above the first headers that were found.
	Headers []string
}

// Limits of the part of a sheet in which tables are looked for.
const (
	stackedRows  = 20_000
	stackedCells = 400_000
)

// Top counts the rows of a sheet in which tables are looked for.
type Top struct{ rows, cells int }

// Add counts a row. It returns false if no more rows are needed.
func (t *Top) Add(row source.Row) bool {
	t.rows++
	t.cells += len(row.Cells)
	return t.rows < stackedRows && t.cells < stackedCells
}

// Stack finds tables one below another in the rows of a sheet. A table begins after an empty row or a title, with a row of words that are
// not the headers of the table above. Most of them are headers that are known, or the rows below have numbers and dates where it has words,
// or fill other columns than the rows above.
type Stack struct {
	// known reports whether a text is a header of the schema.
	known  func(text []byte) bool
	tables []Stacked
	top    Top
	// last is the previous row, and filled the last one with several values. titleRow is the first of the titles above the current row, or 0.
	last, filled, titleRow int
	title                  string
	// run and longest are the numbers of consecutive rows with at least three values above the first headers.
	run, longest int
	// usual are the kinds of values in the columns of the current table, and records the number of its rows.
	usual   []kindCount
	records int
	// open is a row that could be headers. nil means that there is none.
	open *candidate
}

type kindCount struct{ texts, numbers int }

// candidate is a row that could have the headers of a table.
type candidate struct {
	Stacked
	// before is the last row above.
	before int
	shape  lineShape
	known  int
	rows   []lineShape
}

// decisiveRows is the number of rows below a row of headers that decide about it.
const decisiveRows = 4

// usualRows is the number of rows of a table that are compared with the next one. leastRun is the number of rows that are a table even if
// their headers are not found.
const (
	usualRows = 100
	leastRun  = 3
)

// NewStack returns a Stack for the rows of one sheet.
func NewStack(known func(text []byte) bool) *Stack { return &Stack{known: known} }

// Add adds the next row with content. It returns false if no more rows are needed.
func (s *Stack) Add(row source.Row) bool {
	hasMore := s.top.Add(row)
	filled := filledTo(row, 3)
	if filled == 0 {
		return hasMore
	}
	isBelowGap := s.last == 0 || row.Number > s.last+1
	s.last = row.Number
	if s.open != nil && (isBelowGap || filled == 1) {
		s.decide()
	}
	if filled == 1 {
		if s.titleRow == 0 || isBelowGap {
			s.titleRow = row.Number
		}
		s.title, s.run = textOf(row), 0
		return hasMore
	}
	if len(s.tables) == 0 && filled > 2 {
		if isBelowGap {
			s.run = 0
		}
		s.run++
	}
	if s.open != nil || isBelowGap || s.titleRow > 0 || s.records < usualRows {
		s.look(row, isBelowGap)
	}
	if s.open == nil && s.run > s.longest {
		s.longest = s.run
	}
	s.filled, s.titleRow, s.title = row.Number, 0, ""
	return hasMore
}

// look takes a row with several values into account.
func (s *Stack) look(row source.Row, isBelowGap bool) {
	shape := shapeOf(row, maxWidth)
	if s.open != nil {
		if s.open.rows = append(s.open.rows, shape); len(s.open.rows) == decisiveRows {
			s.decide()
		}
		return
	}
	if isBelowGap || s.titleRow > 0 {
		s.open = s.candidateOf(row, shape)
	}
	if s.open == nil {
		s.count(&shape)
	}
}

// filledTo counts the cells of a row that have content, up to n.
func filledTo(row source.Row, n int) (filled int) {
	for i := range row.Cells {
		if !source.Blank(&row.Cells[i]) {
			if filled++; filled == n {
				break
			}
		}
	}
	return filled
}

// Tables returns the tables, if there are at least two.
func (s *Stack) Tables() []Stacked {
	if s.open != nil {
		s.decide()
	}
	if len(s.tables) < 2 {
		return nil
	}
	return s.tables
}

// First returns the first table, if there is one with headers.
func (s *Stack) First() (table Stacked, ok bool) {
	if s.open != nil {
		s.decide()
	}
	for _, table := range s.tables {
		if len(table.Headers) > 0 {
			return table, true
		}
	}
	return table, false
}

// candidateOf returns a candidate, or nil for a row that is certainly a record or a note.
func (s *Stack) candidateOf(row source.Row, shape lineShape) *candidate {
	c := &candidate{shape: shape, before: s.filled}
	c.First, c.Header, c.Title = row.Number, row.Number, s.title
	words := true
	for i := range row.Cells {
		cell := &row.Cells[i]
		if source.Blank(cell) || cell.Merge.IsFilled() {
			continue
		}
		title, _, _ := text.Clean(cell.Text, nil)
		if cell.Kind != source.Text || cell.TooLong || len(title) == 0 || title[len(title)-1] == ':' || slices.Contains(c.Headers, string(title)) {
			return nil
		}
		if kind := text.KindOf(title); kind != text.Word && kind != text.Words || bytes.ContainsAny(title, "0123456789@") {
			words = false
		}
		c.Headers = append(c.Headers, string(title))
		if s.known(title) {
			c.known++
		}
	}
	if len(c.Headers) < 2 || !words && !c.isKnown() || s.repeats(c) {
		return nil
	}
	return c
}

// isKnown reports whether most of the headers are those of the schema.
func (c *candidate) isKnown() bool { return c.known > 1 && 2*c.known > len(c.Headers) }

// repeats reports whether most of the headers are those of the current table.
func (s *Stack) repeats(c *candidate) bool {
	if len(s.tables) == 0 {
		return false
	}
	same := 0
	for _, header := range s.tables[len(s.tables)-1].Headers {
		if slices.ContainsFunc(c.Headers, func(h string) bool { return strings.EqualFold(h, header) }) {
			same++
		}
	}
	return 2*same > len(c.Headers)
}

// decide closes the candidate: its rows begin a table, or belong to the current one.
func (s *Stack) decide() {
	c := s.open
	s.open = nil
	if s.begins(c) {
		switch n := len(s.tables); {
		case n > 0:
			s.tables[n-1].Last = c.before
		case s.longest >= leastRun:
			s.tables = append(s.tables, Stacked{First: 1, Last: c.before})
		default:
			c.First = 1 // with the notes above
		}
		s.tables = append(s.tables, c.Stacked)
		s.usual, s.records = make([]kindCount, maxWidth), 0
	} else {
		s.count(&c.shape)
	}
	for i := range c.rows {
		s.count(&c.rows[i])
	}
}

// begins reports whether a candidate begins a table.
func (s *Stack) begins(c *candidate) bool {
	if len(c.rows) == 0 {
		return false
	}
	contrasts, isDouble := 0, len(c.rows) > 1 && c.rows[0].numbers == 0 // headers of two rows
	for col, kind := range c.shape.kinds {
		if kind == text.Nothing && isDouble {
			kind = c.rows[0].kinds[col]
		}
		numbers, texts := 0, 0
		for i := range c.rows {
			switch k := c.rows[i].kinds[col]; {
			case k == text.Nothing:
			case kind == text.Nothing: // a value without a header
				return false
			case k == text.Number || k == text.DateOrTime:
				numbers++
			default:
				texts++
			}
		}
		if numbers > texts {
			contrasts++
		}
	}
	isFirst := len(s.tables) == 0 && s.longest < leastRun
	switch {
	case c.isKnown():
		return true
	case isFirst && len(c.Headers) < 3: // labels and values
		return false
	case isFirst || s.records == 0:
		return contrasts > 0 || c.Title != "" && len(c.rows) > 1
	case s.differs(c):
		return contrasts > 0 && (len(c.rows) > 1 || len(c.Headers) > 2) || c.Title != "" && len(c.rows) > 1
	}
	return contrasts > 1 || contrasts > 0 && c.Title != ""
}

// differs reports whether the headers are in other columns than the values of the current table.
func (s *Stack) differs(c *candidate) bool {
	for col, kind := range c.shape.kinds {
		usual := s.usual[col].texts + s.usual[col].numbers
		if kind != text.Nothing && usual == 0 || kind == text.Nothing && 2*usual > s.records {
			return true
		}
	}
	return false
}

// count counts the values of a row of the current table.
func (s *Stack) count(shape *lineShape) {
	if len(s.tables) == 0 || s.records == usualRows {
		return
	}
	s.records++
	for col, kind := range shape.kinds {
		switch kind {
		case text.Nothing:
		case text.Number, text.DateOrTime:
			s.usual[col].numbers++
		default:
			s.usual[col].texts++
		}
	}
}

// textOf returns the first text of a row.
func textOf(row source.Row) string {
	for i := range row.Cells {
		if !source.Blank(&row.Cells[i]) {
			title, _, _ := text.Clean(row.Cells[i].Text, nil)
			return source.Clip(title, source.HeadText)
		}
	}
	return ""
}
