package load

import (
	"strconv"

	"headway/internal/messages"
	"headway/services/importer/internal/check"
	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
)

// repairedLine is a line of a text file whose damage has only one reading.
type repairedLine struct {
	row   int
	how   source.Misread
	cells string
}

// doubtLine records the damage of a line of a text file. If it has only one reading, the row is imported with a warning.
func (p *pipeline) doubtLine(b *batch, row source.Row) {
	if row.Misread.Repaired() {
		b.repaired = append(b.repaired, repairedLine{row.Number, row.Misread, cellsOf(row)})
		return
	}
	says := messages.New("line.unreadable")
	if row.Misread == source.Garbled {
		says = messages.New("line.garbled")
	}
	b.doubts = append(b.doubts, doubt{check.CellFault{Row: len(b.Rows), Column: -1, Fault: &convert.Fault{Code: imports.LineUnreadable, Says: says}}, true})
}

// cellsOf returns the cells of a row, as a message shows them.
func cellsOf(row source.Row) string {
	const separator = " | "
	var text []byte
	col := 1
	for i := range row.Cells {
		for ; col < row.Cells[i].Col; col++ {
			text = append(text, separator...)
		}
		text = append(text, row.Cells[i].Text...)
	}
	return source.Clip(text, imports.MaxValue)
}

// repairs are the kinds of damage in the catalogs.
var repairs = [...]string{
	source.SeparatorMissing: "missing",
	source.SeparatorExtra:   "extra",
	source.SeparatorOther:   "separator",
	source.QuoteStray:       "quote",
}

// warnRepaired adds the warning about a line that was repaired.
func (s *sheet) warnRepaired(line repairedLine) {
	s.issues.add(imports.Warning, imports.LineRepaired, func() imports.Issue {
		return imports.Issue{Sheet: s.spec.Name, Cell: s.listed.Position().Cell(line.row, 0), Row: line.row, Value: line.cells,
			Severity: imports.Warning, Code: imports.LineRepaired, Says: messages.New("line.repaired", messages.Text("damage", repairs[line.how]))}
	})
}

// warnIgnored adds the warning about a cell that is not imported.
func (s *sheet) warnIgnored(row, cell int, text string) {
	if s.shares {
		return
	}
	s.issues.add(imports.Warning, imports.ColumnIgnored, func() imports.Issue {
		name := source.ColumnName(cell)
		if s.listed.Lines {
			name = strconv.Itoa(cell)
		}
		says := messages.New("column.no_header", messages.Text("column", name))
		if row == s.listed.HeaderRow {
			name := source.Clip([]byte(text), 40)
			if text == "" {
				name = source.ColumnName(cell)
			}
			says = messages.New("column.unknown", messages.Text("column", name))
		}
		return imports.Issue{Sheet: s.spec.Name, Cell: s.listed.Position().Cell(row, cell), Row: row, CellColumn: cell, Value: text,
			Severity: imports.Warning, Code: imports.ColumnIgnored, Says: says}
	})
}
