package report

import (
	"context"
	"fmt"
	"io"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/xlsxwrite"
)

// maxColumns is the maximum number of columns of a sheet.
const maxColumns = 16_384

// WriteImported writes the workbook of the imported rows: the sheets of the upload under their own names, each with its
// headers and the imported rows, with their values and formats. A column after the last header shows whether the row was
// inserted, updated, or unchanged. Cells of a row after the last header move one column to the right. Texts and
// formulas are escaped as in the report.
//
// If a sheet is for several tables, there is a column for each of them, and rows that one of the tables has refused are in the report.
// A row that repeats an earlier one of a distinct table is "repeated".
//
// It returns *CountError if the workbook would not have as many rows as were counted.
func WriteImported(ctx context.Context, w io.Writer, im Import) error {
	b := newBook(w, &im)
	results := make([][]imports.RowResults, len(b.sheets))
	for i, sheet := range b.sheets {
		for _, table := range sheet.tables {
			of, _, err := im.results(ctx, table)
			if err != nil {
				return err
			}
			results[i] = append(results[i], of)
		}
	}
	for i, sheet := range b.sheets {
		if err := b.imported(ctx, sheet, results[i]); err != nil {
			return fmt.Errorf("imported rows of sheet %s: %w", sheet.Name, err)
		}
	}
	if err := b.out.Close(); err != nil {
		return fmt.Errorf("write the imported rows: %w", err)
	}
	return nil
}

// resultOf returns the result of a row as text.
func (b *book) resultOf(r imports.RowResult) string {
	text, known := b.results[r]
	if !known {
		text = b.in(messages.New("report.row_result", messages.Text("result", r.String())))
		b.results[r] = text
	}
	return text
}

// resultHeaders returns the headers of the columns with results.
func (b *book) resultHeaders(sheet *fileSheet) []string {
	headers := make([]string, len(sheet.tables))
	for i, table := range sheet.tables {
		headers[i] = b.in(messages.New("report.result"))
		if len(headers) > 1 {
			headers[i] += ": " + b.im.Schema.Sheet(table.Name).Title
		}
	}
	return headers
}

func (b *book) imported(ctx context.Context, sheet *fileSheet, results []imports.RowResults) error {
	columns, err := b.im.columns(sheet)
	if err != nil {
		return err
	}
	rows, err := b.im.rows(ctx, sheet)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // only read
	var out pages
	var cells []xlsxwrite.Cell
	found := make([]imports.Tally, len(results))
	result := 0 // the first column of the results, from 0
	for rows.Next() {
		row := rows.Row()
		if row.Number == sheet.HeaderRow {
			result = min(width(row, nil), maxColumns-len(results))
			if err = out.begin(b, &sheet.Sheet, row, result, b.resultHeaders(sheet)...); err != nil {
				return err
			}
			continue
		}
		if out.sheet == nil || !countResults(found, results, row.Number) {
			continue
		}
		cells = b.importedRow(cells, row, columns, result, results)
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
	for i := range results {
		if want := results[i].Tally(); found[i] != want {
			return &CountError{Sheet: sheet.tables[i].Name, Rows: found[i], Want: want}
		}
	}
	return nil
}

// countResults counts the results of a row of the file by table. It reports whether the row is an imported one.
func countResults(found []imports.Tally, results []imports.RowResults, row int) (imported bool) {
	refused := false
	for i := range results {
		switch results[i].Of(row) {
		case imports.Inserted:
			found[i].Inserted++
		case imports.Updated:
			found[i].Updated++
		case imports.Unchanged:
			found[i].Unchanged++
		case imports.Repeated:
		case imports.Refused:
			found[i].Refused++
			refused = true
			continue
		default:
			continue
		}
		imported = true
	}
	return imported && !refused
}

// importedRow returns the cells of an imported row. It reuses the memory of the previous row.
func (b *book) importedRow(cells []xlsxwrite.Cell, row source.Row, columns map[int]*schema.Column, result int, results []imports.RowResults) []xlsxwrite.Cell {
	clear(cells)
	cells = cells[:0]
	put := func(at int, c xlsxwrite.Cell) {
		for len(cells) <= at {
			cells = append(cells, xlsxwrite.Cell{})
		}
		cells[at] = c
	}
	for i := range results {
		put(result+i, xlsxwrite.Cell{Kind: xlsxwrite.Text, Text: b.resultOf(results[i].Of(row.Number))})
	}
	for _, c := range row.Cells {
		at := c.Col - 1
		if at >= result {
			at += len(results)
		}
		if at < maxColumns {
			put(at, b.cell(c, columns[c.Col], ""))
		}
	}
	return cells
}
