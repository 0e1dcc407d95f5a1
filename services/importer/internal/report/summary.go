package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"headway/services/importer/internal/xlsxwrite"
)

// maxRows is how many rows of a sheet a spreadsheet holds.
const maxRows = 1_048_576

// summary writes the sheet of issues: what happened, the sheets with their numbers, the root causes, and every issue.
func (b *book) summary() error {
	out, err := b.out.Sheet(b.summaryName(), xlsxwrite.SheetOptions{Widths: []float64{30, 26, 22, 30, 14, 80}, First: true})
	if err != nil {
		return err
	}
	t := &table{out: out,
		heading: b.out.Style(xlsxwrite.Style{Bold: true, Size: 16}),
		bold:    b.out.Style(xlsxwrite.Style{Bold: true, Fill: "E7ECEF"}),
		text:    b.out.Style(xlsxwrite.Style{Format: "@"}),
		number:  b.out.Style(xlsxwrite.Style{Format: "#,##0"}),
	}
	var rejected, blocked uint32
	for _, s := range b.im.Sheets {
		rejected += s.Rejected
		blocked += s.Blocked
	}
	t.title("Issues in " + b.im.FileName)
	t.row(fmt.Sprintf("%s rejected, and %s blocked because they refer to a rejected one.", rowsWere(rejected), rowsWere(blocked)))
	t.row("Mend the coloured cells on the other sheets and upload this workbook as it is: only its rows are imported. This sheet is not imported.")

	t.row()
	t.head("Sheet", "Rows read", "Rejected", "Blocked", "Issues")
	for _, s := range b.im.Sheets {
		t.row(s.WorkbookSheet, s.Read, s.Rejected, s.Blocked, s.Issues)
	}
	if len(b.im.Causes) > 0 {
		t.row()
		t.head("Root cause", "Cell in the upload", "Cell in this workbook", "Value", "Blocked rows", "What would be right")
		for _, c := range b.im.Causes {
			t.row(c.Message, c.Issue.Cell, b.causeAt[place{c.Issue.Sheet, c.Issue.Row}], c.Issue.Value, c.BlockedRows, c.Issue.Message)
		}
	}
	t.row()
	t.head("Cell in the upload", "Cell in this workbook", "Column", "Value", "Kind", "What would be right")
	for n, i := range b.listed {
		if out.Rows() == maxRows-1 {
			t.row(fmt.Sprintf("%d more issues do not fit on this sheet.", len(b.listed)-n))
			break
		}
		t.row(i.Cell, i.here, b.columnTitle(i.Issue), i.Value, kind(i.Issue), i.Message)
	}
	for _, s := range b.im.Sheets {
		if more := int(s.Issues) - b.countListed(s.Name); more > 0 && out.Rows() < maxRows {
			t.row(fmt.Sprintf("%s: %d more issues were found, and are not listed.", s.WorkbookSheet, more))
		}
	}
	return t.err
}

// summaryName is a name that neither the schema nor the upload knows.
func (b *book) summaryName() string {
	candidates := []string{"Issues", "Import issues", "Headway issues"}
	candidates = slices.DeleteFunc(candidates, func(name string) bool {
		return slices.ContainsFunc(b.im.Sheets, func(s Sheet) bool { return strings.EqualFold(s.WorkbookSheet, name) })
	})
	if len(candidates) == 0 {
		candidates = []string{"Issues of the import"}
	}
	return b.im.Schema.FreeSheetName(candidates...)
}

func (b *book) columnTitle(i Issue) string {
	if sheet := b.im.Schema.Sheet(i.Sheet); sheet != nil {
		if c, _ := sheet.Column(i.Column); c != nil {
			return c.Title
		}
	}
	return i.Column
}

func (b *book) countListed(sheet string) (n int) {
	for _, i := range b.listed {
		if i.Sheet == sheet && !i.Warning {
			n++
		}
	}
	return n
}

func kind(i Issue) string {
	switch {
	case i.Warning:
		return "warning"
	case i.Blocked:
		return "blocked"
	}
	return "error"
}

func rowsWere(n uint32) string {
	if n == 1 {
		return "1 row was"
	}
	return strconv.FormatUint(uint64(n), 10) + " rows were"
}

// table writes rows of values until the first error.
type table struct {
	out                         *xlsxwrite.Sheet
	heading, bold, text, number xlsxwrite.StyleID
	err                         error
}

func (t *table) title(text string) {
	t.write([]xlsxwrite.Cell{{Kind: xlsxwrite.Text, Style: t.heading, Text: text}})
}

func (t *table) head(titles ...string) {
	cells := make([]xlsxwrite.Cell, len(titles))
	for i, title := range titles {
		cells[i] = xlsxwrite.Cell{Kind: xlsxwrite.Text, Style: t.bold, Text: title}
	}
	t.write(cells)
}

func (t *table) row(values ...any) {
	cells := make([]xlsxwrite.Cell, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case uint32:
			cells[i] = xlsxwrite.Cell{Kind: xlsxwrite.Number, Style: t.number, Text: strconv.FormatUint(uint64(v), 10)}
		case string:
			cells[i] = xlsxwrite.Cell{Kind: xlsxwrite.Text, Style: t.text, Text: v}
		}
	}
	t.write(cells)
}

func (t *table) write(cells []xlsxwrite.Cell) {
	if t.err == nil {
		t.err = t.out.Row(cells)
	}
}
