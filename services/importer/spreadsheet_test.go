package importer_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/xlsx"
)

// asSpreadsheet returns a workbook as an OpenDocument spreadsheet with the same cells.
func asSpreadsheet(t *testing.T, workbook []byte) []byte {
	t.Helper()
	book, err := xlsx.Open(context.Background(), bytes.NewReader(workbook), int64(len(workbook)), source.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	var content bytes.Buffer
	escape := func(b []byte) string {
		var out strings.Builder
		if err := xml.EscapeText(&out, b); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	content.WriteString(`<?xml version="1.0"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"` +
		` xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>`)
	for _, sheet := range book.Sheets() {
		fmt.Fprintf(&content, `<table:table table:name="%s">`, escape([]byte(sheet.Name)))
		rows, err := book.Rows(context.Background(), sheet.Name)
		if err != nil {
			t.Fatal(err)
		}
		for number := 1; rows.Next(); number++ {
			row := rows.Row()
			if gap := row.Number - number; gap > 0 {
				fmt.Fprintf(&content, `<table:table-row table:number-rows-repeated="%d"/>`, gap)
				number = row.Number
			}
			content.WriteString(`<table:table-row>`)
			col := 1
			for i := range row.Cells {
				c := &row.Cells[i]
				if gap := c.Col - col; gap > 0 {
					fmt.Fprintf(&content, `<table:table-cell table:number-columns-repeated="%d"/>`, gap)
				}
				col = c.Col + 1
				switch c.Kind {
				case source.Number:
					fmt.Fprintf(&content, `<table:table-cell office:value-type="float" office:value="%s"/>`, c.Text)
				case source.Bool:
					fmt.Fprintf(&content, `<table:table-cell office:value-type="boolean" office:boolean-value="%s"/>`, bytes.ToLower(c.Text))
				case source.Date:
					civil, err := book.Civil(c)
					if err != nil {
						t.Fatal(err)
					}
					value := `office:value-type="date" office:date-value="` + civil.String() + `"`
					if !civil.HasDate {
						value = fmt.Sprintf(`office:value-type="time" office:time-value="PT%02dH%02dM%02dS"`, civil.Hour, civil.Minute, civil.Second)
					}
					fmt.Fprintf(&content, `<table:table-cell %s/>`, value)
				default:
					fmt.Fprintf(&content, `<table:table-cell office:value-type="string" office:string-value="%s"/>`, escape(c.Text))
				}
			}
			content.WriteString(`</table:table-row>`)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		content.WriteString(`</table:table>`)
	}
	content.WriteString(`</office:spreadsheet></office:body></office:document-content>`)
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	media, err := z.CreateHeader(&zip.FileHeader{Name: "mimetype", Method: zip.Store})
	if err == nil {
		_, err = media.Write([]byte("application/vnd.oasis.opendocument.spreadsheet"))
	}
	if err != nil {
		t.Fatal(err)
	}
	part, err := z.Create("content.xml")
	if err == nil {
		_, err = part.Write(content.Bytes())
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestSpreadsheetIsImportedLikeItsWorkbook(t *testing.T) {
	excel, open := setup(t), setup(t)
	workbook := excel.sampleBook(500, 8)
	of := func(w *world, file []byte, name string) (issues []string, im *importsv1.Import) {
		im = w.end(file, &importsv1.UploadOptions{OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS, FileName: name})
		wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
		page, err := w.imports.ListIssues(t.Context(), &importsv1.ListIssuesRequest{ImportId: im.GetImportId(), PageSize: 100}, w.as("ann"))
		if err != nil {
			t.Fatal(err)
		}
		for _, is := range page.GetIssues() {
			issues = append(issues, fmt.Sprint(is.GetSheet(), "!", is.GetCell(), " ", is.GetCode(), " ", is.GetValue()))
		}
		return issues, im
	}
	wantIssues, want := of(excel, workbook, "staff.xlsx")
	gotIssues, got := of(open, asSpreadsheet(t, workbook), "staff.ods")
	if len(wantIssues) == 0 || !slices.Equal(gotIssues, wantIssues) {
		t.Errorf("the issues are\n%s\nwant\n%s", strings.Join(gotIssues, "\n"), strings.Join(wantIssues, "\n"))
	}
	if got, want := got.GetTotals().String(), want.GetTotals().String(); got != want {
		t.Errorf("the numbers are %s, want %s", got, want)
	}
	if got, want := rowsOf(t, open.dir), rowsOf(t, excel.dir); !equalLines(got, want) {
		t.Errorf("the rows differ: %d and %d", len(got), len(want))
	}
	report, name := open.download(got.GetImportId(), importsv1.ReportFormat_REPORT_FORMAT_WORKBOOK)
	if name != "staff-report.xlsx" {
		t.Errorf("the report is %q", name)
	}
	if _, err := xlsx.Open(t.Context(), bytes.NewReader(report), int64(len(report)), source.DefaultLimits()); err != nil {
		t.Error(err)
	}
}
