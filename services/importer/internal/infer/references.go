package infer

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"headway/services/importer/internal/schema"
)

// reference is a guess that a column refers to a unique column.
type reference struct {
	from, to *column
	overlap
	named    float64
	chance   float64
	score    float64
	evidence string
	// leftOut is the reason why the schema does not have the reference.
	leftOut string
}

// The rules for references. A reference needs values that are in the other column (inclusion), and a reason to believe that
// this is not a coincidence: a name, or values whose match is unlikely to be a coincidence.
const (
	// minInclusion is the share of rows whose values must be in the other column, except for one row.
	minInclusion = 0.95
	// unlikely is the logarithm of the chance from which on a name is not necessary.
	unlikely = 12
)

// findReferences finds the references of all columns. Each column has one at most.
func (d *detective) findReferences() {
	for _, child := range d.tables {
		for _, c := range child.columns {
			var found []*reference
			for _, parent := range d.tables {
				for _, p := range parent.columns {
					if r := refers(c, p); r != nil {
						found = append(found, r)
					}
				}
			}
			if len(found) == 0 {
				continue
			}
			best := slices.MaxFunc(found, func(a, b *reference) int { return cmp.Compare(a.score, b.score) })
			c.ref = best
		}
		child.dropCopies()
	}
	for _, t := range d.tables {
		for _, c := range t.columns {
			if c.ref != nil {
				d.refs = append(d.refs, c.ref)
			}
		}
	}
}

// dropCopies drops references without a name to a table that a better reference leads to: the columns are copies of that
// row's values, such as a billing address.
func (t *table) dropCopies() {
	for _, c := range t.columns {
		if c.ref == nil || c.ref.named >= enoughByName {
			continue
		}
		for _, other := range t.columns {
			if other == c || other.ref == nil || other.ref.to.table != c.ref.to.table || c.ref.to.table == t {
				continue
			}
			if other.ref.named >= enoughByName || other.ref.to != c.ref.to && other.ref.score > c.ref.score {
				c.ref = nil
				break
			}
		}
	}
}

// refers returns the reference from one column to another, or nil.
func refers(c, p *column) *reference {
	if c == p || !p.unique || c.filled == 0 || p.filled < 2 || !comparable(c, p) {
		return nil
	}
	if subject := c.words.subject(); c.table != p.table && len(subject) > 0 && subject.same(c.table.words.subject()) {
		return nil // it is named after its table
	}
	r := &reference{from: c, to: p, overlap: c.folded.within(p.folded), named: similarity(c.table, p.table, c, p)}
	if r.named == sharesKey && c.table.likeliestKey() == c && c.table.words.subject().ends(c.words.subject()) {
		return nil // likewise: the status_id of an address status is not that of an order status
	}
	missing := r.missing()
	if r.included == 0 || missing > 1 && float64(missing) > (1-minInclusion)*float64(r.rows) || missing > 0 && r.rows < 5 {
		return nil
	}
	r.chance = unlikelihood(c, p, r.included)
	if c.unique && !dependent(c, p, r) {
		return nil
	}
	if r.named < enoughByName && r.chance < unlikely {
		return nil
	}
	r.score = 3*r.named + min(r.chance, 30)/30 + 0.5*float64(r.included)/float64(max(r.others, 1)) + 2*float64(r.includedRows)/float64(max(r.rows, 1))
	likeliest := p.table.likeliestKey() == p
	if likeliest || p.words.isIdentifier() {
		r.score += 0.5
	}
	if likeliest {
		r.score += 0.1 // of several identifiers, whatever their order is
	}
	r.evidence = r.describe()
	return r
}

// describe returns the evidence.
func (r *reference) describe() string {
	about := ""
	if !r.from.folded.exact() || !r.to.folded.exact() {
		about = "in a sample, "
	}
	why := "the match is unlikely to be a coincidence"
	switch {
	case r.named >= endsWith:
		why = "the header names it"
	case r.named >= enoughByName:
		why = "the header suggests it"
	}
	return fmt.Sprintf("%s%s of %s values are in %s.%s, and %s", about, count(r.includedRows), count(r.rows), r.to.table.input.Name, r.to.header, why)
}

// dependent reports whether a unique column can be a reference. It is one if it is named after the other table, if it is the
// key of a table that adds to the rows of the other one, or if it has a different name and many values whose match is
// unlikely to be a coincidence, and that are only a part of the other column.
func dependent(c, p *column, r *reference) bool {
	switch {
	case r.named == sharesKey:
		return c.table.likeliestKey() == c
	case r.named >= plays:
		return true
	}
	return !slices.Equal(c.words, p.words) && c.table.likeliestKey() != c && r.chance >= 4*unlikely && r.included < r.others && 100*r.missing() <= r.rows
}

// comparable reports whether values of both columns can be references: texts or whole numbers.
func comparable(c, p *column) bool {
	if c.isInteger() != p.isInteger() || c.isNumber() != p.isNumber() {
		return false
	}
	for _, x := range []*column{c, p} {
		switch x.typ() {
		case schema.Decimal, schema.Boolean, schema.Date, schema.DateTime, schema.Time:
			return false
		}
	}
	return true
}

// unlikelihood returns the negative logarithm of the chance that this many different values of one column are in the other
// one by coincidence. Whole numbers are likely to be in a range without gaps. Texts are rarely the same.
func unlikelihood(c, p *column, included int) float64 {
	if !c.isInteger() {
		length := float64(c.totalText) / float64(max(c.filled, 1))
		return float64(included) * math.Min(length, 8) / 2
	}
	if c.min < p.min || c.max > p.max {
		return 0
	}
	return c.surprise(p)
}

// ranges is the number of parts of a range of numbers whose gaps are looked at.
const ranges = 64

// surprise returns the negative logarithm of the chance that whole numbers are in another column by coincidence, from the
// gaps that the other column has around each of them.
func (c *column) surprise(p *column) float64 {
	width := (p.max-p.min)/ranges + 1
	var filled [ranges + 1]int
	for _, n := range p.exact.numbers {
		filled[(n-p.min)/width]++
	}
	size := float64(width) * float64(p.exact.threshold) / float64(allHashes)
	sum := 0.0
	for hash, n := range c.exact.numbers {
		if _, found := p.exact.numbers[hash]; found {
			sum -= math.Log(math.Min(float64(filled[(n-p.min)/width])/size, 1))
		}
	}
	return sum
}

// likeliestKey returns the unique column that is most likely the key by its name and position, or nil.
func (t *table) likeliestKey() *column {
	var best *column
	for _, c := range t.columns {
		if c.unique && (best == nil || c.keyScore() > best.keyScore()) {
			best = c
		}
	}
	return best
}

// keyScore returns how much the name and the type of a column are those of a key.
func (c *column) keyScore() float64 {
	score := 0.0
	subject := c.words.subject()
	switch {
	case len(subject) == 0 && c.words.isIdentifier():
		score += 4
	case c.words.isIdentifier() && subject.same(c.table.words.subject()):
		score += 4
	case c.words.isIdentifier():
		score += 2.5
	case c.words.same(c.table.words):
		score += 1.5
	case c.words.isDisplayName():
		score++
	}
	switch c.typ() {
	case schema.Decimal, schema.Date, schema.DateTime, schema.Time, schema.Boolean:
		score -= 4
	case schema.Phone:
		score -= 2
	}
	if c.longest > 100 {
		score -= 2
	}
	return score
}
