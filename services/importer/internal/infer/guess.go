package infer

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/dustin/go-humanize"
	"golang.org/x/text/unicode/norm"

	"headway/services/importer/internal/schema"
)

func count(n int) string { return humanize.Comma(int64(n)) }

// guess turns what is known into a schema.
func (d *detective) guess(schemaName string) *Guess {
	g := &Guess{Name: schemaName}
	sheets := newNames(d.tables, func(t *table) string { return t.input.Name })
	for _, t := range d.tables {
		s := &Sheet{Title: t.input.Name, Rows: t.rows, KeyEvidence: t.keyEvidence, LeftOut: t.leftOut}
		s.Name = sheets.identifier(t.input.Name, "sheet")
		t.guess = s
		columns := newNames(t.columns, func(c *column) string { return c.header })
		for _, c := range t.columns {
			c.guess = &Column{Title: c.header, Name: columns.identifier(c.header, "column")}
			s.Columns = append(s.Columns, c.guess)
		}
		for _, c := range t.key {
			s.Key, s.KeyHeaders = append(s.Key, c.guess.Name), append(s.KeyHeaders, c.header)
		}
		g.Sheets = append(g.Sheets, s)
	}
	d.breakCycles()
	for _, t := range d.tables {
		for _, c := range t.columns {
			t.guessColumn(c)
		}
	}
	return g
}

// guessColumn decides about a column.
func (t *table) guessColumn(c *column) {
	g := c.guess
	inKey := slices.Contains(t.key, c)
	g.Type = c.finalType()
	g.Required = inKey || c.blank+c.broken == 0
	single := inKey && len(t.key) == 1
	switch {
	case c.filled == 0:
		g.Evidence = append(g.Evidence, "no values")
	case c.blank > 0:
		g.Evidence = append(g.Evidence, fmt.Sprintf("%s of %s rows have a value", count(t.rows-c.blank), count(t.rows)))
	}
	switch {
	case single || !c.unique:
	case c.referredTo || c.filled >= enoughUnique && (c.words.isIdentifier() || c.typ() == schema.Email) && c.ref == nil:
		g.Unique = true
		g.Evidence = append(g.Evidence, fmt.Sprintf("unique in %s of %s rows", count(c.filled-c.repeats), count(c.filled)))
	case c.filled >= enoughUnique && c.ref == nil:
		g.Evidence = append(g.Evidence, fmt.Sprintf("unique in %s of %s rows, but the header is not that of an identifier", count(c.filled-c.repeats), count(c.filled)))
	}
	if c.ref != nil {
		r := &Reference{Columns: []string{g.Name}, Sheet: c.ref.to.table.guess.Name, To: []string{c.ref.to.guess.Name}, Evidence: c.ref.evidence, LeftOut: c.ref.leftOut,
			headers: []string{c.header}, toTitle: c.ref.to.table.input.Name, toHeaders: []string{c.ref.to.header}}
		t.guess.References = append(t.guess.References, r)
		g.Reference = r
		return
	}
	switch {
	case g.Type == schema.Text && c.isEnum():
		g.Type, g.Allowed = schema.Enum, c.allowed()
		g.Evidence = append(g.Evidence, fmt.Sprintf("%d different values in %s rows", len(g.Allowed), count(c.filled)))
	case g.Type == schema.Text && c.longest > 0:
		g.MaxLength = roomFor(c.longest)
		g.Evidence = append(g.Evidence, fmt.Sprintf("the longest of %s values has %s characters", count(c.filled), count(c.longest)))
	case c.failedAs(g.Type) > 0:
		g.Evidence = append(g.Evidence, fmt.Sprintf("%s of %s values are of this type", count(c.filled-c.failedAs(g.Type)), count(c.filled)))
	}
}

// enoughUnique is the number of rows from which on unique values are evidence.
const enoughUnique = 10

func (c *column) failedAs(typ schema.Type) int {
	for _, t := range c.types {
		if t.Type == typ {
			return t.failed
		}
	}
	return 0
}

