package mapping

import (
	"slices"
	"strconv"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// settleShared settles the sheets of an import that have their rows from the same sheet of the file: they must agree on the row of
// the headers, and a column is ignored only if none of them has it. The first one names the ignored columns, and the others none.
func settleShared(s *schema.Schema, sheets []imports.Sheet) error {
	for i := range sheets {
		sheet := &sheets[i]
		first := slices.IndexFunc(sheets, func(o imports.Sheet) bool { return o.Shares(sheet) })
		if first < i {
			continue
		}
		for j := i + 1; j < len(sheets); j++ {
			other := &sheets[j]
			if !other.Shares(sheet) {
				continue
			}
			if other.HeaderRow != sheet.HeaderRow {
				return problem(HeaderMissing, messages.New("header.two_rows", messages.Text("sheet", sheet.WorkbookSheet), messages.Text("first", s.Sheet(sheet.Name).Title), messages.Number("first_row", strconv.Itoa(sheet.HeaderRow)), messages.Text("second", s.Sheet(other.Name).Title), messages.Number("second_row", strconv.Itoa(other.HeaderRow))))
			}
			sheet.Ignored = slices.DeleteFunc(sheet.Ignored, func(c imports.IgnoredColumn) bool { return slices.Contains(other.ColumnNumbers(), c.Column) })
			other.Ignored = nil
		}
	}
	return nil
}

// feeds reports whether an entry of a mapping adds a table to a sheet of the file, whichever table the sheet is otherwise. Without a
// name, the entry is about the only sheet of a text file.
func (f *finder) feeds(m imports.SheetMapping, sheet source.Sheet) bool {
	if !m.Distinct {
		return false
	}
	return m.WorkbookSheet == sheet.Name || m.WorkbookSheet == "" && source.HasLines(f.book) && isOnly(f.book, sheet)
}

// isOnly reports whether a sheet is the only one of the file, or the main table of the only one.
func isOnly(book source.Workbook, sheet source.Sheet) bool {
	return sheet.Of == "" && !slices.ContainsFunc(book.Sheets(), func(o source.Sheet) bool { return o.Of == "" && o.Name != sheet.Name })
}

// tablesOf returns the tables that a text file is for, in addition to the one that has most of its headers: those that the mapping adds,
// and all but the first that it assigns.
func (f *finder) tablesOf(listed source.Sheet, head heading) (added []imports.Sheet, err error) {
	assigned := 0
	for _, m := range f.mapping {
		switch {
		case f.feeds(m, listed):
		case m.WorkbookSheet == listed.Name && listed.Name != "":
			if assigned++; assigned == 1 {
				continue
			}
		default:
			continue
		}
		fit := f.fit(listed, head, f.schema.Sheet(m.Sheet))
		if fit.err != nil {
			return nil, fit.err
		}
		added = append(added, fit.sheet)
	}
	return added, nil
}
