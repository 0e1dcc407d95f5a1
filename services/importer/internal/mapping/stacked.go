package mapping

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/layout"
	"headway/services/importer/internal/match"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// Stacked is a workbook in which each table of a sheet that has several, one below another, is a sheet.
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

// Unstack returns a workbook in which each table of a sheet that has several, one below another, is a sheet. The table with most headers of
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
			if tables, err = tablesOn(ctx, book, sheet.Name, known); err != nil {
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

// tablesOn returns the tables of a sheet, if it has several. A damaged sheet has none.
func tablesOn(ctx context.Context, book source.Workbook, sheet string, known *knownTitles) ([]layout.Stacked, error) {
	rows, err := book.Rows(ctx, sheet)
	var damaged *source.Error
	if errors.As(err, &damaged) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	stack := layout.NewStack(known.has)
	for rows.Next() && stack.Add(rows.Row()) {
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil && !errors.As(err, &damaged) {
		return nil, err
	}
	return stack.Tables(), nil
}

// knownTitles are texts that are headers of the schema, or similar to them.
type knownTitles struct {
	labels labels
	names  [][]string
	// similar are texts that were compared. left is how many more comparisons with a column can be made.
	similar map[string]bool
	left    int
}

// maxSimilar is the number of comparisons of a text with the names of a column, and likelyTitle the score from which they are alike.
const (
	maxSimilar  = 20_000
	likelyTitle = .7
)

func newKnownTitles(s *schema.Schema) *knownTitles {
	t := &knownTitles{labels: newLabels(s, nil), similar: map[string]bool{}, left: maxSimilar}
	for _, spec := range s.Sheets {
		for _, c := range spec.Columns {
			t.names = append(t.names, append([]string{c.Name, c.Title}, c.Aliases...))
		}
	}
	return t
}

// has reports whether a text is a header of the schema, or similar to one: a translation, for example.
func (t *knownTitles) has(title []byte) bool {
	if t.labels[labelOf(string(title))] {
		return true
	}
	text := string(title)
	similar, compared := t.similar[text]
	if !compared && t.left >= len(t.names) {
		t.left -= len(t.names)
		similar = slices.ContainsFunc(t.names, func(names []string) bool { return match.Names([]string{text}, names) >= likelyTitle })
		t.similar[text] = similar
	}
	return similar
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
	return &stackedRows{rows, table}, nil
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
}

// Next implements source.Rows.
func (r *stackedRows) Next() bool {
	for r.Rows.Next() {
		number := r.Row().Number
		if r.table.Last > 0 && number > r.table.Last {
			return false
		}
		if number >= r.table.First {
			return true
		}
	}
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
			notices = append(notices, table.notice(sheet.Name))
		}
	}
	for i := range found {
		if table, ok := stacked.tables[found[i].WorkbookSheet]; ok {
			found[i].Table, found[i].WorkbookSheet = found[i].WorkbookSheet, table.sheet
			found[i].FirstRow, found[i].LastRow = table.First, table.Last
		}
	}
	return notices
}

// notice returns a notice about a table that is not imported.
func (t *stackedTable) notice(name string) imports.Notice {
	n := imports.NewNotice(imports.TableIgnored, messages.New("notice.table_ignored",
		messages.Text("sheet", t.sheet), messages.Text("table", name), messages.Number("row", fmt.Sprint(t.First))))
	n.Count, n.Ranges = 1, []string{fmt.Sprintf("%d:%d", t.First, max(t.First, t.Last))}
	return n
}
