package mapping

import (
	"context"
	"fmt"
	"slices"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// Stacked is a workbook in which each table of a sheet that has several, one below or next to another, is a sheet.
type Stacked struct {
	source.Workbook
	sheets []source.Sheet
	tables map[string]stackedTable
}

// stackedTable is a table of a sheet of the file.
type stackedTable struct {
	sheet string
	layout.Stacked
}

// stackedText is a Stacked of a text file.
type stackedText struct{ *Stacked }

// TextFormat returns the format of the file. See source.TextFormatOf.
func (s stackedText) TextFormat() source.TextFormat {
	format, _ := source.TextFormatOf(s.Workbook)
	return format
}

// Unstack returns a workbook in which each table of a sheet that has several, one below or next to another, is a sheet. The table with most headers of
// the schema has the name of the sheet. Another one has its title, if that is a name of the schema, or the name of the sheet with a number,
// such as “Staff (2)”, or in a text file “Table 2”. If no sheet has several tables, it returns the workbook itself.
func Unstack(ctx context.Context, book source.Workbook, s *schema.Schema) (source.Workbook, error) {
	stacked := &Stacked{Workbook: book, tables: map[string]stackedTable{}}
	listed := book.Sheets()
	known := newKnownTitles(s)
	_, isText := source.TextFormatOf(book)
	for i, sheet := range listed {
		var tables []layout.Stacked
		if sheet.Bytes > 0 && i < previewSheets {
			var err error
			if tables, err = tablesOn(ctx, book, sheet.Name, s, known); err != nil {
				return nil, err
			}
		}
		if len(tables) == 0 {
			stacked.sheets = append(stacked.sheets, sheet)
			continue
		}
		main := mainTable(s, sheet.Name, tables)
		format := sheet.Name + " (%d)"
		if isText { // its name is that of the file, and the next file has another one
			format = "Table %d"
		}
		for j, name := range stackedNames(s, sheet.Name, format, main, tables, append(slices.Clone(stacked.sheets), listed...)) {
			table := sheet
			if table.Name = name; j != main {
				table.Of = sheet.Name
			}
			stacked.sheets = append(stacked.sheets, table)
			stacked.tables[name] = stackedTable{sheet.Name, tables[j]}
		}
	}
	if len(stacked.tables) == 0 {
		return book, nil
	}
	if isText {
		return stackedText{stacked}, nil
	}
	return stacked, nil
}

// stackedNames returns the names of the tables of a sheet, which differ from those of all other sheets.
func stackedNames(s *schema.Schema, sheet, format string, main int, tables []layout.Stacked, others []source.Sheet) []string {
	names := make([]string, len(tables))
	isFree := func(name string) bool {
		return !slices.Contains(names, name) && !slices.ContainsFunc(others, func(o source.Sheet) bool { return o.Name == name })
	}
	names[main] = sheet
	for i, table := range tables {
		if named := s.MatchSheet(table.Title); i != main && named != nil && named != s.MatchSheet(sheet) && isFree(table.Title) {
			names[i] = table.Title
		}
	}
	number := 2
	for i := range names {
		for ; names[i] == ""; number++ {
			if name := fmt.Sprintf(format, number); isFree(name) {
				names[i] = name
			}
		}
	}
	return names
}

// mainTable returns the index of the table that has most of the headers of the schema: of the sheet of the schema that has the name, or of
// any.
func mainTable(s *schema.Schema, sheet string, tables []layout.Stacked) int {
	specs := s.Sheets
	if named := s.MatchSheet(sheet); named != nil {
		specs = []*schema.Sheet{named}
	}
	best, most := 0, 0
	for _, spec := range specs {
		forms := spec.HeaderForms()
		for i, table := range tables {
			n := 0
			for _, header := range table.Headers {
				if _, ok := forms[schema.MatchName(header)]; ok {
					n++
				}
			}
			if n > most {
				best, most = i, n
			}
		}
	}
	return best
}

// Sheets implements source.Workbook.
func (s *Stacked) Sheets() []source.Sheet { return s.sheets }

// Rows implements source.Workbook.
func (s *Stacked) Rows(ctx context.Context, sheet string) (source.Rows, error) {
	table, ok := s.tables[sheet]
	if !ok {
		return s.Workbook.Rows(ctx, sheet)
	}
	rows, err := s.Workbook.Rows(ctx, table.sheet)
	if err != nil {
		return nil, err
	}
	return &stackedRows{Rows: rows, table: table}, nil
}

// Head returns the first rows of sheets. See source.Head.
func (s *Stacked) Head(ctx context.Context, sheets []string, n int) (map[string][]source.Row, error) {
	heads := map[string][]source.Row{}
	for _, sheet := range sheets {
		var book source.Workbook = stackedSheets{s}
		if _, ok := s.tables[sheet]; !ok {
			book = s.Workbook
		}
		head, err := source.Head(ctx, book, []string{sheet}, n)
		if err != nil {
			return nil, err
		}
		heads[sheet] = head[sheet]
	}
	return heads, nil
}

// stackedSheets is a Stacked without its own Head.
type stackedSheets struct{ stacked *Stacked }

func (s stackedSheets) Sheets() []source.Sheet { return s.stacked.Sheets() }
func (s stackedSheets) Rows(ctx context.Context, sheet string) (source.Rows, error) {
	return s.stacked.Rows(ctx, sheet)
}
func (s stackedSheets) Civil(cell *source.Cell) (source.Civil, error) { return s.stacked.Civil(cell) }
func (s stackedSheets) Close() error                                  { return nil }
func (s stackedSheets) Reserve(bytes int64) error                     { return s.stacked.Reserve(bytes) }
func (s stackedSheets) Unreserve(bytes int64)                         { s.stacked.Unreserve(bytes) }

// Reserve implements source.Reserver.
func (s *Stacked) Reserve(bytes int64) error {
	if r, ok := s.Workbook.(source.Reserver); ok {
		return r.Reserve(bytes)
	}
	return nil
}

// Unreserve implements source.Reserver.
func (s *Stacked) Unreserve(bytes int64) {
	if r, ok := s.Workbook.(source.Reserver); ok {
		r.Unreserve(bytes)
	}
}

// Partial reports whether the workbook has only some of the sheets of a schema. See source.Partial.
func (s *Stacked) Partial() bool { return source.Partial(s.Workbook) }

// stackedRows are the rows of one table.
type stackedRows struct {
	source.Rows
	table stackedTable
	row   source.Row
}

// Row implements source.Rows.
func (r *stackedRows) Row() source.Row { return r.row }

// Next implements source.Rows.
func (r *stackedRows) Next() bool {
	for r.Rows.Next() {
		r.row = r.Rows.Row().Between(r.table.FirstColumn, r.table.LastColumn)
		if r.table.Last > 0 && r.row.Number > r.table.Last {
			break
		}
		if r.row.Number >= r.table.First && len(r.row.Cells) > 0 {
			return true
		}
	}
	r.row = source.Row{}
	return false
}

// Locate names the sheets of the file for the sheets of an import that were found in a workbook of Unstack, and the rows of their tables.
// It returns notices about the tables that are not imported.
func Locate(book source.Workbook, found []imports.Sheet) []imports.Notice {
	stacked, ok := book.(*Stacked)
	if text, isText := book.(stackedText); isText {
		stacked, ok = text.Stacked, true
	}
	if !ok {
		return nil
	}
	var notices []imports.Notice
	for _, sheet := range stacked.sheets {
		table, ok := stacked.tables[sheet.Name]
		if !ok {
			continue
		}
		if !slices.ContainsFunc(found, func(f imports.Sheet) bool { return f.WorkbookSheet == sheet.Name }) {
			notices = append(notices, table.notice(sheet.Name, source.HasLines(book)))
		}
	}
	for i := range found {
		if table, ok := stacked.tables[found[i].WorkbookSheet]; ok {
			found[i].Table, found[i].WorkbookSheet = found[i].WorkbookSheet, table.sheet
			found[i].FirstRow, found[i].LastRow = table.First, table.Last
			found[i].FirstColumn, found[i].LastColumn = table.FirstColumn, table.LastColumn
		}
	}
	return notices
}

// notice returns a notice about a table that is not imported.
func (t *stackedTable) notice(name string, lines bool) imports.Notice {
	says, at := messages.New("notice.table_ignored", messages.Text("sheet", t.sheet), messages.Text("table", name), messages.Number("row", fmt.Sprint(t.First))),
		fmt.Sprintf("%d:%d", t.First, max(t.First, t.Last))
	if t.FirstColumn > 0 {
		row := max(t.First, t.Header)
		position := source.Position{Sheet: t.sheet, Lines: lines}
		says = messages.New("notice.table_beside_ignored", messages.At("position", position.Location(row, t.FirstColumn)), messages.Text("table", name))
		at = source.CellName(t.FirstColumn, row)
	}
	n := imports.NewNotice(imports.TableIgnored, says)
	n.Count, n.Ranges = 1, []string{at}
	return n
}
