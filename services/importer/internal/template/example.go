package template

import (
	"strings"

	"headway/services/importer/internal/schema"
)

// examples are values of the types whose values have a form.
var examples = map[schema.Type]string{
	schema.Integer: "42", schema.Decimal: "1234.5", schema.Boolean: "TRUE", schema.Date: "2025-04-03", schema.Time: "09:30",
	schema.DateTime: "2025-04-03 09:30", schema.Email: "name@example.com", schema.Phone: "+49 30 901820",
}

// Example returns a value that a cell of the column can have. It is empty if the schema does not describe the values enough: for
// texts, and for values that must match a pattern or exist on another sheet.
func Example(c *schema.Column) string {
	switch {
	case c.References != nil || c.Pattern != nil:
		return ""
	case len(c.Allowed) > 0:
		return c.Allowed[0]
	case c.Min != "":
		return strings.Replace(c.Min, "T", " ", 1)
	case c.Max != "":
		return strings.Replace(c.Max, "T", " ", 1)
	case c.MinLength > 0 || c.MaxLength > 0:
		return ""
	}
	return examples[c.Type]
}
