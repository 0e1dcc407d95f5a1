package report

import (
	"bytes"
	"fmt"
	"slices"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/xlsxwrite"
)

// pages writes the rows of a sheet. A text file can have more rows than a sheet of a workbook. Then they continue on further
// sheets, with the same headers: “Areas (2)”.
type pages struct {
	// sheet is the current one. It is nil before begin.
	sheet *xlsxwrite.Sheet
	next  func(name string) (*xlsxwrite.Sheet, error)
	name  string
	count int
	// maxRows is the maximum number of rows per sheet.
	maxRows int
}

// begin writes the headers. See book.header.
func (p *pages) begin(b *book, sheet *imports.Sheet, header source.Row, columns int, added ...string) (err error) {
	header.Cells = slices.Clone(header.Cells) // the row does not stay valid
	for i, c := range header.Cells {
		header.Cells[i] = c.WithText(bytes.Clone(c.Text))
	}
	p.next = func(name string) (*xlsxwrite.Sheet, error) { return b.header(name, sheet, header, columns, added...) }
	p.name, p.count, p.maxRows = b.sheetName(sheet), 1, b.maxRows
	p.sheet, err = p.next(p.name)
	return err
}

// turn begins another sheet if the current one is full.
func (p *pages) turn() (err error) {
	if p.sheet.Rows() < p.maxRows {
		return nil
	}
	p.count++
	p.sheet, err = p.next(p.current())
	return err
}

// current is the name of the current sheet.
func (p *pages) current() string { return pageName(p.name, p.count) }

// pageName is the name of a further sheet, by its number from 1.
func pageName(name string, number int) string {
	if number == 1 {
		return name
	}
	suffix := fmt.Sprintf(" (%d)", number)
	return clipUnits(name, schema.MaxSheetTitle-len(suffix)) + suffix
}

// pageOf returns the sheet and the row of the n-th row after the headers, from 1.
func pageOf(name string, n, maxRows int) (sheet string, row int) {
	return pageName(name, (n-1)/(maxRows-1)+1), (n-1)%(maxRows-1) + 2
}
