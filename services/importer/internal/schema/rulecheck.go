package schema

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"headway/services/importer/internal/text"
)

// RuleProblem is a reason why a column can't have a rule.
type RuleProblem struct {
	// Rule is the key of the rule ("decimal").
	Rule string
	// Code is BadRule for a rule that is not valid, and Contradiction for one that excludes another.
	Code ProblemCode
	// Message describes how to fix it.
	Message string
}

// ruleTypes are the types of columns that can have a rule. All can have the others.
var ruleTypes = map[string][]Type{
	"unicode": {Text, Email, Phone}, "collapse": {Text, Email, Phone}, "case": {Text, Email}, "add_prefix": {Text, Email, Phone}, "add_suffix": {Text, Email, Phone},
	"decimal": {Integer, Decimal}, "thousands": {Integer, Decimal}, "ambiguous_decimal": {Integer, Decimal}, "percent": {Integer, Decimal}, "units": {Integer, Decimal}, "factor": {Integer, Decimal},
	"calendar":   {Date, DateTime},
	"date_order": {Date, DateTime}, "date_formats": {Date, DateTime}, "pivot_year": {Date, DateTime},
	"true_values": {Boolean}, "false_values": {Boolean},
}

// The separators of numbers. Different characters that look alike are one separator.
var (
	decimalSigns   = []string{".", ",", "٫"}
	thousandsSigns = []string{".", ",", " ", "'", "٬", NoSeparator}
)

// RuleProblems returns why a column of the sheet can't have the given rules, in the order of the rules.
func (s *Sheet) RuleProblems(c *Column, r *Rules) []RuleProblem {
	if r.IsZero() {
		return nil
	}
	k := ruleCheck{sheet: s, column: c, rules: r}
	for _, key := range r.Set() {
		if types := ruleTypes[key]; types != nil && c.Type != "" && !slices.Contains(types, c.Type) {
			k.add(key, BadRule, "a column of type %s has no %q. Only %s have one", c.Type, key, typeList(types))
		}
	}
	k.values()
	k.texts()
	k.numbers()
	k.dates()
	k.words()
	k.blanks()
	slices.SortStableFunc(k.problems, func(a, b RuleProblem) int {
		return cmp.Compare(slices.Index(ruleKeys, a.Rule), slices.Index(ruleKeys, b.Rule))
	})
	return k.problems
}

func typeList(types []Type) string {
	last := len(types) - 1
	if last == 0 {
		return string(types[0]) + " columns"
	}
	return quotedList(types[:last]) + " and " + string(types[last]) + " columns"
}

type ruleCheck struct {
	sheet    *Sheet
	column   *Column
	rules    *Rules
	problems []RuleProblem
}

// add adds a problem of a rule, unless the rule has one.
func (k *ruleCheck) add(rule string, code ProblemCode, format string, args ...any) {
	if !slices.ContainsFunc(k.problems, func(p RuleProblem) bool { return p.Rule == rule }) {
		k.problems = append(k.problems, RuleProblem{Rule: rule, Code: code, Message: fmt.Sprintf(format, args...)})
	}
}

// oneOf checks a rule that has one of some values.
func oneOf[T ~string](k *ruleCheck, rule string, value T, values ...T) {
	if value != "" && !slices.Contains(values, value) {
		k.add(rule, BadRule, "%q is not a value of %q. Use one of %s", value, rule, quotedList(values))
	}
}

