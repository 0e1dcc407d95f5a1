package report

import (
	"context"
	"fmt"
	"io"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/xlsxwrite"
)

// resultHeader is the header of the column with the result of each row.
const resultHeader = "Import result"

// maxColumns is the maximum number of columns of a sheet.
const maxColumns = 16_384

// WriteImported writes the workbook of the imported rows: the sheets of the upload under their own names, each with its
// headers and the imported rows, with their values and formats. A column after the last header shows whether the row was
// inserted, updated, or unchanged. Cells of a row after the last header move one column to the right. Texts and
// formulas are escaped as in the report.
//
// It returns *CountError if the workbook would not have as many rows as were counted.
func WriteImported(ctx context.Context, w io.Writer, im Import) error {
	results := make([]imports.RowResults, len(im.Sheets))
	for i := range im.Sheets {
		var err error
		if results[i], _, err = im.results(ctx, &im.Sheets[i]); err != nil {
			return err
		}
	}
	b := newBook(w, &im)
	for i := range im.Sheets {
		if err := b.imported(ctx, &im.Sheets[i], &results[i]); err != nil {
			return fmt.Errorf("imported rows of sheet %s: %w", im.Sheets[i].Name, err)
		}
	}
	if err := b.out.Close(); err != nil {
		return fmt.Errorf("write the imported rows: %w", err)
	}
	return nil
}

func (b *book) imported(ctx context.Context, sheet *imports.Sheet, results *imports.RowResults) error {
	spec, err := b.im.spec(sheet)
	if err != nil {
		return err
	}
	rows, err := b.im.rows(ctx, sheet)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // only read
	columns := columnsOf(spec, sheet)
	var out pages
	var cells []xlsxwrite.Cell
	var written imports.Tally
	result := 0 // the column of the results, from 0
	for rows.Next() {
		row := rows.Row()
		if row.Number == sheet.HeaderRow {
			result = min(width(row, nil), maxColumns-1)
			if err = out.begin(b, sheet, row, result, resultHeader); err != nil {
				return err
			}
			continue
		}
		of := results.Of(row.Number)
		if !of.Imported() || out.sheet == nil {
			continue
		}
		switch of {
		case imports.Inserted:
			written.Inserted++
		case imports.Updated:
			written.Updated++
		default:
			written.Unchanged++
		}
		cells = b.importedRow(cells, row, columns, result, of)
		if err := out.turn(); err != nil {
			return err
		}
		if err := out.sheet.Row(cells); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read sheet %q again: %w", sheet.WorkbookSheet, err)
	}
	if out.sheet == nil {
		return fmt.Errorf("the workbook has no header row %d", sheet.HeaderRow)
	}
	want := results.Tally()
	if written.Refused = want.Refused; written != want {
		return &CountError{Sheet: sheet.Name, Rows: written, Want: want}
	}
	return nil
}

// importedRow returns the cells of an imported row. It reuses the memory of the previous row.
func (b *book) importedRow(cells []xlsxwrite.Cell, row source.Row, columns map[int]*schema.Column, result int, of imports.RowResult) []xlsxwrite.Cell {
	clear(cells)
	cells = cells[:0]
	put := func(at int, c xlsxwrite.Cell) {
		for len(cells) <= at {
			cells = append(cells, xlsxwrite.Cell{})
		}
		cells[at] = c
	}
	put(result, xlsxwrite.Cell{Kind: xlsxwrite.Text, Text: of.String()})
	for _, c := range row.Cells {
		at := c.Col - 1
		if at >= result {
			at++
		}
		if at < maxColumns {
			put(at, b.cell(c, columns[c.Col], ""))
		}
	}
	return cells
}
