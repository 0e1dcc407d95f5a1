package report

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
)

// CSVHeader has the column titles of the list of issues.
var CSVHeader = []string{"sheet", "cell", "row", "column", "value", "severity", "code", "message"}

// byteOrderMark makes spreadsheets read the file as UTF-8.
const byteOrderMark = "\xEF\xBB\xBF"

// WriteCSV writes the stored issues of an import as CSV (RFC 4180, with CRLF and all fields quoted; UTF-8 with a byte order
// mark). A value that a spreadsheet would execute gets an apostrophe before it, even if the spreadsheet splits fields
// at semicolons or tabs. If some issues are not stored, the last records have their number, by sheet and code. These
// records have no cell.
func WriteCSV(ctx context.Context, w io.Writer, im Import) error {
	if err := writeCSV(ctx, w, &im); err != nil {
		return fmt.Errorf("write the list of errors: %w", err)
	}
	return nil
}

func writeCSV(ctx context.Context, w io.Writer, im *Import) error {
	out := bufio.NewWriter(w)
	_, _ = out.WriteString(byteOrderMark) // Flush returns the error
	writeRecord(out, CSVHeader)
	more := newUnlisted(im.Sheets)
	for i, err := range im.Issues(ctx, "") {
		if err != nil {
			return fmt.Errorf("read the issues: %w", err)
		}
		more.list(&i)
		writeRecord(out, []string{i.Sheet, im.CellIn(&i, im.Language), strconv.Itoa(i.Row), i.Column, i.Value, severityWord(i.Severity), i.Code.String(), i.In(im.Language)})
	}
	for _, c := range more.counts() {
		message := messages.New("report.unlisted_code", messages.Count("n", c.found-c.listed)).In(im.Language)
		writeRecord(out, []string{c.sheet, "", "", "", "", severityWord(c.severity), c.code.String(), message})
	}
	return out.Flush()
}

// writeRecord writes a record. The writer keeps its error.
func writeRecord(out *bufio.Writer, record []string) {
	for n, value := range record {
		if n > 0 {
			_ = out.WriteByte(',')
		}
		_ = out.WriteByte('"')
		_, _ = out.WriteString(fieldEscapes.Replace(harmless(value)))
		_ = out.WriteByte('"')
	}
	_, _ = out.WriteString("\r\n")
}

var fieldEscapes = strings.NewReplacer(`"`, `""`, "\r\n", "\r\n", "\n", "\r\n")

// harmless returns a value that spreadsheets don't execute, whichever separator they use, neither at its beginning nor
// after a separator in it. A comma in a quoted field is not a separator. Other separators do, because a spreadsheet
// that expects them sees the quotation marks in the middle of a field.
func harmless(value string) string {
	var b strings.Builder
	if !plainNumber(value) && (Runs(value) || runsAfterBlanks(value)) {
		b.WriteByte('\'')
	}
	from := 0
	for i := 0; i < len(value); i++ {
		if strings.IndexByte(";\t|\r\n", value[i]) >= 0 && runsAfterBlanks(value[i+1:]) {
			b.WriteString(value[from : i+1])
			b.WriteByte('\'')
			from = i + 1
		}
	}
	if b.Len() == 0 {
		return value
	}
	b.WriteString(value[from:])
	return b.String()
}

// runsAfterBlanks reports whether a spreadsheet that ignores blanks and quotation marks before a value might execute
// it.
func runsAfterBlanks(value string) bool {
	rest := strings.TrimLeft(value, " \u00a0\"")
	first, _ := utf8.DecodeRuneInString(rest)
	return rest != "" && strings.ContainsRune("=+-@＝＋－＠", first)
}

func severityWord(s imports.Severity) string {
	if s == imports.Warning {
		return "warning"
	}
	return "error"
}
