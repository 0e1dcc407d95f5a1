package imports

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
)

// RowResult is the result of a row in a run.
type RowResult uint8

// The results.
const (
	// NotARow is a row without content, or one that the run has not decided on.
	NotARow RowResult = iota
	// Inserted is a row whose key was not in the database.
	Inserted
	// Updated is a row whose key was in the database, with other values.
	Updated
	// Unchanged is a row that was in the database with the same values.
	Unchanged
	// Refused is a row that was rejected or blocked.
	Refused
	// Repeated is a row of a distinct sheet that is equal to an earlier one. It is not counted.
	Repeated
)

// String returns the result as text. It is empty for a row that was not imported.
func (r RowResult) String() string {
	return [...]string{"", "inserted", "updated", "unchanged", "", "repeated"}[r]
}

// Imported reports whether the row is in the database after a commit.
func (r RowResult) Imported() bool { return r == Inserted || r == Updated || r == Unchanged }

// RowResults holds the result of each row of a sheet, as the run decided it: four bits per row, which is 512 KiB for the
// longest sheet of a workbook, and 8 MiB for the longest text file. The zero value has no row. It is for one goroutine.
type RowResults struct {
	packed []byte // two rows per byte, the first in the lower bits
	// incomplete means that these are results of an earlier version, which did not record refused rows.
	incomplete bool
}

// maxRow is the number of the last row that a sheet can have: the lines of a text file. See source.Limits.
const maxRow = 1 << 24

// Set records the result of a row by its number in the workbook, from 1. It replaces an earlier result.
func (r *RowResults) Set(row int, result RowResult) {
	at, shift := (row-1)/2, (row-1)%2*4
	for len(r.packed) <= at {
		r.packed = append(r.packed, 0)
	}
	r.packed[at] = r.packed[at]&^(15<<shift) | byte(result)<<shift
}

// Of returns the result of a row.
func (r *RowResults) Of(row int) RowResult {
	at, shift := (row-1)/2, (row-1)%2*4
	if row < 1 || at >= len(r.packed) {
		return NotARow
	}
	return RowResult(r.packed[at] >> shift & 15)
}

// Last returns a number that no row with a result exceeds.
func (r *RowResults) Last() int { return 2 * len(r.packed) }

// Complete reports whether refused rows are recorded. Earlier versions recorded only imported rows.
func (r *RowResults) Complete() bool { return !r.incomplete }

// Tally has the number of rows with each result.
type Tally struct {
	Inserted, Updated, Unchanged, Refused uint32
}

// Tally counts the rows by their result.
func (r *RowResults) Tally() Tally {
	var n [16]uint32
	for _, b := range r.packed {
		n[b&15]++
		n[b>>4]++
	}
	return Tally{Inserted: n[Inserted], Updated: n[Updated], Unchanged: n[Unchanged], Refused: n[Refused]}
}

// Tally returns the tally that the results of the rows must have.
func (c Counts) Tally() Tally {
	return Tally{Inserted: c.Inserted, Updated: c.Updated, Unchanged: c.Unchanged, Refused: c.Rejected + c.Blocked}
}

// The formats in which results are stored, by bits per row.
const (
	// EarlierBits is the format of versions that did not record refused rows.
	EarlierBits = 2
	// RowBits is the format that Compress returns.
	RowBits = 4
)

// Compress returns the results as bytes for storage (DEFLATE, RFC 1951). They take a few hundred bytes if most rows
// have the same result.
func (r *RowResults) Compress() ([]byte, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(r.packed); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// DecompressRowResults decompresses the result of Compress. bits is the format.
func DecompressRowResults(stored []byte, bits int) (RowResults, error) {
	longest := maxRow * bits / 8
	packed, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(stored)), int64(longest)+1))
	if err == nil && len(packed) > longest {
		err = errors.New("there are more than a sheet has rows")
	}
	if err != nil {
		return RowResults{}, fmt.Errorf("read the results of rows: %w", err)
	}
	switch bits {
	case RowBits:
		return RowResults{packed: packed}, nil
	case EarlierBits:
		results := RowResults{incomplete: true}
		for at, b := range packed {
			for i := range 4 {
				if result := RowResult(b >> (2 * i) & 3); result != NotARow {
					results.Set(4*at+i+1, result)
				}
			}
		}
		return results, nil
	}
	return RowResults{}, fmt.Errorf("read the results of rows: there is no format of %d bits", bits)
}
