package xlsx

import (
	"bytes"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/cellvalue"
	"headway/services/importer/internal/source/zipxml"
)

// columnSet is a set of a sheet's columns. Columns count from 1.
type columnSet [maxColumn/64 + 1]uint64

func (s *columnSet) add(first, last int) {
	for col := first; col <= last; {
		if col%64 == 0 && col+63 <= last {
			s[col/64] = ^uint64(0)
			col += 64
			continue
		}
		s[col/64] |= 1 << (col % 64)
		col++
	}
}

func (s *columnSet) has(col int) bool {
	return s != nil && col > 0 && col <= maxColumn && s[col/64]>>(col%64)&1 == 1
}

// HiddenColumn reports whether a column is hidden. Columns count from 1. It can be called after the first call of Next,
// because a sheet describes its columns before its rows. Hidden columns and rows are read like any others.
func (r *Rows) HiddenColumn(col int) bool { return r.hidden.has(col) }

// readColumns records the columns that the current token, a col element, hides (ECMA-376 Part 1 §18.3.1.13). It ignores
// the other attributes.
func (r *Rows) readColumns() error {
	x := r.x
	if !zipxml.Bool(zipxml.TrimRight(zipxml.TrimLeft(x.Attr("hidden")))) && !isZeroSize(x.Attr("width")) {
		return nil
	}
	first, okFirst := cellvalue.ParseInt(zipxml.TrimRight(zipxml.TrimLeft(x.Attr("min"))), 1<<32-1)
	last, okLast := cellvalue.ParseInt(zipxml.TrimRight(zipxml.TrimLeft(x.Attr("max"))), 1<<32-1)
	if !okFirst || !okLast || first < 1 || last < first {
		return x.Refusal(source.Damaged, "the hidden columns %q to %q are not a range", zipxml.Clip(x.Attr("min")), zipxml.Clip(x.Attr("max")))
	}
	if r.hidden == nil {
		r.hidden = new(columnSet)
	}
	r.hidden.add(first, min(last, maxColumn))
	return nil
}

// isZeroSize reports whether a height or width is 0, which hides a row or column.
func isZeroSize(size []byte) bool {
	return len(size) > 0 && size[0] == '0' && len(bytes.Trim(size, "0.")) == 0
}
