package convert

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"headway/services/importer/internal/schema"
)

// numberText is a text as a number.
type numberText struct {
	// readings are the possible numbers, without duplicates, in the form of appendDecimal. There are none if the text
	// is not a number.
	readings []string
	// unit is text next to the number that a number column can't store, such as a currency. It can be empty.
	unit string
	// percent reports whether the text has a percent sign, and scaled whether a unit was converted. Both need a rule.
	percent, scaled bool
	// hidden reports whether the text is in scientific notation that can hide digits.
	hidden bool
}

// conventions are the ways to write numbers, with the separator of groups of digits and the separator of decimals. Zero
// means none. All are in use: 1,234.5 in the United States and in India (1,23,456.7), 1.234,5 in Germany, 1'234.5 in
// Switzerland, 1 234,5 in France.
var conventions = []struct{ group, point byte }{
	{0, '.'}, {0, ','}, {0, arabicPoint},
	{',', '.'}, {',', 0}, {'.', ','}, {'.', 0},
	{'\'', '.'}, {'\'', ','}, {'\'', 0},
	{' ', '.'}, {' ', ','}, {' ', 0},
	{arabicComma, arabicPoint}, {arabicComma, 0},
}

// readNumber finds every reading of a cleaned text as a number.
func readNumber(s []byte, by *numberRules) numberText {
	t, ok := fold(s)
	if !ok {
		return numberText{}
	}
	t = plainFraction(plainPower(t))
	first, last := bytes.IndexAny(t, "0123456789"), bytes.LastIndexAny(t, "0123456789")
	if first < 0 {
		return accountingZero(t, by)
	}
	if first > 0 && (t[first-1] == '.' || t[first-1] == ',' || t[first-1] == arabicPoint) {
		first-- // .5
	}
	last++
	rest, found := bytes.CutSuffix(t, []byte("--"))
	if !found {
		rest, found = bytes.CutSuffix(t, []byte("—"))
	}
	if found && (last == len(rest)-1 && (t[last] == '.' || t[last] == ',')) {
		t = rest[:last] // a price without cents
	}
	priceDash := false
	if last < len(t) && (t[last] == '.' || t[last] == ',') {
		// 5. is 5, and 5.- is a price of 5 or a negative number.
		priceDash = last+1 < len(t) && t[last+1] == '-'
		last++
	}
	before, negativeBefore, ok1 := takeSigns(t[:first], true)
	after, negativeAfter, ok2 := takeSigns(t[last:], false)
	before, opened := cutParenthesis(before, "(")
	after, closed := cutParenthesis(after, ")")
	negatives := negativeBefore + negativeAfter
	if opened {
		negatives++
	}
	if !ok1 || !ok2 || opened != closed || negatives > 1 {
		return numberText{}
	}
	var n numberText
	n.readings, n.hidden = readDigits(t[first:last], negatives == 1, by)
	if len(n.readings) > 1 && by != nil && by.ambiguous != 0 {
		strict := *by
		strict.point = by.ambiguous
		n.readings, _ = readDigits(t[first:last], negatives == 1, &strict)
	}
	if priceDash && negativeAfter == 1 {
		for _, r := range n.readings {
			n.add(strings.TrimPrefix(r, "-"))
		}
	}
	n.units(before, after, by)
	return n
}

// accountingZero reads a dash next to a unit of the rules, which is the zero of Excel's accounting formats: $ -.
func accountingZero(t []byte, by *numberRules) (n numberText) {
	before, after, found := bytes.Cut(t, []byte("-"))
	if _, known := by.factor(string(bytes.Trim(before, " ")) + string(bytes.Trim(after, " "))); found && known {
		n.readings, n.scaled = []string{"0"}, true
	}
	return n
}

// cutParenthesis removes a parenthesis from either end of the text next to a number: (5 €), (5) €, and € (5) are the same.
func cutParenthesis(s []byte, mark string) (rest []byte, found bool) {
	if rest, found = bytes.CutPrefix(s, []byte(mark)); !found {
		rest, found = bytes.CutSuffix(s, []byte(mark))
	}
	return bytes.Trim(rest, " "), found
}

// power is the power of ten of a number in scientific notation, as in 1.5×10³.
var power = regexp.MustCompile(`^(.*[0-9]) ?[×xX*] ?10(?:\^?([+-]?[0-9]+)|([⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))$`)

var superscripts = strings.NewReplacer("⁺", "+", "⁻", "-", "⁰", "0", "¹", "1", "²", "2", "³", "3", "⁴", "4", "⁵", "5", "⁶", "6", "⁷", "7", "⁸", "8", "⁹", "9")

