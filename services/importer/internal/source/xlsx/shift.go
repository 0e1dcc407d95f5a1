package xlsx

import (
	"bytes"
	"strconv"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/cellvalue"
)

const refError = "#REF!"

// appendShifted appends a formula with every relative reference moved by these numbers of columns and rows (ECMA-376
// Part 1 §18.17.2, the grammar of formulas). Text that only looks like a reference doesn't change: quoted texts, names
// of sheets, functions, and tables, longer names, and names of columns that no sheet has, such as XFE1. A reference or
// range that leaves the sheet becomes #REF!.
func appendShifted(dst, formula []byte, cols, rows int) []byte {
	qualified := false // the sheet's name precedes it: "Sheet1!"
	for i := 0; i < len(formula); {
		start := i
		switch c := formula[i]; {
		case c == '"' || c == '\'':
			i = quotedEnd(formula, i)
		case c == '[':
			i = bracketsEnd(formula, i)
		case isNameByte(c):
			ref, end := parseFormulaRef(formula, i, qualified)
			i = end
			qualified = false
			if ref.shift(cols, rows) {
				dst = ref.append(dst)
				continue
			}
			if ref.parts > 0 {
				dst = append(dst, refError...)
				continue
			}
		default:
			i++
			qualified = c == '!'
		}
		dst = append(dst, formula[start:i]...)
	}
	return dst
}

// quotedEnd returns the index after the quoted text at b[i]. An escaped (doubled) quote is treated as two adjacent
// texts.
func quotedEnd(b []byte, i int) int {
	end := bytes.IndexByte(b[i+1:], b[i])
	if end < 0 {
		return len(b)
	}
	return i + end + 2
}

// bracketsEnd returns the index after the brackets at b[i], which can be nested. They contain columns of a table
// (§18.17.6, where "'" escapes a bracket), or the number of another workbook.
func bracketsEnd(b []byte, i int) int {
	for depth := 0; i < len(b); i++ {
		switch b[i] {
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '\'':
			i++
		}
	}
	return len(b)
}

// isNameByte reports whether a byte belongs to a name, number, or reference.
func isNameByte(c byte) bool {
	switch {
	case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9', c >= 0x80:
		return true
	}
	return c == '$' || c == '_' || c == '.' || c == '\\' || c == '?'
}

func nameEnd(b []byte, i int) int {
	for i < len(b) && isNameByte(b[i]) {
		i++
	}
	return i
}

// formulaRef is a cell (one part), or a range of cells, columns, or rows (two parts).
type formulaRef struct {
	part  [2]refPart
	parts int
}

// refPart is a cell, a column (row is 0), or a row (col is 0).
type refPart struct {
	col, row       int
	fixCol, fixRow bool // after "$"
}

// parseFormulaRef reads the name, number, or reference at b[i] and returns the index after it. ref has no parts unless
// it is a reference.
func parseFormulaRef(b []byte, i int, qualified bool) (ref formulaRef, end int) {
	end = nameEnd(b, i)
	first, ok := parseRefPart(b[i:end])
	if !ok || end < len(b) && (b[end] == '(' || b[end] == '!' || b[end] == '[') {
		return ref, end
	}
	if end+1 < len(b) && b[end] == ':' {
		next := nameEnd(b, end+1)
		second, ok := parseRefPart(b[end+1 : next])
		switch {
		case next < len(b) && b[next] == '!' && !qualified:
			return ref, next // from sheet to sheet: "Jan:Dec!A1"
		case next < len(b) && (b[next] == '(' || b[next] == '!' || b[next] == '['):
		case ok && (first.col > 0) == (second.col > 0) && (first.row > 0) == (second.row > 0):
			return formulaRef{[2]refPart{first, second}, 2}, next
		}
	}
	if first.col > 0 && first.row > 0 {
		return formulaRef{[2]refPart{first}, 1}, end
	}
	return ref, end
}

// parseRefPart reads "A1", "A", or "1", each with or without "$".
func parseRefPart(b []byte) (p refPart, ok bool) {
	i, fixed := 0, false
	if len(b) > 0 && b[0] == '$' {
		i, fixed = 1, true
	}
	letters := i
	for ; i < len(b) && i-letters < 3 && 'a' <= b[i]|0x20 && b[i]|0x20 <= 'z'; i++ {
		p.col = p.col*26 + int(b[i]|0x20-'a') + 1
	}
	if p.col > maxColumn {
		return p, false
	}
	if p.col == 0 {
		p.fixRow = fixed
	} else {
		p.fixCol = fixed
		if i == len(b) {
			return p, true
		}
		if b[i] == '$' {
			i, p.fixRow = i+1, true
		}
	}
	if i == len(b) || b[i] == '0' {
		return p, false
	}
	p.row, ok = cellvalue.ParseInt(b[i:], maxRow)
	return p, ok
}

// shift moves a reference. It returns false if there is no reference, or if it leaves the sheet.
func (f *formulaRef) shift(cols, rows int) bool {
	for i := range f.part[:f.parts] {
		p := &f.part[i]
		if p.col > 0 && !p.fixCol {
			if p.col += cols; p.col < 1 || p.col > maxColumn {
				return false
			}
		}
		if p.row > 0 && !p.fixRow {
			if p.row += rows; p.row < 1 || p.row > maxRow {
				return false
			}
		}
	}
	return f.parts > 0
}

func (f *formulaRef) append(dst []byte) []byte {
	for i, p := range f.part[:f.parts] {
		if i > 0 {
			dst = append(dst, ':')
		}
		if p.col > 0 {
			if p.fixCol {
				dst = append(dst, '$')
			}
			dst = source.AppendColumnName(dst, p.col)
		}
		if p.row > 0 {
			if p.fixRow {
				dst = append(dst, '$')
			}
			dst = strconv.AppendInt(dst, int64(p.row), 10)
		}
	}
	return dst
}
