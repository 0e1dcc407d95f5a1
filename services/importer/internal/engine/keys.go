package engine

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"

	"headway/services/importer/internal/imports"
)

// state is what became of the row that holds a key.
type state uint8

const (
	undecided state = iota
	// accepted rows are in the database, or will be when the transaction is committed.
	accepted
	// present rows were refused only because the database holds their key already: it can be referred to.
	present
	rejected
	blocked
	// pending rows wait for the end of the sheet: a row below may be the one that they refer to.
	pending
)

// fault is what a rejected row is rejected for, if it has a key.
type fault struct {
	code imports.IssueCode
	// column counts from 0 in the columns of the run; -1 for the whole row.
	column int16
}

// entry is one key and its row.
type entry struct {
	offset uint32
	row    uint32
	// cause is the root cause of a rejected or blocked row, from 1; 0 if none is known yet.
	cause uint32
	state state
	fault fault
}

// keySet holds the keys of a sheet, or the values of a unique column: exact, about 40 bytes a key. Keys lie in pages
// that never move; a table of open addressing finds them.
type keySet struct {
	seed  maphash.Seed
	slots []slot
	count int
	// entries and keys are pages: of entriesPage entries, and of keyPage bytes.
	entries [][]entry
	keys    [][]byte
}

// slot is the low half of a key's hash above the index of its entry, which counts from 1; 0 is free.
type slot uint64

func (s slot) hash() uint32 { return uint32(s >> 32) }
func (s slot) index() int   { return int(uint32(s)) - 1 }

const (
	entriesPage = 1 << 14
	keyPage     = 1 << 18
	// longKey is the length above which a key is held as its SHA-256.
	longKey = 64
)

func newKeySet() *keySet {
	return &keySet{seed: maphash.MakeSeed(), slots: make([]slot, 1024)}
}

// at gives the entry of an index.
func (s *keySet) at(index int) *entry { return &s.entries[index/entriesPage][index%entriesPage] }

// add finds a key or adds it for a row. It gives the entry's index, and whether it was there before.
func (s *keySet) add(key []byte, row int) (index int, found bool) {
	key = shorten(key)
	hash := uint32(maphash.Bytes(s.seed, key))
	place, index := s.locate(key, hash)
	if index >= 0 {
		return index, true
	}
	index = s.count
	s.count++
	if index%entriesPage == 0 {
		s.entries = append(s.entries, make([]entry, 0, entriesPage))
	}
	last := &s.entries[index/entriesPage]
	*last = append(*last, entry{offset: s.keep(key), row: uint32(row)})
	s.slots[place] = slot(hash)<<32 | slot(index+1)
	if s.count*3 > len(s.slots)*2 {
		s.grow()
	}
	return index, false
}

// find gives the index of a key's entry, or -1. A nil set is empty.
func (s *keySet) find(key []byte) int {
	if s == nil {
		return -1
	}
	key = shorten(key)
	_, index := s.locate(key, uint32(maphash.Bytes(s.seed, key)))
	return index
}

func (s *keySet) locate(key []byte, hash uint32) (place, index int) {
	mask := len(s.slots) - 1
	for place = int(hash) & mask; ; place = (place + 1) & mask {
		held := s.slots[place]
		if held == 0 {
			return place, -1
		}
		if held.hash() == hash && string(s.key(held.index())) == string(key) {
			return place, held.index()
		}
	}
}

// keep stores a key, and gives its offset. Keys are short, so a length of one byte goes before each.
func (s *keySet) keep(key []byte) uint32 {
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

func (s *keySet) key(index int) []byte {
	offset := s.at(index).offset
	page := s.keys[offset/keyPage][offset%keyPage:]
	return page[1 : 1+int(page[0])]
}

func (s *keySet) grow() {
	old := s.slots
	s.slots = make([]slot, 2*len(old))
	mask := len(s.slots) - 1
	for _, held := range old {
		if held == 0 {
			continue
		}
		place := int(held.hash()) & mask
		for s.slots[place] != 0 {
			place = (place + 1) & mask
		}
		s.slots[place] = held
	}
}

func shorten(key []byte) []byte {
	if len(key) <= longKey {
		return key
	}
	sum := sha256.Sum256(key)
	return append([]byte{0xff, 0xff}, sum[:]...) // 0xff never occurs in UTF-8, so no short key is like it
}

// appendKey appends a row's key in a form that no other key shares.
func appendKey(dst []byte, row []imports.Value, key []int) []byte {
	if len(key) == 1 {
		return row[key[0]].Append(dst)
	}
	for _, k := range key {
		start := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		dst = row[k].Append(dst)
		binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	}
	return dst
}
