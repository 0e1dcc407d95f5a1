// Package convert turns cells into typed values without silent coercion: what cannot be told for certain is a fault.
package convert

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// Calendar reads dates by the date system of a workbook.
type Calendar interface {
	Civil(*source.Cell) (source.Civil, error)
}

// Fault says what is wrong with a cell, and what would be right. A nil Fault is a good cell.
type Fault struct {
	Code    imports.IssueCode
	Message string
}

func fault(code imports.IssueCode, format string, args ...any) *Fault {
	return &Fault{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Column converts and checks the cells of one column. It is never changed, so goroutines may share it.
type Column struct {
	spec           *schema.Column
	convert        func(c *Column, cell *source.Cell, clock Calendar, buf []byte) (imports.Value, []byte, *Fault)
	pattern        *regexp.Regexp
	allowed        map[string]bool
	minInt, maxInt *int64
	min, max       []byte // of decimals, dates and times
}

// Compile prepares a column of a schema.
func Compile(spec *schema.Column) (*Column, error) {
	c := &Column{spec: spec}
	switch spec.Type {
	case schema.Text:
		c.convert = (*Column).text
	case schema.Integer:
		c.convert = (*Column).integer
	case schema.Decimal:
		c.convert = (*Column).decimal
	case schema.Boolean:
		c.convert = (*Column).boolean
	case schema.Date:
		c.convert = (*Column).date
	case schema.Time:
		c.convert = (*Column).timeOfDay
	case schema.DateTime:
		c.convert = (*Column).dateTime
	case schema.Email:
		c.convert = (*Column).email
	case schema.Phone:
		c.convert = (*Column).phone
	case schema.Enum:
		c.convert = (*Column).text
	default:
		return nil, fmt.Errorf("column %s: the type %q is unknown", spec.Name, spec.Type)
	}
	if spec.Pattern != nil {
		whole, err := regexp.Compile(`\A(?:` + spec.Pattern.String() + `)\z`)
		if err != nil {
			return nil, fmt.Errorf("column %s: pattern: %w", spec.Name, err)
		}
		c.pattern = whole
	}
	if len(spec.Allowed) > 0 {
		c.allowed = make(map[string]bool, len(spec.Allowed))
		for _, a := range spec.Allowed {
			c.allowed[a] = true
		}
	}
	return c, c.compileBounds()
}

func (c *Column) compileBounds() error {
	bound := func(text string) (whole *int64, written []byte, err error) {
		switch {
		case text == "":
			return nil, nil, nil
		case c.spec.Type == schema.Integer:
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, nil, fmt.Errorf("column %s: the bound %q is no whole number", c.spec.Name, text)
			}
			return &n, nil, nil
		case c.spec.Type == schema.Decimal:
			canonical, ok := appendDecimal(nil, []byte(text))
			if !ok {
				return nil, nil, fmt.Errorf("column %s: the bound %q is no decimal number", c.spec.Name, text)
			}
			return nil, canonical, nil
		case c.spec.Type == schema.DateTime:
			return nil, []byte(strings.Replace(text, "T", " ", 1)), nil
		}
		return nil, []byte(text), nil
	}
	var err error
	if c.minInt, c.min, err = bound(c.spec.Min); err != nil {
		return err
	}
	c.maxInt, c.max, err = bound(c.spec.Max)
	return err
}

// Convert gives the value of a cell; nil stands for an empty one. New text is appended to buf, which is returned; the
// value may also point into the cell. A cell of white space only is empty.
func (c *Column) Convert(cell *source.Cell, clock Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	if source.Blank(cell) {
		if c.spec.Required {
			return imports.Value{}, buf, fault(imports.Required, "%s is empty; every row needs one.", c.spec.Title)
		}
		return imports.Value{}, buf, nil
	}
	switch cell.Kind {
	case source.ErrorValue:
		return imports.Value{}, buf, fault(imports.CellError,
			"The cell shows the Excel error %s; mend its formula or type the value.", cell.Text)
	case source.FormulaWithoutValue:
		return imports.Value{}, buf, fault(imports.FormulaWithoutValue,
			"The formula in this cell was never calculated; open the file in Excel, save it, and upload it again.")
	}
	v, buf, f := c.convert(c, cell, clock, buf)
	if f != nil {
		return imports.Value{}, buf, f
	}
	if f := c.check(v); f != nil {
		return imports.Value{}, buf, f
	}
	return v, buf, nil
}

// check holds a converted value against the schema's length, values, pattern and range.
func (c *Column) check(v imports.Value) *Fault {
	s := c.spec
	if s.MinLength > 0 || s.MaxLength > 0 {
		if n := utf8.RuneCount(v.Bytes); v.Kind == imports.Text && (n < s.MinLength || s.MaxLength > 0 && n > s.MaxLength) {
			return fault(imports.Length, "%s has %s; it must have %s.", s.Title, characters(n), lengthRule(s))
		}
	}
	if c.allowed != nil && !c.isAllowed(v) {
		return c.notAllowed(v)
	}
	if c.pattern != nil && !c.matches(v) {
		return fault(imports.Pattern, "%s does not have the form that %s needs: %s.", quote(v), s.Title, s.Pattern)
	}
	return c.checkRange(v)
}

func (c *Column) isAllowed(v imports.Value) bool {
	if v.Kind == imports.Text {
		return c.allowed[string(v.Bytes)]
	}
	return c.allowed[string(v.Append(nil))]
}

func (c *Column) matches(v imports.Value) bool {
	if v.Kind == imports.Text {
		return c.pattern.Match(v.Bytes)
	}
	return c.pattern.Match(v.Append(nil))
}

func (c *Column) notAllowed(v imports.Value) *Fault {
	written := schema.MatchName(string(v.Append(nil)))
	for _, a := range c.spec.Allowed {
		if schema.MatchName(a) == written {
			return fault(imports.NotAllowed, "%s is not one of the allowed values; write “%s”.", quote(v), a)
		}
	}
	const shown = 12
	list := c.spec.Allowed
	more := ""
	if len(list) > shown {
		more = fmt.Sprintf(" and %d more", len(list)-shown)
		list = list[:shown]
	}
	return fault(imports.NotAllowed, "%s is not allowed for %s; allowed are %s%s.", quote(v), c.spec.Title, strings.Join(list, ", "), more)
}

func (c *Column) checkRange(v imports.Value) *Fault {
	if c.minInt == nil && c.maxInt == nil && c.min == nil && c.max == nil {
		return nil
	}
	compare := bytes.Compare
	if c.spec.Type == schema.Decimal {
		compare = compareDecimals
	}
	switch {
	case c.minInt != nil && v.Int < *c.minInt, c.min != nil && compare(v.Bytes, c.min) < 0:
		return fault(imports.Range, "%s is below %s, the smallest that %s may be.", quote(v), c.spec.Min, c.spec.Title)
	case c.maxInt != nil && v.Int > *c.maxInt, c.max != nil && compare(v.Bytes, c.max) > 0:
		return fault(imports.Range, "%s is above %s, the largest that %s may be.", quote(v), c.spec.Max, c.spec.Title)
	}
	return nil
}

func lengthRule(s *schema.Column) string {
	switch {
	case s.MinLength == s.MaxLength:
		return "exactly " + characters(s.MinLength)
	case s.MaxLength == 0:
		return "at least " + characters(s.MinLength)
	case s.MinLength == 0:
		return "at most " + characters(s.MaxLength)
	}
	return fmt.Sprintf("%d to %d characters", s.MinLength, s.MaxLength)
}

func characters(n int) string {
	if n == 1 {
		return "1 character"
	}
	return strconv.Itoa(n) + " characters"
}

func quote(v imports.Value) string { return "“" + source.Clip(v.Append(nil), 40) + "”" }

func quoteCell(cell *source.Cell) string { return "“" + source.Clip(cell.Text, 40) + "”" }

// date accepts a cell that Excel shows as a date, and ISO text.
func (c *Column) date(cell *source.Cell, clock Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	civil, f := c.civil(cell, clock, imports.NotADate, "a date, such as 2025-04-03")
	if f != nil {
		return imports.Value{}, buf, f
	}
	switch {
	case !civil.HasDate:
		return imports.Value{}, buf, fault(imports.NotADate, "%s is a time of day without a date; a date is needed, such as 2025-04-03.", civil)
	case civil.Hour != 0 || civil.Minute != 0 || civil.Second != 0 || civil.Nanosecond != 0:
		return imports.Value{}, buf, fault(imports.NotADate, "%s has a time of day, which %s cannot hold; leave only the date.", civil, c.spec.Title)
	}
	start := len(buf)
	buf = appendDate(buf, civil)
	return textValue(buf[start:]), buf, nil
}

// timeOfDay accepts a cell that Excel shows as a time, and HH:MM or HH:MM:SS as text.
func (c *Column) timeOfDay(cell *source.Cell, clock Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	civil, f := c.civil(cell, clock, imports.NotATime, "a time of day, such as 09:30")
	if f != nil {
		return imports.Value{}, buf, f
	}
	if civil.HasDate || !civil.HasTime {
		return imports.Value{}, buf, fault(imports.NotATime, "%s is a date; a time of day is needed, such as 09:30.", civil)
	}
	start := len(buf)
	buf = appendTime(buf, civil)
	return textValue(buf[start:]), buf, nil
}

// dateTime accepts a cell that Excel shows as a date with or without a time, and ISO text.
func (c *Column) dateTime(cell *source.Cell, clock Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	civil, f := c.civil(cell, clock, imports.NotADate, "a date with a time, such as 2025-04-03 09:30")
	if f != nil {
		return imports.Value{}, buf, f
	}
	if !civil.HasDate {
		return imports.Value{}, buf, fault(imports.NotADate, "%s is a time of day without a date; both are needed, such as 2025-04-03 09:30.", civil)
	}
	start := len(buf)
	buf = appendTime(append(appendDate(buf, civil), ' '), civil)
	return textValue(buf[start:]), buf, nil
}

func (c *Column) civil(cell *source.Cell, clock Calendar, code imports.IssueCode, wanted string) (source.Civil, *Fault) {
	switch cell.Kind {
	case source.Date:
		civil, err := clock.Civil(cell)
		switch {
		case err == nil:
			return civil, nil
		case errors.Is(err, source.ErrNoSuchDate):
			return civil, fault(code, "The cell shows 29 February 1900, a day that never was; type the right date.")
		case errors.Is(err, source.ErrDateRange):
			return civil, fault(code, "The number %s lies outside of Excel's dates, 1900 to 9999; type the right date.", cell.Text)
		case errors.Is(err, source.ErrDateZone):
			return civil, fault(code, "%s has a time zone, which a workbook cannot keep; write it without.", quoteCell(cell))
		}
		return civil, fault(code, "%s is not %s.", quoteCell(cell), wanted)
	case source.Text:
		if civil, ok := parseCivil(cell.Text); ok {
			return civil, nil
		}
		if code == imports.NotADate {
			if ambiguous, ok := twoReadings(cell.Text); ok {
				return source.Civil{}, fault(imports.AmbiguousDate, "%s can be read as %s or as %s; write the one that is meant.",
					quoteCell(cell), ambiguous[0], ambiguous[1])
			}
		}
		return source.Civil{}, fault(code, "%s is text, and not %s.", quoteCell(cell), wanted)
	case source.Number:
		return source.Civil{}, fault(code, "The cell holds the number %s; format it so that it shows %s.", cell.Text, wanted)
	}
	return source.Civil{}, fault(code, "%s is not %s.", quoteCell(cell), wanted)
}

func textValue(b []byte) imports.Value {
	return imports.Value{Kind: imports.Text, Bytes: b[:len(b):len(b)]}
}

// Shown is what a cell holds, for people: a date as a date, not as Excel's number.
func Shown(cell *source.Cell, clock Calendar) []byte {
	if cell.Kind == source.Date && !cell.ISO {
		if civil, err := clock.Civil(cell); err == nil {
			return []byte(civil.String())
		}
	}
	return cell.Text
}
