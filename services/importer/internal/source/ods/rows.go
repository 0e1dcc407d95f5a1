package ods

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/cellvalue"
	"headway/services/importer/internal/source/zipxml"
)

// Rows iterates once over the rows of one sheet. It is for one goroutine, except that Progress can be called from any.
type Rows struct {
	x        *zipxml.Scanner
	styles   *styles
	limits   source.Limits
	reserved int64 // memory, until Close
	sheet    string
	index    int   // of the sheet
	start    int64 // of the sheet in its part, in bytes
	total    int64 // bytes of the sheet
	state    rowsState
	err      error

	row     source.Row
	cells   []source.Cell
	text    zipxml.TextArena
	scratch []byte
	content bool // the row has more than empty cells
	style   []byte

	number   int   // of the current row
	repeats  int   // how often the current row comes again
	next     int   // the number of the row after it
	rowStart int64 // offset of the row in the part
	col      int   // of the current cell
	added    int   // cells that repetitions have added
	texts    int64 // bytes of the row's texts

	columns    []columns
	wantsMerge func(source.Range) bool // selects the merged ranges to record; can be nil
	merges     []source.Range
}

type rowsState uint8

const (
	beforeSheet rowsState = iota
	inSheet
	afterSheet
)

// columns are adjacent columns with the same style.
type columns struct {
	last   int // counts from 1
	style  []byte
	hidden bool
}

// maxAdded is the maximum number of cells with content that repetitions add to a sheet. A few bytes can repeat a cell and its
// row, which is billions of cells. Spreadsheet programs repeat equal neighbors, so a large sheet can have many.
const maxAdded = 64 << 20

