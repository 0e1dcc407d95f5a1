package xlsx

import "bytes"

// The usual forms of rows, cells and strings are read here without the
// scanner's generality, a cell at a time. Whatever is unusual, or runs into
// the end of the buffer, is left to the scanner as if nothing had been read.

type quickResult uint8

const (
	quickNone  quickResult = iota // left to the scanner
	quickOpen                     // read a row's start tag
	quickEmpty                    // read a whole row without cells
)

// quickRowStart reads a row's start tag.
func (r *Rows) quickRowStart() quickResult { return quickNone }

// quickCells reads cells until one is unusual; it returns true if it has read
// the end of the row.
func (r *Rows) quickCells() bool { return false }

// fastItems reads string items until one is unusual; it returns true if it has
// read any.
func (r *stringsReader) fastItems() bool { return false }

var _ = bytes.IndexByte
