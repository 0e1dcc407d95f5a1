package schema

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// Rules determine how the texts of a column's cells become values. Every rule is optional: its zero value changes nothing.
// They are applied in the order of the fields. A schema has rules for its columns, and a mapping has rules for those of a file.
type Rules struct {
	// Unicode is NFKC, or empty for normal form C, which all texts have.
	Unicode NormalForm `json:"unicode,omitempty"`
	// Collapse replaces several spaces or line breaks with one space.
	Collapse bool `json:"collapse,omitempty"`
	// Trim are characters that are removed at both ends. White space always is.
	Trim string `json:"trim,omitempty"`
	// RemovePrefix and RemoveSuffix are removed at the beginning and at the end. The longest one that fits is removed.
	RemovePrefix []string `json:"remove_prefix,omitempty"`
	RemoveSuffix []string `json:"remove_suffix,omitempty"`
	// Replace are replacements, in their order.
	Replace []Replacement `json:"replace,omitempty"`
	// Case is the case of all letters.
	Case Case `json:"case,omitempty"`
	// Empty are texts that mean an empty cell.
	Empty []string `json:"empty,omitempty"`
	// Lookup are the values of whole texts. A value has the form of Column.Min. Other texts stay.
	Lookup map[string]string `json:"lookup,omitempty"`
	// AddPrefix and AddSuffix are added to texts that do not have them.
	AddPrefix string `json:"add_prefix,omitempty"`
	AddSuffix string `json:"add_suffix,omitempty"`

	// Decimal and Thousands are the separators of numbers. Thousands is NoSeparator if numbers have none.
	Decimal   string `json:"decimal,omitempty"`
	Thousands string `json:"thousands,omitempty"`
	// AmbiguousDecimal is the separator of decimals of numbers that have several readings. All others are read as they are.
	AmbiguousDecimal string `json:"ambiguous_decimal,omitempty"`
	// Percent is the meaning of a percentage.
	Percent Percent `json:"percent,omitempty"`
	// Units are the units that can be next to a number, with the factors that convert them to that of the column.
	Units map[string]string `json:"units,omitempty"`
	// Factor multiplies the numbers without a unit: the column can be in thousands.
	Factor string `json:"factor,omitempty"`
	// Calendar is the calendar of the years that can be of several. It is empty if such a date has several readings.
	Calendar Calendar `json:"calendar,omitempty"`
	// DateOrder is the order of the numbers of a date.
	DateOrder DateOrder `json:"date_order,omitempty"`
	// DateFormats are the forms of dates, as in UTS #35: dd.MM.yyyy.
	DateFormats []string `json:"date_formats,omitempty"`
	// PivotYear is the last year that a year of two digits can mean. It is 0 if such a year has two meanings.
	PivotYear int `json:"pivot_year,omitempty"`
	// TrueValues and FalseValues are words for true and false, in addition to the usual ones.
	TrueValues  []string `json:"true_values,omitempty"`
	FalseValues []string `json:"false_values,omitempty"`

	// Default is the value of empty cells, in the form of Column.Min.
	Default string `json:"default,omitempty"`
	// Blank is the meaning of an empty cell, for example for a row that the database has.
	Blank Blank `json:"blank,omitempty"`
}

// Replacement replaces all occurrences of a text, or all matches of a regular expression (RE2), in which case With can have
// $1.
type Replacement struct {
	Text    string `json:"text,omitempty"`
	Pattern string `json:"pattern,omitempty"`
	With    string `json:"with"`
}

// Compile returns the expression of a replacement with a pattern.
func (r Replacement) Compile() (*regexp.Regexp, error) { return regexp.Compile(r.Pattern) }

// MaxRuleText is the maximum length of a text of a rule, in bytes. MaxRuleTexts is the maximum number of texts that a rule has.
const (
	MaxRuleText  = 1000
	MaxRuleTexts = 1000
)

// The values of rules.
type (
	// NormalForm is a normal form of Unicode (UAX #15).
	NormalForm string
	// Case is the case of letters.
	Case string
	// Percent is the meaning of a percentage.
	Percent string
	// DateOrder is the order of day, month, and year.
	DateOrder string
	// Calendar is a calendar.
	Calendar string
	// Blank is the meaning of an empty cell.
	Blank string
)

// NFC and NFKC are normal forms. All texts have NFC.
const (
	NFC  NormalForm = "nfc"
	NFKC NormalForm = "nfkc"
)

// The cases.
const (
	Upper Case = "upper"
	Lower Case = "lower"
)

// Fraction reads 12 % as 0.12, and Number reads it as 12.
const (
	Fraction Percent = "fraction"
	Number   Percent = "number"
)

// The orders.
const (
	DMY DateOrder = "dmy"
	MDY DateOrder = "mdy"
	YMD DateOrder = "ymd"
)

// Gregorian reads years as they are, and Buddhist reads 2568 as 2025.
const (
	Gregorian Calendar = "gregorian"
	Buddhist  Calendar = "buddhist"
)