// Next reads the next row that has a cell with content. It returns false at the end of the sheet and after an error. Err
// returns the error.
func (r *Rows) Next() bool {
	if r.err != nil {
		return false
	}
	if r.repeats > 0 {
		r.repeats--
		r.number++
		r.row.Number = r.number
		return true
	}
	for r.state != afterSheet {
		more, err := r.readRow()
		if err != nil {
			r.err = r.located(err)
			break
		}
		if more && r.content {
			r.row = source.Row{Number: r.number, Cells: r.cells, Hidden: r.row.Hidden}
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

// Progress returns how much of the sheet has been read, and its size, in uncompressed bytes.
func (r *Rows) Progress() (read, total int64) {
	return min(max(r.x.Read()-r.start, 0), r.total), r.total
}

// Close ends the iteration, at any point. It returns nil.
func (r *Rows) Close() error {
	r.x.Stop()
	r.text.Reset()
	r.limits.Memory.Shrink(r.reserved)
	r.reserved, r.repeats = 0, 0
	if r.err == nil && r.state != afterSheet {
		r.err = errRowsClosed
	}
	return nil
}

// located adds the sheet and the cell to an error about the sheet.
func (r *Rows) located(err error) error {
	var refused *source.Error
	if errors.As(err, &refused) && strings.HasPrefix(refused.Where, contentPart) && r.state == inSheet {
		refused.Sheet = r.sheet
		if r.col > 0 && r.number > 0 {
			refused.Cell = source.CellName(r.col, r.number)
		}
	}
	return err
}

// position returns the position of the reader, for an error.
func (r *Rows) position() string {
	switch {
	case r.state != inSheet || r.number == 0:
		return ""
	case r.col > 0:
		return "cell " + source.CellName(r.col, r.number)
	}
	return "row " + strconv.Itoa(r.number)
}

// HiddenColumn reports whether a column is hidden. Columns count from 1. It can be called after the first call of Next.
func (r *Rows) HiddenColumn(col int) bool {
	of := r.column(col)
	return of != nil && of.hidden
}

// column returns the description of a column, or nil.
func (r *Rows) column(col int) *columns {
	i, _ := slices.BinarySearchFunc(r.columns, col, func(c columns, col int) int { return cmp.Compare(c.last, col) })
	if i == len(r.columns) {
		return nil
	}
	return &r.columns[i]
}

// WatchMerges implements source.Merged.
func (r *Rows) WatchMerges(wanted func(source.Range) bool) { r.wantsMerge = wanted }

// Merges implements source.Merged. The first cell of a merged range has the size of the range.
func (r *Rows) Merges() []source.Range { return r.merges }

// readRow reads to the end of the next row. At the end of the sheet, more is false.
func (r *Rows) readRow() (more bool, err error) {
	if r.state == beforeSheet {
		if err := r.findSheet(); err != nil {
			return false, err
		}
	}
	for {
		r.col = 0
		r.rowStart = r.x.Base + int64(r.x.Pos)
		switch r.x.Next() {
		case zipxml.Failed, zipxml.EOF:
			return false, r.x.Err
		case zipxml.Text:
			if !zipxml.IsBlank(r.x.Text) {
				return false, r.x.Refusal(source.Damaged, "there is text outside its cells")
			}
		case zipxml.End:
			if r.x.Depth() < sheetDepth {
				r.state = afterSheet
				return false, nil
			}
		case zipxml.Start:
			switch {
			case r.x.IsIn(zipxml.Table, "table-row"):
				return true, r.readCells()
			case r.x.IsIn(zipxml.Table, "table-column"):
				if err := r.addColumns(); err != nil {
					return false, err
				}
			case r.x.Namespace == zipxml.Table && groups[string(r.x.Local)]:
				// The rows or columns are within it.
			case !r.x.Skip():
				return false, r.x.Err
			}
		}
	}
}

// sheetDepth is the number of open elements within a sheet, outside its rows and groups.
const sheetDepth = 4

// groups are the elements that group rows or columns (§9.1.6 to §9.1.13).
var groups = map[string]bool{"table-rows": true, "table-header-rows": true, "table-row-group": true,
	"table-columns": true, "table-header-columns": true, "table-column-group": true}

// findSheet reads up to the start of the sheet.
func (r *Rows) findSheet() error {
	for sheets := 0; ; {
		switch r.x.Next() {
		case zipxml.Failed:
			return r.x.Err
		case zipxml.EOF:
			return r.x.Refusal(source.Damaged, "the file has changed while it was read")
		case zipxml.Start:
			switch {
			case isSheet(r.x) && sheets == r.index:
				r.state, r.next = inSheet, 1
				return nil
			case isSheet(r.x):
				sheets++
				fallthrough
			case r.x.Depth() == sheetDepth, r.x.Depth() == 2 && !isBody(r.x):
				if !r.x.Skip() {
					return r.x.Err
				}
			}
		}
	}
}

// repeated returns the value of an attribute that repeats the current element. limit is its maximum.
func (r *Rows) repeated(attr string, limit int) (int, error) {
	value := r.x.AttrIn(zipxml.Table, attr)
	if value == nil {
		return 1, nil
	}
	n, ok := cellvalue.ParseInt(value, 1<<40)
	if !ok || n == 0 {
		return 0, r.x.Refusal(source.Damaged, "%s is %q", attr, zipxml.Clip(value))
	}
	return min(n, limit), nil
}

// isHidden reports whether the current row or column is hidden, by the user or by a filter.
func (r *Rows) isHidden() bool {
	switch string(r.x.AttrIn(zipxml.Table, "visibility")) {
	case "collapse", "filter":
		return true
	}
	return false
}

// columnBytes is the memory of the columns of one element.
const columnBytes = 64

func (r *Rows) addColumns() error {
	n, err := r.repeated("number-columns-repeated", r.limits.MaxColumns)
	if err != nil {
		return err
	}
	last := 0
	if len(r.columns) > 0 {
		last = r.columns[len(r.columns)-1].last
	}
	if last >= r.limits.MaxColumns {
		return nil
	}
	style := r.x.AttrIn(zipxml.Table, "default-cell-style-name")
	if err := r.reserve(int64(columnBytes + len(style))); err != nil {
		return err
	}
	r.columns = append(r.columns, columns{last: min(last+n, r.limits.MaxColumns), style: bytes.Clone(style), hidden: r.isHidden()})
	return nil
}

// reserve reserves memory until Close.
func (r *Rows) reserve(bytes int64) error {
	if err := r.limits.Memory.Grow(bytes); err != nil {
		return err
	}
	r.reserved += bytes
	return nil
}

// columnStyle returns the style of cells of a column that have none.
func (r *Rows) columnStyle(col int) []byte {
	if of := r.column(col); of != nil {
		return of.style
	}
	return nil
}

// readCells reads the current row, whose start tag is the current token (§9.1.3).
func (r *Rows) readCells() error {
	n, err := r.repeated("number-rows-repeated", source.DefaultLimits().MaxRows+1)
	if err != nil {
		return err
	}
	r.number, r.next = r.next, r.next+n
	r.cells, r.content, r.row.Hidden = r.cells[:0], false, r.isHidden()
	r.style = append(r.style[:0], r.x.AttrIn(zipxml.Table, "default-cell-style-name")...)
	r.text.Reset()
	r.texts = 0
	depth := r.x.Depth()
	column := 1
	for r.x.Depth() >= depth {
		switch r.x.Next() {
		case zipxml.Failed, zipxml.EOF:
			return r.x.Err
		case zipxml.Text:
			if !zipxml.IsBlank(r.x.Text) {
				return r.x.Refusal(source.Damaged, "there is text outside its cell")
			}
		case zipxml.Start:
			if !r.x.IsIn(zipxml.Table, "table-cell") && !r.x.IsIn(zipxml.Table, "covered-table-cell") {
				if !r.x.Skip() {
					return r.x.Err
				}
				continue
			}
			if column, err = r.readCell(column); err != nil {
				return err
			}
		}
		switch {
		case r.text.Err != nil:
			return r.text.Err
		case r.x.Base+int64(r.x.Pos)-r.rowStart > r.limits.MaxRowBytes, r.texts > r.limits.MaxRowBytes:
			return r.x.Refusal(source.LimitExceeded, "a row is longer than %d bytes", r.limits.MaxRowBytes)
		}
	}
	r.col = 0
	if !r.content {
		return nil
	}
	if r.number+n-1 > r.limits.MaxRows {
		return r.x.Refusal(source.LimitExceeded, "it has a row %d. The maximum is %d", r.number+n-1, r.limits.MaxRows)
	}
	r.repeats = n - 1
	return r.countAdded(len(r.cells) * (n - 1))
}

// countAdded counts cells that a repetition adds.
func (r *Rows) countAdded(n int) error {
	if r.added += n; r.added > maxAdded {
		return r.x.Refusal(source.LimitExceeded, "repeated cells and rows add more than %d cells", maxAdded)
	}
	return nil
}