func (k *ruleCheck) values() {
	r := k.rules
	oneOf(k, "unicode", r.Unicode, NFC, NFKC)
	oneOf(k, "case", r.Case, Upper, Lower)
	oneOf(k, "percent", r.Percent, Fraction, Number)
	oneOf(k, "calendar", r.Calendar, Gregorian, Buddhist)
	oneOf(k, "date_order", r.DateOrder, DMY, MDY, YMD)
	oneOf(k, "blank", r.Blank, ClearBlank, KeepBlank, AboveBlank)
	for rule, one := range map[string]string{"trim": r.Trim, "add_prefix": r.AddPrefix, "add_suffix": r.AddSuffix, "default": r.Default} {
		k.length(rule, one)
	}
	for rule, list := range map[string][]string{"remove_prefix": r.RemovePrefix, "remove_suffix": r.RemoveSuffix, "empty": r.Empty, "date_formats": r.DateFormats,
		"true_values": r.TrueValues, "false_values": r.FalseValues} {
		if len(list) > MaxRuleTexts {
			k.add(rule, BadRule, "%q has %d texts. The maximum is %d", rule, len(list), MaxRuleTexts)
		}
		for _, one := range list {
			if one == "" {
				k.add(rule, BadRule, "a text of %q is empty. Delete it, or enter a text", rule)
			}
			k.length(rule, one)
		}
	}
	for rule, list := range map[string]map[string]string{"lookup": r.Lookup, "units": r.Units} {
		if len(list) > MaxRuleTexts {
			k.add(rule, BadRule, "%q has %d texts. The maximum is %d", rule, len(list), MaxRuleTexts)
		}
		for from, to := range list {
			k.length(rule, from)
			k.length(rule, to)
		}
	}
}

func (k *ruleCheck) length(rule, s string) {
	if len(s) > MaxRuleText {
		k.add(rule, BadRule, "a text of %q has %d bytes. The maximum is %d", rule, len(s), MaxRuleText)
	}
}

// texts checks the rules for the texts of cells.
func (k *ruleCheck) texts() {
	r := k.rules
	for _, p := range r.Replace {
		_, err := p.Compile()
		switch {
		case (p.Text == "") == (p.Pattern == ""):
			k.add("replace", BadRule, "a replacement needs either a text or a pattern: {text: O, with: \"0\"}, or {pattern: \"^0+\", with: \"\"}")
		case err != nil:
			k.add("replace", BadRule, "%q is not a regular expression (RE2): %v", p.Pattern, err)
		case len(p.Text) > MaxRuleText || len(p.Pattern) > MaxRuleText || len(p.With) > MaxRuleText:
			k.add("replace", BadRule, "a text of a replacement has more than %d bytes", MaxRuleText)
		}
	}
	if len(r.Replace) > MaxRuleTexts {
		k.add("replace", BadRule, "there are %d replacements. The maximum is %d", len(r.Replace), MaxRuleTexts)
	}
	whole, err := k.column.WholePattern()
	if err != nil {
		whole = nil // it is its own problem
	}
	spellings := map[string]string{}
	for _, from := range slices.Sorted(maps.Keys(r.Lookup)) {
		to := r.Lookup[from]
		spelling := Spelling(from)
		switch other, twice := spellings[spelling]; {
		case spelling == "":
			k.add("lookup", BadRule, "a text of the lookup is empty. Use default for empty cells")
		case twice && r.Lookup[other] != to:
			k.add("lookup", Contradiction, "the lookup has different values for %q and %q. Case and spaces are ignored", other, from)
		}
		spellings[spelling] = from
		if why := k.notAValue(to, whole); why != "" {
			k.add("lookup", Contradiction, "the value %q of the lookup can never be valid: %s", to, why)
		}
	}
	for _, empty := range r.Empty {
		if _, both := spellings[Spelling(empty)]; both {
			k.add("empty", Contradiction, "%q means an empty cell, and the lookup has a value for it. Delete one of the two", empty)
		}
	}
	if r.Case == Upper && k.column.Type == Email {
		k.add("case", Contradiction, "the domains of email addresses are in lower case. Use case: lower")
	}
	for _, a := range k.column.Allowed {
		if cased := r.Case.Of(a); cased != a && k.column.Type == Text {
			k.add("case", Contradiction, "the allowed value %q is not in the case %q. Write %q, or delete the rule", a, r.Case, cased)
		}
	}
}

// notAValue returns why a text is not a value of the column in its plain form. It is empty if it is one.
func (k *ruleCheck) notAValue(v string, whole *regexp.Regexp) string {
	c := k.column
	if text.CleanString(v) != v {
		return "it begins or ends with a space, or has characters that can't be seen"
	}
	plain := Generated{Type: c.Type, Constant: v}
	if why := plain.constantProblem(); why != "" {
		return why
	}
	if len(c.Allowed) > 0 && !slices.Contains(c.Allowed, plain.Constant) {
		return "it is not one of the allowed values. They are " + clipList(c.Allowed)
	}
	return (&columnDraft{Column: c}).excludes(plain.Constant, whole)
}

