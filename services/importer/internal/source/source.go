// Package source defines the interfaces of files with sheets: workbooks, rows, and cells, independent of the file's
// format. Each format has its own folder here.
package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"unicode/utf8"
)

// Workbook is an open file. Several goroutines can call its methods, and several Rows can be open at the same time.
type Workbook interface {
	// Sheets returns the sheets in the order of the file.
	Sheets() []Sheet
	// Rows opens a sheet by its exact name. The caller closes the Rows. ctx applies to the whole reading.
	Rows(ctx context.Context, sheet string) (Rows, error)
	// Civil returns the date and time of a cell of kind Date or Number. Its errors are ErrNotADate, ErrDateRange,
	// ErrNoSuchDate, ErrDateZone, and ErrDateMalformed.
	Civil(cell *Cell) (Civil, error)
	// Close releases the workbook's memory. It does not close its Rows.
	Close() error
}

// Rows iterates once over the rows of a sheet. Only Progress can be called from several goroutines.
type Rows interface {
	// Next reads the next row with content. It returns false at the end of the sheet and after an error.
	Next() bool
	// Row returns the current row, which is valid until the next call of Next.
	Row() Row
	// Err returns the error that ended the iteration early, or nil.
	Err() error
	// Progress returns the number of the sheet's bytes that have been read, and their total.
	Progress() (read, total int64)
	// Close ends the reading. It can be called at any point.
	Close() error
}

// Formulas is implemented by Rows of formats that have formulas.
type Formulas interface {
	// Formula returns the formula of a cell of the current row, without "=", or nothing if the cell has no formula. The
	// text is valid until the next call of Formula or Next and must not be changed.
	Formula(cell *Cell) []byte
}

