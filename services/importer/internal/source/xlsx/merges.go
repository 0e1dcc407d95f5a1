package xlsx

import (
	"bytes"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/zipxml"
)

// WatchMerges implements source.Merged.
func (r *Rows) WatchMerges(wanted func(source.Range) bool) { r.wantsMerge = wanted }

// Merges implements source.Merged. A sheet lists its merged ranges after its rows.
func (r *Rows) Merges() []source.Range { return r.merges }

// mergesPerGrowth is the number of merged ranges for which memory is reserved at a time.
const mergesPerGrowth = 4096

// addMerge records the range that the current token, a mergeCell element, merges (ECMA-376 Part 1 §18.3.1.54). It
// ignores an element that is not a range of several cells.
func (r *Rows) addMerge() error {
	if r.wantsMerge == nil {
		return nil
	}
	merged, ok := parseRange(r.x.Attr("ref"))
	if !ok || merged.FirstCol == merged.LastCol && merged.FirstRow == merged.LastRow || !r.wantsMerge(merged) {
		return nil
	}
	if len(r.merges)%mergesPerGrowth == 0 {
		if err := r.limits.Memory.Grow(mergesPerGrowth * source.RangeBytes); err != nil {
			return err
		}
		r.reserved += mergesPerGrowth * source.RangeBytes
	}
	r.merges = append(r.merges, merged)
	return nil
}

// parseRange reads a range such as "B2:D4", in any order of its corners, or a single cell.
func parseRange(ref []byte) (source.Range, bool) {
	from, to, isRange := bytes.Cut(zipxml.TrimRight(zipxml.TrimLeft(ref)), []byte(":"))
	if !isRange {
		to = from
	}
	col1, row1, ok1 := parseRef(from)
	col2, row2, ok2 := parseRef(to)
	return source.Range{FirstRow: int32(min(row1, row2)), LastRow: int32(max(row1, row2)),
		FirstCol: int32(min(col1, col2)), LastCol: int32(max(col1, col2))}, ok1 && ok2
}
