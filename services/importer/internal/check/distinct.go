package check

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/keyset"
	"headway/services/importer/internal/text"
)

// distinctRows finds the rows of a distinct sheet that are equal to an earlier one: they have the same values, and the same text in cells
// that have none because of an error. The first of equal rows is stored, for the message about one that only has its key.
type distinctRows struct {
	firsts *keyset.Set[firstRow]
	seed   maphash.Seed
	rows   deferredRows
	key    []byte
	row    []byte
}

// firstRow is the first row with a key.
type firstRow struct {
	hash  uint64
	index uint32 // in rows
}

func newDistinctRows(space keyset.Space) *distinctRows {
	return &distinctRows{firsts: keyset.New[firstRow](space), seed: maphash.MakeSeed(), rows: deferredRows{space: space}}
}

func (d *distinctRows) bytes() int64 {
	if d == nil {
		return 0
	}
	return d.rows.bytes()
}

func (d *distinctRows) err() error {
	if d == nil {
		return nil
	}
	return errors.Join(d.firsts.Err(), d.rows.err())
}

func (d *distinctRows) close() error {
	if d == nil {
		return nil
	}
	return errors.Join(d.firsts.Close(), d.rows.close())
}

// find determines which rows of a batch are equal to an earlier one.
func (d *distinctRows) find(b *Batch, width int, key []int) error {
	next := 0
	b.same = b.same[:0]
	for i := range b.Rows {
		first := next
		for next < len(b.Faults) && b.Faults[next].Row == i {
			next++
		}
		values := b.Row(i, width)
		d.key, d.row = d.key[:0], d.row[:0]
		for _, column := range key {
			d.key = d.append(d.key, b, i, column, values, b.Faults[first:next])
		}
		for column := range values {
			d.row = d.append(d.row, b, i, column, values, b.Faults[first:next])
		}
		hash := maphash.Bytes(d.seed, d.row)
		index, found := d.firsts.Add(d.key, firstRow{hash: hash, index: uint32(d.rows.len())})
		b.same = append(b.same, found && d.firsts.Get(index).hash == hash)
		if found {
			continue
		}
		if err := d.rows.add(b.Rows[i], values, false); err != nil {
			return err
		}
	}
	return unavailable(d.err())
}

// append appends a cell in an unambiguous form: its value, or its text if it has an error.
func (d *distinctRows) append(dst []byte, b *Batch, i, column int, values []imports.Value, faults []CellFault) []byte {
	for _, f := range faults {
		if f.Column == column {
			cell := &b.Cells[i*len(values)+column]
			dst = binary.AppendUvarint(append(dst, 0xff, byte(cell.Kind)), uint64(len(cell.Text)))
			return append(dst, cell.Text...)
		}
	}
	return appendValue(dst, values[column])
}

// first returns the values of the first row that has the key of a row of the batch.
func (d *distinctRows) first(b *Batch, i, width int, key []int) ([]imports.Value, error) {
	d.key = d.key[:0]
	for _, column := range key {
		d.key = appendValue(d.key, b.Row(i, width)[column])
	}
	index := d.firsts.Find(d.key)
	if index < 0 {
		return nil, unavailable(d.err())
	}
	_, record, err := d.rows.record(d.rows.offsets.Get(int(d.firsts.Get(index).index)))
	if err = errors.Join(err, d.err()); err != nil {
		return nil, unavailable(fmt.Errorf("read the first row with a key: %w", err))
	}
	values := make([]imports.Value, width)
	for c := range values {
		values[c], record = readValue(record)
	}
	return values, nil
}

// isSame reports whether a row of the batch is equal to an earlier one.
func (s *Sheet) isSame(i int) bool { return s.distinct != nil && !s.replay && s.batch.same[i] }

// maxDifferences is the number of columns whose values a message compares.
const maxDifferences = 3

// differentMessage is the message of a row that has the key of an earlier row, and other values.
func (s *Sheet) differentMessage(first uint32) messages.Message {
	titles, values, location := s.titles(s.key), s.quotes(s.key), s.locationOf(first, s.key[0])
	earlier, err := s.distinct.first(s.batch, s.row.index, len(s.Columns), s.key)
	var differences []messages.Value
	for column := range s.Columns {
		if err != nil || earlier == nil { // the next check returns the error
			break
		}
		if s.row.values[column].Equal(earlier[column]) || len(differences) == maxDifferences {
			continue
		}
		differences = append(differences, messages.Of(messages.New("duplicate.difference", s.title(column),
			messages.Any("here", quoteOrEmpty(s.shown(column))), messages.Any("there", quoteOrEmpty(string(earlier[column].Append(nil)))))))
	}
	if len(differences) == 0 {
		return messages.New("duplicate.other_values", titles, values, location)
	}
	return messages.New("duplicate.different", titles, values, location, messages.List("differences", messages.Spaced, differences...))
}

func quoteOrEmpty(value string) messages.Value {
	if value == "" {
		return messages.Of(messages.New("duplicate.empty"))
	}
	return text.Quoted([]byte(value), maxQuoted)
}
