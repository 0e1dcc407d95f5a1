package layout

import (
	"bytes"

	"headway/services/importer/internal/source"
)

// Typed reports whether the content of a cell is more than a default: an unchecked checkbox, or a formula without a
// result. In a key, an error counts as a result.
func Typed(c *source.Cell, key bool) bool {
	switch c.Kind {
	case source.Empty:
		return false
	case source.Bool:
		return c.Text[0] != 'F'
	case source.Text:
		return true
	case source.ErrorValue, source.FormulaWithoutValue:
		return key || !c.HasFormula && c.Kind == source.ErrorValue
	case source.Number, source.Date:
		return !c.HasFormula || !isZero(c.Text)
	default:
		return true
	}
}

func isZero(number []byte) bool {
	return len(bytes.Trim(number, "0.-")) == 0
}

// isFilledDown reports whether a row has no key, and nothing but unchecked checkboxes and formulas in any of its cells, such as the
// unused rows of a template. Formulas that refer to other sheets are different: they can have a record's values.
func (s *Sheet) isFilledDown(r *Row, formulas source.Formulas) bool {
	for i := range r.Values {
		if s.columns[i].Key && !source.Blank(&r.Values[i]) {
			return false
		}
	}
	for i := range r.Cells {
		switch c := &r.Cells[i]; {
		case source.Blank(c) || c.Kind == source.Bool && c.Text[0] == 'F':
		case !c.HasFormula:
			return false
		default:
			if f := formulas.Formula(c); len(f) == 0 || bytes.ContainsAny(f, "![{") {
				return false // its text is unknown, or it refers to something else
			}
		}
	}
	return true
}
