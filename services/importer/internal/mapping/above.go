package mapping

import (
	"bytes"
	"slices"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/text"
)

// noticeAbove returns a notice about rows above the headers with several values, such as those of another table. Titles have one value,
// and further rows of headers are not counted.
func noticeAbove(head []source.Row, spec *schema.Sheet, sheet *imports.Sheet) []imports.Notice {
	var above layout.Rows
	var headers []int // those of the same table
	for _, row := range head {
		if row.Number >= sheet.HeaderRow {
			break
		}
		if filled(row) < 2 {
			continue
		}
		if headers == nil {
			headers = rowsTo(sheet.HeaderRow, layout.FindTable(head).Header)
		}
		if slices.Contains(headers, row.Number) {
			continue
		}
		above.Add(row.Number)
	}
	if above.Count == 0 {
		return nil
	}
	numbers := messages.First(messages.Numbers(above.First...), int(above.Count), len(above.First))
	n := notice(spec, imports.AboveTable, messages.New("notice.above_table", messages.Text("sheet", sheet.WorkbookSheet),
		messages.Count("count", above.Count), messages.List("rows", messages.And, numbers...)))
	n.Count, n.Ranges = above.Count, above.Ranges()
	return []imports.Notice{n}
}

// rowsTo returns the last rows of headers without an empty row between them, or only the last one if it is not one of these headers.
func rowsTo(last int, headers []int) []int {
	i := slices.Index(headers, last)
	if i < 0 {
		return []int{last}
	}
	first := i
	for first > 0 && headers[first-1] == headers[first]-1 {
		first--
	}
	return headers[first : i+1]
}

// filled counts the cells of a row that have content.
func filled(row source.Row) (n int) {
	for i := range row.Cells {
		if !source.Blank(&row.Cells[i]) && !row.Cells[i].Merge.IsFilled() {
			n++
		}
	}
	return n
}

// hasOnlyWords reports whether a row has several values, and all are words. A record can have one that is also a header, but has others.
func hasOnlyWords(rows []source.Row, number int) bool {
	for _, row := range rows {
		if row.Number != number {
			continue
		}
		for i := range row.Cells {
			cell := &row.Cells[i]
			if source.Blank(cell) {
				continue
			}
			if kind := text.KindOf(cell.Text); cell.Kind != source.Text || kind != text.Word && kind != text.Words || bytes.ContainsAny(cell.Text, "0123456789") {
				return false
			}
		}
		return filled(row) > 2
	}
	return false
}
