package imports

import (
	"strconv"

	"headway/internal/messages"
)

// KeptPerSheet is the maximum number of stored issues per sheet. All issues are counted.
const KeptPerSheet = 10_000

// CommentBytes is the memory that a stored issue takes in a report, about: the comments of a sheet follow its rows.
const CommentBytes = 512

// MaxRootCauses is the maximum number of stored root causes per import. The largest ones are stored.
const MaxRootCauses = 20

// MaxValue is the maximum number of characters of a cell's text in an issue.
const MaxValue = 200

// Severity is the severity of an issue.
type Severity uint8

// The severities.
const (
	// Error rejects the row.
	Error Severity = iota + 1
	// Warning does not reject the row.
	Warning
)

// IssueCode is the kind of an issue.
type IssueCode uint8

// The codes. The protobuf enum headway.imports.v1.IssueCode has the same names in upper snake case.
const (
	Required IssueCode = iota + 1
	NotANumber
	NotAnInteger
	NotABoolean
	NotADate
	AmbiguousDate
	NotATime
	NotAnEmail
	NotAPhone
	NotAllowed
	Length
	Range
	Pattern
	DuplicateInFile
	DuplicateInDatabase
	ReferenceMissing
	ReferenceBlocked
	ReferenceCycle
	CellError
	FormulaWithoutValue
	KeyExists
	KeyUnknown
	PrecisionLost
	NumberAsText
	ColumnIgnored
	AmbiguousNumber
	InvalidCharacter
	Normalized
	NotARecord
	MergedCells
	Object
	RefusedByDatabase
	LineRepaired
	LineUnreadable
)

var codeNames = [...]string{"", "REQUIRED", "NOT_A_NUMBER", "NOT_AN_INTEGER", "NOT_A_BOOLEAN", "NOT_A_DATE",
	"AMBIGUOUS_DATE", "NOT_A_TIME", "NOT_AN_EMAIL", "NOT_A_PHONE", "NOT_ALLOWED", "LENGTH", "RANGE", "PATTERN",
	"DUPLICATE_IN_FILE", "DUPLICATE_IN_DATABASE", "REFERENCE_MISSING", "REFERENCE_BLOCKED", "REFERENCE_CYCLE",
	"CELL_ERROR", "FORMULA_WITHOUT_VALUE", "KEY_EXISTS", "KEY_UNKNOWN", "PRECISION_LOST", "NUMBER_AS_TEXT",
	"COLUMN_IGNORED", "AMBIGUOUS_NUMBER", "INVALID_CHARACTER", "NORMALIZED", "NOT_A_RECORD", "MERGED_CELLS", "OBJECT",
	"REFUSED_BY_DATABASE", "LINE_REPAIRED", "LINE_UNREADABLE"}

// String returns the name of the code ("DUPLICATE_IN_FILE").
func (c IssueCode) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return "ISSUE_CODE_" + strconv.Itoa(int(c))
}

// IssueCodes returns all codes in their order.
func IssueCodes() []IssueCode {
	codes := make([]IssueCode, 0, len(codeNames)-1)
	for c := Required; c <= LineUnreadable; c++ {
		codes = append(codes, c)
	}
	return codes
}

// Issue is an error or a warning at a cell.
type Issue struct {
	// Sheet is the schema's name of the sheet.
	Sheet string
	// Cell is the cell with the workbook's name of the sheet: "Employees!D4711".
	Cell string
	// Row counts from 1. CellColumn is the column's number in the workbook, and 0 for the whole row.
	Row, CellColumn int
	// Column is the schema's name of the column. It is empty for the whole row.
	Column string
	// Value is the value of the cell, at most MaxValue characters.
	Value    string
	Severity Severity
	Code     IssueCode
	// Says describes the problem and how to fix it. Message is its English text. Issues of earlier versions have only that.
	Says    messages.Message `json:",omitzero"`
	Message string
}

// In returns the message in a language.
func (is *Issue) In(l messages.Language) string { return inLanguage(is.Says, is.Message, l) }

// inLanguage returns a message in a language, or the English text that an earlier version has stored.
func inLanguage(says messages.Message, english string, l messages.Language) string {
	if l == messages.English && english != "" || says.IsZero() {
		return english
	}
	return says.In(l)
}

// RootCause is an error that blocks other rows.
type RootCause struct {
	Issue Issue
	// BlockedRows counts the blocked rows of all sheets.
	BlockedRows uint32
	// Says is human-readable: "“D-17” of “Departments” is missing. 412 rows of “Employees” are waiting for it.". Message is its
	// English text.
	Says    messages.Message `json:",omitzero"`
	Message string
}

// In returns the message in a language.
func (c *RootCause) In(l messages.Language) string { return inLanguage(c.Says, c.Message, l) }

// Found counts the issues of a sheet by their codes, stored or not.
type Found struct {
	Errors, Warnings map[IssueCode]uint32
}

// Add counts an issue.
func (f *Found) Add(severity Severity, code IssueCode) {
	counts := &f.Errors
	if severity == Warning {
		counts = &f.Warnings
	}
	if *counts == nil {
		*counts = map[IssueCode]uint32{}
	}
	(*counts)[code]++
}
