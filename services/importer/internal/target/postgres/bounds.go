package postgres

import (
	"slices"
	"strings"

	"headway/services/importer/internal/schema"
)

// bounds returns the columns of the rows with what the catalog knows about their values, so that a value that the
// database would refuse or change is an error of its cell.
func (t *table) bounds() []*schema.Column {
	all := make([]*schema.Column, len(t.columns))
	for i, c := range t.columns {
		a := t.attribute(c.Name)
		if a == nil {
			all[i] = c
			continue
		}
		bounded := *c
		all[i] = &bounded
		bounded.Required = c.Required || a.notNull
		if t.resolved[c.Name] == nil {
			a.bound(&bounded)
		}
	}
	return all
}

// exactDigits are the numbers of digits that binary fractions have without loss.
var exactDigits = map[string]int{"real": 6, "double precision": 15}

// bound adds the bounds of the database's type to a column of the schema.
func (a *attribute) bound(c *schema.Column) {
	if a.length > 0 && (c.MaxLength == 0 || c.MaxLength > a.length) {
		c.MaxLength = a.length
	}
	if a.base == "citext" || a.ignoresCase {
		c.IgnoresCase = schema.AllLetters
	}
	switch a.family {
	case integers:
		switch a.base {
		case "smallint":
			c.Narrow("-32768", "32767")
		case "integer":
			c.Narrow("-2147483648", "2147483647")
		}
	case labels:
		allowed := a.labels
		if len(c.Allowed) > 0 {
			allowed = slices.DeleteFunc(slices.Clone(c.Allowed), func(v string) bool { return !slices.Contains(a.labels, v) })
		}
		c.Allowed = allowed
	case decimals:
		if a.precision >= 0 {
			a.boundDigits(c)
		}
	case floats:
		c.Digits = exactDigits[a.base]
	case times, timestamps, moments:
		c.Scale = &a.scale
	case uuids:
		c.Form = schema.UUID
	case documents:
		c.Form = schema.JSON
	}
}

// boundDigits bounds a number by the digits of a numeric(precision, scale).
func (a *attribute) boundDigits(c *schema.Column) {
	whole := max(a.precision-a.scale, 0)
	if a.scale < 0 {
		c.Scale = &a.scale // the database would round to a multiple of a power of ten
	}
	if c.Type == schema.Integer && whole > 18 {
		return // the database refuses a row with a value that does not fit
	}
	largest := strings.Repeat("9", whole)
	if a.scale < 0 {
		largest = strings.Repeat("9", a.precision) + strings.Repeat("0", -a.scale)
	}
	if c.Type == schema.Decimal {
		if largest == "" {
			largest = "0"
		}
		if scale := a.scale; scale > 0 {
			largest += "." + strings.Repeat("0", max(a.scale-a.precision, 0)) + strings.Repeat("9", min(scale, a.precision))
		}
		c.Scale = &a.scale
	}
	if largest == "" {
		largest = "0"
	}
	c.Narrow("-"+largest, largest)
}
