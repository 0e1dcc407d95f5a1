package xlsx

import (
	"errors"
	"fmt"
	"strings"
)

// Reason says for a machine why a workbook was refused.
type Reason string

// The reasons. Their text is stable: it may be stored and sent to clients.
const (
	NotAWorkbook   Reason = "NOT_A_WORKBOOK"        // some other kind of file
	Encrypted      Reason = "WORKBOOK_ENCRYPTED"    // needs a password to open
	LegacyWorkbook Reason = "WORKBOOK_LEGACY"       // Excel 97–2003 (.xls) or older
	BinaryWorkbook Reason = "WORKBOOK_BINARY"       // Excel binary workbook (.xlsb)
	OpenDocument   Reason = "WORKBOOK_OPENDOCUMENT" // LibreOffice spreadsheet (.ods)
	TextFile       Reason = "TEXT_FILE"             // CSV or other text by another name
	EmptyFile      Reason = "FILE_EMPTY"            // zero bytes
	Damaged        Reason = "WORKBOOK_DAMAGED"      // contradicts the format, itself or its checksums
	LimitExceeded  Reason = "WORKBOOK_LIMIT"        // more than one of the Limits allows
	UnsupportedXML Reason = "WORKBOOK_XML_REFUSED"  // a document type, an entity of its own, a foreign encoding
	SheetNotFound  Reason = "SHEET_MISSING"         // the workbook has no sheet of that name
)

// Error is a refusal: the workbook, or a part of it, is not read, and Error
// says why, where, and what to do about it. Errors of the underlying reader
// and of the context are never turned into an Error.
type Error struct {
	Reason Reason
	Part   string // part of the package, such as "xl/worksheets/sheet1.xml"; empty for the file as a whole
	Place  string // cell, row or byte inside the part, such as "cell D4711"; empty where none is known
	Detail string // what is wrong, as half a sentence
	Err    error  // the cause below, may be nil
}

// Error is one sentence on what is wrong and one on what to do.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(headline[e.Reason])
	if e.Detail != "" {
		b.WriteString(": ")
		b.WriteString(e.Detail)
	}
	switch {
	case e.Part != "" && e.Place != "":
		fmt.Fprintf(&b, " (%s, %s)", e.Part, e.Place)
	case e.Part != "":
		fmt.Fprintf(&b, " (%s)", e.Part)
	case e.Place != "":
		fmt.Fprintf(&b, " (%s)", e.Place)
	}
	b.WriteString(". ")
	b.WriteString(advice[e.Reason])
	return b.String()
}

// Unwrap returns the cause, if there is one.
func (e *Error) Unwrap() error { return e.Err }

// ReasonOf returns the reason of the refusal in err's chain, or "" if err is
// not a refusal.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

var headline = map[Reason]string{
	NotAWorkbook:   "The file is not an Excel workbook",
	Encrypted:      "The workbook is protected by a password",
	LegacyWorkbook: "The file is an old Excel workbook (.xls)",
	BinaryWorkbook: "The file is a binary Excel workbook (.xlsb)",
	OpenDocument:   "The file is an OpenDocument spreadsheet (.ods)",
	TextFile:       "The file is plain text, not an Excel workbook",
	EmptyFile:      "The file is empty",
	Damaged:        "The workbook is damaged",
	LimitExceeded:  "The workbook is larger than allowed",
	UnsupportedXML: "The workbook holds XML that is not read for safety",
	SheetNotFound:  "The workbook has no such sheet",
}

var advice = map[Reason]string{
	NotAWorkbook:   "Choose a file that Excel saved as “Excel Workbook (.xlsx)”.",
	Encrypted:      "Open it in Excel, remove the password under File › Info › Protect Workbook, save it and try again.",
	LegacyWorkbook: "Open it in Excel and save it as “Excel Workbook (.xlsx)”.",
	BinaryWorkbook: "Open it in Excel and save it as “Excel Workbook (.xlsx)”.",
	OpenDocument:   "Open it in LibreOffice or Excel and save it as “Excel Workbook (.xlsx)”.",
	TextFile:       "Open it in Excel and save it as “Excel Workbook (.xlsx)”.",
	EmptyFile:      "Choose the file again, and look that it was saved and copied whole.",
	Damaged:        "Open it in Excel, let Excel repair it, save it and try again, or fetch the original once more.",
	LimitExceeded:  "Split the workbook into smaller ones, or ask the operator to raise the limit.",
	UnsupportedXML: "Open it in Excel, save it as “Excel Workbook (.xlsx)” and try again.",
	SheetNotFound:  "Look at the sheet names and choose one of them.",
}

func refuse(reason Reason, part, format string, args ...any) *Error {
	return &Error{Reason: reason, Part: part, Detail: fmt.Sprintf(format, args...)}
}
