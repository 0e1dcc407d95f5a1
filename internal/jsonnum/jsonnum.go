// Package jsonnum reports which JSON numbers a double can represent. The protobuf types of JSON documents store numbers
// as doubles.
package jsonnum

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

const (
	// sureDigits is the number of significant digits that a double can always represent.
	sureDigits = 15
	// doubleDigits is the maximum number of significant digits that are needed to represent a double.
	doubleDigits = 17
)

// TooLargeError means that a number is larger than any double.
type TooLargeError struct{ Number string }

func (e *TooLargeError) Error() string { return fmt.Sprintf("the number %s is too large", e.Number) }

// RoundedError means that a double can't represent a number exactly: it would round a whole number, or the number has
// more digits than a double.
type RoundedError struct{ Number, Rounded string }

func (e *RoundedError) Error() string {
	return fmt.Sprintf("the number %s would become %s", e.Number, e.Rounded)
}

// Check returns a *RoundedError or *TooLargeError for a JSON number that a double can't represent.
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
