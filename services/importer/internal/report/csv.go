package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"strconv"
)

// CSVHeader are the columns of the list of issues.
var CSVHeader = []string{"sheet", "cell", "row", "column", "value", "severity", "code", "message"}

// byteOrderMark tells spreadsheets that the file is UTF-8.
const byteOrderMark = "\xEF\xBB\xBF"

// WriteCSV writes issues as CSV (RFC 4180, with CRLF; UTF-8 with a byte order mark). A value that a spreadsheet would
// run gets an apostrophe before it.
func WriteCSV(w io.Writer, issues iter.Seq2[Issue, error]) error {
	if _, err := io.WriteString(w, byteOrderMark); err != nil {
		return fmt.Errorf("write the list of issues: %w", err)
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(CSVHeader); err != nil {
		return fmt.Errorf("write the list of issues: %w", err)
	}
	for i, err := range issues {
		if err != nil {
			return fmt.Errorf("read the issues: %w", err)
		}
		severity := "error"
		if i.Warning {
			severity = "warning"
		}
		record := []string{i.Sheet, i.Cell, strconv.Itoa(i.Row), i.Column, i.Value, severity, i.Code, i.Message}
		for n, v := range record {
			if Runs(v) {
				record[n] = "'" + v
			}
		}
		if err := out.Write(record); err != nil {
			return fmt.Errorf("write the list of issues: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write the list of issues: %w", err)
	}
	return nil
}
