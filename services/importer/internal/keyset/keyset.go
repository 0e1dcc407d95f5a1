// Package keyset holds millions of keys, each with an entry: in about 40 bytes of memory per key, or in a file if the memory
// has no room for them.
package keyset

import (
	"crypto/sha256"
	"fmt"
	"hash/maphash"
	"math"
	"reflect"
	"unsafe"
)

// Memory is a budget. A set reserves memory in it before it grows.
type Memory interface {
	// Grow reserves bytes, or returns an error without waiting.
	Grow(bytes int64) error
	// Shrink returns bytes.
	Shrink(bytes int64)
}

// Space describes where sets store their keys.
type Space struct {
	// Memory, if set, bounds the memory. A set that it refuses moves to a file.
	Memory Memory
	// Dir is the folder for these files. If it is empty, the system's temporary folder is used.
	Dir string
}

// Set is a set of keys with an entry for each. It compares keys byte by byte. In memory, keys and entries are stored in pages
// that never move, and a table with open addressing finds them. A Set is for one goroutine.
//
// Only files can fail. After an error, which Err returns, the results of a set are meaningless.
type Set[E any] struct {
	space    Space
	reserved int64 // of space.Memory
	seed     maphash.Seed
	slots    []slot
	count    int
	// entries and keys are pages of entriesPage entries and of keyPage bytes.
	entries [][]entry[E]
	keys    [][]byte
	// file is set as soon as the keys are in a file. slots, entries, and keys are nil then.
	file *file[E]
	err  error
}

// entry is the entry of one key.
type entry[E any] struct {
	offset uint32 // of the key
	value  E
}

// slot is the low half of a key's hash above the index of its entry, which counts from 1. 0 is free.
type slot uint64

func newSlot(hash uint32, index int) slot { return slot(hash)<<32 | slot(index+1) }

func (s slot) hash() uint32 { return uint32(s >> 32) }
func (s slot) index() int   { return int(uint32(s)) - 1 }

const (
	firstSlots  = 1024
	slotBytes   = int64(unsafe.Sizeof(slot(0)))
	entriesPage = 1 << 14
	keyPage     = 1 << 18
	// longKey is the length above which a key is stored as its SHA-256.
	longKey = 64
	// maxKeys is the maximum number of keys of a set: a slot has room for the index of this many.
	maxKeys = math.MaxUint32 - 1
	// maxKeyBytes is the number of bytes of keys that an entry can address.
	maxKeyBytes = math.MaxUint32 - keyPage
)

// New returns an empty set. The entries must not contain pointers.
func New[E any](space Space) *Set[E] {
	if kind := reflect.TypeFor[E](); hasPointers(kind) {
		panic(fmt.Sprintf("keyset: entries of type %s contain pointers, which a file can't hold", kind))
	}
	s := &Set[E]{space: space, seed: maphash.MakeSeed(), slots: make([]slot, firstSlots)}
	if !s.reserve(firstSlots * slotBytes) {
		s.spill()
	}
	return s
}

func hasPointers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if hasPointers(t.Field(i).Type) {
				return true
			}
		}
		return false
	case reflect.Array:
		return hasPointers(t.Elem())
	}
	return t.Kind() > reflect.Complex128
}

// Get returns the entry of an index.
func (s *Set[E]) Get(index int) (value E) {
	if s.err != nil {
		return value
	}
	if s.file != nil {
		record, err := s.file.record(index)
		s.fail(err)
		return record.value
	}
	return s.entries[index/entriesPage][index%entriesPage].value
}

// Put replaces the entry of an index.
func (s *Set[E]) Put(index int, value E) {
	if s.err != nil {
		return
	}
	if s.file != nil {
		s.fail(s.file.put(index, value))
		return
	}
	s.entries[index/entriesPage][index%entriesPage].value = value
}

// Add adds a key with its entry, unless the set already has the key. It returns the index of the key's entry.
func (s *Set[E]) Add(key []byte, value E) (index int, found bool) {
	key = shorten(key)
	hash := uint32(maphash.Bytes(s.seed, key))
	free, index := s.locate(key, hash)
	if index >= 0 {
		return index, true
	}
	if s.count == maxKeys {
		s.fail(fmt.Errorf("a set has more than %d keys", uint32(maxKeys)))
	}
	if s.file == nil && !s.makeRoom(len(key)) {
		s.spill()
		free, _ = s.locate(key, hash)
	}
	if s.err != nil {
		return 0, false
	}
	index = s.count
	s.count++
	if s.file != nil {
		s.fail(s.file.add(free, hash, index, key, value))
		return index, false
	}
	last := &s.entries[len(s.entries)-1]
	*last = append(*last, entry[E]{offset: s.store(key), value: value})
	s.slots[free] = newSlot(hash, index)
	if s.count*3 > len(s.slots)*2 {
		s.grow()
	}
	return index, false
}

