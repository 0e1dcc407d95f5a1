package check

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/keyset"
)

// memorySpill is the number of bytes of deferred rows above which they are written to a file.
const memorySpill = 4 << 20

// deferredRows are the rows that wait for the end of their sheet, because they refer to a row that has not been read (such
// as a manager further down). They are stored in the order of the file. Everything that grows with their number moves to files if
// the memory has no room for it.
type deferredRows struct {
	space   keyset.Space
	file    *os.File
	memory  []byte // not yet in the file
	spilled int64  // bytes in the file
	buffer  [512]byte
	// offsets are the positions of the rows, and nil if there are none.
	offsets *keyset.List[int64]
	// order has the indexes of the rows, and next is the first that Deferred has not returned yet.
	order    *keyset.List[int32]
	next     int
	arranged bool
	cyclic   *keyset.List[bool] // by index
	// released has, by index, the rows that are known to be valid, because they exchange unique values with others. It is
	// nil if there are none.
	released *keyset.List[bool]
}

// The head of a record has whether the row is already rejected (if so, it waits only for the issues of its references), its
// number, and the length of its values.
const headBytes = 1 + 4 + 4

func (d *deferredRows) len() int { return d.offsets.Len() }

// bytes returns the memory in use. The lists have reserved their own.
func (d *deferredRows) bytes() int64 { return int64(cap(d.memory)) }

// err returns the first error of a list that is in a file.
func (d *deferredRows) err() error {
	return errors.Join(d.offsets.Err(), d.order.Err(), d.cyclic.Err(), d.released.Err())
}

// add stores a row.
func (d *deferredRows) add(row int, values []imports.Value, rejected bool) error {
	if d.offsets == nil {
		d.offsets = keyset.NewList[int64](d.space, 0)
	}
	start := len(d.memory)
	d.memory = append(d.memory, make([]byte, headBytes)...)
	for _, v := range values {
		d.memory = appendValue(d.memory, v)
	}
	head := d.memory[start:]
	if rejected {
		head[0] = 1
	}
	binary.LittleEndian.PutUint32(head[1:], uint32(row))
	binary.LittleEndian.PutUint32(head[5:], uint32(len(head)-headBytes))
	d.offsets.Append(d.spilled + int64(start))
	if len(d.memory) < memorySpill {
		return unavailable(d.offsets.Err())
	}
	return d.spill()
}

// appendValue appends a value in a form that readValue reads.
func appendValue(dst []byte, v imports.Value) []byte {
	dst = append(dst, byte(v.Kind))
	switch v.Kind {
	case imports.Integer:
		dst = binary.AppendVarint(dst, v.Int)
	case imports.Text:
		dst = binary.AppendUvarint(dst, uint64(len(v.Bytes)))
		dst = append(dst, v.Bytes...)
	}
	return dst
}

// readValue returns the first value of a record, whose memory it uses, and the rest.
func readValue(record []byte) (v imports.Value, rest []byte) {
	v.Kind = imports.ValueKind(record[0])
	record = record[1:]
	switch v.Kind {
	case imports.Integer:
		n, size := binary.Varint(record)
		v.Int, record = n, record[size:]
	case imports.Text:
		length, size := binary.Uvarint(record)
		record = record[size:]
		v.Bytes, record = record[:length:length], record[length:]
	}
	return v, record
}

func (d *deferredRows) spill() error {
	if d.file == nil {
		file, err := os.CreateTemp(d.space.Dir, "headway-pending-*")
		if err != nil {
			return unavailable(fmt.Errorf("spill deferred rows: %w", err))
		}
		d.file = file
		// Without a name, the file disappears when the process ends, even if it crashes.
		if err := os.Remove(file.Name()); err != nil {
			return unavailable(fmt.Errorf("spill deferred rows: %w", err))
		}
	}
	n, err := d.file.Write(d.memory)
	d.spilled += int64(n)
	d.memory = d.memory[:0]
	if err != nil {
		return unavailable(fmt.Errorf("spill deferred rows: %w", err))
	}
	return unavailable(d.offsets.Err())
}

// get appends a row to the batch, and returns the length of its record.
func (d *deferredRows) get(b *Batch, i, width int) (length int, err error) {
	head, values, err := d.record(d.offsets.Get(i))
	if err != nil {
		return 0, unavailable(fmt.Errorf("read deferred rows: %w", errors.Join(err, d.offsets.Err())))
	}
	b.Rows, b.repeated = append(b.Rows, int(binary.LittleEndian.Uint32(head[1:]))), append(b.repeated, head[0] == 1)
	length = len(values)
	for range width {
		var v imports.Value
		v, values = readValue(values)
		b.Values = append(b.Values, v)
	}
	return length, unavailable(d.offsets.Err())
}

