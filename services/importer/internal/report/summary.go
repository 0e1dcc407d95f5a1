package report

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/xlsxwrite"
)

// maxRows is the maximum number of rows of a sheet.
const maxRows = 1_048_576

// summary writes the sheet of errors: the sheets with their counts, the root causes, the numbers of unlisted errors,
// and every stored issue.
func (b *book) summary(ctx context.Context, sheets []*refusedRows) error {
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
	var total imports.Counts
	for i := range b.im.Sheets {
		total.Add(b.im.Sheets[i].Counts)
	}
	t.title(b.in(messages.New("report.title", messages.Text("file", b.im.FileName))))
	t.row(b.in(messages.New("report.counts", messages.Count("rejected", total.Rejected), messages.Count("blocked", total.Blocked))))
	t.row(b.in(messages.New("report.advice")))

	t.row()
	b.head(t, messages.New("report.head_sheet"), messages.New("report.head_read"), messages.New("report.head_rejected"),
		messages.New("report.head_waiting"), messages.New("report.head_errors"))
	for i := range b.im.Sheets {
		s := &b.im.Sheets[i]
		t.row(b.tableName(s), s.Counts.Read, s.Counts.Rejected, s.Counts.Blocked, s.Counts.Issues)
	}
	b.tellNotices(t)
	if len(b.im.RootCauses) > 0 {
		t.row()
		b.head(t, messages.New("report.head_fix_first"), messages.New("report.head_upload_cell"), messages.New("report.head_report_cell"),
			messages.New("report.head_value"), messages.New("report.head_rows_waiting"), messages.New("report.head_how_to_fix"))
		for i := range b.im.RootCauses {
			c := &b.im.RootCauses[i]
			t.row(c.In(b.im.Language), b.im.CellIn(&c.Issue, b.im.Language), b.rootCauses[rowID{c.Issue.Sheet, c.Issue.Row}].cell, c.Issue.Value,
				c.BlockedRows, c.Issue.In(b.im.Language))
		}
	}
	b.tellUnlisted(t, sheets)
	t.row()
	b.head(t, messages.New("report.head_upload_cell"), messages.New("report.head_report_cell"), messages.New("report.head_column"),
		messages.New("report.head_value"), messages.New("report.head_severity"), messages.New("report.head_how_to_fix"))
	for _, refused := range sheets {
		if err := b.list(ctx, t, refused); err != nil {
			return err
		}
	}
	return t.err
}

// tellNotices writes the notices about the file.
func (b *book) tellNotices(t *table) {
	notices := slices.Clone(b.im.Notices)
	for i := range b.im.Sheets {
		notices = append(notices, b.im.Sheets[i].Notices...)
	}
	for _, u := range b.im.Unused {
		notices = append(notices, imports.NewNotice("", messages.New("report.unused_sheet", messages.Text("sheet", u.Name))))
	}
	if len(notices) == 0 {
		return
	}
	t.row()
	b.head(t, messages.New("report.head_about"))
	for _, n := range notices[:min(len(notices), maxNotices)] {
		t.row(n.In(b.im.Language))
	}
}

// maxNotices is the maximum number of notices in the summary.
const maxNotices = 200

// tellUnlisted writes how many issues are not stored, and where their rows are.
func (b *book) tellUnlisted(t *table, sheets []*refusedRows) {
	told := false
	for _, refused := range sheets {
		more := uint32(0)
		for _, table := range refused.sheet.tables {
			more += b.unlisted.errors(table)
		}
		if more == 0 {
			continue
		}
		if !told {
			t.row()
			told = true
		}
		sheet := messages.Text("sheet", b.sheetName(&refused.sheet.Sheet))
		says := messages.New("report.unlisted", sheet, messages.Count("n", more))
		if !refused.exact {
			says = messages.New("report.unlisted_missing", sheet, messages.Count("n", more))
		}
		t.row(b.in(says))
	}
	counts := b.unlisted.counts()
	if len(counts) == 0 {
		return
	}
	t.row()
	b.head(t, messages.New("report.head_sheet"), messages.New("report.head_code"), messages.New("report.head_severity"),
		messages.New("report.head_found"), messages.New("report.head_listed"))
	for _, c := range counts {
		t.row(b.nameOf(c.sheet), c.code.String(), b.severity(c.severity, c.code), c.found, c.listed)
	}
}

// list writes the stored issues of a sheet.
func (b *book) list(ctx context.Context, t *table, refused *refusedRows) error {
	number, at := 1, refused.sheet.HeaderRow // the row of the report, and of the upload
	for issues, err := range refused.issuesByRow(ctx) {
		if err != nil {
			return err
		}
		row := issues[0].Row
		in := row > refused.sheet.HeaderRow && refused.has(row, issues)
		if refused.exact {
			for ; at < row; at++ {
				if refused.refuses(at + 1) {
					number++
				}
			}
		} else if in {
			number++
		}
		for i := range issues {
			if t.out.Rows() == maxRows-1 {
				t.row(b.in(messages.New("report.no_room")))
				return t.err
			}
			here := ""
			if in {
				name, row := pageOf(b.sheetName(&refused.sheet.Sheet), number-1, b.maxRows)
				here = name + "!" + xlsxwrite.CellName(issueColumn(&refused.sheet.Sheet, &issues[i]), row)
			}
			is := &issues[i]
			t.row(b.im.CellIn(is, b.im.Language), here, b.columnTitle(is), is.Value, b.severity(is.Severity, is.Code), is.In(b.im.Language))
		}
	}
	return t.err
}

// summaryName returns a sheet name that is used neither by the schema nor by the upload.
func (b *book) summaryName() string {
	candidates := []string{b.in(messages.New("report.sheet")), b.in(messages.New("report.sheet_import")), b.in(messages.New("report.sheet_headway"))}
	candidates = slices.DeleteFunc(candidates, func(name string) bool {
		return slices.ContainsFunc(b.im.Sheets, func(s imports.Sheet) bool { return strings.EqualFold(b.sheetName(&s), name) })
	})
	if len(candidates) == 0 {
		candidates = []string{b.in(messages.New("report.sheet_other"))}
	}
	return b.im.Schema.FreeSheetName(candidates...)
}

// nameOf is the name of a sheet in the workbook, by the schema's name.
func (b *book) nameOf(name string) string {
	for i := range b.im.Sheets {
		if b.im.Sheets[i].Name == name {
			return b.tableName(&b.im.Sheets[i])
		}
	}
	return name
}

func (b *book) columnTitle(i *imports.Issue) string {
	if sheet := b.im.Schema.Sheet(i.Sheet); sheet != nil {
		if c, _ := sheet.Column(i.Column); c != nil {
			return c.Title
		}
	}
	return i.Column
}

func (b *book) severity(s imports.Severity, code imports.IssueCode) string {
	name := severityWord(s)
	if s != imports.Warning && code == imports.ReferenceBlocked {
		name = "waiting"
	}
	return b.in(messages.New("report.severity", messages.Text("severity", name)))
}

func (b *book) head(t *table, titles ...messages.Message) {
	texts := make([]string, len(titles))
	for i, title := range titles {
		texts[i] = b.in(title)
	}
	t.head(texts...)
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