// finalType returns the type of the column that a reference leads to, or its own. A reference to a text is a text.
func (c *column) finalType() schema.Type {
	root := c
	for range schema.MaxColumns {
		if root.ref == nil {
			break
		}
		root = root.ref.to
	}
	typ := root.typ()
	if root != c && typ.Textual() || typ == schema.Text {
		return schema.Text
	}
	return typ
}

// Enough values of an enum.
const (
	enumRows   = 40
	enumRepeat = 5
	enumLength = 40
)

// isEnum reports whether the values are few, and each is repeated.
func (c *column) isEnum() bool {
	if c.filled < enumRows || len(c.shown) > maxShown || c.unique || c.longest > enumLength || c.words.isDisplayName() {
		return false
	}
	return !slices.ContainsFunc(c.shown, func(v string) bool { return c.exact.counts[hashOf([]byte(v))] < enumRepeat })
}

// allowed returns the values of an enum. Values that differ only in case are the same.
func (c *column) allowed() []string {
	var values []string
	for _, v := range c.shown {
		if !slices.ContainsFunc(values, func(other string) bool { return strings.EqualFold(other, v) }) {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return values
}

// roomFor returns a usual maximum length that leaves room for longer texts.
func roomFor(longest int) int {
	for _, n := range []int{10, 20, 50, 100, 255, 1000, 4000} {
		if longest <= n {
			return n
		}
	}
	return 32_767
}

// breakCycles leaves out the weakest references of cycles between sheets, which could not be loaded in any order.
func (d *detective) breakCycles() {
	refs := slices.Clone(d.refs)
	slices.SortStableFunc(refs, func(a, b *reference) int {
		if a.score > b.score {
			return -1
		}
		return 1
	})
	needs := map[*table][]*table{}
	var leads func(from, to *table, seen map[*table]bool) bool
	leads = func(from, to *table, seen map[*table]bool) bool {
		if from == to {
			return true
		}
		seen[from] = true
		return slices.ContainsFunc(needs[from], func(next *table) bool { return !seen[next] && leads(next, to, seen) })
	}
	for _, r := range refs {
		from, to := r.from.table, r.to.table
		if from != to && leads(to, from, map[*table]bool{}) {
			r.leftOut = "the sheets would refer to each other in a cycle"
			continue
		}
		needs[from] = append(needs[from], to)
		r.to.referredTo = true
	}
}

// SchemaName returns a valid name for the schema of a file.
func SchemaName(file string) string { return identifierOf(file, "schema") }

// names are the forms in which names and titles are compared, and the number of titles that have them.
type names map[string]int

func newNames[T any](all []T, title func(T) string) names {
	n := names{}
	for _, x := range all {
		n[schema.MatchName(title(x))]++
	}
	return n
}

// identifier returns a valid name that matches no title but the given one, and no earlier name.
func (n names) identifier(title, otherwise string) string {
	own := schema.MatchName(title)
	base := identifierOf(title, otherwise)
	name := base
	for i := 2; ; i++ {
		form := schema.MatchName(name)
		if n[form] == 0 || form == own && n[form] == 1 {
			n[form]++
			return name
		}
		name = fmt.Sprintf("%s_%d", base, i)
	}
}

// identifierOf returns a valid name.
func identifierOf(title, otherwise string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(title) {
		switch {
		case r == 'ß':
			b.WriteString("ss")
		case unicode.IsMark(r):
		case r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteByte('_')
		}
	}
	words := strings.FieldsFunc(b.String(), func(r rune) bool { return r == '_' })
	base := strings.Join(words, "_")
	if base == "" {
		base = otherwise
	}
	if base[0] >= '0' && base[0] <= '9' {
		base = otherwise + "_" + base
	}
	if schema.ReservedName(base) {
		base = otherwise + "_" + base
	}
	const longest = 55
	if len(base) > longest {
		base = strings.TrimRight(base[:longest], "_")
	}
	return base
}