// record returns the head and the values of the record at an offset. The head is valid until the next call.
func (d *deferredRows) record(offset int64) (head, values []byte, err error) {
	if offset >= d.spilled {
		record := d.memory[offset-d.spilled:]
		return record, record[headBytes:][:binary.LittleEndian.Uint32(record[5:])], nil
	}
	some := d.buffer[:min(int64(len(d.buffer)), d.spilled-offset)]
	if _, err := d.file.ReadAt(some, offset); err != nil {
		return nil, nil, err
	}
	values = make([]byte, binary.LittleEndian.Uint32(some[5:]))
	if n := copy(values, some[headBytes:]); n < len(values) {
		if _, err := d.file.ReadAt(values[n:], offset+headBytes+int64(n)); err != nil {
			return nil, nil, err
		}
	}
	return some, values, nil
}

func (d *deferredRows) close() error {
	err := errors.Join(d.offsets.Close(), d.order.Close(), d.cyclic.Close(), d.released.Close())
	d.memory, d.offsets, d.order, d.cyclic, d.released = nil, nil, nil, nil, nil
	if d.file == nil {
		return err
	}
	file := d.file
	d.file = nil
	return errors.Join(err, file.Close())
}

// Deferred decides on the next rows that waited for the end of the sheet. A row comes before the rows that refer to it.
// Deferred resets and fills the batch. If it returns no verdict, no rows are left. Decide can't be called after it.
func (s *Sheet) Deferred(ctx context.Context, b *Batch) ([]Verdict, error) {
	d := &s.deferred
	b.Reset()
	if !d.arranged {
		d.arranged = true
		if err := s.arrange(ctx); err != nil {
			return nil, err
		}
	}
	if d.next == d.order.Len() {
		return nil, nil
	}
	first := d.next
	if err := d.fill(b, d.order, first, len(s.Columns)); err != nil {
		return nil, err
	}
	d.next += len(b.Rows)
	verdicts, err := s.decide(ctx, b, true)
	if err != nil {
		return nil, err
	}
	for i, v := range verdicts {
		if d.released != nil && v.State != Accepted && d.released.Get(int(d.order.Get(first+i))) {
			return nil, fmt.Errorf("row %d of sheet %s was expected to be valid, and is not: the exchange of its values can't be completed", v.Row, s.Spec.Name)
		}
	}
	return verdicts, unavailable(d.err())
}

// fill fills the batch with the rows of an order, from the given position.
func (d *deferredRows) fill(b *Batch, order *keyset.List[int32], from, width int) error {
	size := 0
	for at := from; at < order.Len() && len(b.Rows) < MaxBatchRows && size < MaxBatchText; at++ {
		i := int(order.Get(at))
		length, err := d.get(b, i, width)
		if err != nil {
			return err
		}
		b.cyclic = append(b.cyclic, d.cyclic.Get(i))
		size += length
	}
	return unavailable(errors.Join(order.Err(), d.err()))
}

// arrange orders the deferred rows so that no row precedes a row that it refers to, and finds the rows in a cycle.
func (s *Sheet) arrange(ctx context.Context) error {
	d := &s.deferred
	n := d.len()
	g, err := s.references(ctx)
	if err != nil {
		return errors.Join(err, g.targets.Close())
	}
	found, err := findComponents(s.Space, max(n, g.nodes()), g)
	if err != nil {
		return errors.Join(err, g.targets.Close(), found.close())
	}
	// The nodes of database rows are no longer needed.
	d.order, d.cyclic = keyset.NewList[int32](s.Space, 0), found.cyclic
	for i := range found.order.Len() {
		if node := found.order.Get(i); int(node) < n {
			d.order.Append(node)
		}
	}
	g.targets.Resize(n * g.width)
	for i := range g.targets.Len() {
		if int(g.targets.Get(i)) >= n {
			g.targets.Set(i, -1)
		}
	}
	err = unavailable(errors.Join(g.targets.Err(), d.err(), found.order.Err(), found.order.Close(), found.ends.Close()))
	if err == nil && len(s.uniques) > 0 && !s.Database.WasEmpty() {
		err = s.arrangeExchanges(ctx, g)
	}
	return errors.Join(err, g.targets.Close())
}

// references returns the graph of the deferred rows. They come before the rows of the database that they refer to.
func (s *Sheet) references(ctx context.Context) (*graph, error) {
	d, width := &s.deferred, len(s.selfColumns)
	g := &graph{width: width, targets: keyset.NewList[int32](s.Space, d.len()*width)}
	a := s.newAncestors(g)
	var b Batch
	for i := range d.len() {
		if i%MaxBatchRows == 0 {
			if err := ctx.Err(); err != nil {
				return g, errors.Join(err, a.close())
			}
		}
		b.Reset()
		if _, err := d.get(&b, i, len(s.Columns)); err != nil {
			return g, errors.Join(err, a.close())
		}
		for c, column := range s.selfColumns {
			a.follow(i*width+c, c, b.Values[column])
		}
		if a.waiting < MaxBatchRows {
			continue
		}
		if err := a.finish(ctx); err != nil {
			return g, errors.Join(err, a.close())
		}
	}
	return g, errors.Join(a.finish(ctx), unavailable(errors.Join(g.targets.Err(), d.err())), a.close())
}
