package keyset

import (
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"
)

// file is a set in two files without names: one has a record for each key, in the order of the keys, and the other the table
// that finds them. The operating system caches both.
type file[E any] struct {
	records *os.File
	// tail are the last records. The file has those before, which are written many at a time.
	tail    []record[E]
	written int
	table   *os.File
	slots   int64 // in the table
	dir     string
	buffer  [probeSlots]slot
}

// record is a key with its entry.
type record[E any] struct {
	value  E
	length uint8
	key    [longKey]byte
}

const (
	tailRecords = 1 << 10
	// probeSlots is the number of slots that are read at a time.
	probeSlots = 16
	// minFileSlots is the size of the first table. The files of most systems take no space where nothing was written.
	minFileSlots = 1 << 16
	// growSlots is how many times larger the next table is.
	growSlots = 4
)

// bytesOf returns the memory of values without pointers.
func bytesOf[T any](values []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values)*int(unsafe.Sizeof(*new(T))))
}

// spill moves the set to a file.
func (s *Set[E]) spill() {
	f := &file[E]{dir: s.space.Dir, slots: minFileSlots, tail: make([]record[E], 0, tailRecords)}
	for f.slots < growSlots*int64(s.count) {
		f.slots *= growSlots
	}
	err := f.open()
	if err == nil {
		err = s.moveTo(f)
	}
	if err != nil {
		s.fail(errors.Join(err, f.close()))
		return
	}
	s.slots, s.entries, s.keys, s.file = nil, nil, nil, f
	s.release()
}

func (s *Set[E]) moveTo(f *file[E]) error {
	for i := range s.count {
		if err := f.append(s.key(i), s.entries[i/entriesPage][i%entriesPage].value); err != nil {
			return err
		}
	}
	return f.insert(s.slots)
}

func (f *file[E]) open() (err error) {
	if f.records, err = temporary(f.dir); err != nil {
		return err
	}
	f.table, err = temporary(f.dir)
	return err
}

// temporary creates a file without a name. It disappears with the process, even if that crashes.
func temporary(dir string) (*os.File, error) {
	file, err := os.CreateTemp(dir, "headway-keys-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func (f *file[E]) close() error {
	var err error
	for _, file := range []*os.File{f.records, f.table} {
		if file != nil {
			err = errors.Join(err, file.Close())
		}
	}
	return err
}

// add adds a key that locate has not found, and its slot.
func (f *file[E]) add(at int64, hash uint32, index int, key []byte, value E) error {
	if err := f.append(key, value); err != nil {
		return err
	}
	if err := f.set(at, newSlot(hash, index)); err != nil {
		return err
	}
	if int64(index+1)*3 <= f.slots*2 {
		return nil
	}
	return f.grow()
}

func (f *file[E]) append(key []byte, value E) error {
	if len(f.tail) == tailRecords {
		if _, err := f.records.Write(bytesOf(f.tail)); err != nil {
			return err
		}
		f.written += len(f.tail)
		f.tail = f.tail[:0]
	}
	r := record[E]{value: value, length: uint8(len(key))}
	copy(r.key[:], key)
	f.tail = append(f.tail, r)
	return nil
}

// at returns the position of a record in the file, or -1 if it is in the tail.
func (f *file[E]) at(index int) int64 {
	if index >= f.written {
		return -1
	}
	return int64(index) * int64(unsafe.Sizeof(record[E]{}))
}

func (f *file[E]) record(index int) (r record[E], err error) {
	at := f.at(index)
	if at < 0 {
		return f.tail[index-f.written], nil
	}
	one := [1]record[E]{}
	_, err = f.records.ReadAt(bytesOf(one[:]), at)
	return one[0], err
}

func (f *file[E]) put(index int, value E) error {
	at := f.at(index)
	if at < 0 {
		f.tail[index-f.written].value = value
		return nil
	}
	one := [1]E{value} // the first field of the record
	_, err := f.records.WriteAt(bytesOf(one[:]), at)
	return err
}

// locate returns the index of a key's record, or -1 and the position of the slot for it.
func (f *file[E]) locate(key []byte, hash uint32) (free int64, index int, err error) {
	free = -1
	err = f.probe(hash, func(at int64, used slot) (bool, error) {
		if used == 0 {
			free, index = at, -1
			return true, nil
		}
		if used.hash() != hash {
			return false, nil
		}
		r, err := f.record(used.index())
		if err != nil || string(r.key[:r.length]) != string(key) {
			return false, err
		}
		free, index = at, used.index()
		return true, nil
	})
	return free, index, err
}

// probe calls visit for the slots where a hash can be, in their order, until it returns true.
func (f *file[E]) probe(hash uint32, visit func(at int64, used slot) (bool, error)) error {
	for at := int64(hash) & (f.slots - 1); ; {
		some := f.buffer[:min(probeSlots, f.slots-at)]
		if _, err := f.table.ReadAt(bytesOf(some), at*slotBytes); errors.Is(err, io.EOF) {
			return fmt.Errorf("the table of keys ends before slot %d", at)
		} else if err != nil {
			return err
		}
		for _, used := range some {
			if done, err := visit(at, used); done || err != nil {
				return err
			}
			at++
		}
		at &= f.slots - 1
	}
}

func (f *file[E]) set(at int64, to slot) error {
	one := [1]slot{to}
	_, err := f.table.WriteAt(bytesOf(one[:]), at*slotBytes)
	return err
}

// insert inserts slots into the table.
func (f *file[E]) insert(slots []slot) error {
	if err := f.table.Truncate(f.slots * slotBytes); err != nil {
		return err
	}
	for _, s := range slots {
		if s == 0 {
			continue
		}
		free := int64(-1)
		err := f.probe(s.hash(), func(at int64, used slot) (bool, error) {
			free = at
			return used == 0, nil
		})
		if err != nil {
			return err
		}
		if err := f.set(free, s); err != nil {
			return err
		}
	}
	return nil
}

// grow moves the slots to a larger table.
func (f *file[E]) grow() error {
	old, slots := f.table, f.slots
	table, err := temporary(f.dir)
	if err != nil {
		return err
	}
	f.table, f.slots = table, slots*growSlots
	if err := f.table.Truncate(f.slots * slotBytes); err != nil {
		return errors.Join(err, old.Close())
	}
	some := make([]slot, 1<<13)
	for at := int64(0); at < slots; at += int64(len(some)) {
		if _, err := old.ReadAt(bytesOf(some), at*slotBytes); err != nil {
			return errors.Join(err, old.Close())
		}
		if err := f.insert(some); err != nil {
			return errors.Join(err, old.Close())
		}
	}
	return old.Close()
}
