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

// keySet holds the keys of a sheet, or the values of a unique column: exact, about 40 bytes a key. Keys lie in one
// arena; a table of open addressing finds them.
type keySet struct {
	seed    maphash.Seed
	slots   []uint32 // index of an entry, from 1
	entries []entry
	arena   []byte
}

// longKey is the length above which a key is held as its SHA-256.
const longKey = 64

func newKeySet() *keySet {
	return &keySet{seed: maphash.MakeSeed(), slots: make([]uint32, 1024)}
}

// add finds a key or adds it for a row. It gives the entry's index, and whether it was there before.
func (s *keySet) add(key []byte, row int) (index int, found bool) {
	key = shorten(key)
	slot, index := s.locate(key)
	if index >= 0 {
		return index, true
	}
	offset := len(s.arena)
	s.arena = binary.AppendUvarint(s.arena, uint64(len(key)))
	s.arena = append(s.arena, key...)
	s.entries = append(s.entries, entry{offset: uint32(offset), row: uint32(row)})
	s.slots[slot] = uint32(len(s.entries))
	if len(s.entries)*3 > len(s.slots)*2 {
		s.grow()
	}
	return len(s.entries) - 1, false
}

// find gives the index of a key's entry, or -1. A nil set is empty.
func (s *keySet) find(key []byte) int {
	if s == nil {
		return -1
	}
	_, index := s.locate(shorten(key))
	return index
}

func (s *keySet) locate(key []byte) (slot, index int) {
	mask := len(s.slots) - 1
	for slot = int(maphash.Bytes(s.seed, key)) & mask; ; slot = (slot + 1) & mask {
		held := s.slots[slot]
		if held == 0 {
			return slot, -1
		}
		if string(s.key(int(held)-1)) == string(key) {
			return slot, int(held) - 1
		}
	}
}

func (s *keySet) key(index int) []byte {
	at := s.arena[s.entries[index].offset:]
	length, n := binary.Uvarint(at)
	return at[n : n+int(length)]
}

func (s *keySet) grow() {
	s.slots = make([]uint32, 2*len(s.slots))
	mask := len(s.slots) - 1
	for i := range s.entries {
		slot := int(maphash.Bytes(s.seed, s.key(i))) & mask
		for s.slots[slot] != 0 {
			slot = (slot + 1) & mask
		}
		s.slots[slot] = uint32(i + 1)
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
