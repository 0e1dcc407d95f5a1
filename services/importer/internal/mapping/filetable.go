package mapping

import (
	"slices"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/match"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// fileTable is the table of a sheet of the file.
type fileTable struct {
	FileSheet
	columns []match.Column
	// rows are the rows of the values, by column, in ascending order.
	rows [][]int
	// texts are the values of cells with text, by column.
	texts [][]string
	// factor is that of a unit in a title above the headers, such as “All amounts in k€”. It is empty if there is none.
	factor string
	// samples are the cells of the values that are shown, by column.
	samples [][]source.Cell
	// grouped are the values of the columns whose empty cells could have the value of the cell above, by column.
	grouped map[int]string
}

// tableOf finds the headers of a sheet, and values below them.
func tableOf(book source.Workbook, sheet source.Sheet, rows []source.Row, s *schema.Schema, known labels, found []imports.Sheet) *fileTable {
	f := &fileTable{FileSheet: FileSheet{Name: sheet.Name, File: sheet.File, Of: sheet.Of, Hidden: sheet.State != source.Visible}}
	if len(rows) == 0 {
		return f
	}
	header := headerOf(rows, sheet.Name, s, known, found)
	f.HeaderRow = header.Number
	at := map[int]int{}
	numbered := numbersOf(header)
	for i := range header.Cells {
		cell := &header.Cells[i]
		if source.Blank(cell) || len(f.Columns) == previewColumns {
			continue
		}
		title, _, _ := text.Clean(cell.Text, nil)
		at[cell.Col] = len(f.Columns)
		f.Columns = append(f.Columns, FileColumn{Column: cell.Col, Header: source.Clip([]byte(numbered.title(cell.Col, string(title))), source.HeadText)})
		f.columns = append(f.columns, match.Column{Names: []string{string(title)}})
		f.rows, f.texts, f.samples = append(f.rows, nil), append(f.texts, nil), append(f.samples, nil)
	}
	groups := newGroups(len(f.Columns))
	for _, row := range rows {
		if row.Number < header.Number && f.factor == "" && filled(row) == 1 {
			f.factor = factorOfTitle(row)
		}
		if row.Number <= header.Number {
			continue
		}
		groups.add(row, at)
		for i := range row.Cells {
			cell := &row.Cells[i]
			c, ok := at[cell.Col]
			if !ok || source.Blank(cell) {
				continue
			}
			value := valueOf(book, cell)
			f.columns[c].Values, f.rows[c] = append(f.columns[c].Values, value), append(f.rows[c], row.Number)
			if cell.Kind == source.Text {
				f.texts[c] = append(f.texts[c], value)
			}
			shown := source.Clip([]byte(value), shownText)
			if values := &f.Columns[c].Values; len(*values) < shownValues && !slices.Contains(*values, shown) {
				*values = append(*values, shown)
				f.samples[c] = append(f.samples[c], *cell)
			}
		}
	}
	f.grouped = groups.columns()
	return f
}
