package check

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/keyset"
	"headway/services/importer/internal/schema"
)

// memorySpill is the number of bytes of deferred rows above which they are written to a file.
const memorySpill = 4 << 20

// deferredRows are the rows that wait for the end of their sheet, because they refer to a row that has not been read (such
// as a manager further down). They are stored in the order of the file.
type deferredRows struct {
	dir     string
	file    *os.File
	memory  []byte // not in the file so far
	spilled int64  // bytes in the file
	rows    []deferredRow
	// order has the indexes of the rows that Deferred has not returned so far. cyclic is by index.
	order    []int32
	arranged bool
	cyclic   []bool
}

// deferredRow is the position of a row. Its record begins with whether the row is rejected already. Then it waits only for
// the issues of its references.
type deferredRow struct {
	offset int64
	length uint32
	row    uint32
}

func (d *deferredRows) len() int { return len(d.rows) }

// bytes returns the memory in use. Ordering the rows needs about twice what a row's position needs.
func (d *deferredRows) bytes() int64 { return int64(cap(d.memory)) + int64(cap(d.rows))*48 }

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
			return fmt.Errorf("spill deferred rows: %w", err)
		}
		d.file = file
		// Without a name, the file disappears with the process, even if that crashes.
		if err := os.Remove(file.Name()); err != nil {
			return fmt.Errorf("spill deferred rows: %w", err)
		}
	}
	n, err := d.file.Write(d.memory)
	d.spilled += int64(n)
	d.memory = d.memory[:0]
	if err != nil {
		return fmt.Errorf("spill deferred rows: %w", err)
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
			return fmt.Errorf("read deferred rows: %w", err)
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
	d.memory, d.rows, d.order, d.cyclic = nil, nil, nil, nil
	if d.file == nil {
		return nil
	}
	file := d.file
	d.file = nil
	return file.Close()
}

// Deferred decides on the next rows that waited for the end of the sheet: those that are referred to before those that
// refer to them. It resets the batch and fills it. Without a verdict, no row is left. Decide can't be called after it.
func (s *Sheet) Deferred(ctx context.Context, b *Batch) ([]Verdict, error) {
	d := &s.deferred
	b.Reset()
	if !d.arranged {
		d.arranged = true
		if err := s.arrange(ctx); err != nil {
			return nil, err
		}
	}
	n, size := min(MaxBatchRows, len(d.order)), 0
	if n == 0 {
		return nil, nil
	}
	for _, i := range d.order[:n] {
		if err := d.get(b, int(i), len(s.Columns)); err != nil {
			return nil, err
		}
		b.cyclic = append(b.cyclic, d.cyclic[i])
		if size += int(d.rows[i].length); size >= MaxBatchText {
			break
		}
	}
	d.order = d.order[len(b.Rows):]
	return s.decide(ctx, b, true)
}

// arrange orders the deferred rows so that no row precedes one that it refers to, and finds those in a cycle.
func (s *Sheet) arrange(ctx context.Context) error {
	d := &s.deferred
	n, width := d.len(), len(s.selfColumns)
	targets := make([]int32, 0, n*width)
	var outside []outsideTarget
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
		for _, column := range s.selfColumns {
			target := int32(-1)
			if v := b.Values[column]; v.Kind != imports.Null {
				buffer = v.Append(buffer[:0])
				keys := s.keysOf(s.parents[column].column)
				if entry := keys.Find(buffer); entry >= 0 && keys.At(entry).state == Pending {
					target = int32(keys.At(entry).cause) - 1
				} else if entry < 0 {
					outside = append(outside, outsideTarget{edge: len(targets), value: bytes.Clone(buffer)})
				}
			}
			targets = append(targets, target)
		}
	}
	targets, nodes, err := s.addAncestors(ctx, targets, outside)
	if err != nil {
		return err
	}
	order, cyclic := components(nodes, width, targets)
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
	// A row that gives a unique value up precedes the one that takes it.
	combined, err := s.addOwners(ctx, width, targets)
	if err != nil {
		return err
	}
	d.order, _ = components(n, width+len(s.uniques), combined)
	return nil
}