func clipList(list []string) string {
	const shown = 12
	if len(list) > shown {
		return strings.Join(list[:shown], ", ") + fmt.Sprintf(" and %d more", len(list)-shown)
	}
	return strings.Join(list, ", ")
}

var unitFactor = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?$`)

func isFactor(s string) bool { return unitFactor.MatchString(s) && strings.Trim(s, "-0.") != "" }

func (k *ruleCheck) numbers() {
	r := k.rules
	if r.Factor != "" && !isFactor(r.Factor) {
		k.add("factor", BadRule, "%q is not a factor. Use a decimal other than 0, for example factor: 1000", r.Factor)
	}
	if r.Decimal != "" && !slices.Contains(decimalSigns, r.Decimal) {
		k.add("decimal", BadRule, "%q is not a decimal separator. Use a point or a comma, for example decimal: \",\"", r.Decimal)
	}
	switch {
	case r.AmbiguousDecimal != "" && !slices.Contains(decimalSigns, r.AmbiguousDecimal):
		k.add("ambiguous_decimal", BadRule, "%q is not a decimal separator. Use a point or a comma, for example ambiguous_decimal: \",\"", r.AmbiguousDecimal)
	case r.AmbiguousDecimal != "" && r.Decimal != "":
		k.add("ambiguous_decimal", Contradiction, "with the rule decimal, no number is ambiguous. Delete one of the two")
	}
	if r.Thousands != "" && !slices.Contains(thousandsSigns, r.Thousands) {
		k.add("thousands", BadRule, "%q does not separate thousands. Use a point, a comma, a space, an apostrophe, or none", r.Thousands)
	}
	if r.Decimal != "" && r.Decimal == r.Thousands {
		k.add("thousands", Contradiction, "decimals and thousands have the same separator, %q. Change one of the two", r.Decimal)
	}
	if r.Percent == Fraction && k.column.Type == Integer {
		k.add("percent", Contradiction, "an integer can't be a fraction: 12 %% would be 0.12. Use percent: number, or the type decimal")
	}
	for _, unit := range slices.Sorted(maps.Keys(r.Units)) {
		factor := r.Units[unit]
		switch {
		case unit == "" || unit != text.CleanString(unit) || strings.ContainsFunc(unit, unicode.IsDigit) || strings.ContainsAny(unit, "+-.,%") && Spelling(unit) == "":
			k.add("units", BadRule, "%q is not a unit. A unit is a text without digits, for example kg", unit)
		case !isFactor(factor):
			k.add("units", BadRule, "%q is not the factor of a unit. Use a decimal other than 0, for example kg: 1 and g: 0.001", factor)
		case unit == "%" && r.Percent != "":
			k.add("units", Contradiction, "%q is a unit, and has a meaning by the rule percent too. Delete one of the two", unit)
		}
	}
}

func (k *ruleCheck) dates() {
	r := k.rules
	for _, f := range r.DateFormats {
		if _, why := ParseDateFormat(f, k.column.Type == Date); why != "" {
			k.add("date_formats", BadRule, "%q is not a form of dates: %s", f, why)
		}
	}
	if r.DateOrder != "" && len(r.DateFormats) > 0 {
		k.add("date_order", Contradiction, "date_formats have an order. Delete date_order or date_formats")
	}
	if r.PivotYear != 0 && (r.PivotYear < 1999 || r.PivotYear > 2098) {
		k.add("pivot_year", BadRule, "pivot_year must be from 1999 to 2098. With 2049, 49 means 2049 and 50 means 1950")
	}
}

func (k *ruleCheck) words() {
	meaning := map[string]string{}
	for rule, words := range map[string][]string{"true_values": k.rules.TrueValues, "false_values": k.rules.FalseValues} {
		for _, w := range words {
			spelling := Spelling(w)
			if other := meaning[spelling]; other != "" && other != rule {
				k.add("false_values", Contradiction, "%q means both true and false. Delete one of the two", w)
			}
			meaning[spelling] = rule
		}
	}
	for _, rule := range []string{"empty", "lookup"} {
		texts := k.rules.Empty
		if rule == "lookup" {
			texts = slices.Sorted(maps.Keys(k.rules.Lookup))
		}
		for _, t := range texts {
			if other := meaning[Spelling(t)]; other != "" {
				k.add(rule, Contradiction, "%q has a meaning by %q too. Delete one of the two", t, other)
			}
		}
	}
}

func (k *ruleCheck) blanks() {
	r, c := k.rules, k.column
	if r.Default != "" {
		whole, _ := c.WholePattern()
		if why := k.notAValue(r.Default, whole); why != "" {
			k.add("default", Contradiction, "the default %q can never be valid: %s", r.Default, why)
		}
		if slices.Contains(k.sheet.Key, c.Name) && len(k.sheet.Key) == 1 || c.Unique {
			k.add("default", Contradiction, "every row needs its own value, so empty cells can't have the same one. Delete the default")
		}
	}
	if r.FillsDown() && (slices.Contains(k.sheet.Key, c.Name) && len(k.sheet.Key) == 1 || c.Unique) {
		k.add("blank", Contradiction, "every row needs its own value, so empty cells can't have that of the row above. Delete blank: above")
	}
	if r.Blank != KeepBlank {
		return
	}
	switch {
	case slices.Contains(k.sheet.Key, c.Name):
		k.add("blank", Contradiction, "%q belongs to the key, so a row without it can't be found. Delete blank: keep", c.Name)
	case c.Required:
		k.add("blank", Contradiction, "%q is required, so it is never empty. Delete required: true or blank: keep", c.Name)
	case c.Unique:
		k.add("blank", Contradiction, "%q is unique. A row that keeps its value can't be distinguished from one that releases it. Delete unique: true or blank: keep", c.Name)
	case r.Default != "":
		k.add("blank", Contradiction, "empty cells have the default %q, so none keeps the value of the database. Delete one of the two", r.Default)
	}
}

// checkRules reports the rules that a column can't have.
func (l *loader) checkRules(d *schemaDraft, s *sheetDraft, c *columnDraft) {
	for _, p := range s.RuleProblems(c.Column, c.Rules) {
		if at := c.rules.at(p.Rule); !l.hasProblem(at) {
			l.add(at, p.Code, "%s", p.Message)
		}
	}
	if c.Rules.IsZero() || c.References == nil {
		return
	}
	parent := d.sheet(c.References.Sheet)
	if parent == nil {
		return
	}
	target, _ := parent.Column(c.References.Column)
	if target == nil {
		return
	}
	if rule, own, other := otherIdentity(c.Rules, target.Rules); rule != "" {
		l.add(c.rules.at(rule), Contradiction, "%q refers to %s.%s, whose rule %s is %q, and not %q. Delete the rule here: the column has the rules of the other one",
			c.Name, c.References.Sheet, c.References.Column, rule, other, own)
	}
}

// otherIdentity returns the rule of a reference by which none of its values could be one of the other column.
func otherIdentity(own, target *Rules) (rule, a, b string) {
	if own.IsZero() {
		return "", "", ""
	}
	if target == nil {
		target = &Rules{}
	}
	switch {
	case own.Case != "" && own.Case != target.Case:
		return "case", string(own.Case), cmp.Or(string(target.Case), "not set")
	case own.Unicode == NFKC && target.Unicode != NFKC:
		return "unicode", string(own.Unicode), cmp.Or(string(target.Unicode), "not set")
	case own.Collapse && !target.Collapse:
		return "collapse", strconv.FormatBool(own.Collapse), "not set"
	}
	return "", "", ""
}

// Spelling returns the form in which the texts of lookup tables and words are compared: in lower case, with ordinary letters for
// wide ones, and with single spaces.
func Spelling(s string) string {
	return strings.Join(strings.Fields(strings.ToLower(strings.Map(func(r rune) rune {
		const wide = 'Ａ' - 'A'
		if r > '!'-1+wide && r < 0x7F+wide {
			return r - wide
		}
		return r
	}, s))), " ")
}

// Of returns a text in the case.
func (c Case) Of(s string) string {
	switch c {
	case Upper:
		return strings.ToUpper(s)
	case Lower:
		return strings.ToLower(s)
	}
	return s
}
