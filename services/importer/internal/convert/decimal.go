package convert

import (
	"bytes"
	"strconv"
	"strings"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

const (
	// excelDigits is the number of significant digits that Excel keeps.
	excelDigits = 15
	// roundDigits is the maximum number of digits before the trailing zeros of a long number that Excel has certainly
	// not truncated.
	roundDigits = 12
)

// integer accepts whole numbers, as numbers or text.
func (c *Column) integer(cell *source.Cell, _ Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	if cell.Kind == source.Number && !showsPercent(cell.Format.Code) && !c.numbers.multiplies() {
		if n, ok := plainInt(cell.Text); ok {
			return imports.Value{Kind: imports.Integer, Int: n}, buf, nil
		}
	}
	return c.otherInteger(cell, buf)
}

// plainInt reads a whole number of at most 15 digits.
func plainInt(s []byte) (n int64, ok bool) {
	digits := s
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		digits = s[1:]
	}
	if len(digits) == 0 || len(digits) > excelDigits {
		return 0, false
	}
	for _, b := range digits {
		if b < '0' || b > '9' {
			return 0, false
		}
		n = n*10 + int64(b-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

func (c *Column) otherInteger(cell *source.Cell, buf []byte) (imports.Value, []byte, *Fault) {
	if cell.Kind == source.Number && showsPercent(cell.Format.Code) && string(cell.Text) != "0" && (c.numbers == nil || c.numbers.percent == "") {
		return imports.Value{}, buf, fault(imports.AmbiguousNumber,
			messages.New("number.percent", messages.Number("percent", multiply(string(cell.Text), 2)), messages.Number("number", string(cell.Text))))
	}
	digits, buf, f := c.number(cell, buf, wholeNumber)
	if f.refused() {
		return imports.Value{}, buf, f
	}
	if bytes.IndexByte(digits, '.') >= 0 {
		return imports.Value{}, buf, fault(imports.NotAnInteger, messages.New("number.whole", quoteCell(cell), c.title()))
	}
	n, ok := parseInt(digits)
	if !ok {
		return imports.Value{}, buf, fault(imports.NotAnInteger, messages.New("number.too_large", quoteCell(cell)))
	}
	return imports.Value{Kind: imports.Integer, Int: n}, buf, f
}

// decimal accepts numbers, as numbers or text.
func (c *Column) decimal(cell *source.Cell, _ Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	digits, buf, f := c.number(cell, buf, anyNumber)
	if f.refused() {
		return imports.Value{}, buf, f
	}
	return textValue(digits), buf, f
}

// number returns the canonical decimal text of a cell. Numbers without a unit are multiplied by the factor of the rules.
func (c *Column) number(cell *source.Cell, buf []byte, wanted string) (digits, rest []byte, f *Fault) {
	digits, rest, f = c.unscaled(cell, buf, wanted)
	if !c.numbers.multiplies() || f.refused() || f != nil && (f.rules.Has(schema.RuleUnits) || f.rules.Has(schema.RulePercent)) {
		return digits, rest, f
	}
	product := times(string(digits), c.numbers.times)
	if product == string(digits) {
		return digits, rest, f
	}
	by := RuleSet(1 << schema.RuleUnits)
	if f != nil {
		by |= f.rules
	}
	digits, rest = appendTo(rest, []byte(product))
	return digits, rest, c.ruled.changed(by)
}

// unscaled returns the canonical decimal text of a cell, without the factor of the rules.
func (c *Column) unscaled(cell *source.Cell, buf []byte, wanted string) (digits, rest []byte, f *Fault) {
	if c.numbers != nil && c.numbers.percent == schema.Number && cell.Kind == source.Number && showsPercent(cell.Format.Code) {
		if plain, ok := appendDecimal(nil, cell.Text); ok && string(plain) != "0" {
			part, buf := appendTo(buf, []byte(multiply(string(plain), 2)))
			return part, buf, byRule[schema.RulePercent]
		}
	}
	if cell.Kind == source.Number && (len(cell.Text) <= excelDigits || !lostDigits(cell.Text, roundDigits)) || cell.Kind == source.Text && !c.numbers.separated() && !pointBeforeThree(cell.Text) {
		if out, ok := appendDecimal(buf, cell.Text); ok {
			return out[len(buf):], out, nil
		}
	}
	return c.otherNumber(cell, buf, wanted)
}

func (c *Column) otherNumber(cell *source.Cell, buf []byte, wanted string) (digits, rest []byte, f *Fault) {
	switch cell.Kind {
	case source.Number:
		return nil, buf, precisionLost(cell)
	case source.Text:
		if c.numbers != nil {
			if out, ok := c.numbers.append(buf, cell.Text); ok {
				return out[len(buf):], out, c.readNumberBy(cell.Text, out[len(buf):], numberText{})
			}
		}
		return c.numberInText(cell, buf, wanted)
	case source.Date:
		return nil, buf, fault(imports.NotANumber, messages.New("number.date", c.title(), wantedNumber(wanted)))
	}
	return nil, buf, fault(imports.NotANumber, messages.New("number", quoteCell(cell), wantedNumber(wanted)))
}

// pointBeforeThree reports whether a text has its point before the last three digits, and one to three digits before
// the point. The point in 45.000 can separate thousands, but the point in 0.123 or 1234.567 can't.
func pointBeforeThree(s []byte) bool {
	point := len(s) - 4
	if point < 1 || s[point] != '.' {
		return false
	}
	whole := s[:point]
	if whole[0] == '-' {
		whole = whole[1:]
	}
	return len(whole) <= 3 && len(whole) > 0 && string(whole) != "0"
}

// numberInText reads a number in text that is not in its plain form.
func (c *Column) numberInText(cell *source.Cell, buf []byte, wanted string) (digits, rest []byte, f *Fault) {
	s, buf, f := clean(cell, buf)
	if f.refused() {
		return nil, buf, f
	}
	n := readNumber(s, c.numbers)
	switch {
	case len(n.readings) == 0:
		return nil, buf, fault(imports.NotANumber, c.numbers.notANumber(cell, wanted))
	case n.hidden:
		return nil, buf, fault(imports.PrecisionLost, messages.New("number.scientific", quoteCell(cell)))
	case len(n.readings) > 1:
		return nil, buf, fault(imports.AmbiguousNumber, messages.New("number.ambiguous", quoteCell(cell), alternatives("readings", numberValues(n.readings))))
	case n.unit != "":
		if multiplies(n.unit) {
			return nil, buf, fault(imports.NotANumber, messages.New("number.multiplied", quoteCell(cell), messages.Text("unit", n.unit), c.title()))
		}
		return nil, buf, fault(imports.NotANumber, messages.New("number.unit", quoteCell(cell), messages.Text("unit", n.unit), c.title(), messages.Number("number", n.readings[0])))
	}
	start := len(buf)
	buf = append(buf, n.readings[0]...)
	return buf[start:], buf, c.readNumberBy(cell.Text, buf[start:], n)
}

// The numbers that a cell can be expected to have, by their names in the catalogs.
const (
	wholeNumber = "whole"
	anyNumber   = "any"
)

func wantedNumber(wanted string) messages.Parameter {
	return messages.Part("wanted", messages.New("number.wanted", messages.Text("wanted", wanted)))
}

func numberValues(list []string) []messages.Value {
	values := make([]messages.Value, len(list))
	for i, n := range list {
		values[i] = messages.Value{Kind: messages.Decimal, Text: n}
	}
	return values
}

func precisionLost(cell *source.Cell) *Fault {
	return fault(imports.PrecisionLost, messages.New("number.precision", messages.Number("number", source.Clip(cell.Text, maxQuoted))))
}

// lostDigits reports whether a number has more digits than Excel keeps, with only zeros after those, so that Excel
// might have truncated it. A number with only zeros after its first roundDigits digits is a round number instead.
// Numbers with other digits at the end were written by another program, and are exact.
func lostDigits(s []byte, round int) bool {
	if len(s) <= excelDigits {
		return false
	}
	if s[0] == '-' {
		s = s[1:]
	}
	if i := bytes.IndexByte(s, '.'); i >= 0 {
		s = s[:i]
	}
	if len(s) <= excelDigits {
		return false
	}
	end := len(bytes.TrimRight(s, "0"))
	return end <= excelDigits && end > round
}

// showsPercent reports whether a number format multiplies by a hundred and shows a percent sign.
func showsPercent(code string) bool {
	if strings.IndexByte(code, '%') < 0 {
		return false
	}
	for i := 0; i < len(code); i++ {
		switch code[i] {
		case '%':
			return true
		case '\\':
			i++
		case '"':
			end := strings.IndexByte(code[i+1:], '"')
			if end < 0 {
				return false
			}
			i += end + 1
		}
	}
	return false
}

// multiply multiplies a number by a power of ten.
func multiply(value string, digits int) string {
	value, negative := strings.CutPrefix(value, "-")
	whole, fraction, _ := strings.Cut(value, ".")
	fraction += strings.Repeat("0", digits)
	product, _ := canonical([]byte(whole+fraction[:digits]), []byte(fraction[digits:]))
	return signed(product, negative)
}

// appendDecimal appends a number as plain digits, without a sign other than "-" and without superfluous zeros. ok is
// false if the text has leading zeros, or anything other than digits and one point.
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
