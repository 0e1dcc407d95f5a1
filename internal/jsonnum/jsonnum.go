// Package jsonnum tells which JSON numbers a double holds. The protobuf types of JSON documents keep numbers as doubles.
package jsonnum

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

const (
	// sureDigits is how many significant digits a double holds in any case.
	sureDigits = 15
	// doubleDigits is how many significant digits a text needs at most to name any double.
	doubleDigits = 17
)

// TooLargeError means that a number is larger than any double.
type TooLargeError struct{ Number string }

func (e *TooLargeError) Error() string { return fmt.Sprintf("the number %s is too large", e.Number) }

// RoundedError means that a number has more digits than a double holds: a whole number that it rounds, or more digits than it has.
type RoundedError struct{ Number, Rounded string }

func (e *RoundedError) Error() string {
	return fmt.Sprintf("the number %s would become %s", e.Number, e.Rounded)
}

// Check returns a *RoundedError or *TooLargeError for a JSON number that a double does not hold.
func Check(number string) error {
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return &TooLargeError{number}
	}
	digits := significantDigits(number)
	if digits <= sureDigits {
		return nil
	}
	if !strings.ContainsAny(number, ".eE") {
		whole, _ := new(big.Int).SetString(number, 10)
		if stored, _ := new(big.Float).SetFloat64(f).Int(nil); stored.Cmp(whole) == 0 {
			return nil
		}
	} else if digits <= doubleDigits {
		return nil
	}
	return &RoundedError{number, strconv.FormatFloat(f, 'f', -1, 64)}
}

// significantDigits counts the digits of a JSON number without leading zeros, and without trailing zeros after a point.
func significantDigits(number string) int {
	number, _, _ = strings.Cut(strings.ToLower(strings.TrimPrefix(number, "-")), "e")
	whole, fraction, _ := strings.Cut(number, ".")
	return len(strings.TrimLeft(whole+strings.TrimRight(fraction, "0"), "0"))
}
