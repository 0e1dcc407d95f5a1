package imports

import "strconv"

// Rows returns a number of rows as text: "1 row" or "37,400 rows".
func Rows(n uint32) string { return Count(n, "row") }

// RowsOf returns a part of a number of rows as text: "1 of 2 rows".
func RowsOf(n, all uint32) string { return Grouped(n) + " of " + Rows(all) }

// Count returns a number of things as text. The noun is for one of them, and has a regular plural.
func Count(n uint32, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Grouped(n) + " " + noun + "s"
}

// Grouped returns a number with a comma between thousands.
func Grouped(n uint32) string {
	digits := strconv.FormatUint(uint64(n), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
