package template

import (
	"slices"
	"strings"

	"headway/internal/messages"
	"headway/services/importer/internal/pattern"
	"headway/services/importer/internal/schema"
)

// Rules returns the rules for the cells of a column in a language, the type first.
func Rules(s *schema.Schema, sheet *schema.Sheet, c *schema.Column, l messages.Language) []string {
	first := messages.New("rule.type", messages.Text("type", string(c.Type)))
	if c.Required {
		first = messages.New("rule.required", messages.Part("type", first))
	}
	return append([]string{first.In(l)}, constraints(s, sheet, c, l)...)
}

// maxShown is the maximum number of allowed values that are listed.
const maxShown = 12

// constraints returns the rules other than the type and whether the column is required.
func constraints(s *schema.Schema, sheet *schema.Sheet, c *schema.Column, l messages.Language) []string {
	var rules []messages.Message
	add := func(rule messages.Message) { rules = append(rules, rule) }
	switch key := slices.Index(sheet.Key, c.Name); {
	case key >= 0 && len(sheet.Key) == 1:
		add(messages.New("rule.key"))
	case key >= 0:
		add(messages.New("rule.key_with", otherKeys(sheet, c)))
	case c.Unique:
		add(messages.New("rule.unique"))
	}
	switch {
	case c.MinLength > 0 && c.MinLength == c.MaxLength:
		add(messages.New("rule.exactly", messages.Count("n", c.MaxLength)))
	case c.MinLength > 0 && c.MaxLength > 0:
		add(messages.New("rule.between", messages.Count("min", c.MinLength), messages.Count("max", c.MaxLength)))
	case c.MinLength > 0:
		add(messages.New("rule.at_least", messages.Count("n", c.MinLength)))
	case c.MaxLength > 0:
		add(messages.New("rule.at_most", messages.Count("n", c.MaxLength)))
	}
	switch {
	case c.Min != "" && c.Max != "":
		add(messages.New("rule.from_to", bound("min", c, c.Min), bound("max", c, c.Max)))
	case c.Min != "":
		add(messages.New("rule.or_more", bound("min", c, c.Min)))
	case c.Max != "":
		add(messages.New("rule.or_less", bound("max", c, c.Max)))
	}
	if c.Pattern != nil {
		if form := pattern.Form(c.Pattern.String()); len(form) > 0 {
			add(messages.New("rule.form", messages.List("form", messages.Comma, form...)))
		} else {
			add(messages.New("rule.pattern", messages.Text("pattern", c.Pattern.String())))
		}
	}
	if len(c.Allowed) > 0 {
		shown := c.Allowed[:min(len(c.Allowed), maxShown)]
		add(messages.New("rule.allowed", messages.List("values", messages.Comma, messages.Texts(shown...)...),
			messages.Count("more", len(c.Allowed)-len(shown))))
	}
	if r := c.References; r != nil {
		parent := s.Sheet(r.Sheet)
		target, _ := parent.Column(r.Column)
		add(messages.New("rule.refers", messages.Text("column", target.Title), messages.Text("sheet", parent.Title)))
	}
	rules = append(rules, hints(c.Rules)...)
	texts := make([]string, len(rules))
	for i, rule := range rules {
		texts[i] = rule.In(l)
	}
	return texts
}

// bound is a parameter with a limit of the values.
func bound(name string, c *schema.Column, limit string) messages.Parameter {
	if c.Type.Numeric() {
		return messages.Number(name, limit)
	}
	return messages.Date(name, strings.Replace(limit, "T", " ", 1))
}

// otherKeys is the parameter with the titles of the other columns of a key.
func otherKeys(sheet *schema.Sheet, c *schema.Column) messages.Parameter {
	var titles []string
	for _, name := range sheet.Key {
		if other, _ := sheet.Column(name); other != c {
			titles = append(titles, other.Title)
		}
	}
	return messages.List("columns", messages.And, messages.Texts(titles...)...)
}
