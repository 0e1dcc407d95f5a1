package load

import (
	"math"
	"strconv"

	"headway/services/importer/internal/imports"
)

// sums are the sums of the numbers of some rows.
type sums struct {
	rows uint32
	of   []sum // by number
}

// sum is the sum of a column, in millionths. It is unknown if it has a value that is not an exact number of them.
type sum struct {
	value     int64
	low, high int64
	values    uint32
	unknown   bool
}

func (s *sums) reset() {
	s.rows = 0
	clear(s.of)
}

func (s *sum) add(n number) {
	if !n.exact {
		s.unknown = true
	}
	if !n.filled || s.unknown {
		return
	}
	v := n.value
	if s.values == 0 {
		s.low, s.high = v, v
	}
	s.low, s.high = min(s.low, v), max(s.high, v)
	s.value += v
	s.values++
	s.unknown = s.value > maxMillionths || s.value < -maxMillionths
}

// about reports whether a number is the average, or a sum that was rounded, or that was made from numbers that were rounded
// later, and in how many digits.
func (s *sum) about(v int64, exact bool, unit int64) (digits int, ok bool) {
	if s.values < 2 {
		return 0, false
	}
	own := unitOf(v, exact)
	if s.isAverage(v, own) {
		return s.spread(own), true
	}
	if tolerance := max(own, unit)/2 + int64(float64(unit)*math.Sqrt(float64(s.values))); distance(v, s.value) <= tolerance {
		digits = len(strconv.FormatInt(distance(v, 0)/(2*tolerance), 10)) - 1
	}
	return digits, digits >= minDigits
}

// isAverage reports whether a number is the average, rounded to a unit.
func (s *sum) isAverage(v, unit int64) bool {
	return s.values > 1 && distance(v, s.value/int64(s.values)) <= unit/2+1
}

// spread returns the digits of the difference between the largest and the smallest value, in units.
func (s *sum) spread(unit int64) int { return len(strconv.FormatInt((s.high-s.low)/unit, 10)) - 1 }

// unitOf returns the value of the last decimal of a number, in millionths.
func unitOf(v int64, exact bool) int64 {
	unit := int64(1)
	for exact && unit < million && v%(unit*10) == 0 {
		unit *= 10
	}
	return unit
}

// minDigits is the number of digits in which a number that is not exact must agree.
const minDigits = 3

func distance(a, b int64) int64 { return max(a-b, b-a) }

const (
	million       = 1_000_000
	maxMillionths = 1 << 61
)

// millionths returns a number in millionths. exact is false if it has more decimals, or is too large.
func millionths(v *imports.Value) (n int64, exact bool) {
	if v.Kind == imports.Integer {
		return v.Int * million, v.Int <= maxMillionths/million && v.Int >= -maxMillionths/million
	}
	text, decimals := v.Bytes, -1
	negative := len(text) > 0 && text[0] == '-'
	if negative {
		text = text[1:]
	}
	exact = true
	for _, c := range text {
		switch {
		case c == '.':
			decimals = 0
			continue
		case decimals == 6:
			exact = false
			continue
		case n > maxMillionths/10:
			return 0, false
		}
		n = n*10 + int64(c-'0')
		if decimals >= 0 {
			decimals++
		}
	}
	for decimals = max(decimals, 0); decimals < 6; decimals++ {
		if n > maxMillionths/10 {
			return 0, false
		}
		n *= 10
	}
	if negative {
		n = -n
	}
	return n, exact
}

// digitsOf returns the number of digits of a number without zeros at the end of its decimals.
func digitsOf(v int64) (n int) {
	if v < 0 {
		v = -v
	}
	decimals := 6
	for ; decimals > 0 && v%10 == 0; decimals-- {
		v /= 10
	}
	for ; v > 0; v /= 10 {
		n++
	}
	return n
}

// zerosOf returns the number of zeros before the decimal point of a round number, such as 3 for 45000.
func zerosOf(v int64) (n int) {
	for v != 0 && v%(10*million) == 0 {
		v /= 10
		n++
	}
	return n
}
