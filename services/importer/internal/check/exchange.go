package check

import (
	"cmp"
	"context"
	"slices"

	"headway/services/importer/internal/imports"
)

// arrangeExchanges orders the deferred rows so that a row that releases a unique value precedes the one that takes it. In a
// cycle, such as two rows that exchange their values, there is no such order. If all rows of a cycle are valid, the
// database releases their values before any of them is written. If one is not valid, none of them can be imported.
// targets are the rows that each row refers to.
func (s *Sheet) arrangeExchanges(ctx context.Context, targets []int32) error {
	d := &s.deferred
	n, references := d.len(), len(s.selfColumns)
	columns := s.uniqueColumns
	graph, err := s.addOwners(ctx, references, columns, targets)
	if err != nil {
		return err
	}
	width := references + len(columns)
	rank := make([]int32, n)
	for at, i := range d.order {
		rank[i] = int32(at)
	}
	var ends []int32
	d.order, ends, _ = components(n, width, graph)
	exchanges := false
	for first, i := int32(0), 0; i < len(ends); first, i = ends[i], i+1 {
		if cycle := d.order[first:ends[i]]; len(cycle) > 1 {
			exchanges = true
			// A row still precedes those that refer to it.
			slices.SortFunc(cycle, func(a, b int32) int { return cmp.Compare(rank[a], rank[b]) })
		}
	}
	if !exchanges {
		return nil
	}
	doomed, err := s.probeAll(ctx)
	if err != nil {
		return err
	}
	givers := make([][]int32, len(columns))
	d.released = make([]bool, n)
	component := make([]int32, n)
	for first, c := int32(0), 0; c < len(ends); first, c = ends[c], c+1 {
		cycle := d.order[first:ends[c]]
		bad := false
		for _, row := range cycle {
			component[row] = int32(c)
			bad = bad || doomed[row]
			for _, target := range graph[int(row)*width : int(row+1)*width] {
				bad = bad || target >= 0 && doomed[target]
			}
		}
		for _, row := range cycle {
			doomed[row] = bad
		}
		if bad || len(cycle) == 1 {
			continue
		}
		for _, row := range cycle {
			d.released[row] = true
			for i := range columns {
				if giver := graph[int(row)*width+references+i]; giver >= 0 && component[giver] == int32(c) {
					givers[i] = append(givers[i], giver)
				}
			}
		}
	}
	for i, column := range columns {
		if err := s.release(ctx, column, givers[i]); err != nil {
			return err
		}
	}
	return nil
}

// probeAll reports, by index, which deferred rows are invalid even if all deferred rows that they depend on are valid.
func (s *Sheet) probeAll(ctx context.Context) ([]bool, error) {
	d := &s.deferred
	doomed := make([]bool, d.len())
	s.probing = true
	defer func() { s.probing = false }()
	var b Batch
	for rest := d.order; len(rest) > 0; rest = rest[len(b.Rows):] {
		b.Reset()
		if err := d.fill(&b, rest, len(s.Columns)); err != nil {
			return nil, err
		}
		verdicts, err := s.decide(ctx, &b, true)
		if err != nil {
			return nil, err
		}
		for i, v := range verdicts {
			doomed[rest[i]] = v.State != Accepted
		}
	}
	return doomed, nil
}

// release makes the database release the values of rows in a unique column.
func (s *Sheet) release(ctx context.Context, column int, rows []int32) error {
	var b Batch
	for ; len(rows) > 0; rows = rows[len(b.Rows):] {
		b.Reset()
		if err := s.deferred.fill(&b, rows, len(s.Columns)); err != nil {
			return err
		}
		all := make([][]imports.Value, len(b.Rows))
		for i := range all {
			all[i] = b.Row(i, len(s.Columns))
		}
		if err := s.Database.Release(ctx, column, all); err != nil {
			return err
		}
	}
	return nil
}

// addOwners returns the graph of the deferred rows: for each, its targets, and the deferred rows that have the values of
// its unique columns in the database.
func (s *Sheet) addOwners(ctx context.Context, references int, columns []int, targets []int32) ([]int32, error) {
	n := s.deferred.len()
	graph := make([]int32, 0, n*(references+len(columns)))
	var b Batch
	for start := 0; start < n; start += len(b.Rows) {
		b.Reset()
		for i, size := start, 0; i < n && len(b.Rows) < MaxBatchRows && size < MaxBatchText; i++ {
			if err := s.deferred.get(&b, i, len(s.Columns)); err != nil {
				return nil, err
			}
			size += int(s.deferred.rows[i].length)
		}
		rows := make([][]imports.Value, len(b.Rows))
		for i := range rows {
			rows[i] = b.Row(i, len(s.Columns))
		}
		givers := make([][]int32, len(columns))
		for c, column := range columns {
			owners, err := s.ownersOf(ctx, column, rows)
			if err != nil {
				return nil, err
			}
			for i, owner := range owners {
				giver := int32(-1)
				if owner != nil {
					if entry := s.keys.Find(ownerKey(owner)); entry >= 0 && s.keys.Get(entry).state == Pending {
						giver = int32(s.keys.Get(entry).cause) - 1
					}
				}
				if giver == int32(start+i) {
					giver = -1
				}
				givers[c] = append(givers[c], giver)
			}
		}
		for i := range b.Rows {
			graph = append(graph, targets[(start+i)*references:(start+i+1)*references]...)
			for c := range columns {
				graph = append(graph, givers[c][i])
			}
		}
	}
	return graph, nil
}
