package mapping

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// expects returns a function that reports whether a value looks like one of a column. It does not convert: a value of which only
// the form is wrong, such as a date in another order, can still be meant for the column.
func expects(c *schema.Column) func(string) bool {
	allowed := map[string]bool{}
	for _, a := range c.Allowed {
		allowed[schema.MatchName(a)] = true
	}
	if len(allowed) > 0 {
		return func(v string) bool { return allowed[schema.MatchName(v)] }
	}
	switch c.Type {
	case schema.Integer, schema.Decimal:
		return isNumeric
	case schema.Boolean:
		return convert.IsTruth
	case schema.Date, schema.DateTime, schema.Time:
		return isDate(c.Type)
	case schema.Email:
		return func(v string) bool { return strings.Contains(v, "@") }
	case schema.Phone:
		return isPhone
	}
	return func(v string) bool {
		n := utf8.RuneCountInString(v)
		if c.Pattern != nil {
			return c.Pattern.MatchString(v) && len(c.Pattern.FindString(v)) == len(v)
		}
		return n >= c.MinLength && (c.MaxLength == 0 || n <= c.MaxLength) && !strings.Contains(v, "@")
	}
}

// isDate returns a function that reports whether a value can be a date or a time, in any order and language.
func isDate(typ schema.Type) func(string) bool {
	column, err := convert.Compile(&schema.Column{Type: typ})
	return func(v string) bool {
		if text.KindOf([]byte(v)) == text.DateOrTime || isCompactDate(v) {
			return true
		}
		if err != nil {
			return false
		}
		_, _, fault := column.Convert(&source.Cell{Kind: source.Text, Text: []byte(v), Format: &source.NumberFormat{}}, nil, nil)
		return fault == nil || fault.Normalized() || fault.Code == imports.AmbiguousDate
	}
}

// isCompactDate reports whether a value is a date of eight digits, with the year at one of the ends.
func isCompactDate(v string) bool {
	if len(v) != 8 || strings.Trim(v, "0123456789") != "" {
		return false
	}
	for _, layout := range []string{"20060102", "02012006", "01022006"} {
		if day, err := time.Parse(layout, v); err == nil && day.Year() >= 1900 && day.Year() < 2100 {
			return true
		}
	}
	return false
}

// isNumeric reports whether a value has digits, and at most a few letters of a unit or a currency.
func isNumeric(v string) bool {
	digits, letters := 0, 0
	for _, r := range v {
		switch {
		case unicode.IsDigit(r):
			digits++
		case unicode.IsLetter(r):
			letters++
		case r == ':' || r == '@' || r == '/':
			return false
		}
	}
	return digits > 0 && letters <= 3
}

func isPhone(v string) bool {
	digits := 0
	for _, r := range v {
		switch {
		case unicode.IsDigit(r):
			digits++
		case !strings.ContainsRune("+-()/. ", r):
			return false
		}
	}
	return digits >= 4 && digits <= 15
}
