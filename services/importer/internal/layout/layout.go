// Package layout distinguishes the records of a sheet from its other rows: totals, repeated headers, hints, footers, and
// filler rows of templates. Rows that are certainly not records are left out. Rows that are probably not records are
// doubtful.
package layout

import (
	"bytes"
	"cmp"
	"slices"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// Kind is the kind of a row.
type Kind uint8

// The kinds of rows.
const (
	// Record rows are imported.
	Record Kind = iota
	// Filler rows have only unchecked checkboxes and formulas. Their key is empty.
	Filler
	// Header rows repeat the headers.
	Header
	// Totals rows are the totals of a table, or of the rows above.
	Totals
	// Doubtful rows look like a total, a hint, or a footer. See Doubt.
	Doubtful
	kinds
)

// Column is a column that is imported.
type Column struct {
	// Cell is its number in the file, from 1.
	Cell int
	// Titles are the header, and the other names that the schema has for the column.
	Titles []string
	// Key reports whether the column belongs to the key.
	Key bool
}

// Sheet classifies the rows of one sheet, in their order. It is for one goroutine.
type Sheet struct {
	columns []Column
	header  int
	// first is the column whose value is compared with titles, by their length. It belongs to the key.
	first    int
	byLength [maxTitle + 1][][]byte
	// headings are the rows above the first record that pages of a report can repeat.
	headings []heading
	// sections are the parts of the sheet that tables declare, by ascending rows. section is the next one to look at.
	sections []section
	section  int
	// foreign are the tables with different headers.
	foreign []bool
	// records is the number of records so far. optional reports, by column, whether one of them has no value in it.
	records  uint32
	optional []bool
	// last is the row before the current one. otherHeaders reports whether it belongs to a table with other headers.
	last         int
	otherHeaders bool
	// other and below report whether the current row is in another table, or below the table.
	other, below bool
	doubt        Doubt
	buffer       []byte
	// The rows of each kind, the rows of other tables, the rows below the table, and the rows with one value.
	byKind                         [kinds]Rows
	otherTable, belowTable, sparse Rows
	// lastSparse are the rows with one value since the last other record.
	lastSparse Rows
}

// maxTitle is the length of the longest title that is compared.
const maxTitle = 63

// section is a range of rows of a table.
type section struct {
	first, last int
	kind        sectionKind
	// table is the number of the table.
	table int
}

type sectionKind uint8

const (
	tableHeader sectionKind = iota
	tableTotals
	otherTable
	belowTable
)

// New returns the Sheet whose headers end in the given row. The columns are in the order of the schema.
func New(header int, columns []Column, tables []source.Table) *Sheet {
	s := &Sheet{columns: columns, header: header, optional: make([]bool, len(columns))}
	s.first = max(0, slices.IndexFunc(columns, func(c Column) bool { return c.Key }))
	if len(columns) > 0 {
		for _, title := range columns[s.first].Titles {
			if n := len(title); n <= maxTitle {
				s.byLength[n] = append(s.byLength[n], []byte(title))
			}
		}
	}
	for i, t := range tables {
		s.addTable(i, t)
	}
	s.foreign = make([]bool, len(tables))
	slices.SortStableFunc(s.sections, func(a, b section) int { return cmp.Compare(a.first, b.first) })
	return s
}

// addTable adds the sections of a table that has imported columns.
func (s *Sheet) addTable(table int, t source.Table) {
	first, last := int(t.FirstRow), int(t.LastRow)
	if last <= s.header || !slices.ContainsFunc(s.columns, func(c Column) bool { return t.HasColumn(c.Cell) }) {
		return
	}
	add := func(from, to int, kind sectionKind) {
		if from = max(from, s.header+1); from <= to {
			s.sections = append(s.sections, section{from, to, kind, table})
		}
	}
	data := first + int(t.HeaderRows)
	totals := max(data, last-int(t.TotalsRows)+1)
	add(first, min(data-1, last), tableHeader)
	if first > s.header {
		add(data, totals-1, otherTable)
	}
	add(totals, last, tableTotals)
	if first <= s.header {
		add(last+1, 1<<30, belowTable)
	}
}

// Row is a row to classify.
type Row struct {
	source.Row
	// Values are the cells of the imported columns, in the order of the columns.
	Values []source.Cell
	// Filled is the number of cells with content. Typed reports whether one of them has more than a default. See the
	// function Typed.
	Filled int
	Typed  bool
	// Formulas reports whether a cell has a formula. Merged reports whether a cell is merged.
	Formulas, Merged bool
}

// Judge returns the kind of a row that has content, and counts it. formulas can be nil.
func (s *Sheet) Judge(r *Row, formulas source.Formulas) Kind {
	s.other, s.below = false, false
	kind := s.judge(r, formulas)
	s.last = r.Number
	if kind != Record {
		s.byKind[kind].Add(r.Number)
		return kind
	}
	s.records++
	if r.Filled < len(s.columns) {
		for i := range r.Values {
			s.optional[i] = s.optional[i] || source.Blank(&r.Values[i])
		}
	}
	if s.other {
		s.otherTable.Add(r.Number)
	}
	if s.below {
		s.belowTable.Add(r.Number)
	}
	if r.Filled == 1 && len(s.columns) > 1 && !r.Merged {
		s.sparse.Add(r.Number)
		s.lastSparse.Add(r.Number)
	} else if s.lastSparse.Count > 0 {
		s.lastSparse = Rows{First: s.lastSparse.First[:0]}
	}
	return Record
}

func (s *Sheet) judge(r *Row, formulas source.Formulas) Kind {
	switch {
	case r.Number <= s.header:
		return Header
	case !r.Typed:
		return Filler
	}
	if s.section < len(s.sections) && s.sections[s.section].first <= r.Number {
		if kind := s.inTable(r); kind != Record {
			return kind
		}
	}
	if s.otherHeaders = s.otherHeaders && r.Number == s.last+1; s.otherHeaders {
		return s.doubts(s.first, BecauseOtherHeaders)
	}
	if value := &r.Values[s.first]; value.Kind == source.Text && len(value.Text) <= maxTitle && len(s.byLength[len(value.Text)]) > 0 {
		if kind := s.repeatsHeader(r); kind != Record {
			return kind
		}
	}
	if s.repeatsHeading(r) {
		return Header
	}
	if r.Formulas && formulas != nil {
		if kind := s.hasTotals(r, formulas); kind != Record {
			return kind
		}
		if s.isFilledDown(r, formulas) {
			return Filler
		}
	}
	if r.Filled < len(s.columns) || s.records == 0 {
		return s.doubtful(r)
	}
	return Record
}

// lacks reports whether a row has no value in a column in which all records so far have one.
func (s *Sheet) lacks(r *Row) bool {
	if s.records < 2 {
		return false
	}
	for i := range r.Values {
		if !s.optional[i] && source.Blank(&r.Values[i]) {
			return true
		}
	}
	return false
}

// inTable returns the kind of a row by the tables that it is in.
func (s *Sheet) inTable(r *Row) Kind {
	number := r.Number
	for s.section < len(s.sections) && s.sections[s.section].last < number {
		s.section++
	}
	kind, other, below, foreign := Record, false, false, false
	for _, sec := range s.sections[s.section:] {
		switch {
		case sec.first > number:
		case sec.last < number:
			continue
		case sec.kind == tableHeader:
			kind = Header
			s.foreign[sec.table] = !s.hasTitles(r)
		case sec.kind == tableTotals:
			kind = Totals
		case sec.kind == otherTable:
			other = true
			foreign = foreign || s.foreign[sec.table]
		default:
			below = true
		}
		if sec.first > number {
			break
		}
	}
	if kind == Record && foreign {
		return s.doubts(s.first, BecauseOtherHeaders)
	}
	s.other, s.below = other, below && !other
	return kind
}

// repeatsHeader reports whether each value in the row is a title of its column.
func (s *Sheet) repeatsHeader(r *Row) Kind {
	text := r.Values[s.first].Text
	if !slices.ContainsFunc(s.byLength[len(text)], func(title []byte) bool { return bytes.EqualFold(title, text) }) {
		return Record
	}
	if !s.hasTitles(r) {
		if s.records == 0 || r.Number == s.last+1 || !s.onlyWords(r) {
			return Record
		}
		if 2*s.titles(r) > r.Filled {
			return s.doubts(s.first, BecauseRepeatedHeaders)
		}
		s.otherHeaders = true
		return s.doubts(s.first, BecauseHeadersOfOther)
	}
	if r.Filled == 1 {
		return s.doubts(s.first, BecauseRepeatsHeader)
	}
	return Header
}

// onlyWords reports whether a row has at least two values, all of them words.
func (s *Sheet) onlyWords(r *Row) bool {
	for i := range r.Values {
		v := &r.Values[i]
		if source.Blank(v) {
			continue
		}
		if v.Kind != source.Text {
			return false
		}
		if kind := text.KindOf(v.Text); kind != text.Word && kind != text.Words {
			return false
		}
	}
	return r.Filled > 1
}

// hasTitles reports whether each value is a title of its column.
func (s *Sheet) hasTitles(r *Row) bool {
	filled := 0
	for i := range r.Values {
		if v := &r.Values[i]; !source.Blank(v) && !v.Merge.IsFilled() {
			filled++
		}
	}
	return s.titles(r) == filled
}

// titles counts the values that are titles of their columns.
func (s *Sheet) titles(r *Row) (n int) {
	for i := range r.Values {
		v := &r.Values[i]
		if source.Blank(v) || v.Merge.IsFilled() || v.Kind != source.Text {
			continue
		}
		if slices.ContainsFunc(s.columns[i].Titles, func(title string) bool { return sameWords(title, v.Text) }) {
			n++
		}
	}
	return n
}

// Doubt is the reason why a row is doubtful.
type Doubt struct {
	// Column is the index of the column that raises the doubt.
	Column int
	Reason Reason
}

// Reason is the reason of a doubt. It has this name in the message "record" of the catalogs.
type Reason string

// The reasons.
const (
	BecauseOtherHeaders    Reason = "other_headers"
	BecauseRepeatedHeaders Reason = "repeated_headers"
	BecauseHeadersOfOther  Reason = "headers_of_other"
	BecauseRepeatsHeader   Reason = "repeats_header"
	BecauseExplainsColumns Reason = "explains_columns"
	BecauseNumbersColumns  Reason = "numbers_columns"
	BecauseCalculated      Reason = "calculated"
	BecauseExample         Reason = "example"
	BecauseDashes          Reason = "dashes"
	BecauseTotal           Reason = "total"
	BecauseAverage         Reason = "average"
	BecauseSummary         Reason = "summary"
	BecauseRowCount        Reason = "row_count"
	BecauseNote            Reason = "note"
)

// Doubt returns the reason why the latest row is doubtful.
func (s *Sheet) Doubt() Doubt { return s.doubt }

func (s *Sheet) doubts(column int, reason Reason) Kind {
	s.doubt = Doubt{column, reason}
	return Doubtful
}

// OfKind returns the rows of a kind other than Record.
func (s *Sheet) OfKind(k Kind) Rows { return s.byKind[k] }

// OtherTable returns the records in a table other than the one with the headers.
func (s *Sheet) OtherTable() Rows { return s.otherTable }

// BelowTable returns the records below the table with the headers.
func (s *Sheet) BelowTable() Rows { return s.belowTable }

// Sparse returns the records with a value in only one column, if there are few of them. If there are many, it returns those below all
// other records, such as the numbered rows of a template that were not filled in.
func (s *Sheet) Sparse() Rows {
	switch n := s.sparse.Count; {
	case n == s.records:
		return Rows{}
	case n <= maxFirst || n <= s.records/20:
		return s.sparse
	case s.lastSparse.Count >= minLastSparse:
		return s.lastSparse
	}
	return Rows{}
}

// minLastSparse is the number of rows with one value at the end of a sheet that can't be chance.
const minLastSparse = 5
