package source

import (
	"errors"
	"fmt"
	"strings"
)

// Reason is the machine-readable reason why a workbook was rejected.
type Reason string

// The reasons. Their text is stable, so it can be stored and sent to clients.
const (
	NotAWorkbook   Reason = "NOT_A_WORKBOOK"        // some other kind of file
	Encrypted      Reason = "WORKBOOK_ENCRYPTED"    // needs a password to open
	LegacyWorkbook Reason = "WORKBOOK_LEGACY"       // Excel 97–2003 (.xls) or older
	BinaryWorkbook Reason = "WORKBOOK_BINARY"       // Excel binary workbook (.xlsb)
	OpenDocument   Reason = "WORKBOOK_OPENDOCUMENT" // OpenDocument spreadsheet (.ods) that does not begin with its media type
	TextFile       Reason = "TEXT_FILE"             // text without columns
	EmptyFile      Reason = "FILE_EMPTY"            // zero bytes
	Damaged        Reason = "WORKBOOK_DAMAGED"      // contradicts the format, itself, or its checksums
	LimitExceeded  Reason = "WORKBOOK_LIMIT"        // more than one of the Limits allows
	UnsupportedXML Reason = "WORKBOOK_XML_REFUSED"  // a document type, custom entities, or an unsupported encoding
	SheetNotFound  Reason = "SHEET_MISSING"         // the workbook has no sheet with this name
	// ArchiveUnsuitable is an archive, or several files, that are neither text files that can be read nor one workbook.
	ArchiveUnsuitable Reason = "ARCHIVE_UNSUITABLE"
	ArchiveDamaged    Reason = "ARCHIVE_DAMAGED" // contradicts the format, or its checksums
)

// Error means that a workbook, or a part of it, can't be read. Errors of the underlying reader and of the context are
// never turned into an Error.
type Error struct {
	Reason  Reason
	Sheet   string // the sheet's name, or empty for the file as a whole
	Cell    string // such as "D4711", or empty if the position is not a cell
	Where   string // the position in the file, in the format's own terms, such as "xl/styles.xml, byte 4711"
	Message string // the cause, as a clause. Can be empty
	Err     error  // the underlying cause; can be nil
}

// Error returns what happened, where, and what to do.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(headline[e.Reason])
	if e.Message != "" {
		b.WriteString(": ")
		b.WriteString(e.Message)
	}
	switch {
	case e.Sheet != "" && e.Cell != "":
		fmt.Fprintf(&b, " (sheet “%s”, cell %s)", e.Sheet, e.Cell)
	case e.Sheet != "" && e.Where != "":
		fmt.Fprintf(&b, " (sheet “%s”, %s)", e.Sheet, e.Where)
	case e.Where != "":
		fmt.Fprintf(&b, " (%s)", e.Where)
	}
	b.WriteString(". ")
	b.WriteString(advice[e.Reason])
	return b.String()
}

// Unwrap returns the underlying cause, if any.
func (e *Error) Unwrap() error { return e.Err }

// ReasonOf returns the reason of the *Error in err's chain, or "" if there is none.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

var headline = map[Reason]string{
	NotAWorkbook:      "The file is not an Excel workbook, an OpenDocument spreadsheet, or a text file with columns (CSV)",
	Encrypted:         "The workbook is protected by a password",
	LegacyWorkbook:    "The file is an old Excel workbook (.xls)",
	BinaryWorkbook:    "The file is a binary Excel workbook (.xlsb)",
	OpenDocument:      "The file is an OpenDocument spreadsheet (.ods) of an unusual form",
	TextFile:          "The file is plain text without columns",
	EmptyFile:         "The file is empty",
	Damaged:           "The workbook is damaged",
	LimitExceeded:     "The file is larger than allowed",
	UnsupportedXML:    "The workbook contains XML that is refused for security reasons",
	SheetNotFound:     "The sheet is not in the workbook",
	ArchiveUnsuitable: "These files can't be imported together",
	ArchiveDamaged:    "The archive is damaged",
}

var advice = map[Reason]string{
	NotAWorkbook:      "Choose a file that Excel saved as “Excel Workbook (.xlsx)”.",
	Encrypted:         "Open it in Excel, remove the password under File › Info › Protect Workbook, save it, and upload it again.",
	LegacyWorkbook:    "Open it in Excel, and save it as “Excel Workbook (.xlsx)”.",
	BinaryWorkbook:    "Open it in Excel, and save it as “Excel Workbook (.xlsx)”.",
	OpenDocument:      "Open it in LibreOffice or Excel, save it, and upload it again.",
	TextFile:          "Choose an Excel workbook, or a text file whose values are separated, such as CSV.",
	EmptyFile:         "Check that it was saved and copied completely, and then upload it again.",
	Damaged:           "Open it in Excel, let Excel repair it, save it, and upload it again. Or get another copy of the original file.",
	LimitExceeded:     "Split the file into smaller ones, or ask the operator to raise the limit.",
	UnsupportedXML:    "Open it in Excel, save it as “Excel Workbook (.xlsx)”, and upload it again.",
	SheetNotFound:     "Check the sheet names, and choose one of them.",
	ArchiveUnsuitable: "Upload one workbook, or text files with columns, such as CSV, each with its own name. They can be in a zip archive, but can't have a password.",
	ArchiveDamaged:    "Create it again, or get another copy of it, and upload it again.",
}
