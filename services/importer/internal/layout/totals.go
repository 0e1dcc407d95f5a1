package layout

import (
	"bytes"

	"headway/services/importer/internal/source"
)

// hasTotals recognizes a row with a formula over the rows above, in a column that is not part of the key. If the
// row has no key, or is labeled as a total, it certainly has totals.
func (s *Sheet) hasTotals(r *Row, formulas source.Formulas) Kind {
	at := -1
	for i := range r.Values {
		v := &r.Values[i]
		if v.HasFormula && !s.columns[i].Key && !v.Merge.IsFilled() && s.addsUpRowsAbove(r, i, formulas) {
			at = i
			break
		}
	}
	if at < 0 {
		return s.isCalculated(r, formulas)
	}
	keyed, texts, named := false, 0, false
	for i := range r.Values {
		v := &r.Values[i]
		if source.Blank(v) || v.Merge.IsFilled() {
			continue
		}
		keyed = keyed || s.columns[i].Key
		if v.Kind == source.Text {
			texts++
			named = named || len(v.Text) <= maxLabel && s.namesTotals(v.Text)
		}
	}
	switch {
	case !keyed || named && texts == 1:
		return Totals
	case texts > 1:
		return Record // a record whose value is a sum, such as an assembly below its parts
	}
	return s.doubts(at, BecauseCalculated)
}

// isCalculated recognizes a row with only a label, without digits, and numbers that are calculated from the rows above, such as the
// difference of two of them. It lacks a value that all records have.
func (s *Sheet) isCalculated(r *Row, formulas source.Formulas) Kind {
	at, texts := -1, 0
	for i := range r.Values {
		v := &r.Values[i]
		switch {
		case source.Blank(v) || v.Merge.IsFilled():
		case v.Kind == source.Text && !v.HasFormula && !bytes.ContainsAny(v.Text, "0123456789"):
			texts++
		case v.Kind != source.Number || s.columns[i].Key:
			return Record
		case v.HasFormula && at < 0 && s.hasFormulaOfRowsAbove(r, i, formulas):
			at = i
		}
	}
	if at < 0 || texts != 1 || !s.lacks(r) {
		return Record
	}
	return s.doubts(at, BecauseCalculated)
}

// hasFormulaOfRowsAbove reports whether a cell's formula calculates with cells of the rows above, and with no others.
func (s *Sheet) hasFormulaOfRowsAbove(r *Row, i int, formulas source.Formulas) bool {
	for c := range r.Cells {
		if cell := &r.Cells[c]; cell.Col == s.columns[i].Cell {
			return calculatesFromRows(formulas.Formula(cell), s.header, r.Number)
		}
	}
	return false
}

// calculatesFromRows reports whether a formula has references to cells of the rows between two others, and to nothing else. A formula
// that only copies one cell does not calculate.
func calculatesFromRows(formula []byte, after, before int) bool {
	references, signs := 0, 0
	for i := 0; i < len(formula); {
		switch c := formula[i]; {
		case c == '"' || c == '\'' || c == '[' || c == '!' || c == '#':
			return false // a text, another sheet, a table, or an error
		case c == '$' || c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= 0x80:
			end := i
			for end < len(formula) && isNameByte(formula[end]) {
				end++
			}
			word := formula[i:end]
			if i = end; i < len(formula) && formula[i] == '(' {
				continue // a function
			}
			col, row := reference(word)
			if col == 0 || row <= after || row >= before {
				return false
			}
			references++
		case c >= '0' && c <= '9':
			for i < len(formula) && isNameByte(formula[i]) {
				i++
			}
		default:
			if c != ' ' {
				signs++
			}
			i++
		}
	}
	return references > 0 && signs > 0
}

func isNameByte(c byte) bool {
	return c == '$' || c == '_' || c == '.' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= 0x80
}

// namesTotals reports whether a text is the label of a row with totals or statistics.
func (s *Sheet) namesTotals(text []byte) bool {
	lower := s.lower(text)
	return isTotal(lower, true) || isStatistic(lower)
}

// addsUpRowsAbove reports whether a cell's formula is the sum of cells above in the same column.
func (s *Sheet) addsUpRowsAbove(r *Row, i int, formulas source.Formulas) bool {
	col := s.columns[i].Cell
	for c := range r.Cells {
		if r.Cells[c].Col == col {
			return addsUp(formulas.Formula(&r.Cells[c]), col, r.Number)
		}
	}
	return false
}

// addsUp reports whether a formula in a cell is SUM, SUBTOTAL, AGGREGATE, or a statistic of cells above it.
func addsUp(formula []byte, col, row int) bool {
	formula = bytes.TrimSpace(formula)
	open := bytes.IndexByte(formula, '(')
	if open < 0 || formula[len(formula)-1] != ')' {
		return false
	}
	arguments := formula[open+1 : len(formula)-1]
	found := false
	switch name := bytes.ToUpper(formula[:open]); string(name) {
	case "SUM", "AVERAGE", "MIN", "MAX", "MEDIAN", "COUNT", "COUNTA", "STDEV", "_XLFN.STDEV.S", "_XLFN.STDEV.P":
	case "SUBTOTAL", "AGGREGATE", "_XLFN.AGGREGATE":
		found = true // even if it is only one row
		for n := bytes.Count(name, []byte("AGG")); n >= 0; n-- {
			if _, rest, ok := bytes.Cut(arguments, []byte(",")); ok {
				arguments = rest
			}
		}
		if bytes.IndexByte(arguments, '[') > 0 { // a column of a table, by its name
			return true
		}
	default:
		return false
	}
	for argument := range bytes.SplitSeq(arguments, []byte(",")) {
		from, to, ok := bytes.Cut(bytes.TrimSpace(argument), []byte(":"))
		if !ok {
			to = from
		}
		col1, row1 := reference(from)
		col2, row2 := reference(to)
		if col1 != col || col2 != col || row1 <= 0 || row2 <= 0 || row1 >= row || row2 >= row {
			return false
		}
		found = found || row1 != row2
	}
	return found
}

// reference returns the column and row of a reference such as "$B$2", or zeros.
func reference(text []byte) (col, row int) {
	i := 0
	if i < len(text) && text[i] == '$' {
		i++
	}
	for ; i < len(text) && 'A' <= text[i]&^0x20 && text[i]&^0x20 <= 'Z' && col < 1<<20; i++ {
		col = col*26 + int(text[i]&^0x20-'A') + 1
	}
	if i < len(text) && text[i] == '$' {
		i++
	}
	if i == len(text) {
		return 0, 0
	}
	for ; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' || row > 1<<24 {
			return 0, 0
		}
		row = row*10 + int(text[i]-'0')
	}
	return col, row
}
