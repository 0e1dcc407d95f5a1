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

// resultHeader stands above the column that says what happened to each row.
const resultHeader = "Import result"

// maxColumns is how many columns a sheet has at most.
const maxColumns = 16_384

// OutcomeError says that what was kept of the rows does not fit the import's numbers; no workbook is made of it.
type OutcomeError struct {
	Sheet      string
	Kept, Want imports.Counts
}

func (e *OutcomeError) Error() string {
	return fmt.Sprintf("sheet %q: kept are %d inserted, %d updated and %d unchanged rows, but the numbers say %d, %d and %d", e.Sheet,
		e.Kept.Inserted, e.Kept.Updated, e.Kept.Unchanged, e.Want.Inserted, e.Want.Updated, e.Want.Unchanged)
}

// WriteImported writes the workbook of the rows that were imported: the sheets of the upload under their own names, each
// with its headers and the imported rows, values and formats as they were, and behind the last header a column that says
// whether the row was inserted, updated or unchanged. What stands in a row behind the last header moves one column to
// the right. Texts and formulas are as harmless as in the report.
//
// The rows are read from the workbook once more, and held one at a time; outcomes gives what became of those of a sheet,
// by the schema's name. *OutcomeError, before anything is written, if a sheet's do not fit its numbers.
func WriteImported(ctx context.Context, w io.Writer, im Import, upload source.Workbook, outcomes func(sheet string) (imports.Outcomes, error)) error {
	found := make([]imports.Outcomes, len(im.Sheets))
	for i, sheet := range im.Sheets {
		var err error
		if found[i], err = outcomes(sheet.Name); err != nil {
			return fmt.Errorf("what became of the rows of sheet %s: %w", sheet.Name, err)
		}
		want := imports.Counts{Inserted: sheet.Inserted, Updated: sheet.Updated, Unchanged: sheet.Unchanged}
		if kept := found[i].Counts(); kept != want {
			return &OutcomeError{Sheet: sheet.Name, Kept: kept, Want: want}
		}
	}
	b := &book{im: im, out: xlsxwrite.New(w)}
	b.out.Date1904 = im.Date1904
	for i, sheet := range im.Sheets {
		if err := b.imported(ctx, sheet, upload, &found[i]); err != nil {
			return fmt.Errorf("imported rows of sheet %s: %w", sheet.Name, err)
		}
	}
	if err := b.out.Close(); err != nil {
		return fmt.Errorf("write the imported rows: %w", err)
	}
	return nil
}

func (b *book) imported(ctx context.Context, sheet Sheet, upload source.Workbook, outcomes *imports.Outcomes) error {
	spec := b.im.Schema.Sheet(sheet.Name)
	if spec == nil {
		return fmt.Errorf("schema %s has no such sheet", b.im.Schema.Name)
	}
	rows, err := upload.Rows(ctx, sheet.WorkbookSheet)
	if err != nil {
		return fmt.Errorf("read sheet %q again: %w", sheet.WorkbookSheet, err)
	}
	defer func() { _ = rows.Close() }() // only read
	var out *xlsxwrite.Sheet
	var columns map[int]*schema.Column
	var cells []xlsxwrite.Cell
	var written imports.Counts
	result := 0 // the column of the results, from 0
	for rows.Next() {
		row := rows.Row()
		if row.Number == sheet.HeaderRow {
			header := Row{Row: row}
			result = min(width(header), maxColumns-1)
			if out, err = b.header(sheet, header, result, resultHeader); err != nil {
				return err
			}
			columns = columnsOf(spec, sheet, header)
			continue
		}
		outcome := outcomes.Of(row.Number)
		if outcome == imports.NotImported || out == nil {
			continue
		}
		switch outcome {
		case imports.Inserted:
			written.Inserted++
		case imports.Updated:
			written.Updated++
		case imports.Unchanged:
			written.Unchanged++
		}
		cells = b.importedRow(cells, row, columns, result, outcome)
		if err := out.Row(cells); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read sheet %q again: %w", sheet.WorkbookSheet, err)
	}
	if out == nil {
		return fmt.Errorf("the workbook has no header row %d", sheet.HeaderRow)
	}
	if want := outcomes.Counts(); written != want {
		return &OutcomeError{Sheet: sheet.Name, Kept: written, Want: want}
	}
	return nil
}

// importedRow gives the cells of an imported row, in the memory of the row before.
func (b *book) importedRow(cells []xlsxwrite.Cell, row source.Row, columns map[int]*schema.Column, result int, outcome imports.Outcome) []xlsxwrite.Cell {
	clear(cells)
	cells = cells[:0]
	put := func(at int, c xlsxwrite.Cell) {
		for len(cells) <= at {
			cells = append(cells, xlsxwrite.Cell{})
		}
		cells[at] = c
	}
	put(result, xlsxwrite.Cell{Kind: xlsxwrite.Text, Text: outcome.String()})
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
