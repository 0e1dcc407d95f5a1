package xlsx

// Row is one row of a sheet. It is valid until the next call of Rows.Next.
type Row struct {
	Number int    // counts from 1
	Cells  []Cell // those with content or a formula, by ascending column
	Hidden bool
}

// Cell is one cell of a row. Text is valid until the next call of Rows.Next and
// must not be changed.
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
	// HasFormula tells that the value is what a formula came to when the
	// workbook was last calculated. Rows.Formula gives its text.
	HasFormula bool
	// Format is how Excel shows a number. It is never nil.
	Format *NumberFormat

	formula []byte         // its own
	master  *sharedFormula // or that of an earlier cell
}

// WithText returns the cell with this text and without its formula: with a
// copy of its own text, it may be kept beyond its row.
func (c *Cell) WithText(text []byte) Cell {
	kept := *c
	kept.Text, kept.formula, kept.master = text, nil, nil
	return kept
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
