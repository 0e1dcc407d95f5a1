package load

import (
	"runtime"

	"headway/services/importer/internal/check"
	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
)

// convert fills the batch's values and faults.
func (p *pipeline) convert(b *batch) {
	s := p.sheet
	doubts := b.doubts
	for i := range b.Rows {
		if len(doubts) > 0 && doubts[0].Row == i {
			doubts = p.convertDoubtful(b, doubts)
			continue
		}
		for c, column := range s.columns {
			p.convertCell(b, i, c, column.converter)
		}
	}
}

func (p *pipeline) convertCell(b *batch, i, c int, converter *convert.Column) {
	width := len(p.sheet.columns)
	var v imports.Value
	var f *convert.Fault
	cell := &b.Cells[i*width+c]
	v, b.converted, f = converter.Convert(cell, p.sheet.run.input.Workbook, b.converted)
	b.Values = append(b.Values, v)
	if cell.Merge == source.FilledDown {
		f = f.FilledDown()
	}
	switch {
	case f == nil:
	case f.Normalized() && p.sheet.columns[c].Cell == 0: // a constant is not a cell of the file
	case f.Normalized():
		p.countNormalized(b, i, c, v, f)
	default:
		b.Faults = append(b.Faults, check.CellFault{Row: i, Column: c, Fault: f})
	}
}

// converters returns the number of goroutines that convert cells, in addition to the one that reads and the one that
// writes.
func converters() int { return max(1, runtime.GOMAXPROCS(0)) }
