package template

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"headway/services/importer/internal/schema"
)

var orders = map[schema.DateOrder]string{schema.DMY: "day, month, year", schema.MDY: "month, day, year", schema.YMD: "year, month, day"}

// hints describe the value rules of a column for users who fill in cells.
func hints(r *schema.Rules) (list []string) {
	if r.IsZero() {
		return nil
	}
	add := func(condition bool, format string, args ...any) {
		if condition {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	add(r.Case == schema.Upper, "Small letters become capitals.")
	add(r.Case == schema.Lower, "Capitals become small letters.")
	add(len(r.RemovePrefix) > 0, "Can begin with %s, which is removed.", either(r.RemovePrefix))
	add(len(r.RemoveSuffix) > 0, "Can end with %s, which is removed.", either(r.RemoveSuffix))
	add(r.AddPrefix != "", "Gets “%s” at the beginning if that is missing.", r.AddPrefix)
	add(r.AddSuffix != "", "Gets “%s” at the end if that is missing.", r.AddSuffix)
	add(len(r.Lookup) > 0, "Also accepted: %s.", meanings(r.Lookup))
	add(len(r.TrueValues) > 0, "Yes can also be %s.", either(r.TrueValues))
	add(len(r.FalseValues) > 0, "No can also be %s.", either(r.FalseValues))
	add(r.Decimal != "", "Numbers in texts have “%s” before the decimals.", r.Decimal)
	add(r.Thousands != "" && r.Thousands != schema.NoSeparator, "Numbers in texts can have “%s” between thousands.", r.Thousands)
	add(r.Percent == schema.Fraction, "12 %% becomes 0.12.")
	add(r.Percent == schema.Number, "12 %% becomes 12.")
	add(len(r.Units) > 0, "Can have a unit: %s.", clipped(slices.Sorted(maps.Keys(r.Units)), ", "))
	add(r.DateOrder != "", "Dates in texts have the order %s.", orders[r.DateOrder])
	add(len(r.DateFormats) > 0, "Dates in texts have the form %s.", clipped(r.DateFormats, " or "))
	add(len(r.Empty) > 0, "%s means an empty cell.", either(r.Empty))
	add(r.Default != "", "An empty cell becomes %s.", r.Default)
	add(r.Blank == schema.KeepBlank, "An empty cell keeps the value that the row already has.")
	return list
}

func either(texts []string) string {
	quoted := make([]string, len(texts))
	for i, s := range texts {
		quoted[i] = "“" + s + "”"
	}
	return clipped(quoted, " or ")
}

func meanings(lookup map[string]string) string {
	list := make([]string, 0, len(lookup))
	for _, from := range slices.Sorted(maps.Keys(lookup)) {
		list = append(list, fmt.Sprintf("%s (%s)", from, lookup[from]))
	}
	return clipped(list, ", ")
}

func clipped(list []string, separator string) string {
	if len(list) > maxShown {
		return strings.Join(list[:maxShown], separator) + fmt.Sprintf(" and %d more", len(list)-maxShown)
	}
	return strings.Join(list, separator)
}
