package convert

import (
	"bytes"
	"strconv"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
)

// excelDigits is how many significant digits Excel keeps of a number.
const excelDigits = 15

// integer accepts whole numbers, also those that stand as text in digits only, which is how more than 15 digits are
// kept.
func (c *Column) integer(cell *source.Cell, _ Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	text, buf, f := c.number(cell, buf, "a whole number, such as 42")
	if f != nil {
		return imports.Value{}, buf, f
	}
	if bytes.IndexByte(text, '.') >= 0 {
		return imports.Value{}, buf, fault(imports.NotAnInteger, "%s has decimals; %s must be a whole number.", text, c.spec.Title)
	}
	n, ok := parseInt(text)
	if !ok {
		return imports.Value{}, buf, fault(imports.NotAnInteger, "%s is too large; the largest whole number is 9223372036854775807.", source.Clip(text, 60))
	}
	return imports.Value{Kind: imports.Integer, Int: n}, buf, nil
}

// decimal accepts numbers, also those that stand as text with a point at most.
func (c *Column) decimal(cell *source.Cell, _ Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	text, buf, f := c.number(cell, buf, "a number, such as 1234.5")
	if f != nil {
		return imports.Value{}, buf, f
	}
	return textValue(text), buf, nil
}

// number gives the canonical decimal text of a cell.
func (c *Column) number(cell *source.Cell, buf []byte, wanted string) (text, rest []byte, f *Fault) {
	switch cell.Kind {
	case source.Number:
		if lostDigits(cell.Text) {
			return nil, buf, precisionLost(cell)
		}
	case source.Text:
	case source.Date:
		return nil, buf, fault(imports.NotANumber, "The cell is shown as a date or time; %s must be %s. Change the cell's format if it is one.", c.spec.Title, wanted)
	default:
		return nil, buf, fault(imports.NotANumber, "%s is not %s.", quoteCell(cell), wanted)
	}
	start := len(buf)
	buf, ok := appendDecimal(buf, cell.Text)
	if !ok {
		return nil, buf[:start], fault(imports.NotANumber, "%s is text, and not %s; write digits only.", quoteCell(cell), wanted)
	}
	return buf[start:], buf, nil
}

func precisionLost(cell *source.Cell) *Fault {
	return fault(imports.PrecisionLost,
		"The number %s has more than 15 digits, and Excel has replaced the rest with zeros; type it again into a cell formatted as text.", cell.Text)
}

// lostDigits tells whether a number has more digits than Excel keeps, with nothing but zeros after the last that it
// does: so Excel writes what it has cut. Other writers keep 16 digits and more, and those are exact.
func lostDigits(text []byte) bool {
	if len(text) <= excelDigits {
		return false
	}
	if text[0] == '-' {
		text = text[1:]
	}
	if i := bytes.IndexByte(text, '.'); i >= 0 {
		text = text[:i]
	}
	if len(text) <= excelDigits {
		return false
	}
	for _, b := range text[excelDigits:] {
		if b != '0' {
			return false
		}
	}
	return true
}

// appendDecimal appends a number as plain digits: no sign but "-", no superfluous zeros. ok is false if text is
// written otherwise than with digits and one point, or with leading zeros.
func appendDecimal(dst, text []byte) (out []byte, ok bool) {
	digits := text
	negative := len(digits) > 0 && digits[0] == '-'
	if negative {
		digits = digits[1:]
	}
	point := -1
	for i, b := range digits {
		if b == '.' && point < 0 {
			point = i
		} else if b < '0' || b > '9' {
			return dst, false
		}
	}
	whole, fraction := digits, []byte(nil)
	if point >= 0 {
		whole, fraction = digits[:point], digits[point+1:]
		if len(fraction) == 0 {
			return dst, false
		}
		fraction = bytes.TrimRight(fraction, "0")
	}
	if len(whole) == 0 || len(whole) > 1 && whole[0] == '0' {
		return dst, false
	}
	if negative && (len(fraction) > 0 || whole[0] != '0') {
		dst = append(dst, '-')
	}
	dst = append(dst, whole...)
	if len(fraction) > 0 {
		dst = append(append(dst, '.'), fraction...)
	}
	return dst, true
}

// compareDecimals compares two numbers in the form of appendDecimal.
func compareDecimals(a, b []byte) int {
	an, bn := a[0] == '-', b[0] == '-'
	switch {
	case an && !bn:
		return -1
	case bn && !an:
		return 1
	case an:
		a, b = b[1:], a[1:]
	}
	aw, af, _ := bytes.Cut(a, []byte{'.'})
	bw, bf, _ := bytes.Cut(b, []byte{'.'})
	if len(aw) != len(bw) {
		if len(aw) < len(bw) {
			return -1
		}
		return 1
	}
	if d := bytes.Compare(aw, bw); d != 0 {
		return d
	}
	return bytes.Compare(af, bf)
}

func parseInt(text []byte) (int64, bool) {
	if len(text) > 18 {
		n, err := strconv.ParseInt(string(text), 10, 64)
		return n, err == nil
	}
	negative := text[0] == '-'
	if negative {
		text = text[1:]
	}
	var n int64
	for _, b := range text {
		n = n*10 + int64(b-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}
