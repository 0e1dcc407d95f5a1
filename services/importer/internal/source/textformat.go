package source

import (
	"bytes"
	"context"
	"errors"
)

// TextFormat is how a text file stores rows and cells. Empty fields are detected from the file.
type TextFormat struct {
	// Encoding is the IANA name of the encoding, such as "UTF-8" or "windows-1252".
	Encoding string `json:"encoding,omitempty"`
	// Delimiter is the character between two cells.
	Delimiter string `json:"delimiter,omitempty"`
	// Quote is the character around a cell that can contain delimiters, or NoQuote.
	Quote string `json:"quote,omitempty"`
	// Escape is the character before a quotation mark inside a cell: `\`, or the quotation mark itself.
	Escape string `json:"escape,omitempty"`
	// LineBreak is the end of a line: "LF", "CRLF", or "CR".
	LineBreak string `json:"line_break,omitempty"`
	// SkipBlanks reports whether blanks after a delimiter do not belong to the cell.
	SkipBlanks bool `json:"skip_blanks,omitempty"`
	// ByteOrderMark reports whether the file begins with one.
	ByteOrderMark bool `json:"byte_order_mark,omitempty"`
	// Columns is how many cells most rows of the table have.
	Columns int `json:"columns,omitempty"`
	// Example has a few words as they are read, if the encoding was chosen by the letters of the text. It is not stored.
	Example string `json:"-"`
}

// ErrTextFormat means that a field of a TextFormat has a value that can't be used.
var ErrTextFormat = errors.New("the text format is not valid")

// NoQuote is the Quote of a file in which quotation marks have no meaning.
const NoQuote = "none"

// Hints are facts about a file in addition to its bytes.
type Hints struct {
	// FileName is the name that the user sees. It can be empty.
	FileName string
	// Text has the parts of the format that are known, if the file is a text file, or if all of its files are.
	Text TextFormat
	// Texts has the same for some of several text files, by their names. It takes precedence over Text.
	Texts map[string]TextFormat
}

// Hinted is an Opener that needs more than the bytes of a file.
type Hinted interface {
	// WithHints returns an opener for one file.
	WithHints(Hints) Opener
}

// For returns the openers for a file with these hints.
func (o Openers) For(hints Hints) Openers {
	hinted := make(Openers, len(o))
	for i, opener := range o {
		hinted[i] = opener
		if h, ok := opener.(Hinted); ok {
			hinted[i] = h.WithHints(hints)
		}
	}
	return hinted
}

// TextFormatOf returns the format of a text file, as it was recognized. It reports false for other files.
func TextFormatOf(w Workbook) (TextFormat, bool) {
	text, ok := w.(interface{ TextFormat() TextFormat })
	if !ok {
		return TextFormat{}, false
	}
	return text.TextFormat(), true
}

// MaxFiles is the maximum number of text files that are one workbook. Each is opened to recognize its format.
const MaxFiles = 256

// TextFormatsOf returns the formats of a workbook whose sheets are text files, by the names of the files. It returns none for
// other workbooks.
func TextFormatsOf(ctx context.Context, w Workbook) (map[string]TextFormat, error) {
	texts, ok := w.(interface {
		TextFormats(ctx context.Context) (map[string]TextFormat, error)
	})
	if !ok {
		return nil, nil
	}
	return texts.TextFormats(ctx)
}

// HasLines reports whether the rows of a workbook are lines of one or more text files.
func HasLines(w Workbook) bool {
	if _, ok := TextFormatOf(w); ok {
		return true
	}
	sheets := w.Sheets()
	return len(sheets) > 0 && sheets[0].File != ""
}

// IgnoredFiles returns the names of the files that several files were uploaded with, and that have no data: those of macOS, for
// example.
func IgnoredFiles(w Workbook) []string {
	archive, ok := w.(interface{ IgnoredFiles() []string })
	if !ok {
		return nil
	}
	return archive.IgnoredFiles()
}

// Misread is an error in the separators or quotation marks of a line.
type Misread uint8

// The kinds of damage.
const (
	// AsWritten is a line without damage.
	AsWritten Misread = iota
	// SeparatorMissing, SeparatorExtra, SeparatorOther, and QuoteStray are lines with damage that were read in the only way
	// that fits the columns: two cells without a separator, an empty cell too many, another character as separator, and a
	// quotation mark that opens or closes nothing.
	SeparatorMissing
	SeparatorExtra
	SeparatorOther
	QuoteStray
	// Unclear is a line that fits the columns in no way, or in several.
	Unclear
	// Garbled is a line with bytes that are not text in the encoding of the file.
	Garbled
)

// Repaired reports whether the line was damaged, and was read in the only way that fits.
func (m Misread) Repaired() bool { return m != AsWritten && m < Unclear }

// IsJSON reports whether a text, without blanks before it, begins as a JSON object or as an array of objects.
func IsJSON(text []byte) bool {
	if items, isArray := bytes.CutPrefix(text, []byte("[")); isArray {
		text = bytes.TrimSpace(items)
	}
	return bytes.HasPrefix(text, []byte("{"))
}
