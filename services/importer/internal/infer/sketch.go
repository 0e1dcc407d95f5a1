package infer

import (
	"maps"
	"slices"
)

// sketch has the distinct values of a column as hashes, each with the number of its rows. If there are more than its
// limit, it keeps those with the lowest hashes. The hashes of two sketches that are below both thresholds are samples of
// the same values, so two columns can be compared by them.
type sketch struct {
	limit  int
	counts map[uint64]uint32
	// numbers are the values themselves, if they are whole numbers.
	numbers map[uint64]int64
	// threshold is the lowest hash that is not kept. It is the maximum if all are.
	threshold uint64
}

// allHashes is the threshold of a sketch with all values.
const allHashes = ^uint64(0)

func newSketch(limit int) *sketch {
	return &sketch{limit: limit, counts: map[uint64]uint32{}, numbers: map[uint64]int64{}, threshold: allHashes}
}

func (s *sketch) add(hash uint64) {
	if hash >= s.threshold {
		return
	}
	s.counts[hash]++
	if len(s.counts) > 2*s.limit {
		s.shrink()
	}
}

// shrink keeps the lowest hashes.
func (s *sketch) shrink() {
	hashes := slices.Sorted(maps.Keys(s.counts))
	s.threshold = hashes[s.limit]
	for _, hash := range hashes[s.limit:] {
		delete(s.counts, hash)
		delete(s.numbers, hash)
	}
}

// addNumber adds a whole number to the values.
func (s *sketch) addNumber(hash uint64, n int64) {
	if hash < s.threshold {
		s.numbers[hash] = n
	}
}

// exact reports whether the sketch has all values.
func (s *sketch) exact() bool { return s.threshold == allHashes }

// repeats returns how many rows have the value of an earlier row. It is an estimate if the sketch is not exact.
func (s *sketch) repeats() (repeats int) {
	for _, n := range s.counts {
		repeats += int(n) - 1
	}
	return repeats
}

// overlap is how the values of one column are among those of another, as far as both sketches know.
type overlap struct {
	values, included     int // distinct values of the first column
	rows, includedRows   int // their rows
	others, othersNeeded int // distinct values of the other column, and those that the first has
}

func (s *sketch) within(other *sketch) overlap {
	var o overlap
	below := min(s.threshold, other.threshold)
	for hash, n := range s.counts {
		if hash >= below {
			continue
		}
		o.values++
		o.rows += int(n)
		if _, found := other.counts[hash]; found {
			o.included++
			o.includedRows += int(n)
		}
	}
	for hash := range other.counts {
		if hash < below {
			o.others++
		}
	}
	o.othersNeeded = o.included
	return o
}

func (o overlap) missing() int { return o.rows - o.includedRows }

// hashSet is a set of hashes. It takes 16 bytes per value at most.
type hashSet struct {
	slots []uint64
	used  int
	zero  bool
}

// newHashSet returns a set with room for a number of values.
func newHashSet(values int) *hashSet {
	size := 16
	for size < 2*values {
		size *= 2
	}
	return &hashSet{slots: make([]uint64, size)}
}

// add adds a value, and reports whether it is new.
func (s *hashSet) add(hash uint64) bool {
	if hash == 0 {
		isNew := !s.zero
		s.zero = true
		return isNew
	}
	if 4*(s.used+1) > 3*len(s.slots) {
		old := s.slots
		s.slots, s.used = make([]uint64, 2*len(old)), 0
		for _, h := range old {
			if h != 0 {
				s.add(h)
			}
		}
	}
	mask := uint64(len(s.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		switch s.slots[i] {
		case hash:
			return false
		case 0:
			s.slots[i] = hash
			s.used++
			return true
		}
	}
}

func (s *hashSet) has(hash uint64) bool {
	if hash == 0 {
		return s.zero
	}
	mask := uint64(len(s.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		switch s.slots[i] {
		case hash:
			return true
		case 0:
			return false
		}
	}
}