// ClearBlank means that an empty cell clears the value, and KeepBlank that the row of the database keeps it. AboveBlank means that it has the
// value of the cell above.
const (
	ClearBlank Blank = "clear"
	KeepBlank  Blank = "keep"
	AboveBlank Blank = "above"
)

// NoSeparator is the value of Thousands for numbers without such a separator.
const NoSeparator = "none"

// KeepsBlank reports whether a row of the database keeps its value if the cell is empty.
func (c *Column) KeepsBlank() bool { return c.Rules != nil && c.Rules.Blank == KeepBlank }

// FillsDown reports whether an empty cell has the value of the cell above.
func (r *Rules) FillsDown() bool { return r != nil && r.Blank == AboveBlank }

// ComparesBy reports whether rules change texts so that different ones are the same key. The values of a table must follow them.
func (r *Rules) ComparesBy() bool {
	return r != nil && (r.Unicode == NFKC || r.Collapse || r.Case != "")
}

// IsZero reports whether there are no rules.
func (r *Rules) IsZero() bool { return r == nil || reflect.ValueOf(*r).IsZero() }

// Equal reports whether two columns have the same rules.
func (r *Rules) Equal(o *Rules) bool { return r.IsZero() && o.IsZero() || reflect.DeepEqual(r, o) }

// Rule identifies a rule of Rules, or a group of rules that are applied together.
type Rule uint8

// The rules, in the order in which they are applied. Reading is applied to the cells of all columns.
const (
	RuleReading Rule = iota
	RuleAbove
	RuleUnicode
	RuleCollapse
	RuleTrim
	RuleRemove
	RuleReplace
	RuleCase
	RuleEmpty
	RuleLookup
	RuleAdd
	RuleSeparators
	RulePercent
	RuleUnits
	RuleDates
	RuleWords
	RuleDefault
	RuleCount
)

// String returns the name of the rule ("separators").
func (r Rule) String() string {
	return [...]string{"reading", "above", "unicode", "collapse", "trim", "remove", "replace", "case", "empty", "lookup", "add", "separators", "percent", "units", "dates",
		"words", "default"}[r]
}

// ruleKeys are the keys of the rules in a schema's file and in a mapping, in the order of the fields.
var ruleKeys = func() []string {
	fields := reflect.VisibleFields(reflect.TypeFor[Rules]())
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i], _, _ = strings.Cut(f.Tag.Get("json"), ",")
	}
	return keys
}()

// Set returns the keys of the rules that are set, in their order.
func (r *Rules) Set() []string {
	if r == nil {
		return nil
	}
	var keys []string
	v := reflect.ValueOf(*r)
	for i, key := range ruleKeys {
		if !v.Field(i).IsZero() {
			keys = append(keys, key)
		}
	}
	return keys
}

// Over returns the rules with those of base where r has none. Neither is changed.
func (r *Rules) Over(base *Rules) *Rules {
	switch {
	case r.IsZero():
		return base
	case base.IsZero():
		return r
	}
	merged := *base
	to, from := reflect.ValueOf(&merged).Elem(), reflect.ValueOf(*r)
	for i := range from.NumField() {
		if !from.Field(i).IsZero() {
			to.Field(i).Set(from.Field(i))
		}
	}
	return &merged
}

// identity returns the rules that make two cells the same value. A column that refers to another one has them too.
func (r *Rules) identity() *Rules {
	if r.IsZero() {
		return nil
	}
	m := *r
	m.Empty, m.Default, m.Blank = nil, "", ""
	return &m
}

// WithRules returns the schema with the rules that its columns have in a file: those of the file, which it gets by the names of
// the sheet and the column, then the schema's, then those of the column that a column refers to. The file's rules can be nil.
// It returns s if no column has any.
func (s *Schema) WithRules(file func(sheet, column string) *Rules) *Schema {
	own := func(sheet *Sheet, c *Column) *Rules {
		if file == nil {
			return c.Rules
		}
		return file(sheet.Name, c.Name).Over(c.Rules)
	}
	var effective func(sheet *Sheet, c *Column, seen []*Column) *Rules
	effective = func(sheet *Sheet, c *Column, seen []*Column) *Rules {
		rules := own(sheet, c)
		if c.References == nil || slices.Contains(seen, c) {
			return rules
		}
		parent := s.Sheet(c.References.Sheet)
		if parent == nil {
			return rules
		}
		target, _ := parent.Column(c.References.Column)
		if target == nil {
			return rules
		}
		return rules.Over(effective(parent, target, append(seen, c)).identity())
	}
	changed := false
	result := *s
	result.Sheets = make([]*Sheet, len(s.Sheets))
	for i, sheet := range s.Sheets {
		copied := *sheet
		copied.Columns = make([]*Column, len(sheet.Columns))
		for j, c := range sheet.Columns {
			column := *c
			column.Rules = effective(sheet, c, nil)
			changed = changed || !column.Rules.IsZero()
			copied.Columns[j] = &column
		}
		result.Sheets[i] = &copied
	}
	if !changed {
		return s
	}
	return &result
}
