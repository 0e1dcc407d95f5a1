package mapping

import (
	"strings"
	"unicode"

	"headway/services/importer/internal/schema"
)

// unreadable returns the first text that is not a value of a column, and rules by which most texts could be values: with the unit or the
// currency that is next to the numbers, or the form of dates without separators.
func unreadable(spec *schema.Column, texts []string) (string, [][]*schema.Rules) {
	plain := ruledBy(spec, nil)
	for _, t := range texts {
		if _, ok := read(plain, t); ok || strings.TrimSpace(t) == "" {
			continue
		}
		switch spec.Type {
		case schema.Integer, schema.Decimal:
			if unit := onlyUnit(texts); unit != "" {
				units := &schema.Rules{Units: map[string]string{unit: "1"}}
				ruled := *spec
				ruled.Rules = units.Over(spec.Rules)
				if cell, ambiguous := firstAmbiguous(&ruled, texts); ambiguous {
					t = cell
				}
				return t, [][]*schema.Rules{{units}, decimalRules(spec, texts, units)}
			}
		case schema.Date, schema.DateTime:
			if isCompactDate(t) {
				return t, [][]*schema.Rules{{{DateFormats: []string{"ddMMyyyy"}}, {DateFormats: []string{"yyyyMMdd"}}, {DateFormats: []string{"MMddyyyy"}}}}
			}
		}
		return "", nil
	}
	return "", nil
}

// maxUnit is the maximum number of characters of a unit.
const maxUnit = 5

// onlyUnit returns the unit or currency of numbers, if all that have one have the same. Percentages have their own rule.
func onlyUnit(texts []string) (unit string) {
	for _, t := range texts {
		found := strings.TrimFunc(t, func(r rune) bool {
			return unicode.IsDigit(r) || unicode.IsSpace(r) || strings.ContainsRune("+-−.,'’()", r)
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