// plainPower replaces a power of ten with an exponent: 1.5×10³ is 1.5E3. The mark ^ is needed unless the digits are raised.
func plainPower(t []byte) []byte {
	m := power.FindSubmatch(t)
	if m == nil || len(m[2]) > 0 && !bytes.ContainsRune(t, '^') {
		return t
	}
	return []byte(string(m[1]) + "E" + string(m[2]) + superscripts.Replace(string(m[3])))
}

// fractions are the characters that are a fraction, as far as its decimals end.
var fractions = map[rune]string{'½': ".5", '¼': ".25", '¾': ".75", '⅕': ".2", '⅖': ".4", '⅗': ".6", '⅘': ".8", '⅛': ".125", '⅜': ".375",
	'⅝': ".625", '⅞': ".875", '⅒': ".1"}

// plainFraction replaces a fraction after a whole number: 12½ is 12.5.
func plainFraction(t []byte) []byte {
	r, n := utf8.DecodeLastRune(t)
	whole := bytes.TrimRight(t[:len(t)-n], " ")
	if fractions[r] == "" {
		return t
	}
	if _, ok := digits(bytes.TrimLeft(whole, "+-")); !ok && len(bytes.TrimLeft(whole, "+-")) > 0 {
		return t
	}
	return append(whole[:len(whole):len(whole)], fractions[r]...)
}

// takeSigns removes the signs of a number from the text before or after it. ok is false for signs that have no meaning
// there.
func takeSigns(s []byte, front bool) (rest []byte, negatives int, ok bool) {
	plus := 0
	rest = make([]byte, 0, len(s))
	for _, b := range s {
		switch b {
		case '-':
			negatives++
		case '+':
			plus++
		default:
			rest = append(rest, b)
		}
	}
	return bytes.Trim(rest, " "), negatives, negatives+plus <= 1 && (front || plus == 0)
}

// units interprets the text around the digits: a percent sign doubles the readings, and other text is the unit.
func (n *numberText) units(before, after []byte, by *numberRules) {
	both := string(before) + string(after)
	factor, known := by.factor(both)
	switch {
	case both == "":
	case known:
		scaled := numberText{scaled: true}
		for _, r := range n.readings {
			product := times(r, factor)
			scaled.add(product)
			if factor.Sign() < 0 && r[0] == '-' {
				scaled.add(signed(product, true)) // both signs can mean the same
			}
		}
		n.readings, n.scaled = scaled.readings, true
	case by != nil && by.percent != "" && (both == "%" || both == "‰"):
		n.percent = true
		if by.percent == schema.Number && both == "%" {
			break
		}
		shift := map[string]int{"%": 2, "‰": 3}[both]
		if by.percent == schema.Number {
			shift = 1
		}
		for i, r := range n.readings {
			n.readings[i] = divide(r, shift)
		}
	case both == "%":
		n.scale(2)
	case both == "‰":
		n.scale(3)
	case len(after) == 0 && isCurrency(both), len(before) == 0 && isUnit(both):
		n.unit = both
	default:
		*n = numberText{}
	}
}

// scale adds the readings divided by a power of ten.
func (n *numberText) scale(digits int) {
	for _, r := range n.readings {
		n.add(divide(r, digits))
	}
}

// currencies are the codes and abbreviations that come before a number.
var currencies = func() map[string]bool {
	set := map[string]bool{}
	for _, c := range strings.Fields("AED ARS AUD BGN BRL CAD CHF CLP CNY COP CZK DEM DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JPY KES KRW " +
		"MXN MYR NGN NOK NZD PEN PHP PLN QAR RON RSD RUB SAR SEK SGD THB TRY TWD UAH USD VND ZAR Fr Fr. SFr. kr kr. Kr Kr. Rs Rs. R DM") {
		set[c] = true
	}
	return set
}()

// isCurrency reports whether a text before a number is a currency.
func isCurrency(s string) bool {
	return currencies[s] || isUnit(s) && strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Sc, r) })
}

// multiplies reports whether a unit changes the number before it: 5k is 5000. Some are also units, such as m.
func multiplies(unit string) bool { return multipliers[strings.ToLower(strings.Trim(unit, "."))] }

var multipliers = func() map[string]bool {
	set := map[string]bool{}
	for _, m := range strings.Fields("k t m mm mn mio mil mill mln mlj mrd md bn b bio tsd tys tis teur keur lakh lakhs lac crore crores тыс млн млрд " +
		"хил 千 万 萬 亿 億 兆 천 만 억") {
		set[m] = true
	}
	return set
}()

// isUnit reports whether a text next to a number is a currency or another short unit. Credit and debit marks are not,
// because they change the sign.
func isUnit(s string) bool {
	switch {
	case utf8.RuneCountInString(s) > 6, strings.HasPrefix(s, "²"), strings.HasPrefix(s, "³"), strings.EqualFold(s, "CR"), strings.EqualFold(s, "DR"), strings.EqualFold(s, "DB"):
		return false
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.Is(unicode.Sc, r) && !strings.ContainsRune(".°²³/", r) {
			return false
		}
	}
	return true
}

