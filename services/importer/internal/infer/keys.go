package infer

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// verifyUnique decides which columns have no value twice.
func (d *detective) verifyUnique(ctx context.Context) error {
	for _, t := range d.tables {
		var candidates []*column
		var sets [][]*column
		for _, c := range t.columns {
			if c.filled > 1 && c.mightBeUnique(c.exact.repeats()) {
				candidates, sets = append(candidates, c), append(sets, []*column{c})
			}
		}
		repeats, err := d.repeats(ctx, t, sets)
		if err != nil {
			return err
		}
		for i, c := range candidates {
			c.repeats = repeats[i]
			c.unique = c.mightBeUnique(c.repeats)
		}
	}
	return nil
}

// mightBeUnique reports whether a column is meant to be unique if this many of its rows repeat a value: none, or a few of
// many rows of a column that has the name of an identifier.
func (c *column) mightBeUnique(repeats int) bool {
	return repeats == 0 || c.filled >= spoiltShare && repeats*4*spoiltShare <= c.filled && c.keyScore() > 2
}

// findKeys chooses the keys.
func (d *detective) findKeys(ctx context.Context) error {
	for _, t := range d.tables {
		if key := t.singleKey(d.refs); key != nil && (key.ref == nil || t.joins() == nil) {
			t.key = []*column{key}
			t.keyEvidence = fmt.Sprintf("%s is unique in %s of %s rows", key.header, count(t.rows-key.repeats-key.blank-key.broken), count(t.rows))
			continue
		}
		if err := d.findCompositeKey(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// singleKey returns the unique column that is most likely the key, or nil. References to a column make it more likely.
func (t *table) singleKey(refs []*reference) *column {
	var best *column
	bestScore := 0.0
	for _, c := range t.columns {
		if missing := c.blank + c.broken; !c.unique || missing > 0 && (missing*4*spoiltShare > t.rows || c.keyScore() <= 2) {
			continue
		}
		score := c.keyScore()
		if slices.ContainsFunc(refs, func(r *reference) bool { return r.to == c }) {
			score += 2
		}
		if c.ref != nil {
			score -= 2
		}
		if best == nil || score > bestScore {
			best, bestScore = c, score
		}
	}
	return best
}

// joins returns the two references of a table that only joins two others: it has nothing else but times. They are the key
// together, even if one of them is unique by chance.
func (t *table) joins() []*column {
	var refs []*column
	for _, c := range t.columns {
		switch {
		case c.ref != nil && c.blank+c.broken == 0:
			refs = append(refs, c)
		case !c.isTime():
			return nil
		}
	}
	if len(refs) != 2 {
		return nil
	}
	return refs
}

// The limits of the search for a key of several columns.
const (
	maxKeyColumns = 4
	maxSearched   = 24
	maxVerified   = 16
	maxKeyText    = 200 // characters
)

// findCompositeKey finds the smallest set of columns that is unique. References come first, then identifiers, and then the
// other columns from left to right.
func (d *detective) findCompositeKey(ctx context.Context, t *table) error {
	if key := t.joins(); key != nil {
		if repeats, err := d.repeats(ctx, t, [][]*column{key}); err != nil {
			return err
		} else if repeats[0] == 0 {
			t.setKey(key)
			return nil
		}
	}
	order := t.keyColumns(0)
	for _, allowed := range []int{0, t.rows / spoiltShare} {
		if allowed > 0 || len(order) == 0 {
			order = t.keyColumns(allowed)
		}
		if found, err := d.searchKey(ctx, t, order); found || err != nil {
			return err
		}
	}
	if len(order) == 0 {
		order = t.columns
	}
	t.setKey(order[:min(len(order), maxKeyColumns)])
	repeats, err := d.repeats(ctx, t, [][]*column{t.key})
	if err != nil {
		return err
	}
	t.keyRepeats = repeats[0]
	t.keyEvidence = "guessed, because no column or small set of columns is unique. Choose the key"
	return nil
}

// keyColumns returns the columns that can be part of a key and have at most this many empty cells, the likeliest first.
func (t *table) keyColumns(empty int) []*column {
	var order []*column
	for _, c := range t.columns {
		if c.blank+c.broken <= empty && c.longest <= maxKeyText {
			order = append(order, c)
		}
	}
	slices.SortStableFunc(order, func(a, b *column) int { return b.partScore() - a.partScore() })
	return order[:min(len(order), maxSearched)]
}

// searchKey sets the smallest set of columns that is unique as the key, if there is one.
func (d *detective) searchKey(ctx context.Context, t *table, order []*column) (found bool, err error) {
	for size := 1; size <= min(maxKeyColumns, len(order)); size++ {
		var sets [][]*column
		combinations(len(order), size, func(indexes []int) bool {
			set := make([]*column, size)
			for i, at := range indexes {
				set[i] = order[at]
			}
			if t.repeatsInSample(set) == 0 {
				sets = append(sets, set)
			}
			return len(sets) < maxVerified
		})
		if len(sets) == 0 {
			continue
		}
		slices.SortStableFunc(sets, func(a, b []*column) int { return setScore(b) - setScore(a) })
		repeats, err := d.repeats(ctx, t, sets)
		if err != nil {
			return false, err
		}
		for i, set := range sets {
			if repeats[i] == 0 {
				t.setKey(set)
				return true, nil
			}
		}
	}
	return false, nil
}

func setScore(set []*column) (score int) {
	for _, c := range set {
		score += c.partScore() - c.at()
	}
	return score
}

func (t *table) setKey(key []*column) {
	key = slices.Clone(key)
	slices.SortFunc(key, func(a, b *column) int { return a.cell - b.cell })
	var headers []string
	for _, c := range key {
		headers = append(headers, c.header)
	}
	t.key = key
	t.keyEvidence = fmt.Sprintf("%s together are unique in %s of %s rows", strings.Join(headers, " and "), count(t.rows), count(t.rows))
}

// partScore returns how likely a column is part of a key by its kind.
func (c *column) partScore() int {
	switch {
	case c.ref != nil, c.words.isIdentifier():
		return 3
	case c.isNumber() && !c.isInteger():
		return 0
	}
	return 2
}

// combinations calls each with the indexes of each set of a size, in lexical order, until it returns false.
func combinations(n, size int, each func([]int) bool) {
	indexes := make([]int, size)
	for i := range indexes {
		indexes[i] = i
	}
	for {
		if !each(indexes) {
			return
		}
		i := size - 1
		for i >= 0 && indexes[i] == n-size+i {
			i--
		}
		if i < 0 {
			return
		}
		indexes[i]++
		for j := i + 1; j < size; j++ {
			indexes[j] = indexes[j-1] + 1
		}
	}
}

func (t *table) repeatsInSample(set []*column) (repeats int) {
	seen := newHashSet(len(t.sample))
	for _, row := range t.sample {
		if h := combine(row, set); h != 0 && !seen.add(h) {
			repeats++
		}
	}
	return repeats
}

// combine returns the hash of the values of several columns. It is 0 if they are empty.
func combine(row []uint64, set []*column) uint64 {
	if len(set) == 1 {
		return row[set[0].at()]
	}
	h, filled := uint64(0), false
	for _, c := range set {
		v := row[c.at()]
		filled = filled || v != 0
		h = (h ^ v*0x9E3779B97F4A7C15) * 0xBF58476D1CE4E5B9
		h ^= h >> 29
	}
	if !filled {
		return 0
	}
	return max(h, 1)
}

// at returns the index of the column.
func (c *column) at() int { return c.table.byCell[c.cell] }

// isTime reports whether the values are times.
func (c *column) isTime() bool {
	switch c.typ() {
	case "date", "datetime", "time":
		return true
	}
	return false
}