// Head returns the first rows with content of some sheets, by sheet, at most n of each. Texts are truncated to HeadText
// bytes. A workbook that can read these rows without loading the whole file has a method with this name.
func Head(ctx context.Context, w Workbook, sheets []string, n int) (map[string][]Row, error) {
	if header, ok := w.(interface {
		Head(ctx context.Context, sheets []string, n int) (map[string][]Row, error)
	}); ok {
		return header.Head(ctx, sheets, n)
	}
	found := map[string][]Row{}
	for _, sheet := range sheets {
		rows, err := w.Rows(ctx, sheet)
		if err != nil {
			return nil, err
		}
		for len(found[sheet]) < n && rows.Next() {
			row := rows.Row().Head()
			if err := reserve(w, row.bytes()); err != nil {
				return nil, errors.Join(err, rows.Close())
			}
			found[sheet] = append(found[sheet], row)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Reserver is implemented by workbooks that reserve the memory of the rows of Head until they are closed.
type Reserver interface {
	Reserve(bytes int64) error
	Unreserve(bytes int64)
}

func reserve(w Workbook, bytes int64) error {
	if r, ok := w.(Reserver); ok {
		return r.Reserve(bytes)
	}
	return nil
}

// FreeHead returns the memory of rows of Head that are no longer used, before the workbook is closed.
func FreeHead(w Workbook, rows []Row) {
	if r, ok := w.(Reserver); ok {
		for i := range rows {
			r.Unreserve(rows[i].bytes())
		}
	}
}

// cellBytes is approximately the memory of a cell without its text.
const cellBytes = 64

// bytes returns approximately the memory of a row of Head.
func (r Row) bytes() int64 {
	n := int64(len(r.Cells)) * cellBytes
	for i := range r.Cells {
		n += int64(len(r.Cells[i].Text))
	}
	return n
}

// HeadText is the maximum number of bytes of a cell's text in Head.
const HeadText = 256

// Head returns a copy of the row whose texts are cut to HeadText bytes, and TooLong is set for those. It remains valid.
func (r Row) Head() Row {
	cells := make([]Cell, len(r.Cells))
	for i := range r.Cells {
		text := r.Cells[i].Text
		end := min(len(text), HeadText)
		for end > 0 && end < len(text) && !utf8.RuneStart(text[end]) {
			end--
		}
		cells[i] = r.Cells[i].WithText(bytes.Clone(text[:end]))
		cells[i].TooLong = cells[i].TooLong || end < len(text)
	}
	r.Cells = cells
	return r
}

// Date1904 reports whether a workbook's dates count from 1904 instead of 1900. Workbooks of formats with both date
// systems have a method with this name.
func Date1904(w Workbook) bool {
	dated, ok := w.(interface{ Date1904() bool })
	return ok && dated.Date1904()
}

// PartialName is the defined name of workbooks that have only some of a schema's sheets, and are complete: the reports of
// uploads that had no others. Spreadsheet programs keep it.
const PartialName = "_headway_partial"

// Partial reports whether a workbook has this name. Workbooks of formats with names have a method of this name.
func Partial(w Workbook) bool {
	partial, ok := w.(interface{ Partial() bool })
	return ok && partial.Partial()
}

// Sheet is a sheet as the workbook lists it.
type Sheet struct {
	Name  string
	State SheetState
	Bytes int64 // uncompressed size, or 0 if the sheet has no content
	// File is the name of the sheet's own file. It is empty if the sheet is not one of several files.
	File string
	// Of is the name of the sheet that the table is on, if it is another table than the sheet's main one. See mapping.Unstack.
	Of string
}

// SheetState is the visibility of a sheet.
type SheetState uint8

// The states of a sheet.
const (
	Visible    SheetState = iota
	Hidden                // users can show it in the menu
	VeryHidden            // only a program can show it
)

// String returns "visible", "hidden", or "veryHidden".
func (s SheetState) String() string {
	switch s {
	case Hidden:
		return "hidden"
	case VeryHidden:
		return "veryHidden"
	default:
		return "visible"
	}
}

// Opener opens the files of one format.
type Opener interface {
	// Detect reports whether a file is of this format, by its first bytes.
	Detect(head []byte) bool
	// Open opens a file of size bytes. r must remain readable until the workbook is closed. A file that can't be read is an
	// *Error. Errors of r and of ctx are wrapped. ErrOtherFormat means that the file only begins like those of this format.
	Open(ctx context.Context, r io.ReaderAt, size int64, limits Limits) (Workbook, error)
}

// ErrOtherFormat means that a later opener has to open the file.
var ErrOtherFormat = errors.New("the file is of another format")

// Refuser is an Opener that can decide by the first bytes that it can't open a file.
type Refuser interface {
	// Refuse returns an *Error for such a file, and nil if the decision depends on the rest of the file.
	Refuse(head []byte) error
}

// Openers are the formats that can be read.
type Openers []Opener

// InsideError means that a file is an archive with one workbook, and no other tables.
type InsideError struct {
	// Name is the name of the workbook, without its folder. Ignored are the paths of the other files.
	Name    string
	Ignored []string
	// Unpack writes the workbook. The file and the limits are those of Open.
	Unpack func(ctx context.Context, r io.ReaderAt, size int64, limits Limits, out io.Writer) error
	// Err is the *Error of a caller that can't unpack it.
	Err error
}

// Error implements error.
func (e *InsideError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *InsideError) Unwrap() error { return e.Err }

// RefuseBytes is the length of the head that Refuse needs.
const RefuseBytes = 4096

// Refuse returns the *Error of a file whose first bytes show that none of the openers can open it, so that its sender
// doesn't have to send the rest. It returns nil if the decision depends on the rest of the file.
func (o Openers) Refuse(head []byte) error {
	for _, opener := range o {
		if opener.Detect(head[:min(len(head), headBytes)]) {
			return nil
		}
	}
	if refuser, ok := o.last().(Refuser); ok {
		return refuser.Refuse(head)
	}
	return nil
}

// last returns the opener for files that no other opener opens: the first one that can describe them.
func (o Openers) last() Opener {
	for _, opener := range o {
		if _, ok := opener.(Refuser); ok {
			return opener
		}
	}
	return o[0]
}

// OpenBytes is the memory to reserve before a workbook is opened. Opening a workbook reserves more if necessary.
const OpenBytes = 4 << 20

// headBytes is the length of the head by which openers detect their format.
const headBytes = 512

// Open opens a file by the first opener that detects its format. If none does, the first Refuser tries, and returns an
// *Error that describes the file.
func (o Openers) Open(ctx context.Context, r io.ReaderAt, size int64, limits Limits) (Workbook, error) {
	head := make([]byte, min(size, headBytes))
	n, err := r.ReadAt(head, 0)
	if n < len(head) && err != nil && err != io.EOF {
		return nil, err
	}
	for _, opener := range o {
		if !opener.Detect(head[:n]) {
			continue
		}
		if w, err := opener.Open(ctx, r, size, limits); !errors.Is(err, ErrOtherFormat) {
			return w, err
		}
	}
	return o.last().Open(ctx, r, size, limits)
}
