package importer_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	importsv1 "headway/gen/go/headway/imports/v1"
	jobsv1 "headway/gen/go/headway/jobs/v1"
	"headway/services/importer"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/xlsx"
)

const ledgerSchema = `
name: ledger
title: Ledger
sheets:
  - name: notes
    title: Notes
    table: ledger
    key: id
    columns:
      - {name: id, title: ID, type: text, required: true}
      - {name: one, title: One, type: integer}
      - {name: two, title: Two, type: text, references: notes.id}
      - {name: three, title: Three, type: text, required: true}
`

// TestDownloadsHoldEachRowExactlyOnce imports many rows of which two fifths can't be imported, and looks for each of them in
// the report or in the imported rows. make memory runs it with a million rows.
func TestDownloadsHoldEachRowExactlyOnce(t *testing.T) {
	rows := 30_000
	if os.Getenv("HEADWAY_WORST_FILES") == "all" {
		rows = 1_000_000
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "ledger.yaml"), []byte(ledgerSchema), 0o600); err != nil {
		t.Fatal(err)
	}
	w := setup(t, func(c *importer.Config) { c.SchemasDir = folder })
	im := w.end(ledgerBook(t, rows), &importsv1.UploadOptions{Schema: "ledger", OnIssues: importsv1.OnIssues_ON_ISSUES_SKIP_ROWS})
	wantStatus(t, im, jobsv1.JobStatus_JOB_STATUS_COMPLETED)
	counts := im.GetTotals()
	t.Logf("%v", counts)
	refused := counts.GetRejected() + counts.GetBlocked()
	if int(counts.GetRead()) != rows || int(refused) != rows*2/5 || counts.GetBlocked() == 0 {
		t.Fatalf("the counts are %v", counts)
	}
	if held := w.held("ledger"); held != int64(counts.GetInserted()) {
		t.Errorf("the table has %d rows, want %d", held, counts.GetInserted())
	}
	seen := make([]uint8, rows)
	for _, download := range []struct {
		format importsv1.ReportFormat
		want   uint32
	}{{importsv1.ReportFormat_REPORT_FORMAT_WORKBOOK, refused}, {importsv1.ReportFormat_REPORT_FORMAT_IMPORTED_XLSX, counts.GetInserted()}} {
		data, _ := w.download(im.GetImportId(), download.format)
		found := uint32(0)
		for number := range rowNumbers(t, data) {
			isRefused := number%5 == 1 || number%5 == 3
			if isRefused != (download.format == importsv1.ReportFormat_REPORT_FORMAT_WORKBOOK) {
				t.Fatalf("row %d is in the wrong workbook", number)
			}
			seen[number]++
			found++
		}
		if found != download.want {
			t.Errorf("%v has %d rows, want %d", download.format, found, download.want)
		}
	}
	for number, times := range seen {
		if times != 1 {
			t.Fatalf("row %d came back %d times", number, times)
		}
	}
	// The issues that are not stored are counted by their codes.
	counted := uint32(0)
	for _, sheet := range im.GetSheets() {
		for _, c := range sheet.GetIssueCounts() {
			counted += c.GetFound()
		}
	}
	if counted < counts.GetIssues() || counts.GetIssues() <= 10_000 {
		t.Errorf("%d issues are counted by code, and %d were found", counted, counts.GetIssues())
	}
}

// ledgerBook returns a workbook whose rows have their number in the last column. Of ten rows, four are refused: for a wrong
// number, a key that is missing or is a duplicate, and a reference to a row that is refused or does not exist.
func ledgerBook(t *testing.T, rows int) []byte {
	t.Helper()
	return rawBook(t, "", func(w io.Writer) {
		for i := range rows {
			id, one, two := fmt.Sprint("k", i), strconv.Itoa(i), fmt.Sprint("k", i/10*10)
			switch i % 10 {
			case 0:
				two = ""
			case 1:
				one = "many"
			case 3:
				two = fmt.Sprint("k", i-2) // blocked
			case 6:
				id = ""
				if i%20 == 6 {
					id = fmt.Sprint("k", i-1)
				}
			case 8:
				two = fmt.Sprint("missing", i)
			}
			fmt.Fprintf(w, `<row r="%d">`, i+2)
			for _, text := range []string{id, one, two, fmt.Sprint("#", i)} {
				fmt.Fprint(w, `<c t="inlineStr"><is><t>`, text, `</t></is></c>`)
			}
			fmt.Fprint(w, `</row>`)
		}
	}, nil)
}

// rowNumbers returns the numbers in the last column of the rows of ledgerBook.
func rowNumbers(t *testing.T, data []byte) func(yield func(int) bool) {
	t.Helper()
	return func(yield func(int) bool) {
		book, err := xlsx.Open(t.Context(), bytes.NewReader(data), int64(len(data)), source.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		defer book.Close()
		sheet, err := book.Rows(t.Context(), "Notes")
		if err != nil {
			t.Fatal(err)
		}
		defer sheet.Close()
		for sheet.Next() {
			row := sheet.Row()
			for _, cell := range row.Cells {
				if cell.Col == 4 && len(cell.Text) > 0 && cell.Text[0] == '#' {
					number, err := strconv.Atoi(string(cell.Text[1:]))
					if err != nil {
						t.Fatal(err)
					}
					if !yield(number) {
						return
					}
				}
			}
		}
		if err := sheet.Err(); err != nil {
			t.Fatal(err)
		}
	}
}
