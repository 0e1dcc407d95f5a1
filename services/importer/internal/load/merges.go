package load

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"headway/internal/messages"
	"headway/services/importer/internal/check"
	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/source"
)

// errMerged means that a sheet has merged cells below its headers. A workbook lists its merged ranges after the rows,
// so the run reads them and starts again. Workbooks without merged cells are read once.
var errMerged = errors.New("the sheet has merged cells below its headers")

// findMerges finds the merged ranges of all sheets, unless they are known or there are none.
func (k *knowledge) findMerges(ctx context.Context, task Task, input Input) error {
	if !k.merged {
		return nil
	}
	known := k.merges != nil
	if !known {
		k.merges = map[string][]source.Range{}
	}
	for i := range task.Import.Sheets {
		listed := &task.Import.Sheets[i]
		if !known {
			columns := listed.ColumnNumbers()
			ranges, err := source.Merges(ctx, input.Workbook, listed.WorkbookSheet, func(r source.Range) bool { return r.IsBelow(listed.HeaderRow, columns) })
			if err != nil {
				return fmt.Errorf("find the merged cells of sheet %s: %w", listed.Name, err)
			}
			k.merges[listed.Name] = ranges
		}
		if err := input.Memory.Grow(int64(len(k.merges[listed.Name])) * 2 * source.RangeBytes); err != nil {
			return err
		}
	}
	return nil
}

// prepare prepares reading the rows.
func (p *pipeline) prepare(ctx context.Context, rows source.Rows) error {
	listed := p.sheet.listed
	p.rows = rows
	p.formulas, _ = rows.(source.Formulas)
	columns := listed.ColumnNumbers()
	if merged, ok := rows.(source.Merged); ok {
		merged.WatchMerges(func(r source.Range) bool {
			return r.IsBelow(listed.HeaderRow, columns) || spansHeaders(listed, columns, r)
		})
	}
	if ranges := p.sheet.run.merges[listed.Name]; len(ranges) > 0 {
		p.merged = source.FillMerges(rows, ranges, columns)
	}
	tables, err := source.Tables(ctx, p.sheet.run.input.Workbook, listed.WorkbookSheet)
	if err != nil {
		return err
	}
	p.layout = layout.New(p.sheet.lastHeader(), p.sheet.layoutColumns(), tables)
	return nil
}

// maxHeaderRows is the maximum number of header rows, if cells are merged over several rows.
const maxHeaderRows = 4

// lastHeader returns the last row of the headers. Cells can be merged over several rows.
func (s *sheet) lastHeader() int {
	last := s.listed.HeaderRow
	for _, r := range s.run.merges[s.listed.Name] {
		if first := int(r.FirstRow); first <= s.listed.HeaderRow && int(r.LastRow) < s.listed.HeaderRow+maxHeaderRows {
			last = max(last, int(r.LastRow))
		}
	}
	return last
}

// spansHeaders reports whether a merged range covers several columns of the headers, at least one of them imported.
func spansHeaders(listed *imports.Sheet, columns []int, r source.Range) bool {
	return r.FirstCol < r.LastCol && int(r.FirstRow) <= listed.HeaderRow && listed.HeaderRow <= int(r.LastRow) &&
		slices.ContainsFunc(columns, r.HasColumn)
}

// checkMerges returns an error if a header spans several columns and one of them is imported. It returns errMerged for
// merged cells below the headers.
func (p *pipeline) checkMerges() error {
	rows, ok := p.rows.(source.Merged)
	if !ok {
		return nil
	}
	listed := p.sheet.listed
	body, columns := false, listed.ColumnNumbers()
	for _, merged := range rows.Merges() {
		if spansHeaders(listed, columns, merged) {
			return &imports.MergedHeaderError{Sheet: listed.WorkbookSheet,
				First: source.CellName(int(merged.FirstCol), listed.HeaderRow), Last: source.CellName(int(merged.LastCol), listed.HeaderRow)}
		}
		body = true
	}
	if body && p.sheet.run.merges == nil {
		return errMerged
	}
	return nil
}

// doubtMerges adds a fault for each cell of the row that has no clear value because of its merged range.
func (p *pipeline) doubtMerges(b *batch, cells []source.Cell) {
	var last source.Range
	for i := range cells {
		column := p.sheet.columns[i].Cell
		var says messages.Message
		switch r, _ := p.merged.At(column); cells[i].Merge {
		case source.MergeSpans:
			if r == last { // one fault per range is enough
				b.doubts = append(b.doubts, doubt{CellFault: check.CellFault{Row: len(b.Rows), Column: i}})
				continue
			}
			last = r
			says = messages.New("merged.across", messages.Text("cells", r.String()))
		case source.MergeHides:
			says = messages.New("merged.hides", messages.Text("cells", r.String()))
		default:
			continue
		}
		b.doubts = append(b.doubts, doubt{CellFault: check.CellFault{Row: len(b.Rows), Column: i, Fault: &convert.Fault{Code: imports.MergedCells, Says: says}}})
	}
}
