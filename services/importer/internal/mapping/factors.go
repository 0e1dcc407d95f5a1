package mapping

import (
	"regexp"
	"slices"
	"strings"

	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// The parts of the expressions for units of numbers that are multiples of ten.
const (
	currency = `(?:€|\$|£|¥|₹|₽|₺|฿|zł|kč|ft|kr|eur|euros?|usd|us\$|chf|gbp|jpy|sek|nok|dkk|pln|czk|huf|inr|rub|try|brl|r\$|mxn|cad|aud|cny|rmb|руб|грн)`
	before   = `(?:^|[^\p{L}\p{N}])`
	after    = `(?:$|[^\p{L}\p{N}])`
	// in is before a word that is a unit only there.
	in = `(?:[(\[]|\b(?:in|en|em|w|v|в|i) (?:(?:` + currency + `|of) )?)`
)

// factors are the ways in which a header or a cell names a unit that is a multiple of ten, in lower case.
var factors = []struct {
	factor string
	names  *regexp.Regexp
}{
	{"1000", factorNames(`[tk]`, `tsd|tausend|thsd|milliers|migliaia|milhares|duizend|тыс|тис|en miles|miles de|`+in+`(?:thousands?|tys|tis|tkr|ths|'?000s?)`, `千円|千元|천원`)},
	{"1000000", factorNames(`m|mn|mio`, `mio|mln|million(?:s|en)|millones|milioni|milhões|miljoner|miljoen|млн|`+in+`(?:million|mill|mil|mn)`, `百万円|百万元|백만원`)},
	{"1000000000", factorNames(`b|bn|mrd`, `mrd|mld|milliarden|milliards|miliardi|млрд|`+in+`(?:billions?|bn)`, `十亿元|十億円|십억원`)},
	{"100000", factorNames(`lakhs?`, `lakhs?|lacs?`, ``)},
	{"10000000", factorNames(`cr|crores?`, `crores?`, ``)},
	{"10000", factorNames(``, ``, `万円|万元|萬元|만원`)},
	{"100000000", factorNames(``, ``, `億円|亿元|억원`)},
}

// factorNames returns the expression for a prefix of a currency, for words, and for words of languages without spaces.
func factorNames(prefix, words, characters string) *regexp.Regexp {
	var all []string
	if prefix != "" {
		all = append(all, before+`(?:`+prefix+`)\.? ?`+currency+after, before+currency+` ?(?:`+prefix+`)\.?`+after)
	}
	if words != "" {
		all = append(all, before+`(?:`+words+`)\.?`+after)
	}
	if strings.HasPrefix(prefix, "[tk]") {
		all = append(all, before+currency+` ?'?000s?`+after, before+`'?000s? ?`+currency+after)
	}
	if characters != "" {
		all = append(all, characters)
	}
	return regexp.MustCompile(strings.Join(all, "|"))
}

// factorIn returns the factor of a unit that a text names, such as 1000 in “Salary (k€)”. It is empty if there is none.
func factorIn(s string) string {
	s = strings.ReplaceAll(strings.ToLower(text.CleanString(s)), "’", "'")
	for _, f := range factors {
		if f.names.MatchString(s) {
			return f.factor
		}
	}
	return ""
}

// factorOfTitle returns the factor that the text of a row names, as in “All amounts in k€”.
func factorOfTitle(row source.Row) string {
	for i := range row.Cells {
		if cell := &row.Cells[i]; cell.Kind == source.Text && !cell.TooLong {
			return factorIn(string(cell.Text))
		}
	}
	return ""
}

// factorOf returns the factor of numbers below a header. A column of the schema that names one itself has none. The unit of a title is
// that of columns with decimals.
func factorOf(spec *schema.Column, header, ofTitle string) string {
	if !spec.Type.Numeric() || spec.Rules != nil && spec.Rules.Factor != "" ||
		slices.ContainsFunc(spec.Names(), func(name string) bool { return factorIn(strings.ReplaceAll(name, "_", " ")) != "" }) {
		return ""
	}
	factor := factorIn(header)
	if factor == "" && spec.Type == schema.Decimal && !hasCurrency.MatchString(strings.ToLower(header)) {
		return ofTitle
	}
	return factor
}

// hasCurrency matches a header in lower case with a currency, whose numbers do not have the unit of a title.
var hasCurrency = regexp.MustCompile(before + `(?:` + currency + `|%)` + after)

// withFactor adds the factor of a header to each reading, and the readings without it. Without readings, it returns those of the first value.
// Marks of missing values have no factor, and stay errors.
func withFactor(spec *schema.Column, list []Reading, factor string, values []string) (all []Reading) {
	list = slices.DeleteFunc(list, func(r Reading) bool { return len(r.Rules.Empty)+len(r.Rules.Lookup) > 0 })
	if len(list) == 0 {
		plain := ruledBy(spec, nil)
		i := slices.IndexFunc(values, func(v string) bool {
			value, ok := read(plain, v)
			return ok && value != "" && value != "0"
		})
		if i < 0 {
			return nil
		}
		list = []Reading{{Cell: values[i]}}
	}
	for _, f := range []string{factor, "1"} {
		for _, r := range list {
			rules := &schema.Rules{Factor: f}
			if r.Rules != nil && len(r.Rules.Units) > 0 {
				rules = &schema.Rules{Units: map[string]string{}}
				for unit := range r.Rules.Units {
					rules.Units[unit] = f
				}
			}
			rules = rules.Over(r.Rules)
			if value, ok := read(ruledBy(spec, rules), r.Cell); ok {
				all = append(all, Reading{Rules: rules, Cell: r.Cell, Value: value})
			}
		}
	}
	return all
}
