package schema

import (
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// checkPossible reports rules of a column that contradict each other, so that no cell, or no row, can be valid.
func (l *loader) checkPossible(d *schemaDraft, s *sheetDraft, c *columnDraft) {
	whole, _ := c.WholePattern() // an invalid one is its own problem
	for i, v := range c.Allowed {
		if why := c.excludes(v, whole); why != "" {
			at := c.at("allowed")
			if i < len(at.Content) {
				at = resolve(at.Content[i])
			}
			l.add(at, Contradiction, "the allowed value %q can never be valid, because %s. Change one of the two", v, why)
		}
	}
	if c.References == nil {
		return
	}
	if c.References.Sheet == s.Name && c.Required {
		l.add(c.at("required"), Contradiction,
			"every row of sheet %q would need another row as its %q, so there can't be a first one. Delete required: true", s.Name, c.Name)
	}
	parent := d.sheet(c.References.Sheet)
	if parent == nil {
		return
	}
	if target, _ := parent.Column(c.References.Column); target != nil && sameValues(c.Type, target.Type) {
		if why := disjoint(c.Column, target); why != "" {
			l.add(c.at("references"), Contradiction, "no value of %q can be one of %s.%s, because %s. Give both the same limits", c.Name, c.References.Sheet, c.References.Column, why)
		}
	}
}

// excludes returns the rule of the column that an allowed value breaks. It is empty if there is none. whole is the column's
// WholePattern.
func (c *columnDraft) excludes(v string, whole *regexp.Regexp) string {
	length := utf8.RuneCountInString(v)
	switch {
	case c.Type.Textual() && c.MinLength > length:
		return "it is shorter than min_length " + strconv.Itoa(c.MinLength)
	case c.Type.Textual() && c.MaxLength > 0 && c.MaxLength < length:
		return "it is longer than max_length " + strconv.Itoa(c.MaxLength)
	case whole != nil && !whole.MatchString(v):
		return "it does not match the pattern"
	case c.Type == Integer && below(v, c.Min):
		return "it is below min " + c.Min
	case c.Type == Integer && below(c.Max, v):
		return "it is above max " + c.Max
	}
	return ""
}

// below reports whether a bound is below another one. An empty one is not.
func below(a, b string) bool {
	x, y := boundNumber(a), boundNumber(b)
	return x != nil && y != nil && x.Cmp(y) < 0
}

// boundNumber returns a bound as a number for comparisons, or nil if it is empty or not valid.
func boundNumber(bound string) *big.Rat {
	if n, ok := new(big.Rat).SetString(bound); ok && !strings.Contains(bound, "/") {
		return n
	}
	for _, layouts := range boundLayouts {
		if t, err := time.Parse(layouts[0], bound); err == nil {
			return new(big.Rat).SetInt64(t.Unix())
		}
	}
	return nil
}

// disjoint returns why no value can be valid in both columns. It is empty if that is not known.
func disjoint(a, b *Column) string {
	switch {
	case a.MaxLength > 0 && a.MaxLength < b.MinLength:
		return "max_length is less than min_length there"
	case b.MaxLength > 0 && b.MaxLength < a.MinLength:
		return "min_length is more than max_length there"
	case below(a.Max, b.Min):
		return "max is less than min there"
	case below(b.Max, a.Min):
		return "min is more than max there"
	case len(a.Allowed) > 0 && len(b.Allowed) > 0 && !slices.ContainsFunc(a.Allowed, func(v string) bool {
		return slices.ContainsFunc(b.Allowed, func(other string) bool { return strings.EqualFold(v, other) })
	}):
		return "the two have no allowed value in common"
	}
	return ""
}
