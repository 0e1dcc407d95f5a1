// Package match finds which columns of two tables mean the same, by their names and values. It knows neither files nor
// schemas: a schema's column is a column with several names, and with the values that it allows.
package match

import (
	"cmp"
	"math"
	"slices"
)

// Column is a column of a table.
type Column struct {
	// Names are the header, or all names of a schema's column.
	Names []string
	// Values are some of its values. They can be missing.
	Values []string
	// Expects reports whether a value can be in the column. It is nil if that is unknown.
	Expects func(value string) bool
	// Translated means that the values can be words of another language: if none is expected, that is weak evidence.
	Translated bool
}

// Pair is a column of the first table, one of the second, and how likely they mean the same.
type Pair struct {
	A, B  int
	Score float64
	// Name and Value are the parts of the score that come from the names and from the values, from 0 to 1.
	Name, Value float64
	// Assigned means that the columns are partners in the assignment with the greatest sum.
	Assigned bool
	// Sure means that the columns can be taken for the same without asking.
	Sure bool
}

type side struct {
	names  [][]name
	shapes []*shape
}

func newSide(columns []Column) side {
	s := side{names: make([][]name, len(columns)), shapes: make([]*shape, len(columns))}
	for i, c := range columns {
		for _, n := range c.Names {
			s.names[i] = append(s.names[i], parseName(n))
		}
		s.shapes[i] = shapeOf(c.Values)
	}
	return s
}

// Match returns all pairs of columns that have anything in common, the best first. Pairs of the best assignment, in which each
// column has one partner, come before pairs of the same score that contradict it.
func Match(a, b []Column) []Pair {
	sa, sb := newSide(a), newSide(b)
	weight := rarities(sa, sb)
	columns := map[string]int{}
	for _, s := range slices.Concat(sa.shapes, sb.shapes) {
		for v := range s.distinct {
			columns[v]++
		}
	}
	scores := make([][]float64, len(a))
	pairs := make([]Pair, 0, len(a)*len(b))
	for i := range a {
		scores[i] = make([]float64, len(b))
		for j := range b {
			p := Pair{A: i, B: j}
			p.Name = bestName(sa.names[i], sb.names[j], weight)
			p.Value = value(a[i], b[j], sa.shapes[i], sb.shapes[j], columns)
			p.Score = combine(p.Name, p.Value)
			scores[i][j] = p.Score
			pairs = append(pairs, p)
		}
	}
	partner := Assign(scores)
	bestA, bestB := make([]float64, len(a)), make([]float64, len(b))
	for i, j := range partner {
		if j >= 0 {
			bestA[i], bestB[j] = scores[i][j], scores[i][j]
		}
	}
	for k := range pairs {
		p := &pairs[k]
		if partner[p.A] == p.B {
			p.Assigned, p.Sure = true, sure(scores, *p)
		} else {
			// The better the partners of its columns, the less likely is a pair that needs one of them.
			p.Score *= 1 - .6*max(bestA[p.A], bestB[p.B])
		}
	}
	slices.SortStableFunc(pairs, func(x, y Pair) int { return cmp.Compare(y.Score, x.Score) })
	return pairs
}

// Names returns how alike two columns or tables are by their names, from 0 to 1.
func Names(a, b []string) float64 {
	s, o := newSide([]Column{{Names: a}}), newSide([]Column{{Names: b}})
	return bestName(s.names[0], o.names[0], rarity{})
}

func bestName(a, b []name, weight rarity) float64 {
	best := 0.0
	for i := range a {
		for j := range b {
			best = max(best, compareNames(&a[i], &b[j], weight))
		}
	}
	return best
}

// translated is how alike values are that can be words of another language.
const translated = .4

// value returns how alike the values are: .5 if nothing is known.
func value(a, b Column, sa, sb *shape, columns map[string]int) float64 {
	if b.Expects != nil && sa.filled > 0 {
		v := expected(a.Values, b.Expects)
		if v == 0 && b.Translated && sa.kinds[kindText] > .5 {
			return translated
		}
		return v
	}
	like, tells := compareValues(sa, sb)
	if tells == 0 {
		return .5
	}
	v := .5 + (like-.6)*tells
	same := overlap(sa, sb, columns)
	words := wordOverlap(sa, sb)
	if same == 0 && words == 0 && sa.category() && min(sa.kinds[kindText], sb.kinds[kindText]) > .5 {
		v -= .15 // the few values that this column repeats are not among the other's
	}
	v = max(v, 0)
	v += (1 - v) * max(.95*same, .5*words)
	return min(1, v)
}

// expected returns the share of the values that a column can have.
func expected(values []string, expects func(string) bool) float64 {
	n, right := 0, 0
	for _, v := range values {
		if v == "" || n == maxValues {
			continue
		}
		n++
		if expects(v) {
			right++
		}
	}
	if n == 0 {
		return .5
	}
	return .9 * float64(right) / float64(n)
}

// combine returns the score of a pair. Names decide, values correct them.
func combine(name, value float64) float64 {
	return name*(.45+.55*value) + (1-name)*.55*value*value*value
}

// sure reports whether a pair can be taken without asking: it is good, and clearly better than any other pair of its columns.
func sure(scores [][]float64, p Pair) bool {
	rival := 0.0
	for j, s := range scores[p.A] {
		if j != p.B {
			rival = max(rival, s)
		}
	}
	for i := range scores {
		if i != p.A {
			rival = max(rival, scores[i][p.B])
		}
	}
	return p.Score >= .5 && p.Score-rival >= .08 && (p.Name >= .75 || p.Name >= .5 && p.Value >= .75)
}

// rarities returns a weight for each word: one that many columns have is weak evidence.
func rarities(sides ...side) rarity {
	count := map[string]int{}
	total := 0
	for _, s := range sides {
		for _, names := range s.names {
			seen := map[string]bool{}
			for _, n := range names {
				for _, t := range n.tokens {
					seen[t.stem] = true
				}
			}
			for t := range seen {
				count[t]++
			}
			total++
		}
	}
	weights := rarity{}
	for t, n := range count {
		weights[t] = .25 + .75*math.Log(float64(total+1)/float64(n))/math.Log(float64(total+1))
	}
	return weights
}
