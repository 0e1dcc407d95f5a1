package load

import (
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
	message := "The separators or quotation marks of this line do not fit the columns, so it is not clear which value belongs where. Correct the line."
	if row.Misread == source.Garbled {
		message = "The line has bytes that are not text in the encoding of the file. Save the file as UTF-8, or choose its encoding."
	}
	b.doubts = append(b.doubts, doubt{check.CellFault{Row: len(b.Rows), Column: -1, Fault: &convert.Fault{Code: imports.LineUnreadable, Message: message}}, true})
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

var repairs = [...]string{
	source.SeparatorMissing: "A separator is missing between two values.",
	source.SeparatorExtra:   "The line has one separator too many.",
	source.SeparatorOther:   "The values have another separator than in the other lines.",
	source.QuoteStray:       "A quotation mark opens or closes nothing.",
}

// warnRepaired adds the warning about a line that was repaired.
func (s *sheet) warnRepaired(line repairedLine) {
	s.issues.add(imports.Warning, imports.LineRepaired, func() imports.Issue {
		return imports.Issue{Sheet: s.spec.Name, Cell: s.listed.Position().Cell(line.row, 0), Row: line.row, Value: line.cells,
			Severity: imports.Warning, Code: imports.LineRepaired, Message: repairs[line.how] + " The line was read in the only way that fits the columns. Check its values."}
	})
}