func (n *numberText) add(reading string) {
	for _, r := range n.readings {
		if r == reading {
			return
		}
	}
	n.readings = append(n.readings, reading)
}

// readDigits reads digits with separators by all conventions, or a number in scientific notation.
func readDigits(t []byte, negative bool, by *numberRules) (readings []string, hidden bool) {
	var n numberText
	if e := bytes.IndexAny(t, "eE"); e >= 0 {
		if value, ok := scientific(t, e); ok && by.allowsMantissa(t[:e]) {
			// Excel shows numbers of 12 or more digits in this form, rounded.
			hidden = len(value) > 11 && value[len(value)-1] == '0' && !strings.Contains(value, ".")
			n.add(signed(value, negative))
		}
		return n.readings, hidden
	}
	for _, c := range conventions {
		if !by.allows(c.group, c.point) {
			continue
		}
		if value, ok := readBy(t, c.group, c.point); ok {
			n.add(signed(value, negative))
		}
	}
	return n.readings, false
}

// readBy reads digits by one convention.
func readBy(t []byte, group, point byte) (string, bool) {
	whole, fraction := t, []byte(nil)
	if i := bytes.IndexByte(t, point); point != 0 && i >= 0 {
		whole, fraction = t[:i], t[i+1:]
	} else if point != 0 && group != 0 {
		return "", false // the convention without a point reads it
	}
	digits := make([]byte, 0, len(t)+1)
	if group == 0 {
		digits = append(digits, whole...)
	} else {
		groups := bytes.Split(whole, []byte{group})
		if !grouped(groups, group) {
			return "", false
		}
		for _, g := range groups {
			digits = append(digits, g...)
		}
	}
	return canonical(digits, fraction)
}

// grouped reports whether digits are in groups of three, or, if commas separate them, in India's groups: three digits
// at the end, and two in each group before. Such a number can't begin with a group that is only a zero.
func grouped(groups [][]byte, separator byte) bool {
	last := len(groups) - 1
	first := groups[0]
	if last < 1 || len(groups[last]) != 3 || len(first) == 0 || len(first) > 3 || string(first) == "0" {
		return false
	}
	threes, twos := true, separator == ',' && len(first) < 3
	for _, g := range groups[1:last] {
		threes = threes && len(g) == 3
		twos = twos && len(g) == 2
	}
	return threes || twos
}

// canonical returns a number in the form of appendDecimal. It allows leading zeros, and one empty part.
func canonical(whole, fraction []byte) (string, bool) {
	for _, part := range [][]byte{whole, fraction} {
		for _, b := range part {
			if b < '0' || b > '9' {
				return "", false
			}
		}
	}
	if len(whole)+len(fraction) == 0 {
		return "", false
	}
	value := strings.TrimLeft(string(whole), "0")
	if value == "" {
		value = "0"
	}
	if f := bytes.TrimRight(fraction, "0"); len(f) > 0 {
		value += "." + string(f)
	}
	return value, true
}

func signed(value string, negative bool) string {
	if negative && value != "0" {
		return "-" + value
	}
	return value
}

// maxExponent limits the length of numbers in scientific notation.
const maxExponent = 99

// scientific reads a number such as 1.2E+03, whose letter is at e.
func scientific(t []byte, e int) (string, bool) {
	whole, fraction, _ := bytes.Cut(bytes.Replace(t[:e], []byte(","), []byte("."), 1), []byte("."))
	exponent := t[e+1:]
	negative := len(exponent) > 0 && exponent[0] == '-'
	if negative || len(exponent) > 0 && exponent[0] == '+' {
		exponent = exponent[1:]
	}
	shift, ok := digits(exponent)
	if !ok || len(exponent) > 3 || shift > maxExponent || len(whole) == 0 {
		return "", false
	}
	if _, ok := canonical(whole, fraction); !ok {
		return "", false
	}
	all, point := string(whole)+string(fraction), len(whole)+shift
	if negative {
		point = len(whole) - shift
	}
	if point < 0 {
		all, point = strings.Repeat("0", -point)+all, 0
	}
	if point > len(all) {
		all += strings.Repeat("0", point-len(all))
	}
	return canonical([]byte(all[:point]), []byte(all[point:]))
}

// divide divides a number by a power of ten.
func divide(value string, digits int) string {
	value, negative := strings.CutPrefix(value, "-")
	whole, fraction, _ := strings.Cut(value, ".")
	whole = strings.Repeat("0", digits) + whole
	i := len(whole) - digits
	shifted, _ := canonical([]byte(whole[:i]), []byte(whole[i:]+fraction))
	return signed(shifted, negative)
}