// Find returns the index of a key's entry, or -1. A nil set is empty.
func (s *Set[E]) Find(key []byte) int {
	if s == nil {
		return -1
	}
	key = shorten(key)
	_, index := s.locate(key, uint32(maphash.Bytes(s.seed, key)))
	return index
}

// Len returns the number of keys.
func (s *Set[E]) Len() int { return s.count }

// Err returns the first error of the set's file. A nil set has none.
func (s *Set[E]) Err() error {
	if s == nil || s.err == nil {
		return nil
	}
	return fmt.Errorf("keys in a file: %w", s.err)
}

func (s *Set[E]) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// Close returns the memory, and deletes the file. A nil set has none.
func (s *Set[E]) Close() error {
	if s == nil {
		return nil
	}
	s.release()
	s.slots, s.entries, s.keys = nil, nil, nil
	if s.file == nil {
		return nil
	}
	file := s.file
	s.file = nil
	return file.close()
}

func (s *Set[E]) reserve(bytes int64) bool {
	if s.space.Memory != nil {
		if err := s.space.Memory.Grow(bytes); err != nil {
			return false
		}
	}
	s.reserved += bytes
	return true
}

func (s *Set[E]) release() {
	s.shrink(s.reserved)
}

func (s *Set[E]) shrink(bytes int64) {
	if s.space.Memory != nil {
		s.space.Memory.Shrink(bytes)
	}
	s.reserved -= bytes
}

// makeRoom makes room for the entry and the bytes of one more key. It returns false if there is none.
func (s *Set[E]) makeRoom(length int) bool {
	if s.count/entriesPage == len(s.entries) {
		if !s.reserve(entriesPage * int64(unsafe.Sizeof(entry[E]{}))) {
			return false
		}
		s.entries = append(s.entries, make([]entry[E], 0, entriesPage))
	}
	if last := len(s.keys) - 1; last < 0 || keyPage-len(s.keys[last]) < 1+length {
		if len(s.keys)*keyPage > maxKeyBytes || !s.reserve(keyPage) {
			return false
		}
		s.keys = append(s.keys, make([]byte, 0, keyPage))
	}
	return true
}

// locate returns the index of a key's entry, or -1 and the position of the slot for it.
func (s *Set[E]) locate(key []byte, hash uint32) (free int64, index int) {
	if s.file != nil {
		free, index, err := s.file.locate(key, hash)
		s.fail(err)
		return free, index
	}
	mask := len(s.slots) - 1
	for at := int(hash) & mask; ; at = (at + 1) & mask {
		used := s.slots[at]
		if used == 0 {
			return int64(at), -1
		}
		if used.hash() == hash && string(s.key(used.index())) == string(key) {
			return int64(at), used.index()
		}
	}
}

// store stores a key and returns its offset. Keys are short, so a length of one byte precedes each.
func (s *Set[E]) store(key []byte) uint32 {
	last := len(s.keys) - 1
	page := s.keys[last]
	offset := uint32(last*keyPage + len(page))
	s.keys[last] = append(append(page, byte(len(key))), key...)
	return offset
}

func (s *Set[E]) key(index int) []byte {
	offset := s.entries[index/entriesPage][index%entriesPage].offset
	page := s.keys[offset/keyPage][offset%keyPage:]
	return page[1 : 1+int(page[0])]
}

// grow doubles the table, or moves the set to a file.
func (s *Set[E]) grow() {
	old := s.slots
	if !s.reserve(2 * int64(len(old)) * slotBytes) {
		s.spill()
		return
	}
	defer s.shrink(int64(len(old)) * slotBytes)
	s.slots = make([]slot, 2*len(old))
	mask := len(s.slots) - 1
	for _, used := range old {
		if used == 0 {
			continue
		}
		at := int(used.hash()) & mask
		for s.slots[at] != 0 {
			at = (at + 1) & mask
		}
		s.slots[at] = used
	}
}

func shorten(key []byte) []byte {
	if len(key) <= longKey {
		return key
	}
	sum := sha256.Sum256(key)
	return append([]byte{0xff, 0xff}, sum[:]...) // 0xff is never in UTF-8, so no short key is equal to it
}
