// Package convert converts cells to typed values without silent coercion. A text with exactly one reading becomes that value.
// A text without a reading, or with several, is a Fault, whose message lists the readings.
package convert

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/pattern"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// Calendar converts dates by the date system of a workbook.
type Calendar interface {
	Civil(*source.Cell) (source.Civil, error)
}

// Fault describes what is wrong with a cell, and how to fix it. A nil Fault means that the cell is valid.
type Fault struct {
	Code imports.IssueCode
	// Says has no ID if the cell was only normalized.
	Says messages.Message
	// rules are the rules that changed a normalized cell.
	rules RuleSet
}

// Message returns the English text.
func (f *Fault) Message() string { return f.Says.English() }

func fault(code imports.IssueCode, says messages.Message) *Fault {
	return &Fault{Code: code, Says: says}
}

// normalized is the Fault of every cell whose value is valid, but was not in its plain form.
var normalized = &Fault{Code: imports.Normalized, rules: 1 << schema.RuleReading}

// Normalized reports whether the cell has a value despite the Fault, because its text had exactly one reading, or because a rule
// of the column changed it. Such a Fault has no message, which saves time. Column.Explain returns one.
func (f *Fault) Normalized() bool { return f != nil && f.Code == imports.Normalized }

// FilledDown adds to the Fault of a cell, which can be nil, that its value is that of the cell above.
func (f *Fault) FilledDown() *Fault {
	if f.refused() {
		return f
	}
	return f.and(byRule[schema.RuleAbove])
}

// refused reports whether the cell has no value.
func (f *Fault) refused() bool { return f != nil && f.Code != imports.Normalized }

// Rules returns what changed a normalized cell.
func (f *Fault) Rules() RuleSet { return f.rules }

// Column converts and checks the cells of one column. It is immutable, so goroutines can share it.
type Column struct {
	spec    *schema.Column
	convert func(c *Column, cell *source.Cell, calendar Calendar, buf []byte) (imports.Value, []byte, *Fault)
	pattern *regexp.Regexp
	// form describes the pattern in words. It is empty if it can't.
	form    []messages.Value
	allowed map[string]bool
	// folded finds an allowed value by its spelling.
	folded         map[string]string
	minInt, maxInt *int64
	min, max       []byte // of decimals, dates, and times
	// zone is the time zone of the cells, or nil.
	zone *time.Location
	// ruled are the rules of the column, numbers and dates those for reading, which are part of it. All are nil if there are none.
	ruled   *ruled
	numbers *numberRules
	dates   *dateRules
	// limited reports whether the schema limits the values.
	limited bool
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
	var err error
	if spec.Pattern != nil {
		c.form = pattern.Form(spec.Pattern.String())
	}
	if c.pattern, err = spec.WholePattern(); err != nil {
		return nil, fmt.Errorf("column %s: pattern: %w", spec.Name, err)
	}
	if len(spec.Allowed) > 0 {
		c.allowed = make(map[string]bool, len(spec.Allowed))
		c.folded = make(map[string]string, len(spec.Allowed))
		for _, a := range spec.Allowed {
			c.allowed[a] = true
			lower := spelling([]byte(a))
			if _, twice := c.folded[lower]; twice {
				a = "" // two values with the same spelling have no other one
			}
			c.folded[lower] = a
		}
	}
	if err := c.compileZone(); err != nil {
		return nil, err
	}
	if err := c.compileBounds(); err != nil {
		return nil, err
	}
	if err := c.compileRules(); err != nil {
		return nil, err
	}
	c.limited = c.allowed != nil || c.pattern != nil || c.minInt != nil || c.maxInt != nil || c.min != nil || c.max != nil ||
		spec.MinLength > 0 || spec.MaxLength > 0 || spec.Scale != nil || spec.Digits > 0 || spec.Form != ""
	return c, nil
}

