// Package cellvalue reads the values that cells of workbooks have in every format: numbers, dates, and the codes of number
// formats.
package cellvalue

import (
	"math"
	"strconv"
)

// significantDigits is the number of digits that Excel keeps and shows.
const significantDigits = 15

// maxDigits is the minimum length of a whole number that can be too large for a binary number.
const maxDigits = 300

// IsCanonical reports whether a number is certainly its own decimal text: no
// exponent, no superfluous zeros, at most 15 significant digits before or
// after the point, or a whole number that is not too large for Excel.
func IsCanonical(b []byte) bool {
	i := 0
	if len(b) > 0 && b[0] == '-' {
		i = 1
	}
	whole := i
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	digits := i - whole
	switch {
	case digits == 0, digits > 1 && b[whole] == '0', digits > maxDigits:
		return false
	case i == len(b):
		return b[whole] != '0' || whole == 0 // not "-0"
	case b[i] != '.' || b[len(b)-1] == '0':
		return false
	}
	point := i
	for i++; i < len(b) && b[i]-'0' <= 9; i++ {
	}
	if i < len(b) || i == point+1 {
		return false
	}
	if digits = i - 1 - whole; digits <= significantDigits {
		return true
	}
	for j := whole; j < i && (b[j] == '0' || b[j] == '.'); j++ {
		if b[j] == '0' {
			digits--
		}
	}
	return digits <= significantDigits
}

// noiseFraction is the minimum number of digits after the point of a number whose last digits can be the noise of
// binary fractions. noiseless is the maximum number of digits that remain without that noise.
const (
	noiseFraction = 6
	noiseless     = 12
)

// AppendNumber appends the decimal text of a number cell: plain digits with at
// most one point, never an exponent. These are the digits of the file, without
// the noise of binary fractions (9380.280000000001 is 9380.28): the shortest
// text of the binary number if it has no more digits than Excel keeps, or the number rounded to those digits if it is
// then short. Other digits beyond the 15th were written by a program with higher precision, so they are kept. ok is
// false if b is not a number that Excel can represent.
func AppendNumber(dst, b []byte) (text []byte, ok bool) {
	d, ok := parseDecimal(b)
	if !ok {
		return dst, false
	}
	if extreme := d.point > maxDigits || d.point < -maxDigits; extreme || d.len() > significantDigits && !d.written {
		f, err := strconv.ParseFloat(string(b), 64)
		if err != nil || math.IsInf(f, 0) {
			return dst, false
		}
		var short, rounded [32]byte
		if s, _ := parseDecimal(strconv.AppendFloat(short[:0], f, 'e', -1, 64)); s.len() <= significantDigits && !extreme {
			return s.append(dst), true
		}
		r, _ := parseDecimal(strconv.AppendFloat(rounded[:0], f, 'e', significantDigits-1, 64))
		if extreme || r.len() <= noiseless && d.len()-d.point >= noiseFraction {
			return r.append(dst), true
		}
	}
	return d.append(dst), true
}

// decimal is the number 0.WHOLEFRAC × 10^point, without zeros at either end. Zero has no digits.
type decimal struct {
	negative    bool
	whole, frac []byte
	point       int
	written     bool // a whole number without a point or an exponent
}

// parseDecimal reads an xsd:double in decimal notation (XML Schema Part 2
// §3.2.5).
func parseDecimal(b []byte) (d decimal, ok bool) {
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		d.negative = b[0] == '-'
		b = b[1:]
	}
	d.whole = b[:digitsLength(b)]
	b = b[len(d.whole):]
	d.written = len(b) == 0
	if len(b) > 0 && b[0] == '.' {
		d.frac = b[1 : 1+digitsLength(b[1:])]
		b = b[1+len(d.frac):]
	}
	if len(d.whole)+len(d.frac) == 0 {
		return d, false
	}
	d.point = len(d.whole)
	if len(b) > 0 {
		if b[0] != 'e' && b[0] != 'E' {
			return d, false
		}
		b = b[1:]
		sign := 1
		if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
			if b[0] == '-' {
				sign = -1
			}
			b = b[1:]
		}
		n, ok := ParseInt(b, 100_000)
		if !ok {
			return d, false
		}
		d.point += sign * n
	}
	d.trim()
	return d, true
}

// trim removes the zeros at both ends.
func (d *decimal) trim() {
	for len(d.whole) > 0 && d.whole[0] == '0' {
		d.whole = d.whole[1:]
		d.point--
	}
	for len(d.whole) == 0 && len(d.frac) > 0 && d.frac[0] == '0' {
		d.frac = d.frac[1:]
		d.point--
	}
	for len(d.frac) > 0 && d.frac[len(d.frac)-1] == '0' {
		d.frac = d.frac[:len(d.frac)-1]
	}
	for len(d.frac) == 0 && len(d.whole) > 0 && d.whole[len(d.whole)-1] == '0' {
		d.whole = d.whole[:len(d.whole)-1]
	}
	if d.len() == 0 {
		d.point = 0
	}
}

func (d *decimal) len() int { return len(d.whole) + len(d.frac) }

func (d *decimal) append(dst []byte) []byte {
	if d.len() == 0 {
		return append(dst, '0')
	}
	if d.negative {
		dst = append(dst, '-')
	}
	if d.point <= 0 {
		dst = append(dst, "0."...)
		for n := d.point; n < 0; n++ {
			dst = append(dst, '0')
		}
		return append(append(dst, d.whole...), d.frac...)
	}
	start := len(dst)
	dst = append(append(dst, d.whole...), d.frac...)
	if d.point >= d.len() {
		for n := d.point - d.len(); n > 0; n-- {
			dst = append(dst, '0')
		}
		return dst
	}
	dst = append(dst, 0)
	copy(dst[start+d.point+1:], dst[start+d.point:])
	dst[start+d.point] = '.'
	return dst
}

func digitsLength(b []byte) int {
	for i, c := range b {
		if c-'0' > 9 {
			return i
		}
	}
	return len(b)
}

// ParseInt reads a run of decimal digits not above limit.
func ParseInt(b []byte, limit int) (n int, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	for _, c := range b {
		c -= '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + int(c)
		if n > limit {
			return 0, false
		}
	}
	return n, true
}
