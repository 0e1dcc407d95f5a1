package convert

import (
	"bytes"
	"fmt"
	"sync/atomic"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// RuleSet is a set of rules, one bit each.
type RuleSet uint32

// Has reports whether the set has a rule.
func (s RuleSet) Has(r schema.Rule) bool { return s&(1<<r) != 0 }

// ruled are the compiled rules of a column. It is immutable, except for its cache.
type ruled struct {
	steps []step
	// empty and values are by the spelling of the text.
	empty  map[string]bool
	values map[string]imports.Value
	words  map[string]int64
	// begins are the first bytes of these spellings.
	begins [256]bool
	// prefix and suffix are added.
	prefix, suffix []byte
	// fallback is the value of empty cells. It is null if there is none.
	fallback imports.Value
	// shapes reports whether the text of a cell can change before it is read.
	shapes bool
	// last is the fault of the last cell that several rules have changed.
	last atomic.Pointer[Fault]
}

// step changes the text of a cell. It returns s itself if nothing changes.
type step struct {
	rule  schema.Rule
	apply func(s []byte) []byte
}

// byRule are the faults of cells that one rule has changed.
var byRule = func() (faults [schema.RuleCount]*Fault) {
	for r := range faults {
		faults[r] = &Fault{Code: imports.Normalized, rules: 1 << r}
	}
	faults[schema.RuleReading] = normalized
	return faults
}()

// and returns the fault of a cell that both have changed. Either can be nil.
func (f *Fault) and(g *Fault) *Fault {
	if f == nil {
		return g
	}
	if g == nil || f.rules|g.rules == f.rules {
		return f
	}
	return &Fault{Code: imports.Normalized, rules: f.rules | g.rules}
}

// changed returns the fault of a cell that rules have changed.
func (r *ruled) changed(by RuleSet) *Fault {
	if by == 0 {
		return nil
	}
	if last := r.last.Load(); last != nil && last.rules == by {
		return last
	}
	f := &Fault{Code: imports.Normalized, rules: by}
	r.last.Store(f)
	return f
}

// compileRules prepares the rules of the column.
func (c *Column) compileRules() error {
	rules := c.spec.Rules
	if rules.IsZero() {
		return nil
	}
	r := &ruled{prefix: []byte(rules.AddPrefix), suffix: []byte(rules.AddSuffix)}
	c.ruled, c.numbers, c.dates = r, compileNumbers(c.spec.Type, rules), compileDates(rules)
	add := func(rule schema.Rule, apply func([]byte) []byte) { r.steps = append(r.steps, step{rule, apply}) }
	if rules.Unicode == schema.NFKC {
		add(schema.RuleUnicode, compatible)
	}
	if rules.Collapse {
		add(schema.RuleCollapse, collapse)
	}
	if rules.Trim != "" {
		add(schema.RuleTrim, func(s []byte) []byte { return trim(s, rules.Trim) })
	}
	if len(rules.RemovePrefix)+len(rules.RemoveSuffix) > 0 {
		prefixes, suffixes := longestFirst(rules.RemovePrefix), longestFirst(rules.RemoveSuffix)
		add(schema.RuleRemove, func(s []byte) []byte { return remove(s, prefixes, suffixes) })
	}
	for _, p := range rules.Replace {
		if p.Text != "" {
			add(schema.RuleReplace, func(s []byte) []byte { return replaceText(s, p.Text, p.With) })
			continue
		}
		pattern, err := p.Compile()
		if err != nil {
			return fmt.Errorf("column %s: replace: %w", c.spec.Name, err)
		}
		add(schema.RuleReplace, func(s []byte) []byte { return replacePattern(s, pattern, p.With) })
	}
	if rules.Case != "" {
		add(schema.RuleCase, func(s []byte) []byte { return inCase(s, rules.Case) })
	}
	if len(rules.Empty) > 0 {
		r.empty = map[string]bool{}
		for _, e := range rules.Empty {
			r.empty[schema.Spelling(text.CleanString(e))] = true
		}
	}
	if err := c.compileValues(rules); err != nil {
		return err
	}
	if c.spec.Type == schema.Boolean {
		r.words = map[string]int64{}
		for _, w := range rules.TrueValues {
			r.words[schema.Spelling(text.CleanString(w))] = 1
		}
		for _, w := range rules.FalseValues {
			r.words[schema.Spelling(text.CleanString(w))] = 0
		}
	}
	r.noteBegins()
	r.shapes = len(r.steps)+len(r.empty)+len(r.values)+len(r.words)+len(r.prefix)+len(r.suffix) > 0
	return nil
}

// noteBegins records the first bytes of the listed spellings.
func (r *ruled) noteBegins() {
	note := func(spelling string) {
		if spelling != "" {
			r.begins[spelling[0]] = true
		}
	}
	for spelling := range r.empty {
		note(spelling)
	}
	for spelling := range r.values {
		note(spelling)
	}
	for spelling := range r.words {
		note(spelling)
	}
}

// canBeListed reports whether the spelling of a text can be one of those listed, by its first character. Most texts are not, and their
// spelling is then not needed.
func (r *ruled) canBeListed(s []byte) bool {
	if len(s) == 0 || s[0] <= ' ' || s[0] >= 0x7f {
		return true
	}
	first := s[0]
	if 'A' <= first && first <= 'Z' {
		first += 'a' - 'A'
	}
	return r.begins[first]
}

// compileValues converts the values of the lookup and the default, which have the plain form of the column's type.
func (c *Column) compileValues(rules *schema.Rules) error {
	plain := *c.spec
	plain.Rules, plain.Required = nil, false
	column, err := Compile(&plain)
	if err != nil {
		return err
	}
	value := func(rule, s string) (imports.Value, error) {
		if s == "" {
			return imports.Value{}, nil
		}
		// A table can have closer limits than the schema. They are checked when the value is used.
		column.limited = false
		v, _, f := column.Convert(&source.Cell{Kind: source.Text, Text: []byte(s), Format: &source.NumberFormat{}}, nil, nil)
		if f.refused() || v.Kind == imports.Null {
			return v, fmt.Errorf("column %s: the value %q of %s is not a value of the column", c.spec.Name, s, rule)
		}
		if v.Kind == imports.Text {
			v = textValue(bytes.Clone(v.Bytes))
		}
		return v, nil
	}
	if c.ruled.fallback, err = value("default", rules.Default); err != nil {
		return err
	}
	if len(rules.Lookup) > 0 {
		c.ruled.values = make(map[string]imports.Value, len(rules.Lookup))
	}
	for from, to := range rules.Lookup {
		if c.ruled.values[schema.Spelling(text.CleanString(from))], err = value("lookup", to); err != nil {
			return err
		}
	}
	return nil
}

// convertRuled converts a cell by the rules of the column.
func (c *Column) convertRuled(cell *source.Cell, calendar Calendar, buf []byte) (imports.Value, []byte, *Fault) {
	r := c.ruled
	kind := cell.Kind
	if !r.shapes || cell.TooLong || kind != source.Text && kind != source.Number && kind != source.Bool || source.Blank(cell) {
		return c.convertCell(cell, calendar, buf)
	}
	var by RuleSet
	s := cell.Text
	var f *Fault
	switch {
	case kind == source.Text:
		s, buf, f = clean(cell, buf)
	case kind == source.Number && c.spec.Type.Textual():
		var v imports.Value
		v, buf, f = c.numberAsText(cell, buf)
		s = v.Bytes
	}
	if f.refused() {
		return imports.Value{}, buf, f
	}
	if f != nil {
		by = f.rules
	}
	read := s
	for _, step := range r.steps {
		if out := step.apply(s); !bytes.Equal(out, s) {
			s, by = out, by|1<<step.rule
			if len(s) > maxRuledText {
				return imports.Value{}, buf, c.tooLong(s)
			}
		}
	}
	if len(r.empty)+len(r.values)+len(r.words) > 0 && len(s) <= maxFolded && r.canBeListed(s) {
		spelling := spelling(s)
		if r.empty[spelling] {
			return c.blank(buf, r.changed(by|1<<schema.RuleEmpty))
		}
		if v, ok := r.values[spelling]; ok {
			if string(v.Append(nil)) != string(s) {
				by |= 1 << schema.RuleLookup
			}
			return c.limit(v, buf, r.changed(by))
		}
		if truth, ok := r.words[spelling]; ok {
			return imports.Value{Kind: imports.Integer, Int: truth}, buf, r.changed(by | 1<<schema.RuleWords)
		}
	}
	if len(s) > 0 && (!bytes.HasPrefix(s, r.prefix) || !bytes.HasSuffix(s, r.suffix)) {
		s, by = affix(s, r.prefix, r.suffix), by|1<<schema.RuleAdd
	}
	if bytes.Equal(s, read) {
		return c.convertCell(cell, calendar, buf)
	}
	s, buf = appendTo(buf, s)
	changed := source.Cell{Col: cell.Col, Kind: source.Text, Text: s, Format: cell.Format}
	v, buf, f := c.convertCell(&changed, calendar, buf)
	if f.refused() {
		return v, buf, f
	}
	if f != nil {
		by |= f.rules
	}
	return v, buf, r.changed(by)
}

// Follows reports whether a text follows the rules by which keys are compared.
func (c *Column) Follows(s []byte) bool {
	for _, step := range c.ruled.steps {
		if (step.rule == schema.RuleUnicode || step.rule == schema.RuleCollapse || step.rule == schema.RuleCase) && !bytes.Equal(step.apply(s), s) {
			return false
		}
	}
	return true
}

// appendTo appends a text to buf, and returns that part.
func appendTo(buf, s []byte) (part, rest []byte) {
	start := len(buf)
	buf = append(buf, s...)
	return buf[start:len(buf):len(buf)], buf
}

// maxRuledText is the maximum length of a text that rules can make, in bytes. It is larger than that of any valid text.
const maxRuledText = 4 * maxText

func (c *Column) tooLong(s []byte) *Fault {
	return fault(imports.Length, messages.New("length.rules", c.title(), messages.Count("n", utf16Length(s)), messages.Count("max", maxText)))
}

// limit checks a value of a rule.
func (c *Column) limit(v imports.Value, buf []byte, f *Fault) (imports.Value, []byte, *Fault) {
	if c.limited {
		g := c.check(&v)
		if g.refused() {
			return imports.Value{}, buf, g
		}
		f = f.and(g)
	}
	return v, buf, f
}
