package xlsx

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/zipxml"
)

// Rows iterates once over the rows of one sheet. It is for one goroutine, except that Progress can be called from any.
type Rows struct {
	w     *Workbook
	x     *zipxml.Scanner
	ctx   context.Context
	sheet string
	// reserved is the memory that is reserved until Close.
	reserved int64
	total    int64
	limits   source.Limits
	styles   []*source.NumberFormat
	shared   *arena // nil until the first cell needs it
	// spilled are the shared strings of the current row that were read from a file.
	spilled      map[int]spilledText
	spilledBytes int64
	// lazy means that shared strings are listed, not resolved.
	lazy       bool
	unresolved []sharedRef
	err        error
	state      rowsState

	row     source.Row
	cells   []source.Cell
	stable  int              // the cells before this index do not point into the scanner's buffer
	scratch []byte           // for the text that is being decoded
	text    zipxml.TextArena // decoded text, and text of cells that was moved out of the buffer
	content bool             // the row has more than empty cells
	sorted  bool             // the row's cells are in ascending order
	blanks  []int            // columns of the row's empty cells, in the order of the file

	number int    // of the current row
	digits []byte // number as text
	col    int    // of the current cell, or of the last one
	start  int64  // offset of the row in the part
	inCell bool

	hidden     *columnSet              // nil if no column is hidden
	wantsMerge func(source.Range) bool // selects the merged ranges to record; can be nil
	merges     []source.Range
	formulas   sharedFormulas
	// rowFormulas are the formulas of the current row. Those before stableFormulas do not point into the scanner's
	// buffer.
	rowFormulas    []rowFormula
	stableFormulas int
	spelled        []byte // the formula that was returned last

	quickRows bool // rows are unprefixed spreadsheet elements
	quick     bool // the cells of the current row are unprefixed, too
}

// spilledText is a shared string that was read from a file.
type spilledText struct {
	text    []byte
	tooLong bool
}

// sharedRef is a cell of the current row with a shared string.
type sharedRef struct{ col, index int }

// rowsBytes is the memory for reading one sheet: the blocks of its feed, and the scanner's buffer.
const rowsBytes = 2 << 20

type rowsState uint8

const (
	beforeData rowsState = iota
	inData
	afterData
)

// Rows opens a sheet by its exact name. ctx applies to the whole iteration. The caller must close the Rows.
//
// Errors: an *Error with SheetNotFound, or with Damaged if the sheet's part is
// missing.
func (w *Workbook) Rows(ctx context.Context, sheet string) (source.Rows, error) {
	rows, err := w.openRows(ctx, sheet)
	if err != nil {
		return nil, err
	}
	return rows, nil
}

func (w *Workbook) openRows(ctx context.Context, sheet string) (*Rows, error) {
	for i, s := range w.sheets {
		if s.Name != sheet {
			continue
		}
		if w.parts[i] == "" {
			return nil, zipxml.Refuse(source.Damaged, w.part, "the sheet %q has no part in the package", sheet)
		}
		e := w.pack.Find(w.parts[i])
		if err := w.pack.Limits.Memory.Grow(rowsBytes); err != nil {
			return nil, fmt.Errorf("read the sheet %q: %w", sheet, err)
		}
		x, err := w.pack.Scan(ctx, e)
		if err != nil {
			w.pack.Limits.Memory.Shrink(rowsBytes)
			return nil, err
		}
		r := &Rows{reserved: rowsBytes,
			w: w, x: x, ctx: ctx, total: e.Size,
			sheet: s.Name, limits: w.pack.Limits, styles: w.styles.cells,
		}
		r.text.Memory = r.limits.Memory
		x.Where, x.Vacate = r.position, r.vacate
		return r, nil
	}
	return nil, zipxml.Refuse(source.SheetNotFound, w.part, "%q is not one of its %d sheets", sheet, len(w.sheets))
}

// Next reads the next row that has a cell with content. It returns false at
// the end of the sheet and after an error. Err returns the error.
func (r *Rows) Next() bool {
	if r.err != nil {
		return false
	}
	for r.state != afterData {
		more, err := r.readRow()
		if err != nil {
			r.err = r.located(err)
			r.row = source.Row{}
			return false
		}
		if more && r.content {
			r.row.Cells = r.cells
			return true
		}
	}
	r.row = source.Row{}
	return false
}

// Row returns the current row.
func (r *Rows) Row() source.Row { return r.row }

// Err returns the error that ended the iteration early, or nil.
func (r *Rows) Err() error { return r.err }

// Progress returns how much of the sheet's part has been read, and its size, in uncompressed bytes.
func (r *Rows) Progress() (read, total int64) { return r.x.Read(), r.total }

// Close ends the iteration, at any point. It returns nil.
func (r *Rows) Close() error {
	r.x.Stop()
	r.text.Reset()
	r.limits.Memory.Shrink(r.reserved)
	r.reserved = 0
	if r.err == nil && r.state != afterData {
		r.err = errRowsClosed
	}
	return nil
}

