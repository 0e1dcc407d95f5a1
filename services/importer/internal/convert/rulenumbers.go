package convert

import (
	"bytes"
	"math/big"
	"strings"

	"headway/internal/messages"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// numberRules are the rules for reading numbers.
type numberRules struct {
	// point and group are the separators as fold writes them. They are 0 if the rule is not set. ungrouped means that numbers have
	// no separators of thousands.
	point, group byte
	ungrouped    bool
	// ambiguous separates the decimals of numbers that have several readings.
	ambiguous byte
	percent   schema.Percent
	units     map[string]*big.Rat
	// times multiplies numbers without a unit. It is nil if they are not multiplied.
	times *big.Rat
	// names are the factors of units by their spelling. Those that are not unique are left out.
	names map[string]*big.Rat
}

// compileNumbers returns the rules for numbers, or nil if there are none.
func compileNumbers(typ schema.Type, rules *schema.Rules) *numberRules {
	if !typ.Numeric() || rules.Decimal+rules.Thousands+rules.AmbiguousDecimal+string(rules.Percent)+rules.Factor == "" && len(rules.Units) == 0 {
		return nil
	}
	n := &numberRules{percent: rules.Percent, ungrouped: rules.Thousands == schema.NoSeparator}
	if folded, _ := fold([]byte(rules.Decimal)); len(folded) == 1 {
		n.point = folded[0]
	}
	if folded, _ := fold([]byte(rules.AmbiguousDecimal)); len(folded) == 1 {
		n.ambiguous = folded[0]
	}
	if folded, _ := fold([]byte(rules.Thousands)); len(folded) == 1 {
		n.group = folded[0]
	}
	if rules.Thousands == " " || rules.Thousands == "'" {
		n.group = rules.Thousands[0] // fold removes them at the ends of a text
	}
	if f, ok := new(big.Rat).SetString(rules.Factor); ok && f.Cmp(big.NewRat(1, 1)) != 0 {
		n.times = f
	}
	if len(rules.Units) > 0 {
		n.units, n.names = map[string]*big.Rat{}, map[string]*big.Rat{}
	}
	for unit, factor := range rules.Units {
		f, _ := new(big.Rat).SetString(factor)
		folded, _ := fold([]byte(unit))
		n.units[string(folded)] = f
		spelling := schema.Spelling(string(folded))
		if _, twice := n.names[spelling]; twice {
			f = nil
		}
		n.names[spelling] = f
	}
	return n
}

// separated reports whether the rules have a separator.
func (n *numberRules) separated() bool {
	return n != nil && (n.point != 0 || n.group != 0 || n.ungrouped || n.ambiguous != 0)
}

// allows reports whether numbers can have these separators. A point of 0 is a number without decimals.
func (n *numberRules) allows(group, point byte) bool {
	switch {
	case n == nil:
		return true
	case group != 0 && (n.ungrouped || n.group != 0 && group != n.group || group == n.point):
		return false
	case point != 0 && (n.point != 0 && point != n.point || point == n.group):
		return false
	}
	return true
}

// allowsMantissa reports whether the digits before an exponent have the right separator.
func (n *numberRules) allowsMantissa(digits []byte) bool {
	for _, point := range []byte{'.', ','} {
		if bytes.IndexByte(digits, point) >= 0 && !n.allows(0, point) {
			return false
		}
	}
	return true
}

// factor returns the factor of a unit.
func (n *numberRules) factor(unit string) (f *big.Rat, known bool) {
	if n == nil || n.units == nil || unit == "" {
		return nil, false
	}
	if f = n.units[unit]; f == nil {
		f = n.names[schema.Spelling(unit)]
	}
	return f, f != nil
}

// multiplies reports whether numbers without a unit are multiplied.
func (n *numberRules) multiplies() bool { return n != nil && n.times != nil }

// times multiplies a number by a decimal. The result is exact.
func times(number string, factor *big.Rat) string {
	v, ok := new(big.Rat).SetString(number)
	if !ok {
		return number
	}
	v.Mul(v, factor)
	digits, _ := v.FloatPrec() // the product of two decimals has a finite number of them
	out, _ := appendDecimal(nil, []byte(v.FloatString(digits)))
	return string(out)
}

// append reads a number that has only digits, a minus sign, and the separators of the rules. It reports false for all others.
func (n *numberRules) append(buf, s []byte) (out []byte, ok bool) {
	if n.point == 0 {
		return buf, false
	}
	start := len(buf)
	i := 0
	if len(s) > 0 && s[0] == '-' {
		buf, i = append(buf, '-'), 1
	}
	first, sinceGroup, grouped, point, nonzero := i, 0, false, false, false
	for ; i < len(s); i++ {
		switch b := s[i]; {
		case b >= '0' && b <= '9':
			buf = append(buf, b)
			nonzero = nonzero || b != '0'
			sinceGroup++
		case b == n.point && !point && i > first && i+1 < len(s):
			if grouped && sinceGroup != 3 {
				return buf[:start], false
			}
			buf, point = append(buf, '.'), true
		case b == n.group && b != 0 && !point && i > first && (sinceGroup == 3 || !grouped && sinceGroup < 3):
			grouped, sinceGroup = true, 0
		default:
			return buf[:start], false
		}
	}
	digits := buf[start:]
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || grouped && !point && sinceGroup != 3 || digits[0] == '0' && len(digits) > 1 && digits[1] != '.' || !nonzero {
		return buf[:start], false
	}
	if point {
		buf = bytes.TrimSuffix(bytes.TrimRight(buf, "0"), []byte{'.'})
	}
	return buf, true
}

// notANumber is the message about a text that is not a number, with the separators of the rules.
func (n *numberRules) notANumber(cell *source.Cell, wanted string) messages.Message {
	switch {
	case n == nil:
	case n.point != 0:
		return messages.New("number.point", quoteCell(cell), messages.Text("separator", shownSeparator(n.point)), wantedNumber(wanted))
	case n.group != 0:
		return messages.New("number.group", quoteCell(cell), messages.Text("separator", shownSeparator(n.group)), wantedNumber(wanted))
	}
	return messages.New("number", quoteCell(cell), wantedNumber(wanted))
}

func shownSeparator(b byte) string {
	return strings.NewReplacer("\x01", "٫", "\x02", "٬").Replace(string(b))
}

// readNumberBy returns the fault of a number that was read from a text: by the rules of the column, or without them.
func (c *Column) readNumberBy(cell, digits []byte, n numberText) *Fault {
	if c.numbers == nil {
		return normalized
	}
	var by RuleSet
	if n.percent {
		by |= 1 << schema.RulePercent
	}
	if n.scaled {
		by |= 1 << schema.RuleUnits
	}
	if by == 0 {
		if plain, ok := appendDecimal(nil, cell); ok && bytes.Equal(plain, digits) {
			return nil
		}
		if !c.numbers.separated() {
			return normalized
		}
		by = 1 << schema.RuleSeparators
	}
	return c.ruled.changed(by)
}
