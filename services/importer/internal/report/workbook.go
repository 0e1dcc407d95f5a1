package report

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/xlsxwrite"
)

// The colors of cells: with an error, waiting for another row, and with a warning.
const (
	errorColor   = "FFC7CE"
	blockedColor = "FFE0B2"
	warningColor = "FFF4B8"
)

// Write writes the report workbook: the sheets of the upload under their own names, each with its headers and all rows
// that were rejected or blocked, with their values and formats. Cells with stored issues are colored and have a comment.
// Users can fix the workbook and upload it. Its first sheet lists the errors. An import ignores that sheet.
//
// Texts are always written as texts, whatever they begin with, and formulas are never written, so a spreadsheet
// executes nothing. Errors, and formulas that were never calculated, are written as errors, so that their text is not
// imported by mistake.
//
// It returns *CountError if the workbook would not have as many rows as were counted.
func Write(ctx context.Context, w io.Writer, im Import) error {
	b := newBook(w, &im)
	sheets := make([]*refusedRows, len(b.sheets))
	for i, sheet := range b.sheets {
		var err error
		if sheets[i], err = im.refused(ctx, sheet); err != nil {
			return err
		}
	}
	for _, sheet := range sheets {
		if err := b.sheet(ctx, sheet); err != nil {
			return fmt.Errorf("report on sheet %s: %w", sheet.sheet.Name, err)
		}
	}
	if err := b.summary(ctx, sheets); err != nil {
		return fmt.Errorf("write the sheet of errors: %w", err)
	}
	if err := b.out.Close(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// book is a workbook that is being written.
type book struct {
	im     *Import
	out    *xlsxwrite.Writer
	sheets []*fileSheet
	// rootCauses are the cells of the root causes, by their row in the upload.
	rootCauses map[rowID]*rootCause
	// unlisted counts the issues that are not stored.
	unlisted unlisted
	// maxRows is the maximum number of rows per sheet.
	maxRows int
	// results are the texts of the results of rows.
	results map[imports.RowResult]string
}

type rowID struct {
	sheet string
	row   int
}

// rootCause is the location of a root cause.
type rootCause struct {
	issue *imports.Issue
	// cell is its cell in the report. It is empty if the row is not in the report.
	cell string
}

func newBook(w io.Writer, im *Import) *book {
	b := &book{im: im, sheets: im.fileSheets(), out: xlsxwrite.New(w), rootCauses: make(map[rowID]*rootCause), unlisted: newUnlisted(im.Sheets), maxRows: maxRows, results: map[imports.RowResult]string{}}
	b.out.Date1904 = source.Date1904(im.Workbook)
	if source.HasLines(im.Workbook) || source.Partial(im.Workbook) || imports.LeavesOut(im.Mapping) {
		b.out.HiddenName = source.PartialName
	}
	for i := range im.RootCauses {
		issue := &im.RootCauses[i].Issue
		b.rootCauses[rowID{issue.Sheet, issue.Row}] = &rootCause{issue: issue}
	}
	return b
}

func (b *book) sheet(ctx context.Context, refused *refusedRows) error {
	sheet := &refused.sheet.Sheet
	columns, err := b.im.columns(refused.sheet)
	if err != nil {
		return err
	}
	var out pages
	rows, errors := 0, uint32(0)
	err = refused.each(ctx, b.unlisted.list, func(header source.Row) error {
		return out.begin(b, sheet, header, width(header, nil))
	}, func(row source.Row, issues []imports.Issue) error {
		rows++
		if err := out.turn(); err != nil {
			return err
		}
		for i := range issues {
			if issues[i].Severity == imports.Error {
				errors++
			}
		}
		return b.row(&out, refused, columns, row, issues)
	})
	if err != nil {
		return err
	}
	// Results of earlier versions lack rows whose errors are not stored. The summary states this.
	if want := refused.want(); rows != want && (refused.exact || errors == sheet.Counts.Issues) {
		tally := sheet.Counts.Tally()
		tally.Refused = uint32(rows)
		return &CountError{Sheet: sheet.Name, Rows: tally, Want: imports.Tally{Inserted: tally.Inserted, Updated: tally.Updated, Unchanged: tally.Unchanged, Refused: uint32(want)}}
	}
	return nil
}

// header begins a sheet with the headers of the upload, and with additional headers after the last of these columns.
func (b *book) header(name string, sheet *imports.Sheet, row source.Row, columns int, added ...string) (*xlsxwrite.Sheet, error) {
	cells := make([]xlsxwrite.Cell, columns+len(added))
	widths := make([]float64, len(cells))
	bold := b.out.Style(xlsxwrite.Style{Format: "@", Bold: true, Fill: "E7ECEF"})
	for i, header := range added {
		cells[columns+i] = xlsxwrite.Cell{Kind: xlsxwrite.Text, Style: bold, Text: header}
		widths[columns+i] = 18
	}
	for _, c := range row.Cells {
		if c.Kind == source.Empty || c.Kind == source.FormulaWithoutValue {
			continue
		}
		cells[c.Col-1] = xlsxwrite.Cell{Kind: xlsxwrite.Text, Style: bold, Text: string(c.Text)}
		widths[c.Col-1] = 18
	}
	for _, c := range sheet.Columns {
		// If the headers have several rows, an import finds the column by all of them.
		if i := c.Column - 1; i < columns && strings.HasSuffix(c.Header, " "+cells[i].Text) {
			cells[i].Text = c.Header
		}
	}
	out, err := b.out.Sheet(name, xlsxwrite.SheetOptions{Widths: widths, FrozenRows: 1})
	if err != nil {
		return nil, err
	}
	return out, out.Row(cells)
}

// sheetName is the name of a sheet in the report, by which an import finds it. The name of a text file says nothing about
// its rows.
func (b *book) sheetName(sheet *imports.Sheet) string {
	if spec := b.im.Schema.Sheet(sheet.Name); sheet.Lines && spec != nil {
		return spec.Title
	}
	return cmp.Or(sheet.Table, sheet.WorkbookSheet)
}

// tableName is the name of a table of the import. If its sheet has several, it has that of the sheet, and the table's title.
func (b *book) tableName(sheet *imports.Sheet) string {
	for _, f := range b.sheets {
		if f.Shares(sheet) && len(f.tables) > 1 {
			name := b.sheetName(&f.Sheet)
			if spec := b.im.Schema.Sheet(sheet.Name); spec != nil && spec.Title != name {
				name += ": " + spec.Title
			}
			return name
		}
	}
	return b.sheetName(sheet)
}

// uploadedRow describes where a row is in the upload.
func uploadedRow(sheet *imports.Sheet, row int) messages.Message {
	if sheet.Lines {
		return messages.New("report.line", messages.Number("row", strconv.Itoa(row)))
	}
	return messages.New("report.row", messages.Number("row", strconv.Itoa(row)))
}

// in returns a text in the language of the report.
func (b *book) in(m messages.Message) string { return m.In(b.im.Language) }

// width returns the number of cells that a row needs for its content and its issues.
func width(row source.Row, issues []imports.Issue) int {
	n := 1
	for _, c := range row.Cells {
		n = max(n, c.Col)
	}
	for i := range issues {
		n = max(n, issues[i].CellColumn)
	}
	return n
}

func (b *book) row(page *pages, refused *refusedRows, columns map[int]*schema.Column, row source.Row, issues []imports.Issue) error {
	out, sheet := page.sheet, &refused.sheet.Sheet
	marks := b.marks(sheet, issues)
	cells := make([]xlsxwrite.Cell, max(width(row, issues), firstColumn(sheet)))
	for _, c := range row.Cells {
		cells[c.Col-1] = b.cell(c, columns[c.Col], marks[c.Col].color)
	}
	for column, m := range marks {
		if c := &cells[column-1]; c.Style == 0 {
			c.Style = b.out.Style(xlsxwrite.Style{Format: emptyFormat(columns[column]), Fill: m.color})
		}
	}
	if err := out.Row(cells); err != nil {
		return err
	}
	for _, table := range refused.sheet.tables {
		if cause := b.rootCauses[rowID{table.Name, row.Number}]; cause != nil {
			cause.cell = page.current() + "!" + xlsxwrite.CellName(issueColumn(sheet, cause.issue), out.Rows())
		}
	}
	for column := range slices.Values(sortedColumns(marks)) {
		out.Comment(column, source.Clip([]byte(strings.Join(append(marks[column].messages, b.in(uploadedRow(sheet, row.Number))), "\n")), maxComment))
	}
	return nil
}

// maxComment is the maximum number of characters in a comment.
const maxComment = 2000

// mark is the color and the comment of a cell.
type mark struct {
	color    string
	messages []string
}

// marks returns the marks of a row by column.
func (b *book) marks(sheet *imports.Sheet, issues []imports.Issue) map[int]mark {
	marks := make(map[int]mark, len(issues))
	for i := range issues {
		issue := &issues[i]
		column := issueColumn(sheet, issue)
		m := marks[column]
		m.messages = append(m.messages, issue.In(b.im.Language))
		if b.replaces(issue) {
			m.messages = append(m.messages, b.in(messages.New("report.replaces")))
		}
		m.color = stronger(m.color, issue)
		marks[column] = m
	}
	return marks
}

// issueColumn is the column where an issue is shown. An issue of a whole row is shown at its first imported column.
func issueColumn(sheet *imports.Sheet, issue *imports.Issue) int {
	if issue.CellColumn > 0 {
		return issue.CellColumn
	}
	return firstColumn(sheet)
}

func firstColumn(sheet *imports.Sheet) int {
	first := 0
	for _, c := range sheet.Columns {
		if first == 0 || c.Column < first {
			first = c.Column
		}
	}
	return max(1, first)
}

// replaces reports whether a row was refused only because an earlier one has its key. Uploaded without the earlier row,
// it would be an update.
func (b *book) replaces(i *imports.Issue) bool {
	if i.Code != imports.DuplicateInFile {
		return false
	}
	if at := slices.IndexFunc(b.im.Sheets, func(s imports.Sheet) bool { return s.Name == i.Sheet }); at >= 0 && b.im.Sheets[at].Distinct {
		return false // its message is about both rows
	}
	return i.Column == "" || slices.Contains(b.im.Schema.Sheet(i.Sheet).Key, i.Column)
}

// stronger returns the color of a cell that has an additional issue.
func stronger(color string, i *imports.Issue) string {
	switch {
	case i.Severity == imports.Error && i.Code != imports.ReferenceBlocked:
		return errorColor
	case color == errorColor:
		return color
	case i.Severity == imports.Error:
		return blockedColor
	case color == "":
		return warningColor
	}
	return color
}

func sortedColumns(marks map[int]mark) []int {
	columns := make([]int, 0, len(marks))
	for c := range marks {
		columns = append(columns, c)
	}
	slices.Sort(columns)
	return columns
}
