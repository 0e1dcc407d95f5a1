package report

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/xlsxwrite"
)

// cell returns a cell of the upload for the report, with its value and its format, so that it is read as the same number,
// date or text again. color is the color of its issue, and is empty if the cell has no issue.
func (b *book) cell(c source.Cell, column *schema.Column, color string) xlsxwrite.Cell {
	format := c.Format.Code
	out := xlsxwrite.Cell{Text: string(c.Text)}
	switch c.Kind {
	case source.Empty:
		if color == "" {
			return xlsxwrite.Cell{}
		}
		format = emptyFormat(column)
	case source.Number, source.Date:
		out.Kind = xlsxwrite.Number
		if c.ISO {
			out.Kind, format = xlsxwrite.Text, "@"
		}
	case source.Bool:
		out.Kind, out.Text = xlsxwrite.Bool, "0"
		if string(c.Text) == "TRUE" {
			out.Text = "1"
		}
	case source.ErrorValue:
		out.Kind, out.Text = xlsxwrite.Error, knownError(out.Text)
	case source.FormulaWithoutValue, source.Object:
		out.Kind, out.Text = xlsxwrite.Error, "#N/A"
	case source.Text:
		out.Kind = xlsxwrite.Text
		switch {
		case Runs(out.Text) || column == nil || column.Type.Textual():
			// A new value remains text, with leading zeros, even if it looks like a formula.
			format = "@"
		case color != "":
			// The cell has text instead of a number or date. A new value becomes a number or date.
			format = emptyFormat(column)
		}
	}
	out.Style = b.out.Style(xlsxwrite.Style{Format: format, Fill: color})
	return out
}

// errorValues are the errors that a cell can have (ECMA-376 Part 1 §18.17.3).
var errorValues = map[string]bool{"#NULL!": true, "#DIV/0!": true, "#VALUE!": true, "#REF!": true, "#NAME?": true, "#NUM!": true, "#N/A": true, "#GETTING_DATA": true}

// knownError returns an error that every program reads. Unknown errors become #VALUE!.
func knownError(code string) string {
	if errorValues[code] {
		return code
	}
	return "#VALUE!"
}

// emptyFormat returns the number format for entering a value of a column.
func emptyFormat(column *schema.Column) string {
	if column == nil {
		return ""
	}
	switch column.Type {
	case schema.Date:
		return `yyyy\-mm\-dd`
	case schema.Time:
		return "hh:mm:ss"
	case schema.DateTime:
		return `yyyy\-mm\-dd\ hh:mm:ss`
	case schema.Integer, schema.Decimal, schema.Boolean:
		return ""
	default:
		return "@"
	}
}

// Runs reports whether a spreadsheet that opens a text file would execute a value as a formula or a command, by its
// first character (OWASP, CSV Injection). A plain number is not executed, even if it has a sign.
func Runs(value string) bool {
	if value == "" {
		return false
	}
	first, _ := utf8.DecodeRuneInString(value)
	return strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) && !plainNumber(value)
}

// plainNumber reports whether a value is digits, with at most a sign and a point.
func plainNumber(value string) bool {
	digits := strings.TrimLeft(value, "+-")
	if len(value)-len(digits) > 1 || digits == "" || strings.Trim(digits, "0123456789.") != "" {
		return false
	}
	return strings.Count(digits, ".") <= 1 && digits != "."
}

// clipUnits shortens a text to a number of UTF-16 units, in which Excel counts.
func clipUnits(text string, units int) string {
	n := 0
	for i, r := range text {
		if n += utf16.RuneLen(r); n > units {
			return text[:i]
		}
	}
	return text
}
