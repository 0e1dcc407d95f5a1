package xlsx

// Row is one row of a sheet. It is valid until the next call of Rows.Next.
type Row struct {
	Number int    // counts from 1
	Cells  []Cell // those with content or a formula, by ascending column
	Hidden bool
}

// Cell is one cell of a row. Text and Formula are valid until the next call of
// Rows.Next and must not be changed.
type Cell struct {
	Col  int // counts from 1
	Kind Kind
	// Text is the value:
	//
	//	Text     the text itself
	//	Number   plain decimal digits, such as "-0.5" or "1234567890123456789",
	//	         with at most 15 significant digits unless it is a whole number
	//	         that is written out
	//	Date     as Number; if ISO is set, an ISO 8601 date or time as written
	//	Bool     "TRUE" or "FALSE"
	//	ErrorValue  the error's code, such as "#DIV/0!"
	//	Empty, FormulaWithoutValue  nothing
	Text []byte
	// ISO tells that a Date is written as text (t="d"), not as a number.
	ISO bool
	// Format is how Excel shows a number. It is never nil.
	Format *NumberFormat
	// HasFormula tells that the value is what a formula came to when the
	// workbook was last calculated.
	HasFormula bool
	// Formula is the formula without "=". It is empty in the cells that share
	// the formula of an earlier cell.
	Formula []byte
}

// Kind is what a cell holds.
type Kind uint8

// The kinds of cells.
const (
	Empty               Kind = iota // nothing, or a formula that gives an empty text
	Text                            // text, also where a number was promised and none is there
	Number                          // a number
	Bool                            // a truth value
	ErrorValue                      // an error
	Date                            // a number shown as date or time, or a date written as text
	FormulaWithoutValue             // a formula that was never calculated
)

// String returns the kind in small letters, such as "text" or "number".
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
	default:
		return "empty"
	}
}
