// Package keyset holds millions of keys, each with an entry, in about 40 bytes per key.
package keyset

import (
	"crypto/sha256"
	"hash/maphash"
	"unsafe"
)

// Set is a set of keys with an entry for each. It compares keys byte by byte. Keys and entries are stored in pages that
// never move. A table with open addressing finds them. A Set is for one goroutine.
type Set[E any] struct {
	seed  maphash.Seed
	slots []slot
	count int
	// entries and keys are pages of entriesPage entries and of keyPage bytes.
	entries [][]entry[E]
	keys    [][]byte
}

// entry is the entry of one key.
type entry[E any] struct {
	offset uint32 // of the key
	value  E
}

// slot is the low half of a key's hash above the index of its entry, which counts from 1. 0 is free.
type slot uint64

func (s slot) hash() uint32 { return uint32(s >> 32) }
func (s slot) index() int   { return int(uint32(s)) - 1 }

const (
	entriesPage = 1 << 14
	keyPage     = 1 << 18
	// longKey is the length above which a key is stored as its SHA-256.
	longKey = 64
)

// New returns an empty set.
func New[E any]() *Set[E] {
	return &Set[E]{seed: maphash.MakeSeed(), slots: make([]slot, 1024)}
}

// At returns the entry of an index. It remains valid, and can be changed.
func (s *Set[E]) At(index int) *E { return &s.entries[index/entriesPage][index%entriesPage].value }

// Add adds a key with its entry, unless the set has the key already. It returns the index of the key's entry.
func (s *Set[E]) Add(key []byte, value E) (index int, found bool) {
	key = shorten(key)
	hash := uint32(maphash.Bytes(s.seed, key))
	free, index := s.locate(key, hash)
	if index >= 0 {
		return index, true
	}
	index = s.count
	s.count++
	if index%entriesPage == 0 {
		s.entries = append(s.entries, make([]entry[E], 0, entriesPage))
	}
	last := &s.entries[index/entriesPage]
	*last = append(*last, entry[E]{offset: s.store(key), value: value})
	s.slots[free] = slot(hash)<<32 | slot(index+1)
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

// Bytes returns the memory that the set uses. A nil set uses none.
func (s *Set[E]) Bytes() int64 {
	if s == nil {
		return 0
	}
	return int64(len(s.slots))*8 + int64(len(s.entries))*entriesPage*int64(unsafe.Sizeof(entry[E]{})) + int64(len(s.keys))*keyPage
}

func (s *Set[E]) locate(key []byte, hash uint32) (free, index int) {
	mask := len(s.slots) - 1
	for at := int(hash) & mask; ; at = (at + 1) & mask {
		used := s.slots[at]
		if used == 0 {
			return at, -1
		}
		if used.hash() == hash && string(s.key(used.index())) == string(key) {
			return at, used.index()
		}
	}
}

// store stores a key and returns its offset. Keys are short, so a length of one byte precedes each.
func (s *Set[E]) store(key []byte) uint32 {
	last := len(s.keys) - 1
	if last < 0 || keyPage-len(s.keys[last]) < 1+len(key) {
		s.keys = append(s.keys, make([]byte, 0, keyPage))
		last++
	}
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

func (s *Set[E]) grow() {
	old := s.slots
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
