package imports

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
)

// Outcome is what became of a row.
type Outcome uint8

// The outcomes.
const (
	// NotImported is a row that was rejected, blocked or empty, or is none.
	NotImported Outcome = iota
	// Inserted is a row that the database did not have.
	Inserted
	// Updated is a row that the database had with other values.
	Updated
	// Unchanged is a row that the database had just so.
	Unchanged
)

// String is the outcome for people; empty if the row was not imported.
func (o Outcome) String() string { return [...]string{"", "inserted", "updated", "unchanged"}[o&3] }

// Outcomes is what became of each row of a sheet, as the run decided it: two bits a row, which is 256 KiB for the
// longest sheet there is. The zero value has no imported row. It is for one goroutine.
type Outcomes struct {
	packed []byte // four rows a byte, the first in the lowest bits
}

// rowsOfAByte is how many rows stand in a byte of Outcomes.
const rowsOfAByte = 4

// maxRow is the number of the last row that a sheet can have (ECMA-376 Part 1 §18.3.1.73, as Excel limits it).
const maxRow = 1_048_576

// Set notes what became of a row, by its number in the workbook, from 1.
func (o *Outcomes) Set(row int, outcome Outcome) {
	at, shift := (row-1)/rowsOfAByte, (row-1)%rowsOfAByte*2
	for len(o.packed) <= at {
		o.packed = append(o.packed, 0)
	}
	o.packed[at] = o.packed[at]&^(3<<shift) | byte(outcome)<<shift
}

// Of tells what became of a row.
func (o *Outcomes) Of(row int) Outcome {
	at, shift := (row-1)/rowsOfAByte, (row-1)%rowsOfAByte*2
	if row < 1 || at >= len(o.packed) {
		return NotImported
	}
	return Outcome(o.packed[at] >> shift & 3)
}

// Counts are the numbers of imported rows: Inserted, Updated and Unchanged; the others are 0.
func (o *Outcomes) Counts() Counts {
	var n [4]uint32
	for _, b := range o.packed {
		for ; b != 0; b >>= 2 {
			n[b&3]++
		}
	}
	return Counts{Inserted: n[Inserted], Updated: n[Updated], Unchanged: n[Unchanged]}
}

// Compress gives the outcomes as bytes to be kept (DEFLATE, RFC 1951): some hundred where most rows fared alike.
func (o *Outcomes) Compress() ([]byte, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(o.packed); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// DecompressOutcomes reads what Compress gave.
func DecompressOutcomes(kept []byte) (Outcomes, error) {
	packed, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(kept)), maxRow/rowsOfAByte+1))
	if err == nil && len(packed) > maxRow/rowsOfAByte {
		err = errors.New("they are of more rows than a sheet has")
	}
	if err != nil {
		return Outcomes{}, fmt.Errorf("read the outcomes of rows: %w", err)
	}
	return Outcomes{packed}, nil
}