func (c *Column) compileBounds() error {
	bound := func(text string) (whole *int64, written []byte, err error) {
		switch {
		case text == "":
			return nil, nil, nil
		case c.spec.Type == schema.Integer:
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return nil, nil, fmt.Errorf("column %s: the bound %q is not a whole number", c.spec.Name, text)
			}
			return &n, nil, nil
		case c.spec.Type == schema.Decimal:
			canonical, ok := appendDecimal(nil, []byte(text))
			if !ok {
				return nil, nil, fmt.Errorf("column %s: the bound %q is not a decimal number", c.spec.Name, text)
			}
			return nil, canonical, nil
		case c.zone != nil:
			at, err := time.ParseInLocation("2006-01-02T15:04:05", text, c.zone)
			if err != nil {
				return nil, nil, fmt.Errorf("column %s: the bound %q is not a time", c.spec.Name, text)
			}
			return nil, at.UTC().AppendFormat(nil, time.DateTime), nil
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

// Convert returns the value of a cell, which is null if the cell is blank. It appends new text to buf, which it returns.
// The value can also point into the cell. The Fault is nil, or the reason why there is no value, or Normalized.
func (c *Column) Convert(cell *source.Cell, calendar Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	if c.ruled != nil {
		return c.convertRuled(cell, calendar, buf)
	}
	return c.convertCell(cell, calendar, buf)
}

// convertCell converts a cell whose text does not change before it is read.
func (c *Column) convertCell(cell *source.Cell, calendar Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	if source.Blank(cell) {
		return c.blank(buf, nil)
	}
	if cell.TooLong {
		return imports.Value{}, buf, fault(imports.Length, messages.New("length.excel", messages.Count("max", source.MaxTextLength)))
	}
	if cell.Kind == source.ErrorValue || cell.Kind == source.FormulaWithoutValue || cell.Kind == source.Object {
		return imports.Value{}, buf, withoutValue(cell)
	}
	v, buf, f := c.convert(c, cell, calendar, buf)
	if f != nil {
		if f.refused() {
			return imports.Value{}, buf, f
		}
		if v.Kind == imports.Null {
			return c.blank(buf, f)
		}
	}
	if c.limited {
		if g := c.check(&v); g != nil {
			if g.refused() {
				return imports.Value{}, buf, g
			}
			f = f.and(g)
		}
	}
	return v, buf, f
}

// objects are the names of objects in the catalogs.
var objects = map[string]string{"a picture": "picture", "a linked data type": "linked"}

func withoutValue(cell *source.Cell) *Fault {
	if cell.Kind == source.Object {
		return fault(imports.Object, messages.New("object", messages.Text("object", objects[string(cell.Text)])))
	}
	if cell.Kind == source.ErrorValue {
		return fault(imports.CellError, messages.New("cell_error", messages.Text("error", string(cell.Text))))
	}
	return fault(imports.FormulaWithoutValue, messages.New("formula_without_value"))
}

func (c *Column) blank(buf []byte, f *Fault) (imports.Value, []byte, *Fault) {
	if c.ruled != nil && c.ruled.fallback.Kind != imports.Null {
		return c.limit(c.ruled.fallback, buf, f.and(byRule[schema.RuleDefault]))
	}
	if c.spec.Required {
		return imports.Value{}, buf, fault(imports.Required, messages.New("required", c.title()))
	}
	return imports.Value{}, buf, f
}

// check compares a converted value with the schema's length, values, pattern, and range. The Fault is normalized if the
// value is a different spelling of an allowed one, which it is now.
func (c *Column) check(v *imports.Value) (f *Fault) {
	if c.allowed != nil && !c.isAllowed(*v) {
		if f = c.fold(v); f.refused() {
			return f
		}
	}
	s := c.spec
	if v.Kind == imports.Text && (len(v.Bytes) < s.MinLength || len(v.Bytes) > s.MaxLength && s.MaxLength > 0 || s.MinLength > 1) {
		if n := utf8.RuneCount(v.Bytes); n < s.MinLength || s.MaxLength > 0 && n > s.MaxLength {
			return c.wrongLength(n)
		}
	}
	if c.pattern != nil && !c.matches(*v) {
		return c.misshapen(v)
	}
	if g := c.checkRange(v); g != nil {
		return g
	}
	if g := c.checkStored(v); g != nil {
		return g
	}
	return f
}

// misshapen returns the Fault of a value that does not match the pattern of its column.
func (c *Column) misshapen(v *imports.Value) *Fault {
	if len(c.form) == 0 {
		return fault(imports.Pattern, messages.New("pattern.other", c.quote(*v), c.title(), messages.Text("pattern", c.spec.Pattern.String())))
	}
	return fault(imports.Pattern, messages.New("pattern", c.quote(*v), c.title(), messages.List("form", messages.Comma, c.form...)))
}

// spelling returns a text in lower case, with ordinary letters for wide ones, and with single spaces. Allowed values with the
// same spelling are the same value.
func spelling(s []byte) string {
	return schema.Spelling(string(s))
}

// fold replaces a value that is not allowed with the one of the same spelling, or with that spelling in quotes.
func (c *Column) fold(v *imports.Value) *Fault {
	a := ""
	if v.Kind == imports.Text {
		if a = c.folded[spelling(v.Bytes)]; a == "" {
			a = c.folded[spelling(unquote(v.Bytes))]
		}
	}
	if a == "" {
		return c.notAllowed(*v)
	}
	v.Bytes = []byte(a)
	return normalized
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
	var near []messages.Value
	for _, a := range c.spec.Allowed {
		if written != "" && schema.MatchName(a) == written {
			near = append(near, messages.Quote(a))
		}
	}
	if len(near) > 0 {
		return fault(imports.NotAllowed, messages.New("not_allowed.near", c.quote(v), alternatives("values", near)))
	}
	const shown = 12
	list := c.spec.Allowed
	more := max(0, len(list)-shown)
	return fault(imports.NotAllowed, messages.New("not_allowed", c.quote(v), c.title(),
		messages.List("values", messages.Comma, messages.Texts(list[:len(list)-more]...)...), messages.Count("more", more)))
}

func (c *Column) checkRange(v *imports.Value) *Fault {
	if c.minInt == nil && c.maxInt == nil && c.min == nil && c.max == nil {
		return nil
	}
	compare := bytes.Compare
	if c.spec.Type == schema.Decimal {
		compare = compareDecimals
	}
	switch {
	case c.minInt != nil && v.Int < *c.minInt, c.min != nil && compare(v.Bytes, c.min) < 0:
		return fault(imports.Range, messages.New("range.below", c.quote(*v), messages.Any("min", c.bound(c.spec.Min)), c.title()))
	case c.maxInt != nil && v.Int > *c.maxInt, c.max != nil && compare(v.Bytes, c.max) > 0:
		return fault(imports.Range, messages.New("range.above", c.quote(*v), messages.Any("max", c.bound(c.spec.Max)), c.title()))
	}
	return nil
}

// wrongLength is the fault of a text with n characters.
func (c *Column) wrongLength(n int) *Fault {
	s := c.spec
	length, low, high := messages.Count("n", n), messages.Count("min", s.MinLength), messages.Count("max", s.MaxLength)
	switch {
	case s.MinLength == s.MaxLength:
		return fault(imports.Length, messages.New("length.exactly", c.title(), length, high))
	case s.MaxLength == 0:
		return fault(imports.Length, messages.New("length.min", c.title(), length, low))
	case s.MinLength == 0:
		return fault(imports.Length, messages.New("length.max", c.title(), length, high))
	}
	return fault(imports.Length, messages.New("length.between", c.title(), length, low, high))
}

// clean returns the text of a cell, cleaned by the rule for text. A control character inside the text is a fault. The
// fault is normalized if the text changed.
func clean(cell *source.Cell, buf []byte) (s, rest []byte, f *Fault) {
	s, rest, control := text.Clean(cell.Text, buf)
	if control >= 0 {
		return nil, buf, fault(imports.InvalidCharacter, messages.New("invalid_character", quoteCell(cell)))
	}
	if len(rest) != len(buf) {
		f = normalized
	}
	return s, rest, f
}

func textValue(b []byte) imports.Value {
	return imports.Value{Kind: imports.Text, Bytes: b[:len(b):len(b)]}
}

// Shown returns the text that a cell shows: for a date, the date instead of the number in the workbook.
func Shown(cell *source.Cell, calendar Calendar) []byte {
	if cell.Kind == source.Date && !cell.ISO {
		if civil, err := calendar.Civil(cell); err == nil {
			return []byte(civil.String())
		}
	}
	return cell.Text
}
