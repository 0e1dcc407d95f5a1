package load

import (
	"unsafe"

	"headway/services/importer/internal/check"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
)

// batch is a batch of rows that moves through the pipeline. Its memory is reused for later rows.
type batch struct {
	check.Batch
	// text has the text of the cells. converted has the text of values that differ from their cells.
	text, converted []byte
	normalized      []normalized // by column, or empty
	unmapped        []unmappedCell
	doubts          []doubt // by row
	repaired        []repairedLine
	// totals are the numbers of rows with totals that were left out.
	totals []int
	// writes are the rows to be written: updates, inserts, and, if their order matters, more of both.
	writes    []rowsToWrite
	converter chan struct{} // signals that the values are ready
}

// rowsToWrite are rows that all exist in the table, or are all new.
type rowsToWrite struct {
	exist bool
	rows  [][]imports.Value
}

// write adds a row to those to be written. In order, it is written after all rows that were added before. Otherwise, updates come
// first: only they release unique values that other rows take.
func (b *batch) write(row []imports.Value, exists, inOrder bool) {
	i := 1
	if exists {
		i = 0
	}
	if inOrder {
		if i = len(b.writes) - 1; b.writes[i].exist != exists {
			b.writes = append(b.writes, rowsToWrite{exist: exists})
			i++
		}
	}
	b.writes[i].rows = append(b.writes[i].rows, row)
}

// unmappedCell is the first cell with content in a column without a header.
type unmappedCell struct {
	row, column int
	text        string
}

func newBatch() *batch {
	return &batch{converter: make(chan struct{}, 1), writes: []rowsToWrite{{exist: true}, {exist: false}}}
}

// large reports whether the batch has more text than a batch of ordinary rows.
func (b *batch) large() bool { return len(b.text) > 2*check.MaxBatchText }

// full reports whether the batch can't take another row.
func (b *batch) full() bool {
	return len(b.Rows) >= check.MaxBatchRows || len(b.text) >= check.MaxBatchText || len(b.Cells)*cellBytes >= check.MaxBatchCells
}

// cellBytes is the memory of a cell and its value, not counting text.
const cellBytes = int(unsafe.Sizeof(source.Cell{}) + unsafe.Sizeof(imports.Value{}))

func (b *batch) reset() {
	if b.large() || len(b.converted) > 2*check.MaxBatchText {
		*b = *newBatch() // does not keep the memory
		return
	}
	b.Reset()
	clear(b.normalized)
	b.text, b.converted, b.unmapped, b.doubts, b.repaired = b.text[:0], b.converted[:0], b.unmapped[:0], b.doubts[:0], b.repaired[:0]
	b.totals = b.totals[:0]
	b.writes = b.writes[:2]
	for i := range b.writes {
		b.writes[i].rows = b.writes[i].rows[:0]
	}
}
