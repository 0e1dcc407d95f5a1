package xlsx

import (
	"math"
	"strconv"
)

// significantDigits is how many digits of a number Excel keeps and shows.
const significantDigits = 15

// isCanonical tells whether a number stands as its own decimal text: no
// exponent, no superfluous zeros, at most 15 significant digits before or
// after the point, or a whole number of any length.
func isCanonical(b []byte) bool {
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
	case digits == 0, digits > 1 && b[whole] == '0':
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

// appendNumber appends the decimal text of a number cell: plain digits with at
// most one point, never an exponent. The number is what Excel shows for it,
// rounded to 15 significant digits, which takes the noise of binary fractions
// away (9380.280000000001 is 9380.28); a whole number written out in digits
// stands as it is written, however long. ok is false if b is no number that
// Excel can hold.
func appendNumber(dst, b []byte) (text []byte, ok bool) {
	var d decimal
	if !d.parse(b) {
		return dst, false
	}
	if d.significant() > significantDigits && !(d.exp10 == 0 && d.point == len(d.digits)) || d.top() > 300 || d.top() < -300 {
		// AppendFloat rounds to even on the exact binary value, as Excel's
		// own conversion does.
		f, err := strconv.ParseFloat(string(b), 64)
		if err != nil || math.IsInf(f, 0) {
			return dst, false
		}
		var short [32]byte
		if !d.parse(strconv.AppendFloat(short[:0], f, 'e', significantDigits-1, 64)) {
			return dst, false
		}
		return d.append(dst), true
	}
	return d.append(dst), true
}

// decimal is a number as its digits: 0.DIGITS × 10^(point+exp10).
type decimal struct {
	negative bool
	digits   []byte
	point    int
	exp10    int
	buf      [64]byte
}

// parse reads an xsd:double in decimal notation (XML Schema Part 2 §3.2.5).
func (d *decimal) parse(b []byte) bool {
	*d = decimal{}
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		d.negative = b[0] == '-'
		b = b[1:]
	}
	end, dot := 0, -1
	for ; end < len(b); end++ {
		if c := b[end]; c == '.' && dot < 0 {
			dot = end
		} else if c < '0' || c > '9' {
			break
		}
	}
	mantissa := b[:end]
	if end < len(b) {
		if b[end] != 'e' && b[end] != 'E' {
			return false
		}
		exp, negative := b[end+1:], false
		if len(exp) > 0 && (exp[0] == '-' || exp[0] == '+') {
			negative = exp[0] == '-'
			exp = exp[1:]
		}
		n, ok := parseInt(exp, 100_000)
		if !ok {
			return false
		}
		if d.exp10 = n; negative {
			d.exp10 = -n
		}
	}
	d.digits, d.point = mantissa, len(mantissa)
	if dot >= 0 {
		if len(mantissa) == 1 {
			return false
		}
		d.digits, d.point = append(append(d.buf[:0], mantissa[:dot]...), mantissa[dot+1:]...), dot
	}
	return len(d.digits) > 0
}

// trim leaves the zeros at both ends out.
func (d *decimal) trim() (digits []byte, point int) {
	digits, point = d.digits, d.point+d.exp10
	for len(digits) > 0 && digits[0] == '0' {
		digits = digits[1:]
		point--
	}
	for len(digits) > 0 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	return digits, point
}

func (d *decimal) significant() int {
	digits, _ := d.trim()
	return len(digits)
}

// top is the power of ten above the first digit, 0 for zero.
func (d *decimal) top() int {
	digits, point := d.trim()
	if len(digits) == 0 {
		return 0
	}
	return point
}

func (d *decimal) append(dst []byte) []byte {
	digits, point := d.trim()
	if len(digits) == 0 {
		return append(dst, '0')
	}
	if d.negative {
		dst = append(dst, '-')
	}
	if point <= 0 {
		dst = append(dst, "0."...)
		for ; point < 0; point++ {
			dst = append(dst, '0')
		}
		return append(dst, digits...)
	}
	if point >= len(digits) {
		dst = append(dst, digits...)
		for n := point - len(digits); n > 0; n-- {
			dst = append(dst, '0')
		}
		return dst
	}
	dst = append(dst, digits[:point]...)
	dst = append(dst, '.')
	return append(dst, digits[point:]...)
}
