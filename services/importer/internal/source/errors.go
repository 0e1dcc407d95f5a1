package source

import (
	"errors"

	"headway/internal/messages"
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
	// Why is the cause as a message. Causes that need knowledge of the format have none.
	Why messages.Message
	Err error // the underlying cause; can be nil
}

// Refuse returns an error about the file as a whole. why is a clause.
func Refuse(reason Reason, why messages.Message) *Error {
	return &Error{Reason: reason, Why: why, Message: why.English()}
}

// Error returns what happened, where, and what to do.
func (e *Error) Error() string {
	why := messages.Text("why", e.Message)
	return e.says(why).English()
}

// Says is Error as a message. It leaves out a cause that only has an English text, which needs knowledge of the format.
func (e *Error) Says() messages.Message {
	if e.Why.IsZero() {
		return (&Error{Reason: e.Reason, Sheet: e.Sheet, Cell: e.Cell, Where: e.Where}).says(messages.Text("why", ""))
	}
	return e.says(messages.Part("why", e.Why))
}

// says returns the message with a cause, which is empty if there is no Message.
func (e *Error) says(why messages.Parameter) messages.Message {
	what := messages.Part("what", messages.New("file.what", messages.Text("reason", string(e.Reason))))
	advice := messages.Part("advice", messages.New("file.advice", messages.Text("reason", string(e.Reason))))
	at := messages.Text("at", e.Where)
	switch {
	case e.Sheet != "" && e.Cell != "":
		at = messages.Part("at", messages.New("file.cell", messages.Text("sheet", e.Sheet), messages.Text("cell", e.Cell)))
	case e.Sheet != "" && e.Where != "":
		at = messages.Part("at", messages.New("file.sheet", messages.Text("sheet", e.Sheet), messages.Text("where", e.Where)))
	}
	switch isSomewhere := e.Where != "" || e.Sheet != "" && e.Cell != ""; {
	case e.Message != "" && isSomewhere:
		return messages.New("file.refused_why_at", what, why, at, advice)
	case e.Message != "":
		return messages.New("file.refused_why", what, why, advice)
	case isSomewhere:
		return messages.New("file.refused_at", what, at, advice)
	}
	return messages.New("file.refused", what, advice)
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
