package check

import (
	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
)

// MaxBatchRows is the maximum number of rows in a batch.
const MaxBatchRows = 1000

// MaxBatchText and MaxBatchCells are the bytes of texts and of cells above which a batch ends, even if it has fewer rows.
const (
	MaxBatchText  = 512 << 10
	MaxBatchCells = 4 << 20
)

// Batch is a number of consecutive rows of a sheet. Its memory is reused for later rows.
type Batch struct {
	// Rows are the row numbers.
	Rows []int
	// Cells and Values have one element per column and row. A batch of deferred rows has no cells.
	Cells  []source.Cell
	Values []imports.Value
	// Faults are the cells that could not be converted, in the order of the rows.
	Faults []CellFault

	cyclic   []bool // of deferred rows: the row refers to itself through others
	repeated []bool // of deferred rows: the row is already rejected
	same     []bool // of rows of a distinct sheet: the row is equal to an earlier one

	answers answers
}

// answers are what the database has for the rows of a batch.
type answers struct {
	known bool // the rows were looked up
	// clean are the rows whose cells have no errors. cleanIndex is a row's index among them, or -1.
	clean      [][]imports.Value
	cleanIndex []int
	// existing and owners (by unique column) are by index in clean.
	existing [][]imports.Value
	owners   map[int][][]imports.Value
}

// CellFault is a cell that could not be converted.
type CellFault struct {
	Row, Column int // indexes in the batch
	*convert.Fault
}

// Reset empties the batch.
func (b *Batch) Reset() {
	b.Rows, b.Cells, b.Values, b.Faults = b.Rows[:0], b.Cells[:0], b.Values[:0], b.Faults[:0]
	b.cyclic, b.repeated = b.cyclic[:0], b.repeated[:0]
	b.answers.known = false
}

// Row returns the values of a row of the batch.
func (b *Batch) Row(i, width int) []imports.Value {
	return b.Values[i*width : (i+1)*width : (i+1)*width]
}
