package template

import (
	"fmt"
	"slices"
	"strings"

	"headway/services/importer/internal/schema"
)

// typeRules describe the values of each type.
var typeRules = map[schema.Type]string{
	schema.Text:     "Text.",
	schema.Integer:  "A whole number.",
	schema.Decimal:  "A number, with or without decimals.",
	schema.Boolean:  "TRUE or FALSE.",
	schema.Date:     "A date.",
	schema.Time:     "A time of day.",
	schema.DateTime: "A date and a time of day.",
	schema.Email:    "An email address.",
	schema.Phone:    "A phone number.",
	schema.Enum:     "One of a list.",
}

// Rules returns the rules for the cells of a column, the type first.
func Rules(s *schema.Schema, sheet *schema.Sheet, c *schema.Column) []string {
	rules := []string{typeRules[c.Type]}
	if c.Required {
		rules[0] += " Required."
	}
	return append(rules, constraints(s, sheet, c)...)
}

// maxShown is the maximum number of allowed values that are listed.
const maxShown = 12

// constraints returns the rules other than the type and whether the column is required.
func constraints(s *schema.Schema, sheet *schema.Sheet, c *schema.Column) []string {
	var rules []string
	add := func(format string, args ...any) { rules = append(rules, fmt.Sprintf(format, args...)) }
	switch key := slices.Index(sheet.Key, c.Name); {
	case key >= 0 && len(sheet.Key) == 1:
		add("Key: every value must be different.")
	case key >= 0:
		add("Key, together with %s: every combination must be different.", otherKeys(sheet, c))
	case c.Unique:
		add("Every value must be different.")
	}
	switch {
	case c.MinLength > 0 && c.MinLength == c.MaxLength:
		add("Exactly %s.", characters(c.MaxLength))
	case c.MinLength > 0 && c.MaxLength > 0:
		add("%d to %d characters.", c.MinLength, c.MaxLength)
	case c.MinLength > 0:
		add("At least %s.", characters(c.MinLength))
	case c.MaxLength > 0:
		add("At most %s.", characters(c.MaxLength))
	}
	low, high := strings.Replace(c.Min, "T", " ", 1), strings.Replace(c.Max, "T", " ", 1)
	switch {
	case low != "" && high != "":
		add("From %s to %s.", low, high)
	case low != "":
		add("%s or more.", low)
	case high != "":
		add("%s or less.", high)
	}
	if c.Pattern != nil {
		add("Must match %s (a regular expression).", c.Pattern)
	}
	switch {
	case len(c.Allowed) > maxShown:
		add("One of %s and %d more.", strings.Join(c.Allowed[:maxShown], ", "), len(c.Allowed)-maxShown)
	case len(c.Allowed) > 0:
		add("One of %s.", strings.Join(c.Allowed, ", "))
	}
	if r := c.References; r != nil {
		parent := s.Sheet(r.Sheet)
		target, _ := parent.Column(r.Column)
		add("Refers to %q of the sheet %q, or to a row that was imported before.", target.Title, parent.Title)
	}
	return append(rules, hints(c.Rules)...)
}

func otherKeys(sheet *schema.Sheet, c *schema.Column) string {
	var titles []string
	for _, name := range sheet.Key {
		if other, _ := sheet.Column(name); other != c {
			titles = append(titles, other.Title)
		}
	}
	return strings.Join(titles, " and ")
}

func characters(n int) string {
	if n == 1 {
		return "1 character"
	}
	return fmt.Sprintf("%d characters", n)
}
