package webjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
)

// maxDepth bounds the nesting of any JSON text. Documents have a lower limit of their service.
const maxDepth = 100

// readTree reads one JSON value. It refuses what would be lost silently: a name that an object has twice, and a number that
// a double cannot hold.
func readTree(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	tree, err := readValue(dec, maxDepth)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("there is text after the value")
	}
	return tree, nil
}

func readValue(dec *json.Decoder, left int) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	if left == 0 {
		return nil, fmt.Errorf("the value is nested more than %d levels deep", maxDepth)
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '{' {
			return readObject(dec, left)
		}
		return readArray(dec, left)
	case json.Number:
		return token, checkNumber(token.String())
	}
	return token, nil
}

func readObject(dec *json.Decoder, left int) (any, error) {
	object := map[string]any{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string) // the decoder accepts no other token here
		if _, twice := object[name]; twice {
			return nil, fmt.Errorf("an object has the name %q twice", name)
		}
		if object[name], err = readValue(dec, left-1); err != nil {
			return nil, err
		}
	}
	_, err := dec.Token() // the closing brace
	return object, err
}

func readArray(dec *json.Decoder, left int) (any, error) {
	array := []any{}
	for dec.More() {
		value, err := readValue(dec, left-1)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	_, err := dec.Token() // the closing bracket
	return array, err
}

// doubleDigits is how many significant digits a text needs at most to name any double.
const doubleDigits = 17

// checkNumber returns an error for a number that a double does not hold: a whole number that it rounds, or one with more
// digits than it has.
func checkNumber(text string) error {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("the number %s is too large", text)
	}
	digits := significantDigits(text)
	if digits <= 15 {
		return nil // a double holds any of these
	}
	if !strings.ContainsAny(text, ".eE") {
		whole, _ := new(big.Int).SetString(text, 10)
		if stored, _ := new(big.Float).SetFloat64(f).Int(nil); stored.Cmp(whole) == 0 {
			return nil
		}
	} else if digits <= doubleDigits {
		return nil
	}
	return fmt.Errorf("the number %s would become %s. Send it as a string", text, strconv.FormatFloat(f, 'f', -1, 64))
}

// significantDigits counts the digits of a JSON number without leading zeros, and without trailing zeros after a point.
func significantDigits(text string) int {
	text, _, _ = strings.Cut(strings.ToLower(strings.TrimPrefix(text, "-")), "e")
	whole, fraction, _ := strings.Cut(text, ".")
	return len(strings.TrimLeft(whole+strings.TrimRight(fraction, "0"), "0"))
}
