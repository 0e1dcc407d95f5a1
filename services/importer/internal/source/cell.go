package source

import (
	"sort"
	"strconv"

	"headway/internal/messages"
	"headway/services/importer/internal/text"
)

// Row is one row of a sheet. It is valid until the next call of Rows.Next.
type Row struct {
	Number int    // counts from 1
	Cells  []Cell // the cells with content or a formula, by ascending column
	Hidden bool
	// Misread is the damage of a line of a text file. Number is its first line.
	Misread Misread
}

// Between returns a row with the cells of some columns. If the last column is 0, it returns the row itself.
func (r Row) Between(first, last int) Row {
	if last == 0 {
		return r
	}
	from := sort.Search(len(r.Cells), func(i int) bool { return r.Cells[i].Col >= first })
	to := sort.Search(len(r.Cells), func(i int) bool { return r.Cells[i].Col > last })
	r.Cells = r.Cells[from:max(from, to)]
	return r
}

// Cell is one cell of a row. Text is valid until the next call of Rows.Next and must not be changed.
type Cell struct {
	Col  int // counts from 1
	Kind Kind
	// ISO reports whether a Date is written as text, not as a number.
	ISO bool
	// TooLong reports whether the text is longer than MaxTextLength. If so, Text has only its beginning.
	TooLong bool
	// HasFormula reports whether the value is the result of a formula, as of the last calculation of the workbook.
	HasFormula bool
	// Merge is how the cell is merged. It is set by MergedRows and FillDown only.
	Merge Merge
	// FormulaID identifies the formula's text within the row. See Formulas.
	FormulaID uint32
	// Text is the value:
	//
	//	Text     the text itself
	//	Number   plain decimal digits, such as "-0.5" or "1234567890123456789",
	//	         as the file has them, without the noise of binary fractions
	//	Date     as Number; if ISO is set, an ISO 8601 date or time as written
	//	Bool     "TRUE" or "FALSE"
	//	ErrorValue  the error's code, such as "#DIV/0!"
	//	Object      what the object is, such as "a picture"
	//	Empty, FormulaWithoutValue  nothing
	Text []byte
	// Format is the cell's number format. It is never nil.
	Format *NumberFormat
}

// WithText returns the cell with this text and without its formula. If the text is a copy, the result remains valid
// after its row.
func (c *Cell) WithText(text []byte) Cell {
	kept := *c
	kept.Text, kept.FormulaID = text, 0
	return kept
}

// Kind is the kind of a cell's content.
type Kind uint8

// The kinds of cells.
const (
	Empty               Kind = iota // nothing, or a formula with an empty result
	Text                            // text, or other content of a cell that is declared as a number
	Number                          // a number
	Bool                            // a truth value
	ErrorValue                      // an error
	Date                            // a number shown as date or time, or a date written as text
	FormulaWithoutValue             // a formula that was never calculated
	Object                          // a picture, or another object that is not a value
)

// String returns the kind in lower case, such as "text" or "number".
func (k Kind) String() string {
	switch k {
	case Text:
		return "text"
	case Number:
		return "number"
	case Bool:
		return "boolean"
	case ErrorValue:
		return "error"
	case Date:
		return "date"
	case FormulaWithoutValue:
		return "formula-without-value"
	case Object:
		return "object"
	default:
		return "empty"
	}
}

// NumberFormat describes how a workbook shows a number.
type NumberFormat struct {
	ID   int         // in xlsx, ECMA-376 Part 1 §18.8.30; IDs below 164 are built in
	Code string      // such as "General", "0.00" or "yyyy-mm-dd"
	Kind FormatClass // the kind of value that a number is shown as
}

// FormatClass distinguishes dates and times from numbers.
type FormatClass uint8

// The classes of a number format.
const (
	Plain    FormatClass = iota // a number, a percentage, a fraction, text
	DateOnly                    // year, month, or day
	TimeOnly                    // hour, minute, or second
	DateTime                    // both
	Elapsed                     // a duration, such as [h]:mm
)

// Blank reports whether a cell is nil, empty, or has only blanks and invisible characters.
func Blank(cell *Cell) bool {
	if cell == nil || cell.Kind == Empty {
		return true
	}
	if cell.Kind != Text || len(cell.Text) > 0 && cell.Text[0] > ' ' && cell.Text[0] < 0x7F {
		return false
	}
	return text.Blank(cell.Text)
}

// Clip shortens a text to n characters. If the text is longer, the last of them is "…".
func Clip(s []byte, n int) string { return text.Clip(s, n) }

// CellName returns the name of a cell, such as "D4711" for column 4 and row 4711. Column and row count from 1.
func CellName(col, row int) string {
	return string(strconv.AppendInt(AppendColumnName(make([]byte, 0, 10), col), int64(row), 10))
}

// LineName returns the name of a cell of a text file, such as "line 4,711, column 3". If the column is 0, it names the line.
func LineName(line, col int) string {
	digits := strconv.Itoa(line)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if col == 0 {
		return "line " + digits
	}
	return "line " + digits + ", column " + strconv.Itoa(col)
}

// Position is where the rows of a sheet are, for names of cells that a user can find.
type Position struct {
	// Sheet is the name of the sheet.
	Sheet string
	// Lines means that rows are lines of a text file. If it is one of several, File is its name.
	Lines bool
	File  string
}

// Cell returns the name of a cell: "Employees!D4711", "line 4,711, column 4", or "employees.csv: line 4,711, column 4". If the
// column is 0, it names the row.
func (p Position) Cell(row, column int) string {
	switch {
	case p.File != "":
		return p.File + ": " + LineName(row, column)
	case p.Lines:
		return LineName(row, column)
	case column == 0:
		number := strconv.Itoa(row)
		return p.Sheet + "!" + number + ":" + number
	}
	return p.Sheet + "!" + CellName(column, row)
}

// Location returns a cell for messages. If the column is 0, it is the row.
func (p Position) Location(row, column int) messages.Location {
	location := messages.Location{Row: uint32(row), Column: uint32(column), File: p.File, Line: p.Lines || p.File != ""}
	if !location.Line {
		location.Sheet = p.Sheet
	}
	return location
}

// ColumnName returns the letters of a column that counts from 1, such as "AA" for 27.
func ColumnName(col int) string { return string(AppendColumnName(nil, col)) }

// AppendColumnName appends the letters of a column.
func AppendColumnName(dst []byte, col int) []byte { return messages.AppendColumn(dst, col) }
