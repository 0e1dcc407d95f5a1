package infer

import (
	"context"

	"headway/services/importer/internal/source"
)

// repeats returns, for each set of columns, how many rows have the values of an earlier row. It reads the sheet as often as
// the memory requires, each time for the hashes of one part.
func (d *detective) repeats(ctx context.Context, t *table, sets [][]*column) ([]int, error) {
	repeats := make([]int, len(sets))
	if len(sets) == 0 {
		return repeats, nil
	}
	if t.rows <= len(t.sample) {
		for i, set := range sets {
			repeats[i] = t.repeatsInSample(set)
		}
		return repeats, nil
	}
	parts := d.parts(t.rows * len(sets))
	for part := range parts {
		seen := make([]*hashSet, len(sets))
		for i := range seen {
			seen[i] = newHashSet(t.rows / int(parts))
		}
		hashes := make([]uint64, len(t.columns))
		err := t.read(ctx, func(_ int, cells []source.Cell) {
			hashCells(cells, hashes)
			for i, set := range sets {
				if h := combine(hashes, set); h != 0 && h%parts == part && !seen[i].add(h) {
					repeats[i]++
				}
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return repeats, nil
}

// hashCells sets the hashes of the cells. An empty cell has the hash 0.
func hashCells(cells []source.Cell, hashes []uint64) {
	var buf [256]byte
	for i := range cells {
		hashes[i] = 0
		if value, ok := valueOf(&cells[i], buf[:]); ok {
			hashes[i] = hashOf(value)
		}
	}
}

// hashBytes is the memory of a value in a hashSet, at most, when it grows.
const hashBytes = 32

// parts returns the number of parts in which that many values are compared.
func (d *detective) parts(values int) uint64 {
	return uint64(int64(values)*hashBytes/max(d.memory/4, 1)) + 1
}
