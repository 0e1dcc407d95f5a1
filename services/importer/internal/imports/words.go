package imports

import "strconv"

// Rows returns a number of rows as text: "1 row" or "37,400 rows".
func Rows(n uint32) string {
	if n == 1 {
		return "1 row"
	}
	return Grouped(n) + " rows"
}

// Grouped returns a number with a comma between thousands.
func Grouped(n uint32) string {
	digits := strconv.FormatUint(uint64(n), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
