package mapping

import (
	"slices"
	"strings"
	"unicode"

	"headway/services/importer/internal/locale"
	"headway/services/importer/internal/schema"
)

// unreadable returns the first text that is not a value of a column, and rules by which most texts could be values: with the unit or the
// currency that is next to the numbers, with the form of dates without separators, or without marks of missing values.
func unreadable(spec *schema.Column, texts []string) (string, [][]*schema.Rules) {
	plain := ruledBy(spec, nil)
	for _, t := range texts {
		if _, ok := read(plain, t); ok || strings.TrimSpace(t) == "" {
			continue
		}
		switch spec.Type {
		case schema.Integer, schema.Decimal:
			if unit := onlyUnit(texts); unit != "" {
				t = texts[slices.IndexFunc(texts, func(t string) bool { return strings.Contains(t, unit) && strings.ContainsFunc(t, unicode.IsDigit) })]
				units := &schema.Rules{Units: map[string]string{unit: "1"}}
				ruled := *spec
				ruled.Rules = units.Over(spec.Rules)
				if cell, ambiguous := firstAmbiguous(&ruled, texts); ambiguous {
					t = cell
				}
				plain, separated := []*schema.Rules{units}, decimalRules(spec, texts, units)
				if factor := unitFactor(unit); factor != "" {
					multiples := &schema.Rules{Units: map[string]string{unit: factor}}
					plain, separated = []*schema.Rules{multiples, units}, append(decimalRules(spec, texts, multiples), separated...)
				}
				return t, [][]*schema.Rules{plain, separated}
			}
		case schema.Date, schema.DateTime:
			if isCompactDate(t) {
				return t, [][]*schema.Rules{{{DateFormats: []string{"ddMMyyyy"}}, {DateFormats: []string{"yyyyMMdd"}}, {DateFormats: []string{"MMddyyyy"}}}}
			}
		}
		break
	}
	mark := slices.IndexFunc(texts, func(t string) bool {
		_, ok := read(plain, t)
		return !ok && strings.TrimSpace(t) != "" && locale.Missing(t)
	})
	if mark < 0 || spec.Type.Textual() || spec.Required {
		return "", nil
	}
	return texts[mark], missingRules(spec, texts)
}

// unitFactor returns the factor of a unit next to numbers, which is empty if it has none. Next to a number, k needs no currency.
func unitFactor(unit string) string {
	if strings.EqualFold(unit, "k") {
		return "1000"
	}
	return factorIn(unit)
}

// missingRules returns rules by which the marks of missing values among texts mean empty cells. In a column of numbers, a dash can also be the
// zero of Excel's accounting formats.
func missingRules(spec *schema.Column, texts []string) [][]*schema.Rules {
	plain := ruledBy(spec, nil)
	var marks []string
	dashes := spec.Type.Numeric()
	zeros := map[string]string{}
	for _, t := range texts {
		t = strings.TrimSpace(t)
		if _, ok := read(plain, t); ok || !locale.Missing(t) || slices.Contains(marks, t) {
			continue
		}
		marks, zeros[t] = append(marks, t), "0"
		dashes = dashes && strings.Trim(t, "-–—") == ""
	}
	empty := &schema.Rules{Empty: marks}
	if !dashes {
		return [][]*schema.Rules{{empty}}
	}
	return [][]*schema.Rules{{{Lookup: zeros}, empty}}
}

// maxUnit is the maximum number of characters of a unit.
const maxUnit = 5

// onlyUnit returns the unit or currency of the texts with digits, if all that have one have the same. Percentages have their own rule.
func onlyUnit(texts []string) (unit string) {
	for _, t := range texts {
		if !strings.ContainsFunc(t, unicode.IsDigit) {
			continue // a remark, or a dash next to a unit, which is a zero
		}
		found := strings.TrimFunc(t, func(r rune) bool {
			return unicode.IsDigit(r) || unicode.IsSpace(r) || strings.ContainsRune("+-−–—.,'’()", r)
		})
		switch {
		case found == "":
			continue
		case strings.ContainsAny(found, "%‰") || strings.ContainsFunc(found, unicode.IsDigit) || len([]rune(found)) > maxUnit || unit != "" && found != unit:
			return ""
		}
		unit = found
	}
	return unit
}
