package sample

import (
	"io"
	"strconv"

	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/xlsxwrite"
)

// cell is the content of a row in one column. Its zero value is an empty cell.
type cell = xlsxwrite.Cell

// The styles, in the order of looks.
const (
	general xlsxwrite.StyleID = iota
	header
	dateStyle
	timeStyle
	dateTimeStyle
	decimalStyle
	textStyle
	integerStyle
)

// looks are the styles, the plain one first.
var looks = []xlsxwrite.Style{
	{}, {Bold: true}, {Format: `yyyy\-mm\-dd`}, {Format: "hh:mm"}, {Format: `yyyy\-mm\-dd\ hh:mm`}, {Format: "#,##0.00"}, {Format: "@"}, {Format: "0"},
}

func newWorkbook(w io.Writer) *xlsxwrite.Writer {
	book := xlsxwrite.New(w)
	for _, look := range looks {
		book.Style(look)
	}
	return book
}

// beginSheet begins the next sheet, and writes its header.
func beginSheet(book *xlsxwrite.Writer, s *schema.Sheet) (*xlsxwrite.Sheet, error) {
	headers := make([]cell, len(s.Columns))
	widths := make([]float64, len(s.Columns))
	for i, c := range s.Columns {
		headers[i] = cell{Kind: xlsxwrite.Text, Style: header, Text: c.Title}
		widths[i] = 18
	}
	sheet, err := book.Sheet(s.Title, xlsxwrite.SheetOptions{Widths: widths, FrozenRows: 1})
	if err != nil {
		return nil, err
	}
	return sheet, sheet.Row(headers)
}

func text(s string) cell { return cell{Kind: xlsxwrite.Text, Style: textStyle, Text: s} }

func number(style xlsxwrite.StyleID, s string) cell {
	return cell{Kind: xlsxwrite.Number, Style: style, Text: s}
}

func integer(v int) cell         { return number(integerStyle, strconv.Itoa(v)) }
func date(serial int) cell       { return number(dateStyle, strconv.Itoa(serial)) }
func timeOfDay(minutes int) cell { return number(timeStyle, serial(0, minutes)) }
func dateTime(day, minutes int) cell {
	return number(dateTimeStyle, serial(day, minutes))
}

// money returns an amount in hundredths as a decimal with two places.
func money(hundredths int64) cell {
	fraction := strconv.FormatInt(100+hundredths%100, 10)[1:]
	return number(decimalStyle, strconv.FormatInt(hundredths/100, 10)+"."+fraction)
}

func truth(v bool) cell {
	if v {
		return cell{Kind: xlsxwrite.Bool, Text: "1"}
	}
	return cell{Kind: xlsxwrite.Bool, Text: "0"}
}

// serial returns a day and a time as Excel stores them, with all digits of a double.
func serial(day, minutes int) string {
	return strconv.FormatFloat(float64(day)+float64(minutes)/minutesOfDay, 'f', -1, 64)
}
