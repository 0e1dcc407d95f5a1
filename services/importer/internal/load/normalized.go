package load

import (
	"fmt"

	"headway/services/importer/internal/check"
	"headway/services/importer/internal/imports"
)

// normalized counts the cells of a column that were not in their plain form, but had exactly one reading.
type normalized struct {
	cells int
	// row and message are those of the first such cell.
	row     int
	message string
}

// countNormalized counts the cell in row i and column c of a batch whose value was just converted.
func (p *pipeline) countNormalized(b *batch, i, c int, v imports.Value) {
	width := len(p.sheet.columns)
	if len(b.normalized) < width {
		b.normalized = make([]normalized, width)
	}
	n := &b.normalized[c]
	if n.cells++; n.cells == 1 {
		n.row, n.message = b.Rows[i], p.sheet.columns[c].converter.Explain(&b.Cells[i*width+c], p.sheet.run.input.Workbook, v)
	}
}

// addNormalized adds the counts of a batch, which come in the order of the rows, to those of the sheet.
func (s *sheet) addNormalized(b *batch) {
	if len(b.normalized) == 0 {
		return
	}
	if s.normalized == nil {
		s.normalized = make([]normalized, len(s.columns))
	}
	for c, n := range b.normalized {
		first := &s.normalized[c]
		if first.cells == 0 {
			first.row, first.message = n.row, n.message
		}
		first.cells += n.cells
	}
}

// warnNormalized adds one warning for each column that had such cells, at the first of them.
func (s *sheet) warnNormalized() {
	for c, n := range s.normalized {
		if n.cells == 0 {
			continue
		}
		column := s.columns[c]
		s.issues.add(imports.Warning, imports.Normalized, func() imports.Issue {
			return imports.Issue{Sheet: s.spec.Name, Cell: check.CellName(s.listed.WorkbookSheet, s.listed.Lines, n.row, column.Cell),
				Row: n.row, CellColumn: column.Cell, Column: column.Spec.Name, Severity: imports.Warning, Code: imports.Normalized,
				Message: n.message + others(n.cells-1)}
		})
	}
}

func others(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return " 1 other cell of this column was cleaned up too."
	}
	return fmt.Sprintf(" %d other cells of this column were cleaned up too.", n)
}
