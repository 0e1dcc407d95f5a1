package schema

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"go.yaml.in/yaml/v4"

	"headway/services/importer/internal/text"
)

// check finds problems between the parts of a schema, and sorts its sheets into the order of loading.
func (l *loader) check(d *schemaDraft) {
	l.checkSheetNames(d)
	for _, s := range d.sheets {
		l.checkHeaders(s)
		l.checkKey(s)
		for _, c := range s.columns {
			l.checkBounds(c)
			l.checkAllowed(c)
		}
	}
	for _, s := range d.sheets {
		for _, c := range s.columns {
			l.checkReference(d, s, c)
			l.checkPossible(d, s, c)
			l.checkRules(d, s, c)
		}
	}
	l.order(d)
}

func (l *loader) checkSheetNames(d *schemaDraft) {
	names := make(map[string]*sheetDraft)
	tables := make(map[string]*sheetDraft)
	matched := newNames("sheet")
	for _, s := range d.sheets {
		if s.Name == "" {
			continue
		}
		if first := names[s.Name]; first != nil {
			l.add(s.at("name"), DuplicateSheet, "there are two sheets %q, the first on line %d. Rename one of them", s.Name, first.at("name").Line)
			continue
		}
		names[s.Name] = s
		if first := tables[s.Table]; first != nil {
			l.add(s.at("table"), DuplicateTable, "sheets %q and %q both fill the table %q. Each sheet needs its own table", first.Name, s.Name, s.Table)
		}
		tables[s.Table] = s
		if problem := SheetTitleProblem(s.Title); problem != "" {
			l.add(s.at("title"), BadTitle, "%q can't be the name of a sheet: %s", s.Title, problem)
		}
		l.claim(matched, s.fields, s.Name, s.Title, s.Aliases, SameSheetName)
	}
}

// MaxSheetTitle is the maximum length of a sheet's name in Excel, in UTF-16 units.
const MaxSheetTitle = 31

