package locale

import (
	"strings"
	"unicode"
)

// numberParts are a number without its sign, its currency and its percent sign.
type numberParts struct {
	digits   string // with separators
	negative bool
	percent  bool
	currency string
}

// splitNumber finds the parts of a number. It reports false for a text that can't be one.
func splitNumber(s string) (n numberParts, ok bool) {
	s = strings.TrimPrefix(normal(s), "'")
	first, last := strings.IndexAny(s, "0123456789"), strings.LastIndexAny(s, "0123456789")
	if first < 0 {
		return n, false
	}
	if first > 0 && (s[first-1] == '.' || s[first-1] == ',') && (first == 1 || !isLetterBefore(s, first-1)) {
		first--
	}
	before, after := s[:first], s[last+1:]
	n.digits = s[first : last+1]
	if strings.HasSuffix(before, "(") || strings.HasPrefix(before, "(") {
		if !strings.HasSuffix(after, ")") {
			return n, false
		}
		n.negative = true
		before, after = strings.ReplaceAll(before, "(", ""), strings.TrimSuffix(after, ")")
	}
	for _, part := range []*string{&before, &after} {
		if strings.Contains(*part, "-") {
			if n.negative {
				return n, false
			}
			n.negative = true
			*part = strings.Replace(*part, "-", "", 1)
		}
		if strings.Contains(*part, "%") {
			n.percent = true
			*part = strings.Replace(*part, "%", "", 1)
		}
		*part = strings.TrimSpace(strings.Replace(*part, "+", "", 1))
	}
	n.currency = before + after
	if before != "" && after != "" || n.currency != "" && !isCurrency(n.currency) {
		return n, false
	}
	return n, !strings.ContainsAny(strings.Trim(n.digits, "0123456789"), "/:#")
}

// isCurrency recognizes the symbols of currencies, also with the letters of a country as in US$, their codes, and their usual
// abbreviations.
func isCurrency(s string) bool {
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Sc, r) }) {
		return len([]rune(s)) <= 4
	}
	return currencies[strings.ToLower(strings.Trim(s, ". "))]
}

var currencies = setOf("aed ars aud bgn brl cad chf clp cny cop czk dkk egp eur gbp hkd hrk huf idr ils inr isk jpy kes krw kwd mxn myr ngn nok nzd " +
	"pen php pln qar ron rsd rub sar sek sgd thb try twd uah usd vnd zar kr sfr fr rs r rp rm kč kc ft zł zl lei лв руб р грн din kn د.إ ر.س ج.م fcfa")

func isLetterBefore(s string, i int) bool {
	return i > 0 && unicode.IsLetter(rune(s[i-1]))
}

// separators are how numbers are written: what separates the decimals, and what separates groups of digits.
type separators struct{ point, group byte }

var conventions = []separators{{'.', 0}, {'.', ','}, {',', '.'}, {',', ' '}, {'.', ' '}, {'.', '\''}, {',', '\''}, {',', 0}}

// plain returns digits with a point by a convention.
func (n numberParts) plain(c separators) (string, bool) {
	d := n.digits
	if e := strings.IndexAny(d, "eE"); e > 0 && !n.percent {
		mantissa, ok := numberParts{digits: d[:e]}.plain(separators{c.point, 0})
		exponent := strings.TrimPrefix(d[e+1:], "+")
		digits := strings.TrimPrefix(exponent, "-")
		if !ok || digits == "" || len(digits) > 3 || strings.Trim(digits, "0123456789") != "" {
			return "", false
		}
		return n.sign() + mantissa + "e" + exponent, true
	}
	whole, fraction, hasPoint := strings.Cut(d, string(c.point))
	if strings.Trim(fraction, "0123456789") != "" || hasPoint && fraction == "" {
		return "", false
	}
	if c.group != 0 {
		groups := strings.Split(whole, string(c.group))
		if !grouped(groups, c.group) {
			return "", false
		}
		whole = strings.Join(groups, "")
	}
	if strings.Trim(whole, "0123456789") != "" || whole == "" && !hasPoint {
		return "", false
	}
	if whole == "" {
		whole = "0"
	}
	if hasPoint {
		whole += "." + fraction
	}
	return n.sign() + whole, true
}

func (n numberParts) sign() string {
	if n.negative {
		return "-"
	}
	return ""
}

// grouped reports whether digits are in groups of three, or in those of India: three at the end, two before.
func grouped(groups []string, separator byte) bool {
	last := len(groups) - 1
	if last == 0 {
		return true
	}
	if len(groups[0]) == 0 || len(groups[0]) > 3 || len(groups[last]) != 3 || groups[0] == "0" {
		return false
	}
	threes, twos := true, separator == ',' && len(groups[0]) <= 2
	for _, g := range groups[1:last] {
		threes = threes && len(g) == 3
		twos = twos && len(g) == 2
	}
	return threes || twos
}
