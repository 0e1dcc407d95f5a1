package report

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/xlsxwrite"
)

// FuzzReport writes the report and the imported rows of a sheet with any texts, numbers, and formats, of which some rows
// are refused. Together, the two workbooks have each row once, with the same cells, and no formulas.
func FuzzReport(f *testing.F) {
	f.Add("0001\t=1+1\t-5\n0002\t@x\t\u00a0\n\n0003\t_x0041_\t<b>&\"", "dd.mm.yyyy", "44000.5", uint16(5), "the message")
	f.Add("a\r\tb\tc\x01\n\t\t\nx\ty\tz\tw", `"EMP-"0000;[Red]-0`, "-0.000001", uint16(2), strings.Repeat("long ", 500))
	f.Add("1\t\t\t\t\t\t2", "@", "1", uint16(1), "")
	f.Add("\ufeff\t\u200b\t＝1", "General", "1e300", uint16(0xffff), "=SUM(A1)")
	f.Fuzz(func(t *testing.T, content, format, number string, refused uint16, message string) {
		if !utf8.ValidString(content) || !utf8.ValidString(format) || len(format) > 200 || len(content) > 20_000 {
			return
		}
		data, lines := fuzzBook(t, content, format, number)
		if lines == 0 {
			return
		}
		upload := openBook(t, data)
		before := readSheet(t, upload, "Issues")
		im := ledgerImport(t, 0, 0, 0)
		sheet := &im.Sheets[0]
		sheet.HeaderRow, sheet.Counts = 1, imports.Counts{}
		var results imports.RowResults
		var issues []imports.Issue
		for row := 2; row <= lines+1; row++ {
			if len(before[row]) == 0 {
				continue
			}
			sheet.Counts.Read++
			if refused>>(row%16)&1 == 0 {
				results.Set(row, imports.Inserted)
				sheet.Counts.Inserted++
				continue
			}
			results.Set(row, imports.Refused)
			sheet.Counts.Rejected++
			sheet.Counts.Issues++
			issues = append(issues, imports.Issue{Sheet: "issues", Cell: "Issues!C4", Row: row, CellColumn: 1 + row%9, Column: "paid_on",
				Value: source.Clip([]byte(content), imports.MaxValue), Severity: imports.Error, Message: strings.ToValidUTF8(message, "?")})
		}
		im.Workbook, im.Issues = upload, stored(issues...)
		im.Results = func(context.Context, string) (imports.RowResults, error) { return results, nil }
		var report, imported, list bytes.Buffer
		if err := Write(t.Context(), &report, im); err != nil {
			t.Fatal(err)
		}
		if err := WriteImported(t.Context(), &imported, im); err != nil {
			t.Fatal(err)
		}
		if err := WriteCSV(t.Context(), &list, im); err != nil {
			t.Fatal(err)
		}
		returned := readSheet(t, openBook(t, report.Bytes()), "Issues")
		loaded := readSheet(t, openBook(t, imported.Bytes()), "Issues")
		nextReturned, nextLoaded := 1, 1
		for row := 2; row <= lines+1; row++ {
			switch results.Of(row) {
			case imports.Refused:
				nextReturned++
				compareFuzzRow(t, row, before[row], returned[nextReturned])
			case imports.Inserted:
				nextLoaded++
				var cells []source.Cell
				for _, c := range loaded[nextLoaded] {
					if c.Col == len(before[1])+1 {
						continue // the result
					}
					if c.Col > len(before[1])+1 {
						c.Col--
					}
					cells = append(cells, c)
				}
				compareFuzzRow(t, row, before[row], cells)
			}
		}
		if len(returned) != nextReturned || len(loaded) != nextLoaded {
			t.Fatalf("%d rows are returned and %d loaded, want %d and %d", len(returned), len(loaded), nextReturned, nextLoaded)
		}
		for _, out := range [][]byte{report.Bytes(), imported.Bytes()} {
			book, err := excelize.OpenReader(bytes.NewReader(out))
			if err != nil {
				t.Fatalf("another reader: %v", err)
			}
			book.Close()
		}
	})
}

// fuzzBook returns a workbook with a sheet of texts, whose last column has numbers, and the number of its lines.
func fuzzBook(t *testing.T, content, format, number string) ([]byte, int) {
	t.Helper()
	var b bytes.Buffer
	w := xlsxwrite.New(&b)
	sheet, err := w.Sheet("Issues", xlsxwrite.SheetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	style := w.Style(xlsxwrite.Style{Format: format})
	rows := [][]xlsxwrite.Cell{nil}
	for _, header := range []string{"Remark", "ID", "Paid on", "Amount", "Note"} {
		rows[0] = append(rows[0], xlsxwrite.Cell{Kind: xlsxwrite.Text, Text: header})
	}
	for i, line := range strings.Split(content, "\n") {
		var cells []xlsxwrite.Cell
		for _, text := range strings.Split(line, "\t") {
			cells = append(cells, xlsxwrite.Cell{Kind: xlsxwrite.Text, Text: text})
		}
		if i%3 == 0 && plainNumber(number) {
			cells = append(cells, xlsxwrite.Cell{Kind: xlsxwrite.Number, Style: style, Text: number})
		}
		if len(cells) > 100 {
			return nil, 0
		}
		rows = append(rows, cells)
	}
	for _, row := range rows {
		if err := sheet.Row(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), len(rows) - 1
}

func compareFuzzRow(t *testing.T, row int, before, after []source.Cell) {
	t.Helper()
	full := func(cells []source.Cell) (kept []source.Cell) {
		for _, c := range cells {
			if c.Kind != source.Empty {
				kept = append(kept, c)
			}
		}
		return kept
	}
	before, after = full(before), full(after)
	if len(before) != len(after) {
		t.Fatalf("row %d had %d cells, and has %d", row, len(before), len(after))
	}
	for i, a := range before {
		b := after[i]
		if a.Col != b.Col || a.Kind != b.Kind || !bytes.Equal(a.Text, b.Text) || b.HasFormula {
			t.Fatalf("row %d: column %d was %q of kind %s, and is column %d, %q of kind %s", row, a.Col, a.Text, a.Kind, b.Col, b.Text, b.Kind)
		}
		if (a.Kind == source.Number || a.Kind == source.Date) && a.Format.Code != b.Format.Code {
			t.Fatalf("row %d: column %d was shown as %q, and is as %q", row, a.Col, a.Format.Code, b.Format.Code)
		}
	}
}
