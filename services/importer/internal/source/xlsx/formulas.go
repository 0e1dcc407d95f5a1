package xlsx

import (
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/cellvalue"

	"headway/services/importer/internal/source/zipxml"
)

// Shared formulas (ECMA-376 Part 1 §18.3.1.40). The first cell of a group, its
// master, has the formula's text. The cells that share it have the number of the group, and their text follows from
// their positions. It is computed only on demand, because a cell of 30 bytes can share a formula of many thousand
// bytes.

// sharedFormula is the formula of a group's master.
type sharedFormula struct {
	text     []byte
	col, row int // position of the master
	last     int // the last row of the range that shares it
}

// rowFormula is the formula of a cell of the current row.
type rowFormula struct {
	text   []byte         // its own text
	master *sharedFormula // or the master of its group
}

// addFormula sets the formula of a cell.
func (r *Rows) addFormula(c *source.Cell, f rowFormula) {
	r.rowFormulas = append(r.rowFormulas, f)
	c.HasFormula, c.FormulaID = true, uint32(len(r.rowFormulas))
}

// sharedFormulaBytes is the approximate size of a sharedFormula without its text.
const sharedFormulaBytes = 128

// sharedFormulas are the formulas of a sheet that cells can share, by the number of their group (si).
type sharedFormulas struct {
	masters map[int]*sharedFormula
	bytes   int64
}

func (s *sharedFormulas) put(group int, f *sharedFormula) {
	if s.masters == nil {
		s.masters = map[int]*sharedFormula{}
	}
	s.drop(group)
	s.masters[group] = f
	s.bytes += int64(len(f.text)) + sharedFormulaBytes
}

func (s *sharedFormulas) drop(group int) {
	if f := s.masters[group]; f != nil {
		delete(s.masters, group)
		s.bytes -= int64(len(f.text)) + sharedFormulaBytes
	}
}

// forget drops the formulas whose ranges end above a row.
func (s *sharedFormulas) forget(row int) {
	for group, f := range s.masters {
		if f.last < row {
			s.drop(group)
		}
	}
}

// Formula returns the formula of a cell of the current row, without "=". It is empty if the cell has no formula. A
// formula that is shared with an earlier cell is expanded: references without "$" are moved accordingly, and references
// that leave the sheet become #REF!. The text is valid until the next call of Formula or Next, and must not be changed.
//
// The formula is also empty, although Cell.HasFormula is true, in a data table (§18.3.1.40, t="dataTable"), and in a
// cell that shares a formula that no earlier cell has.
func (r *Rows) Formula(c *source.Cell) []byte {
	if c.FormulaID == 0 {
		return nil
	}
	f := r.rowFormulas[c.FormulaID-1]
	if f.master == nil {
		return f.text
	}
	r.spelled = appendShifted(r.spelled[:0], f.master.text, c.Col-f.master.col, r.number-f.master.row)
	return r.spelled
}

// readFormula reads a cell's formula, whose start tag is the current token.
//
// A cell with a text becomes the master if its group has no master, or if the cell has a range (ref), as only masters
// do. Otherwise, the master's text overrides the cell's, as the standard requires. A cell without a master keeps its
// value and has an empty formula. Excel repairs such a workbook in the same way, and no value is lost.
func (r *Rows) readFormula(c *source.Cell) error {
	x := r.x
	c.HasFormula = true
	group, last := -1, r.limits.MaxRows
	ref := x.Attr("ref")
	if si := zipxml.TrimRight(zipxml.TrimLeft(x.Attr("si"))); len(si) > 0 && string(x.Attr("t")) == "shared" {
		var ok bool
		if group, ok = cellvalue.ParseInt(si, 1<<32-1); !ok {
			return x.Refusal(source.Damaged, "the shared formula %q has no number", zipxml.Clip(si))
		}
		if _, row, ok := parseRef(lastOfRange(ref)); ok {
			last = row
		}
	}
	ranged := len(ref) > 0
	var err error
	if r.scratch, err = readText(x, r.scratch[:0]); err != nil {
		return err
	}
	if group < 0 {
		r.addFormula(c, rowFormula{text: r.text.Keep(r.scratch)})
		return nil
	}
	master := r.formulas.masters[group]
	if zipxml.IsBlank(r.scratch) || master != nil && !ranged {
		r.addFormula(c, rowFormula{master: master})
		return nil
	}
	return r.shareFormula(c, group, last)
}

// shareFormula makes a cell, whose formula is in r.scratch, the master of a
// group.
func (r *Rows) shareFormula(c *source.Cell, group, last int) error {
	f := &sharedFormula{text: append([]byte(nil), r.scratch...), col: c.Col, row: r.number, last: last}
	r.addFormula(c, rowFormula{text: f.text})
	r.formulas.put(group, f)
	if r.formulas.bytes <= r.limits.MaxSharedFormulaBytes {
		return nil
	}
	// This must free half of the memory, so that such searches are rare.
	r.formulas.forget(r.number)
	if r.formulas.bytes > r.limits.MaxSharedFormulaBytes/2 {
		return r.x.Refusal(source.LimitExceeded, "its cells share formulas of more than %d bytes", r.limits.MaxSharedFormulaBytes/2)
	}
	return nil
}

// lastOfRange returns the last cell of a range such as "B2:B9", or "B2".
func lastOfRange(ref []byte) []byte {
	for i, c := range ref {
		if c == ':' {
			return ref[i+1:]
		}
	}
	return ref
}