var errRowsClosed = errors.New("xlsx: the rows are closed")

// located adds the sheet and the cell to an error about the sheet's part.
func (r *Rows) located(err error) error {
	var refused *source.Error
	if errors.As(err, &refused) && strings.HasPrefix(refused.Where, r.x.Part) {
		refused.Sheet = r.sheet
		if r.inCell && r.number > 0 && r.state == inData {
			refused.Cell = source.CellName(r.col, r.number)
		}
	}
	return err
}

// position returns the position of the reader, for an error.
func (r *Rows) position() string {
	switch {
	case r.number == 0 || r.state != inData:
		return ""
	case r.inCell:
		return "cell " + source.CellName(r.col, r.number)
	}
	return "row " + strconv.Itoa(r.number)
}

// vacate moves the text of cells out of a buffer that is about to be reused.
func (r *Rows) vacate(int) {
	for i := r.stable; i < len(r.cells); i++ {
		c := &r.cells[i]
		c.Text = r.text.Keep(c.Text)
	}
	for i := r.stableFormulas; i < len(r.rowFormulas); i++ {
		f := &r.rowFormulas[i]
		f.text = r.text.Keep(f.text)
	}
	r.stable, r.stableFormulas = len(r.cells), len(r.rowFormulas)
}

// readRow reads to the end of the next row. At the end of the sheet, more is false.
func (r *Rows) readRow() (more bool, err error) {
	if r.state == beforeData {
		if err := r.findData(); err != nil || r.state == afterData {
			return false, err
		}
	}
	for {
		if r.quickRows {
			result, err := r.quickRowStart()
			switch {
			case err != nil:
				return false, err
			case result == quickEnd:
				continue
			case result == quickRead:
				r.quick = true
				return true, r.readCells()
			}
		}
		switch r.x.Next() {
		case zipxml.Failed, zipxml.EOF:
			return false, r.x.Err
		case zipxml.Text:
			if !zipxml.IsBlank(r.x.Text) {
				return false, r.x.Refusal(source.Damaged, "there is text outside its cells")
			}
		case zipxml.End:
			r.state = afterData
			return false, r.finish()
		case zipxml.Start:
			if !r.x.Is("row") {
				return false, r.x.Refusal(source.Damaged, "the element %q is not allowed between rows", zipxml.Clip(r.x.Local))
			}
			hidden := zipxml.Bool(r.x.Attr("hidden")) || isZeroSize(r.x.Attr("ht"))
			if err := r.beginRow(r.x.Attr("r"), hidden); err != nil {
				return false, err
			}
			space, _ := r.x.Space(nil)
			r.quick = r.x.Prefix == nil && space == zipxml.Spreadsheet && !r.x.Slow
			return true, r.readCells()
		}
	}
}

// findData reads the sheet's columns, and stops before its rows (ECMA-376 Part 1 §18.3.1.99, §18.3.1.17, §18.3.1.80).
func (r *Rows) findData() error {
	for {
		switch r.x.Next() {
		case zipxml.Failed:
			return r.x.Err
		case zipxml.EOF:
			r.state = afterData
			return nil
		case zipxml.End, zipxml.Text:
		case zipxml.Start:
			switch {
			case r.x.Depth() == 1 && !isSheetRoot(r.x):
				return r.x.Refusal(source.Damaged, "its root element is %q, not a sheet", zipxml.Clip(r.x.Local))
			case r.x.Is("extLst"):
				if !r.x.Skip() {
					return r.x.Err
				}
			case r.x.Is("sheetData") && r.x.Depth() == 2:
				r.state = inData
				r.quickRows = r.x.Prefix == nil && !r.x.Closing && !r.x.Slow
				return nil
			case r.x.Is("sheetData"):
				return r.x.Refusal(source.Damaged, "its rows are inside an unknown element")
			case r.x.Is("col"):
				if err := r.readColumns(); err != nil {
					return err
				}
			}
		}
	}
}

// isSheetRoot reports whether an element is the root of a kind of sheet. Only worksheets and Excel 4 macro sheets have
// rows.
func isSheetRoot(x *zipxml.Scanner) bool {
	return x.Is("worksheet") || x.Is("chartsheet") || x.Is("dialogsheet") || string(x.Local) == "macrosheet"
}

// finish checks the rest of the part.
func (r *Rows) finish() error {
	for {
		switch r.x.Next() {
		case zipxml.Failed:
			return r.x.Err
		case zipxml.EOF:
			return nil
		case zipxml.End, zipxml.Text:
		case zipxml.Start:
			switch {
			case r.x.Is("extLst"):
				if !r.x.Skip() {
					return r.x.Err
				}
			case r.x.Is("sheetData"):
				return r.x.Refusal(source.Damaged, "it has rows in two places")
			case r.x.Is("mergeCell"):
				if err := r.addMerge(); err != nil {
					return err
				}
			}
		}
	}
}
