package check

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"slices"

	"headway/services/importer/internal/imports"
)

// memorySpill is the number of bytes of deferred rows above which they are written to a file.
const memorySpill = 4 << 20

// deferredRows are the rows that wait for the end of their sheet, because they refer to a row that has not been read (such
// as a manager further down). They are stored in the order of the file.
type deferredRows struct {
	dir     string
	file    *os.File
	memory  []byte // not yet in the file
	spilled int64  // bytes in the file
	rows    []deferredRow
	// order has the indexes of the rows that Deferred has not returned yet. cyclic is by index.
	order    []int32
	arranged bool
	cyclic   []bool
	// released has, by index, the rows that are known to be valid, because they exchange unique values with others. It is
	// nil if there are none.
	released []bool
}

// deferredRow is the position of a row. Its record begins with whether the row is already rejected. If so, the row
// waits only for the issues of its references.
type deferredRow struct {
	offset int64
	length uint32
	row    uint32
}

func (d *deferredRows) len() int { return len(d.rows) }

// bytes returns the memory in use, including the memory for ordering rows with this number of edges each.
func (d *deferredRows) bytes(edges int) int64 {
	return int64(cap(d.memory)) + int64(cap(d.rows))*int64(48+8*edges)
}

// add stores a row.
func (d *deferredRows) add(row int, values []imports.Value, rejected bool) error {
	start := len(d.memory)
	d.memory = append(d.memory, 0)
	if rejected {
		d.memory[start] = 1
	}
	for _, v := range values {
		d.memory = append(d.memory, byte(v.Kind))
		switch v.Kind {
		case imports.Integer:
			d.memory = binary.AppendVarint(d.memory, v.Int)
		case imports.Text:
			d.memory = binary.AppendUvarint(d.memory, uint64(len(v.Bytes)))
			d.memory = append(d.memory, v.Bytes...)
		}
	}
	d.rows = append(d.rows, deferredRow{offset: d.spilled + int64(start), length: uint32(len(d.memory) - start), row: uint32(row)})
	if len(d.memory) < memorySpill {
		return nil
	}
	return d.spill()
}

func (d *deferredRows) spill() error {
	if d.file == nil {
		file, err := os.CreateTemp(d.dir, "headway-pending-*")
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
	return nil
}

// get appends a row to the batch.
func (d *deferredRows) get(b *Batch, i, width int) error {
	at := d.rows[i]
	var record []byte
	if at.offset >= d.spilled {
		start := int(at.offset - d.spilled)
		record = d.memory[start : start+int(at.length)]
	} else {
		record = make([]byte, at.length)
		if _, err := d.file.ReadAt(record, at.offset); err != nil {
			return unavailable(fmt.Errorf("read deferred rows: %w", err))
		}
	}
	b.Rows, b.repeated = append(b.Rows, int(at.row)), append(b.repeated, record[0] == 1)
	record = record[1:]
	for range width {
		v := imports.Value{Kind: imports.ValueKind(record[0])}
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
		b.Values = append(b.Values, v)
	}
	return nil
}

func (d *deferredRows) close() error {
	d.memory, d.rows, d.order, d.cyclic, d.released = nil, nil, nil, nil, nil
	if d.file == nil {
		return nil
	}
	file := d.file
	d.file = nil
	return file.Close()
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
	if len(d.order) == 0 {
		return nil, nil
	}
	if err := d.fill(b, d.order, len(s.Columns)); err != nil {
		return nil, err
	}
	decided := d.order[:len(b.Rows)]
	d.order = d.order[len(b.Rows):]
	verdicts, err := s.decide(ctx, b, true)
	if err != nil {
		return nil, err
	}
	for i, row := range decided {
		if d.released != nil && d.released[row] && verdicts[i].State != Accepted {
			return nil, fmt.Errorf("row %d of sheet %s was expected to be valid, and is not: the exchange of its values can't be completed", verdicts[i].Row, s.Spec.Name)
		}
	}
	return verdicts, nil
}

// fill fills the batch with the first rows of an order.
func (d *deferredRows) fill(b *Batch, order []int32, width int) error {
	size := 0
	for _, i := range order[:min(MaxBatchRows, len(order))] {
		if err := d.get(b, int(i), width); err != nil {
			return err
		}
		b.cyclic = append(b.cyclic, d.cyclic[i])
		if size += int(d.rows[i].length); size >= MaxBatchText {
			break
		}
	}
	return nil
}

// arrange orders the deferred rows so that no row precedes a row that it refers to, and finds the rows in a cycle.
func (s *Sheet) arrange(ctx context.Context) error {
	d := &s.deferred
	n, width := d.len(), len(s.selfColumns)
	targets := make([]int32, 0, n*width)
	outside := make([][]outsideTarget, width)
	var b Batch
	var buffer []byte
	for i := range n {
		if i%MaxBatchRows == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		b.Reset()
		if err := d.get(&b, i, len(s.Columns)); err != nil {
			return err
		}
		for c, column := range s.selfColumns {
			target := int32(-1)
			if v := b.Values[column]; v.Kind != imports.Null {
				buffer = v.Append(buffer[:0])
				keys := s.keysOf(s.parents[column].column)
				if entry := keys.Find(buffer); entry >= 0 && keys.Get(entry).state == Pending {
					target = int32(keys.Get(entry).cause) - 1
				} else if entry < 0 {
					outside[c] = append(outside[c], outsideTarget{edge: len(targets), value: cloned(b.Values[column])})
				}
			}
			targets = append(targets, target)
		}
	}
	targets, nodes, err := s.addAncestors(ctx, targets, outside)
	if err != nil {
		return err
	}
	order, _, cyclic := components(nodes, width, targets)
	d.order = slices.DeleteFunc(order, func(i int32) bool { return int(i) >= n })
	d.cyclic, targets = cyclic[:n], targets[:n*width]
	for i, target := range targets {
		if int(target) >= n {
			targets[i] = -1
		}
	}
	if len(s.uniques) == 0 || s.Database.WasEmpty() {
		return nil
	}
	return s.arrangeExchanges(ctx, targets)
}
