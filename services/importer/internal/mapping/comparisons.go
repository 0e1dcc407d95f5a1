package mapping

import "headway/services/importer/internal/match"

// maxComparisons is the maximum number of names of a file's columns that are compared with names of the schema by their meaning. The
// columns of further sheets are compared by name only.
const maxComparisons = 1_000_000

// comparisons limits the work for one file.
type comparisons struct{ left int }

// allows reports whether columns can be compared, and counts the comparisons.
func (c *comparisons) allows(a, b []match.Column) bool {
	names := 0
	for i := range b {
		names += len(b[i].Names)
	}
	c.left -= len(a) * names
	return c.left >= 0
}