// SheetTitleProblem returns why Excel rejects a sheet with this name. It returns nothing if Excel accepts the name.
func SheetTitleProblem(title string) string {
	switch {
	case len(utf16.Encode([]rune(title))) > MaxSheetTitle:
		return fmt.Sprintf("it is longer than %d characters", MaxSheetTitle)
	case strings.ContainsAny(title, `[]:*?/\`):
		return `it contains one of [ ] : * ? / \`
	case strings.HasPrefix(title, "'") || strings.HasSuffix(title, "'"):
		return "it begins or ends with an apostrophe"
	case strings.EqualFold(title, "history"):
		return "Excel reserves the name History"
	}
	return ""
}

func (l *loader) checkHeaders(s *sheetDraft) {
	names := make(map[string]*columnDraft)
	matched := newNames("header")
	for _, c := range s.columns {
		if c.Name == "" {
			continue
		}
		if first := names[c.Name]; first != nil {
			l.add(c.at("name"), DuplicateColumn, "sheet %q has two columns %q, the first on line %d. Rename one of them", s.Name, c.Name, first.at("name").Line)
			continue
		}
		names[c.Name] = c
		l.claim(matched, c.fields, c.Name, c.Title, c.Aliases, SameHeader)
	}
	l.checkFields(s)
}

// checkFields reports columns that have the same column of the table.
func (l *loader) checkFields(s *sheetDraft) {
	stored := make(map[string]*columnDraft)
	for _, c := range slices.Concat(s.columns, s.generated) {
		first := stored[c.Stored()]
		if first == nil {
			stored[c.Stored()] = c
			continue
		}
		if first.Name != c.Name || c.isGenerated() {
			l.add(c.at("column"), DuplicateColumn, "the columns %q and %q of sheet %q both fill the column %q of the table. Delete one of the two", first.Name, c.Name, s.Name, c.Stored())
		}
	}
}

// names are the match forms in use, by their owner.
type names struct {
	what  string
	owner map[string]string
}

func newNames(what string) *names { return &names{what: what, owner: make(map[string]string)} }

// claim records the forms that match a sheet or column, and reports each one that is already in use.
func (l *loader) claim(taken *names, f fields, name, title string, aliases []string, code ProblemCode) {
	own := map[string]bool{MatchName(name): true}
	take := func(at *yaml.Node, word string) {
		form := MatchName(word)
		if form == "" {
			l.add(at, BadTitle, "%q has neither letters nor digits, so no %s can match it", word, taken.what)
			return
		}
		if other, ok := taken.owner[form]; ok && other != name {
			l.add(at, code, "the %s %q matches both %q and %q. Case, spaces, and punctuation are ignored", taken.what, word, other, name)
			return
		}
		taken.owner[form] = name
	}
	take(f.at("name"), name)
	take(f.at("title"), title)
	own[MatchName(title)] = true
	for i, alias := range aliases {
		at := f.at("aliases")
		if i < len(at.Content) {
			at = at.Content[i]
		}
		if form := MatchName(alias); form != "" && own[form] {
			l.add(at, code, "the alias %q matches the same as the name, the title, or another alias of %q. Delete it", alias, name)
			continue
		}
		own[MatchName(alias)] = true
		take(at, alias)
	}
}

func (l *loader) checkKey(s *sheetDraft) {
	if len(s.Key) == 0 {
		if !l.hasProblem(s.at("key")) {
			l.add(s.at("key"), Missing, "sheet %q has no key. List the columns that identify its rows", s.Name)
		}
		return
	}
	seen := make(map[string]bool)
	for _, name := range s.Key {
		c, _ := s.Column(name)
		switch {
		case slices.ContainsFunc(s.Generated, func(g *Generated) bool { return g.Name == name }):
			l.add(s.at("key"), KeyUnknown, "the key of sheet %q has the column %q, which is not in the workbook. Use columns that are", s.Name, name)
		case c == nil:
			l.add(s.at("key"), KeyUnknown, "the key of sheet %q has the column %q, which does not exist%s", s.Name, name, didYouMean(name, columnNames(s.Sheet)))
		case seen[name]:
			l.add(s.at("key"), RepeatedKey, "the key of sheet %q has %q twice", s.Name, name)
		case !c.Required:
			l.add(s.at("key"), KeyNotRequired, "%q is a key column of sheet %q, so every row needs a value. Add required: true to it", name, s.Name)
		}
		seen[name] = true
	}
}

func columnNames(s *Sheet) []string {
	var names []string
	for _, c := range s.Columns {
		names = append(names, c.Name)
	}
	return names
}

// Textual reports whether the type's values are texts, which have a length and can have a pattern.
func (t Type) Textual() bool { return t == Text || t == Email || t == Phone || t == Enum }

// Numeric reports whether the type's values are numbers.
func (t Type) Numeric() bool { return t == Integer || t == Decimal }

func (l *loader) checkBounds(c *columnDraft) {
	if c.Type == "" {
		return
	}
	free := c.Type == Text || c.Type == Email || c.Type == Phone
	for _, key := range []string{"min_length", "max_length", "pattern"} {
		if c.values[key] == nil || free {
			continue
		}
		code := BadBound
		if key == "pattern" {
			code = BadPattern
		}
		l.add(c.at(key), code, "a column of type %s has no %q. Only text, email, and phone have one", c.Type, key)
	}
	if c.MaxLength > 0 && c.MinLength > c.MaxLength {
		l.add(c.at("min_length"), BadBound, "min_length %d is more than max_length %d", c.MinLength, c.MaxLength)
	}
	low, okLow := l.bound(c, "min", &c.Min)
	high, okHigh := l.bound(c, "max", &c.Max)
	if okLow && okHigh && low.Cmp(high) > 0 {
		l.add(c.at("min"), BadBound, "min %s is more than max %s", c.Min, c.Max)
	}
}

// decimalNumber matches a decimal without an exponent and without thousands separators.
var decimalNumber = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// bound parses a bound of the column's type, replaces it with its canonical form, and returns a number for comparisons.
func (l *loader) bound(c *columnDraft, key string, value *string) (*big.Rat, bool) {
	if *value == "" {
		return nil, false
	}
	number := new(big.Rat)
	refuse := func(right string) (*big.Rat, bool) {
		l.add(c.at(key), BadBound, "%s %q is not valid for a column of type %s: %s", key, *value, c.Type, right)
		return nil, false
	}
	switch c.Type {
	case Integer:
		v, err := strconv.ParseInt(*value, 10, 64)
		if err != nil {
			return refuse("use a 64-bit whole number, for example 42")
		}
		*value = strconv.FormatInt(v, 10)
		return number.SetInt64(v), true
	case Decimal:
		if !decimalNumber.MatchString(*value) {
			return refuse("use a plain decimal, for example 1250.50")
		}
		number.SetString(*value)
		return number, true
	case Date, Time, DateTime:
		for _, layout := range boundLayouts[c.Type] {
			if t, err := time.Parse(layout, *value); err == nil {
				*value = t.Format(boundLayouts[c.Type][0])
				return number.SetInt64(t.Unix()), true
			}
		}
		return refuse("use the ISO form, for example " + boundLayouts[c.Type][0])
	default:
		return refuse("only integer, decimal, date, time, and datetime have a range. A text has min_length and max_length")
	}
}

// boundLayouts are the layouts of bounds, the canonical one first.
var boundLayouts = map[Type][]string{
	Date:     {"2006-01-02"},
	Time:     {"15:04:05", "15:04"},
	DateTime: {"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"},
}

func (l *loader) checkAllowed(c *columnDraft) {
	if c.Type == "" {
		return
	}
	if c.values["allowed"] == nil {
		if c.Type == Enum {
			l.add(c.at("allowed"), Missing, "column %q is an enum and needs its values, for example allowed: [first, second]", c.Name)
		}
		return
	}
	at := c.at("allowed")
	if c.Type != Enum && c.Type != Text && c.Type != Integer {
		l.add(at, BadAllowed, "a column of type %s has no list of allowed values. Only enum, text, and integer have one", c.Type)
		return
	}
	if len(c.Allowed) == 0 && !l.hasProblem(at) {
		l.add(at, BadAllowed, "the list of allowed values of column %q is empty, so no cell can be valid", c.Name)
	}
	for i, v := range c.Allowed {
		if i < len(at.Content) {
			at = resolve(at.Content[i])
		}
		if c.Type == Integer {
			if n, err := strconv.ParseInt(v, 10, 64); err != nil || strconv.FormatInt(n, 10) != v {
				l.add(at, BadAllowed, "the allowed value %q is not a whole number. Use plain digits, for example 42", v)
			}
		} else if text.CleanString(v) != v {
			l.add(at, BadAllowed, "the allowed value %s can't match a cell, because cells are cleaned before. Write %q",
				text.Quote([]byte(v), 40), text.CleanString(v))
		}
		if j := slices.IndexFunc(c.Allowed, func(other string) bool { return strings.EqualFold(other, v) }); j < i {
			l.add(at, BadAllowed, "the allowed values %q and %q differ only in case. Keep one", c.Allowed[j], v)
		}
		at = c.at("allowed")
	}
}

func (l *loader) checkReference(d *schemaDraft, s *sheetDraft, c *columnDraft) {
	r := c.References
	if r == nil {
		return
	}
	at := c.at("references")
	i := slices.IndexFunc(d.sheets, func(s *sheetDraft) bool { return s.Name == r.Sheet })
	if i < 0 {
		var known []string
		for _, s := range d.Sheets {
			known = append(known, s.Name)
		}
		l.add(at, ReferenceUnknown, "%s.%s does not exist: there is no sheet %q. The sheets are %s%s", r.Sheet, r.Column, r.Sheet, strings.Join(known, ", "), didYouMean(r.Sheet, known))
		return
	}
	parent := d.sheets[i]
	target, _ := parent.Column(r.Column)
	keyIsSound := !l.hasProblem(parent.at("key"))
	switch {
	case target == nil:
		l.add(at, ReferenceUnknown, "%s.%s does not exist: sheet %q has no column %q%s", r.Sheet, r.Column, r.Sheet, r.Column, didYouMean(r.Column, columnNames(parent.Sheet)))
	case keyIsSound && !target.Unique && len(parent.Key) > 1 && slices.Contains(parent.Key, r.Column):
		l.add(at, ReferenceNotUnique, "%s.%s is one of the columns of the key (%s), so %q would not identify one row, for example if a code is unique only within a tenant. "+
			"Refer to a column that identifies a row alone, or let %[4]q be the stored number, without references", r.Sheet, r.Column, strings.Join(parent.Key, ", "), c.Name)
	case keyIsSound && !target.Unique && !slices.Equal(parent.Key, []string{r.Column}):
		l.add(at, ReferenceNotUnique, "%s.%s can have duplicate values, so %q would not identify one row. Refer to the sheet's single key column, or add unique: true to the column", r.Sheet, r.Column, c.Name)
	case target == c.Column:
		l.add(at, BadReference, "column %q of sheet %q refers to itself. Refer to another column, for example from manager_id to employee_id", c.Name, s.Name)
	case c.Type != "" && target.Type != "" && !sameValues(c.Type, target.Type):
		l.add(at, BadReference, "column %q has the type %s, but %s.%s has the type %s. A reference has the type of its target", c.Name, c.Type, r.Sheet, r.Column, target.Type)
	}
}

// sameValues reports whether values of two types can be equal.
func sameValues(a, b Type) bool { return a == b || a.Textual() && b.Textual() }
