package schema

import (
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

// check finds what is wrong between the parts of a schema, and puts its sheets into the order of loading.
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
		}
	}
	if len(l.faults) == 0 {
		l.order(d)
	}
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
			l.fault(s.at("name"), DuplicateSheet, "there are two sheets %q, the first on line %d; give one another name", s.Name, first.at("name").Line)
			continue
		}
		names[s.Name] = s
		if s.values["table"] != nil {
			l.checkIdentifier(s.at("table"), s.Table)
		}
		if first := tables[s.Table]; first != nil {
			l.fault(s.at("table"), DuplicateTable, "sheets %q and %q both fill the table %q; each sheet has a table of its own", first.Name, s.Name, s.Table)
		}
		tables[s.Table] = s
		if problem := sheetTitleProblem(s.Title); problem != "" {
			l.fault(s.at("title"), BadTitle, "%q cannot be the name of a sheet: %s", s.Title, problem)
		}
		l.claim(matched, s.fields, s.Name, s.Title, s.Aliases, SameSheetName)
	}
}

// sheetTitleProblem says why Excel would refuse a sheet of this name; empty if it would not.
// Lengths count UTF-16 units, as Excel does.
func sheetTitleProblem(title string) string {
	switch {
	case len(utf16.Encode([]rune(title))) > 31:
		return "it is longer than 31 characters"
	case strings.ContainsAny(title, `[]:*?/\`):
		return `it holds one of [ ] : * ? / \`
	case strings.HasPrefix(title, "'") || strings.HasSuffix(title, "'"):
		return "it begins or ends with an apostrophe"
	case strings.EqualFold(title, "history"):
		return "Excel keeps the name History for itself"
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
			l.fault(c.at("name"), DuplicateColumn, "sheet %q has two columns %q, the first on line %d; give one another name", s.Name, c.Name, first.at("name").Line)
			continue
		}
		names[c.Name] = c
		l.claim(matched, c.fields, c.Name, c.Title, c.Aliases, SameHeader)
	}
}

// names are the match forms that are taken, and by whom.
type names struct {
	what  string
	owner map[string]string
}

func newNames(what string) *names { return &names{what: what, owner: make(map[string]string)} }

// claim takes the forms under which a sheet or column is found, and tells of each that is taken already.
func (l *loader) claim(taken *names, f fields, name, title string, aliases []string, code FaultCode) {
	own := map[string]bool{MatchName(name): true}
	take := func(at *yaml.Node, word string) {
		form := MatchName(word)
		if form == "" {
			l.fault(at, BadTitle, "%q has neither letters nor digits, so that no %s can match it", word, taken.what)
			return
		}
		if other, ok := taken.owner[form]; ok && other != name {
			l.fault(at, code, "the %s %q would match both %q and %q; upper and lower case, spaces and punctuation do not count", taken.what, word, other, name)
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
			l.fault(at, code, "the alias %q says what the name, the title or another alias of %q says already; remove it", alias, name)
			continue
		}
		own[MatchName(alias)] = true
		take(at, alias)
	}
}

func (l *loader) checkKey(s *sheetDraft) {
	if len(s.Key) == 0 {
		if !l.hasFault(s.at("key")) {
			l.fault(s.at("key"), Missing, "sheet %q has no key; name the column, or columns, that tell its rows apart", s.Name)
		}
		return
	}
	seen := make(map[string]bool)
	for _, name := range s.Key {
		c, _ := s.Column(name)
		switch {
		case c == nil:
			l.fault(s.at("key"), KeyUnknown, "the key of sheet %q names the column %q, which it does not have%s", s.Name, name, didYouMean(name, columnNames(s.Sheet)))
		case seen[name]:
			l.fault(s.at("key"), RepeatedKey, "the key of sheet %q names %q twice", s.Name, name)
		case !c.Required:
			l.fault(s.at("key"), KeyNotRequired, "%q is a key column of sheet %q, so that it must be there in every row; add required: true to it", name, s.Name)
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

// Textual tells whether the type's values are texts, which have a length and may have a pattern.
func (t Type) Textual() bool { return t == Text || t == Email || t == Phone || t == Enum }

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
		l.fault(c.at(key), code, "a column of type %s has no %q; only text, email and phone have", c.Type, key)
	}
	if c.MaxLength > 0 && c.MinLength > c.MaxLength {
		l.fault(c.at("min_length"), BadBound, "min_length %d is more than max_length %d", c.MinLength, c.MaxLength)
	}
	low, okLow := l.bound(c, "min", &c.Min)
	high, okHigh := l.bound(c, "max", &c.Max)
	if okLow && okHigh && low.Cmp(high) > 0 {
		l.fault(c.at("min"), BadBound, "min %s is more than max %s", c.Min, c.Max)
	}
}

// decimalNumber is how a decimal is written: no exponent, no thousands separators.
var decimalNumber = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// bound reads a bound of the column's type, leaves it in its canonical form, and gives a number to compare it by.
func (l *loader) bound(c *columnDraft, key string, value *string) (*big.Rat, bool) {
	if *value == "" {
		return nil, false
	}
	number := new(big.Rat)
	refuse := func(right string) (*big.Rat, bool) {
		l.fault(c.at(key), BadBound, "%s %q does not fit a column of type %s: %s", key, *value, c.Type, right)
		return nil, false
	}
	switch c.Type {
	case Integer:
		v, err := strconv.ParseInt(*value, 10, 64)
		if err != nil {
			return refuse("write a whole number of 64 bits, as in 42")
		}
		*value = strconv.FormatInt(v, 10)
		return number.SetInt64(v), true
	case Decimal:
		if !decimalNumber.MatchString(*value) {
			return refuse("write a plain decimal, as in 1250.50")
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
		return refuse("write it in ISO form, as in " + boundLayouts[c.Type][0])
	default:
		return refuse("only integer, decimal, date, time and datetime have a range; a text has min_length and max_length")
	}
}

// boundLayouts are the ways to write a bound, the canonical one first.
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
			l.fault(c.at("allowed"), Missing, "column %q is an enum and needs its values: allowed: [first, second]", c.Name)
		}
		return
	}
	at := c.at("allowed")
	if c.Type != Enum && c.Type != Text && c.Type != Integer {
		l.fault(at, BadAllowed, "a column of type %s has no list of allowed values; only enum, text and integer have", c.Type)
		return
	}
	if len(c.Allowed) == 0 && !l.hasFault(at) {
		l.fault(at, BadAllowed, "the list of allowed values of column %q is empty, so that no cell could be right", c.Name)
	}
	for i, v := range c.Allowed {
		if i < len(at.Content) {
			at = resolve(at.Content[i])
		}
		if c.Type == Integer {
			if n, err := strconv.ParseInt(v, 10, 64); err != nil || strconv.FormatInt(n, 10) != v {
				l.fault(at, BadAllowed, "the allowed value %q is no whole number; write it plainly, as in 42", v)
			}
		} else if text.CleanString(v) != v {
			l.fault(at, BadAllowed, "the allowed value %s can't match a cell, because cells are cleaned before. Write %q",
				text.Quote([]byte(v), 40), text.CleanString(v))
		}
		if j := slices.IndexFunc(c.Allowed, func(other string) bool { return strings.EqualFold(other, v) }); j < i {
			l.fault(at, BadAllowed, "the allowed values %q and %q are the same but for upper and lower case; keep one", c.Allowed[j], v)
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
		l.fault(at, ReferenceUnknown, "%s.%s refers to nothing: there is no sheet %q%s; sheets are %s", r.Sheet, r.Column, r.Sheet, didYouMean(r.Sheet, known), strings.Join(known, ", "))
		return
	}
	parent := d.sheets[i]
	target, _ := parent.Column(r.Column)
	keyIsSound := !l.hasFault(parent.at("key"))
	switch {
	case target == nil:
		l.fault(at, ReferenceUnknown, "%s.%s refers to nothing: sheet %q has no column %q%s", r.Sheet, r.Column, r.Sheet, r.Column, didYouMean(r.Column, columnNames(parent.Sheet)))
	case keyIsSound && !target.Unique && !slices.Equal(parent.Key, []string{r.Column}):
		l.fault(at, ReferenceNotUnique, "%s.%s may hold a value twice, so that %q would not name one row; refer to the sheet's single key column, or add unique: true to it", r.Sheet, r.Column, c.Name)
	case target == c.Column:
		l.fault(at, BadReference, "column %q of sheet %q refers to itself; a row is named by another column, as in manager_id to employee_id", c.Name, s.Name)
	case c.Type != "" && target.Type != "" && !sameValues(c.Type, target.Type):
		l.fault(at, BadReference, "column %q is of type %s, but %s.%s of type %s; a reference has its target's type", c.Name, c.Type, r.Sheet, r.Column, target.Type)
	}
}

// sameValues tells whether values of two types can be the same.
func sameValues(a, b Type) bool { return a == b || a.Textual() && b.Textual() }

// order sorts the sheets so that every sheet comes after those it refers to, and otherwise as in the file.
func (l *loader) order(d *schemaDraft) {
	placed := make(map[string]bool, len(d.sheets))
	rest := slices.Clone(d.sheets)
	d.Sheets = d.Sheets[:0]
	for len(rest) > 0 {
		next := slices.IndexFunc(rest, func(s *sheetDraft) bool { return s.waitsFor(placed) == nil })
		if next < 0 {
			l.cycle(d, rest[0], placed)
			return
		}
		placed[rest[next].Name] = true
		d.Sheets = append(d.Sheets, rest[next].Sheet)
		rest = slices.Delete(rest, next, next+1)
	}
}

// waitsFor is the first column that refers to another sheet which is not placed yet; nil if there is none.
func (s *sheetDraft) waitsFor(placed map[string]bool) *columnDraft {
	for _, c := range s.columns {
		if r := c.References; r != nil && r.Sheet != s.Name && !placed[r.Sheet] {
			return c
		}
	}
	return nil
}

// cycle tells of the circle that is reached from a sheet that cannot be placed.
func (l *loader) cycle(d *schemaDraft, from *sheetDraft, placed map[string]bool) {
	var path []string
	s := from
	for !slices.Contains(path, s.Name) {
		path = append(path, s.Name)
		next := s.waitsFor(placed).References.Sheet
		s = d.sheets[slices.IndexFunc(d.sheets, func(other *sheetDraft) bool { return other.Name == next })]
	}
	path = append(path[slices.Index(path, s.Name):], s.Name)
	l.fault(s.waitsFor(placed).at("references"), ReferenceCycle,
		"the sheets refer to each other in a circle, so that none can be loaded first: %s; remove one of the references", strings.Join(path, " → "))
}