// outsideTarget is a reference to a row of the sheet that the file does not have.
type outsideTarget struct {
	edge  int // index in the targets
	value []byte
}

// maxAncestors bounds the number of the database's rows that a search for cycles looks at.
const maxAncestors = 200_000

// addAncestors adds the rows of the database that deferred rows refer to, directly or through others, to a graph of
// targets, so that a cycle through them is found. It returns the graph and the number of its nodes.
func (s *Sheet) addAncestors(ctx context.Context, targets []int32, outside []outsideTarget) ([]int32, int, error) {
	n := s.deferred.len()
	if len(s.selfColumns) != 1 || len(s.key) != 1 || s.Database.WasEmpty() {
		return targets, n, nil // the key and one reference make a chain
	}
	column := s.selfColumns[0]
	if s.parents[column].column != s.Spec.Key[0] {
		return targets, n, nil
	}
	known := keyset.New[int32]()
	var next [][]byte // keys of the nodes that are not looked up
	node := func(value []byte) int32 {
		i, found := known.Add(value, int32(len(targets)))
		if !found {
			targets = append(targets, -1)
			next = append(next, value)
		}
		return *known.At(i)
	}
	for _, o := range outside {
		targets[o.edge] = node(o.value)
	}
	s.Written()
	kind := s.Columns[s.key[0]].Spec.Type
	for len(next) > 0 && known.Len() < maxAncestors {
		level := next[:min(MaxBatchRows, len(next))]
		next = next[len(level):]
		rows := make([][]imports.Value, len(level))
		for i, value := range level {
			rows[i] = make([]imports.Value, len(s.Columns))
			rows[i][s.key[0]] = imports.Value{Kind: imports.Text, Bytes: value}
			if kind == schema.Integer || kind == schema.Boolean {
				number, err := strconv.ParseInt(string(value), 10, 64)
				if err != nil {
					return nil, 0, fmt.Errorf("key %q of sheet %s: %w", value, s.Spec.Name, err)
				}
				rows[i][s.key[0]] = imports.Value{Kind: imports.Integer, Int: number}
			}
		}
		existing, err := s.Database.Existing(ctx, rows)
		if err != nil {
			return nil, 0, err
		}
		for i, row := range existing {
			if row == nil || row[column].Kind == imports.Null {
				continue
			}
			parent := row[column].Append(nil)
			target := int32(-1)
			if entry := s.keys.Find(parent); entry < 0 {
				target = node(parent)
			} else if s.keys.At(entry).state == Pending {
				target = int32(s.keys.At(entry).cause) - 1
			}
			targets[*known.At(known.Find(level[i]))] = target
		}
	}
	return targets, len(targets), nil
}

// addOwners adds to the targets of each deferred row the deferred rows that have its unique values in the database.
func (s *Sheet) addOwners(ctx context.Context, width int, targets []int32) ([]int32, error) {
	n, columns := s.deferred.len(), slices.Sorted(maps.Keys(s.uniques))
	combined := make([]int32, 0, n*(width+len(columns)))
	var b Batch
	s.Written()
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
			owners, err := s.Database.Owners(ctx, column, rows)
			if err != nil {
				return nil, err
			}
			for i, owner := range owners {
				giver := int32(-1)
				if owner != nil {
					if entry := s.keys.Find(ownerKey(owner)); entry >= 0 && s.keys.At(entry).state == Pending {
						giver = int32(s.keys.At(entry).cause) - 1
					}
				}
				if giver == int32(start+i) {
					giver = -1
				}
				givers[c] = append(givers[c], giver)
			}
		}
		for i := range b.Rows {
			combined = append(combined, targets[(start+i)*width:(start+i+1)*width]...)
			for c := range columns {
				combined = append(combined, givers[c][i])
			}
		}
	}
	return combined, nil
}
