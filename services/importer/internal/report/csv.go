package report

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"headway/services/importer/internal/imports"
)

// CSVHeader are the columns of the list of issues.
var CSVHeader = []string{"sheet", "cell", "row", "column", "value", "severity", "code", "message"}

// byteOrderMark makes spreadsheets read the file as UTF-8.
const byteOrderMark = "\xEF\xBB\xBF"

// WriteCSV writes the stored issues of an import as CSV (RFC 4180, with CRLF; UTF-8 with a byte order mark). A value that
// a spreadsheet would run gets an apostrophe before it. If some issues are not stored, the last records say how many,
// by sheet and code; they have no cell.
func WriteCSV(ctx context.Context, w io.Writer, im Import) error {
	if err := writeCSV(ctx, w, &im); err != nil {
		return fmt.Errorf("write the list of errors: %w", err)
	}
	return nil
}

func writeCSV(ctx context.Context, w io.Writer, im *Import) error {
	if _, err := io.WriteString(w, byteOrderMark); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(CSVHeader); err != nil {
		return err
	}
	more := newUnlisted(im.Sheets)
	for i, err := range im.Issues(ctx, "") {
		if err != nil {
			return fmt.Errorf("read the issues: %w", err)
		}
		more.list(&i)
		record := []string{i.Sheet, i.Cell, strconv.Itoa(i.Row), i.Column, i.Value, severityWord(i.Severity), i.Code.String(), i.Message}
		for n, v := range record {
			if Runs(v) {
				record[n] = "'" + v
			}
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	for _, c := range more.counts() {
		message := fmt.Sprintf("%s more of this code were found and are not listed.", imports.Grouped(c.found-c.listed))
		if err := out.Write([]string{c.sheet, "", "", "", "", severityWord(c.severity), c.code.String(), message}); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func severityWord(s imports.Severity) string {
	if s == imports.Warning {
		return "warning"
	}
	return "error"
}
