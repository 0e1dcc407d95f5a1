package report

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/xlsxwrite"
)

// The colours of cells: at fault, held back by another row's fault, and worth a look.
const (
	faultColour   = "FFC7CE"
	blockedColour = "FFE0B2"
	warningColour = "FFF4B8"
)

// Write writes the report workbook: the sheets of the upload under their own names, each with its headers and the rows
// that were rejected or blocked, values and formats as they were, and the cells at issue coloured, with a comment that
// says why. It can be mended and uploaded as it is. A sheet of issues comes first, which an import leaves alone.
//
// Texts are always written as texts, whatever they begin with, and formulas never: what a spreadsheet would run stays
// harmless. An error, and a formula that was never calculated, is written as an error, so that nobody imports its text
// by mistake.
//
// *CountError if the recorded issues are all there, but do not name the rows that the numbers speak of.
func Write(ctx context.Context, w io.Writer, im Import, source Source) error {
	b := &book{im: im, out: xlsxwrite.New(w), causeAt: make(map[place]string)}
	b.out.Date1904 = im.Date1904
	for _, c := range im.Causes {
		b.causeAt[place{c.Issue.Sheet, c.Issue.Row}] = ""
	}
	for _, sheet := range im.Sheets {
		if err := b.sheet(ctx, sheet, source); err != nil {
			return fmt.Errorf("report on sheet %s: %w", sheet.Name, err)
		}
	}
	if err := b.summary(); err != nil {
		return fmt.Errorf("write the sheet of issues: %w", err)
	}
	if err := b.out.Close(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// book is a report in the making.
type book struct {
	im     Import
	out    *xlsxwrite.Writer
	listed []listed
	// causeAt gives, for the row of each cause, the cell of the report where it stands now.
	causeAt map[place]string
}

type place struct {
	sheet string
	row   int
}

// listed is an issue with the cell of the report where it stands; empty for a warning, whose row is not there.
type listed struct {
	Issue
	here string
}

func (b *book) sheet(ctx context.Context, sheet Sheet, source Source) error {
	spec := b.im.Schema.Sheet(sheet.Name)
	if spec == nil {
		return fmt.Errorf("schema %s has no such sheet", b.im.Schema.Name)
	}
	var out *xlsxwrite.Sheet
	var columns map[int]*schema.Column
	rows, errors := 0, 0
	for row, err := range source.Rows(ctx, sheet) {
		if err != nil {
			return err
		}
		if out == nil {
			if out, err = b.header(sheet, row, width(row)); err != nil {
				return err
			}
			columns = columnsOf(spec, sheet, row)
			continue
		}
		n := countErrors(row.Issues)
		errors += n
		if n == 0 {
			for _, i := range row.Issues {
				b.listed = append(b.listed, listed{Issue: i})
			}
			continue
		}
		rows++
		if err := b.row(out, sheet, columns, row); err != nil {
			return err
		}
	}
	if out == nil {
		return fmt.Errorf("the workbook has no header row %d", sheet.HeaderRow)
	}
	if want := int(sheet.Rejected) + int(sheet.Blocked); errors == int(sheet.Issues) && rows != want {
		return &CountError{Sheet: sheet.Name, Reported: rows, Want: want}
	}
	return nil
}

func countErrors(issues []Issue) (n int) {
	for _, i := range issues {
		if !i.Warning {
			n++
		}
	}
	return n
}

// header begins a sheet with the headers of the upload and, from the column after columns on, those that are added.
func (b *book) header(sheet Sheet, row Row, columns int, added ...string) (*xlsxwrite.Sheet, error) {
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
	out, err := b.out.Sheet(sheet.WorkbookSheet, xlsxwrite.SheetOptions{Widths: widths, FrozenRows: 1})
	if err != nil {
		return nil, err
	}
	return out, out.Row(cells)
}

// columnsOf says which column of the workbook is which of the schema.
func columnsOf(spec *schema.Sheet, sheet Sheet, header Row) map[int]*schema.Column {
	columns := make(map[int]*schema.Column)
	for number, name := range sheet.Columns {
		columns[number], _ = spec.Column(name)
	}
	if sheet.Columns != nil {
		return columns
	}
	for _, c := range header.Cells {
		if column, _ := spec.MatchColumn(string(c.Text)); column != nil {
			columns[c.Col] = column
		}
	}
	return columns
}

// width is how many cells a row needs for its content and its issues.
func width(row Row) int {
	n := 1
	for _, c := range row.Cells {
		n = max(n, c.Col)
	}
	for _, i := range row.Issues {
		n = max(n, i.CellColumn)
	}
	return n
}

func (b *book) row(out *xlsxwrite.Sheet, sheet Sheet, columns map[int]*schema.Column, row Row) error {
	number := out.Rows() + 1
	cells := make([]xlsxwrite.Cell, width(row))
	marks := b.marks(sheet, row, number)
	for _, c := range row.Cells {
		cells[c.Col-1] = b.cell(c, columns[c.Col], marks[c.Col].colour)
	}
	for column, m := range marks {
		if c := &cells[column-1]; c.Style == 0 {
			c.Style = b.out.Style(xlsxwrite.Style{Format: emptyFormat(columns[column]), Fill: m.colour})
		}
	}
	if err := out.Row(cells); err != nil {
		return err
	}
	for column := range slices.Values(sortedColumns(marks)) {
		out.Comment(column, clip(fmt.Sprintf("%s\nRow %d of the upload.", strings.Join(marks[column].messages, "\n"), row.Number), maxComment))
	}
	return nil
}

// maxComment is how many characters a comment shows.
const maxComment = 2000

// mark is what is to be seen at a cell.
type mark struct {
	colour   string
	messages []string
}

// marks gathers a row's issues by column, and lists them. An issue of the whole row is marked at its first cell.
func (b *book) marks(sheet Sheet, row Row, number int) map[int]mark {
	marks := make(map[int]mark, len(row.Issues))
	for _, i := range row.Issues {
		column := max(1, i.CellColumn)
		if i.CellColumn == 0 && len(row.Cells) > 0 {
			column = row.Cells[0].Col
		}
		m := marks[column]
		m.messages = append(m.messages, i.Message)
		if b.replaces(i) {
			m.messages = append(m.messages, "Uploaded as it is, this row would replace that one: give it another key, or remove it.")
		}
		m.colour = stronger(m.colour, i)
		marks[column] = m

		here := sheet.WorkbookSheet + "!" + xlsxwrite.CellName(column, number)
		b.listed = append(b.listed, listed{Issue: i, here: here})
		at := place{i.Sheet, i.Row}
		if known, isCause := b.causeAt[at]; isCause && known == "" {
			b.causeAt[at] = here
		}
	}
	return marks
}

// replaces tells whether a row was refused only because an earlier one has its key: without that one beside it, it
// would pass for an update.
func (b *book) replaces(i Issue) bool {
	if i.Code != "DUPLICATE_IN_FILE" {
		return false
	}
	return i.Column == "" || slices.Contains(b.im.Schema.Sheet(i.Sheet).Key, i.Column)
}

// stronger is the colour of a cell that has one more issue.
func stronger(colour string, i Issue) string {
	switch {
	case !i.Warning && !i.Blocked:
		return faultColour
	case colour == faultColour:
		return colour
	case i.Blocked:
		return blockedColour
	case colour == "":
		return warningColour
	}
	return colour
}

func sortedColumns(marks map[int]mark) []int {
	columns := make([]int, 0, len(marks))
	for c := range marks {
		columns = append(columns, c)
	}
	slices.Sort(columns)
	return columns
}
