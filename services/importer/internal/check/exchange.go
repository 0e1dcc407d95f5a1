package check

import (
	"context"
	"errors"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/keyset"
)

// exchange finds the deferred rows that exchange unique values.
type exchange struct {
	sheet *Sheet
	// graph has, for each deferred row, the rows that it refers to, and those that have the values of its unique columns in the
	// database. references is the number of the former.
	graph      *graph
	references int
	found      *components
	// component is the component of each row. doomed are the rows that are invalid even if all rows that they depend on are
	// valid, and later the rows whose component has such a row.
	component *keyset.List[int32]
	doomed    *keyset.List[bool]
}

// arrangeExchanges orders the deferred rows so that a row that releases a unique value precedes the one that takes it. In a
// cycle, such as two rows that exchange their values, there is no such order. If all rows of a cycle are valid, the
// database releases their values before any of them is written. If one is not valid, none of them can be imported.
func (s *Sheet) arrangeExchanges(ctx context.Context, references *graph) (err error) {
	e := &exchange{sheet: s, references: references.width, component: keyset.NewList[int32](s.Space, s.deferred.len())}
	defer func() {
		err = errors.Join(err, unavailable(errors.Join(e.err(), e.found.close(), e.component.Close(), e.doomed.Close(), e.graph.targets.Close())))
	}()
	if e.graph, err = s.addOwners(ctx, references); err != nil {
		return err
	}
	if e.found, err = findComponents(s.Space, s.deferred.len(), e.graph); err != nil {
		return err
	}
	exchanges, err := e.arrange()
	if err != nil || !exchanges {
		return unavailable(err)
	}
	if e.doomed, err = s.probeAll(ctx); err != nil {
		return err
	}
	e.doom()
	s.deferred.released = keyset.NewList[bool](s.Space, s.deferred.len())
	for i, column := range s.uniqueColumns {
		givers := e.givers(i)
		err := errors.Join(s.release(ctx, column, givers), unavailable(e.err()), unavailable(givers.Close()))
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *exchange) err() error {
	if e.found == nil {
		return nil
	}
	return errors.Join(e.graph.targets.Err(), e.found.order.Err(), e.found.ends.Err(), e.component.Err(), e.doomed.Err(), e.sheet.deferred.err())
}

// arrange orders the rows by component. A row still precedes those that refer to it. It reports whether a component has
// several rows.
func (e *exchange) arrange() (exchanges bool, err error) {
	d, ends := &e.sheet.deferred, e.found.ends
	first := int32(0)
	for c := range ends.Len() {
		end := ends.Get(c)
		for i := first; i < end; i++ {
			e.component.Set(int(e.found.order.Get(int(i))), int32(c))
		}
		exchanges = exchanges || end-first > 1
		first = end
	}
	// The rows of each component are put into the order that they had before.
	next := keyset.NewList[int32](d.space, ends.Len())
	for c := 1; c < ends.Len(); c++ {
		next.Set(c, ends.Get(c-1))
	}
	order := keyset.NewList[int32](d.space, d.order.Len())
	for i := range d.order.Len() {
		row := d.order.Get(i)
		c := int(e.component.Get(int(row)))
		at := next.Get(c)
		if next.Err() != nil {
			break
		}
		order.Set(int(at), row)
		next.Set(c, at+1)
	}
	err = errors.Join(next.Err(), next.Close(), d.order.Err(), d.order.Close())
	d.order = order
	return exchanges, errors.Join(err, e.err())
}

// doom dooms all rows of a component with a doomed row, or with one that depends on a doomed row.
func (e *exchange) doom() {
	order := e.sheet.deferred.order
	first := int32(0)
	for c := range e.found.ends.Len() {
		end := e.found.ends.Get(c)
		bad := false
		for i := first; i < end && !bad; i++ {
			row := int(order.Get(int(i)))
			bad = e.doomed.Get(row)
			for k := range e.graph.width {
				target := e.graph.targets.Get(row*e.graph.width + k)
				bad = bad || target >= 0 && e.doomed.Get(int(target))
			}
		}
		for i := first; i < end && bad; i++ {
			e.doomed.Set(int(order.Get(int(i))), true)
		}
		first = end
	}
}

// givers returns the rows that have values of a unique column which other rows of the same, valid component take. It
// records that the rows of such components are valid.
func (e *exchange) givers(unique int) *keyset.List[int32] {
	order, released := e.sheet.deferred.order, e.sheet.deferred.released
	givers := keyset.NewList[int32](e.sheet.Space, 0)
	first := int32(0)
	for c := range e.found.ends.Len() {
		end := e.found.ends.Get(c)
		for i := first; i < end && end-first > 1; i++ {
			row := int(order.Get(int(i)))
			if e.doomed.Get(row) {
				break
			}
			released.Set(row, true)
			giver := e.graph.targets.Get(row*e.graph.width + e.references + unique)
			if giver >= 0 && e.component.Get(int(giver)) == int32(c) {
				givers.Append(giver)
			}
		}
		first = end
	}
	return givers
}

// probeAll reports, by index, which deferred rows are invalid even if all deferred rows that they depend on are valid.
func (s *Sheet) probeAll(ctx context.Context) (*keyset.List[bool], error) {
	d := &s.deferred
	doomed := keyset.NewList[bool](s.Space, d.len())
	s.probing = true
	defer func() { s.probing = false }()
	var b Batch
	for from := 0; from < d.order.Len(); from += len(b.Rows) {
		b.Reset()
		if err := d.fill(&b, d.order, from, len(s.Columns)); err != nil {
			return doomed, err
		}
		verdicts, err := s.decide(ctx, &b, true)
		if err != nil {
			return doomed, err
		}
		for i, v := range verdicts {
			doomed.Set(int(d.order.Get(from+i)), v.State != Accepted)
		}
	}
	return doomed, nil
}

// release makes the database release the values of rows in a unique column.
func (s *Sheet) release(ctx context.Context, column int, rows *keyset.List[int32]) error {
	var b Batch
	for from := 0; from < rows.Len(); from += len(b.Rows) {
		b.Reset()
		if err := s.deferred.fill(&b, rows, from, len(s.Columns)); err != nil {
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

// addOwners returns the graph of the deferred rows with the rows that have the values of their unique columns in the
// database.
func (s *Sheet) addOwners(ctx context.Context, references *graph) (*graph, error) {
	n, columns := s.deferred.len(), s.uniqueColumns
	width := references.width + len(columns)
	g := &graph{width: width, targets: keyset.NewList[int32](s.Space, n*width)}
	var b Batch
	for start := 0; start < n; start += len(b.Rows) {
		b.Reset()
		for i, size := start, 0; i < n && len(b.Rows) < MaxBatchRows && size < MaxBatchText; i++ {
			length, err := s.deferred.get(&b, i, len(s.Columns))
			if err != nil {
				return g, err
			}
			size += length
		}
		rows := make([][]imports.Value, len(b.Rows))
		for i := range rows {
			rows[i] = b.Row(i, len(s.Columns))
			for c := range references.width {
				g.targets.Set((start+i)*width+c, references.targets.Get((start+i)*references.width+c))
			}
		}
		for c, column := range columns {
			owners, err := s.ownersOf(ctx, column, rows)
			if err != nil {
				return g, err
			}
			for i, owner := range owners {
				g.targets.Set((start+i)*width+references.width+c, s.giver(start+i, owner))
			}
		}
	}
	return g, unavailable(errors.Join(g.targets.Err(), references.targets.Err(), s.keyErr()))
}

// giver returns the deferred row that has the key of a database's row, if that is not the given one, or -1.
func (s *Sheet) giver(row int, owner []imports.Value) int32 {
	if owner == nil {
		return -1
	}
	entry := s.keys.Find(s.ownerKey(owner))
	if entry < 0 || s.keys.Get(entry).state != Pending {
		return -1
	}
	if giver := int32(s.keys.Get(entry).cause) - 1; int(giver) != row {
		return giver
	}
	return -1
}
