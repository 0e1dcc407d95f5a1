package schema

import (
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing wrong with a schema's file. Its error reads "fleet.yaml:12: …" and says what would be right.
type Fault struct {
	// File is the file's name as it was given to Load.
	File string
	// Line and Column are where the fault stands, from 1; 0 if it is the file as a whole.
	Line, Column int
	// Code says what kind of fault it is.
	Code FaultCode
	// Message is a sentence for the schema's author.
	Message string
}

// FaultCode is the kind of a fault.
type FaultCode string

// The kinds of faults.
const (
	// NotReadable: the file is no YAML, is empty, too large, or cannot be opened.
	NotReadable FaultCode = "not_readable"
	// WrongKind: a list stands where a text is expected, a text where a number is, and the like.
	WrongKind FaultCode = "wrong_kind"
	// UnknownKey: a key that means nothing here.
	UnknownKey FaultCode = "unknown_key"
	// RepeatedKey: a key that stands twice in one place.
	RepeatedKey FaultCode = "repeated_key"
	// Missing: a name, a type, a key or the columns are not there.
	Missing FaultCode = "missing"
	// BadIdentifier: a name that cannot be used for a table, a column or a step.
	BadIdentifier FaultCode = "bad_identifier"
	// BadTitle: a title that cannot be a sheet's name or a header.
	BadTitle FaultCode = "bad_title"
	// TooMany: more sheets, columns or values than a schema may have.
	TooMany FaultCode = "too_many"
	// DuplicateSheet, DuplicateTable, DuplicateColumn: a name that is taken.
	DuplicateSheet  FaultCode = "duplicate_sheet"
	DuplicateTable  FaultCode = "duplicate_table"
	DuplicateColumn FaultCode = "duplicate_column"
	// SameSheetName and SameHeader: two names that match the same sheet, or the same header, of a workbook.
	SameSheetName FaultCode = "same_sheet_name"
	SameHeader    FaultCode = "same_header"
	// UnknownType: no such type.
	UnknownType FaultCode = "unknown_type"
	// BadBound: a length, minimum or maximum that the column's type cannot have, or that contradicts another.
	BadBound FaultCode = "bad_bound"
	// BadPattern: no regular expression, or one on a type that has none.
	BadPattern FaultCode = "bad_pattern"
	// BadAllowed: allowed values that the column's type cannot have, or that are the same.
	BadAllowed FaultCode = "bad_allowed"
	// KeyUnknown and KeyNotRequired: a key column that does not exist, or whose cells may be empty.
	KeyUnknown     FaultCode = "key_unknown"
	KeyNotRequired FaultCode = "key_not_required"
	// BadReference: not written sheet.column, or between columns of different types.
	BadReference FaultCode = "bad_reference"
	// ReferenceUnknown: the sheet or column does not exist.
	ReferenceUnknown FaultCode = "reference_unknown"
	// ReferenceNotUnique: the column is neither its sheet's single key nor unique.
	ReferenceNotUnique FaultCode = "reference_not_unique"
	// ReferenceCycle: sheets that refer to each other in a circle have no order to load them in.
	ReferenceCycle FaultCode = "reference_cycle"
	// NameTaken: another file, or a built-in schema, has this schema's name.
	NameTaken FaultCode = "name_taken"
)

func (f *Fault) Error() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: %s", f.File, f.Message)
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Message)
}

// Faults is all that is wrong with one file, in the order of its lines; never empty where it is an error.
type Faults []*Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives errors.As each single Fault.
func (f Faults) Unwrap() []error {
	all := make([]error, len(f))
	for i, fault := range f {
		all[i] = fault
	}
	return all
}

// err is the faults as an error, sorted by line; nil if there are none.
func (f Faults) err() error {
	if len(f) == 0 {
		return nil
	}
	slices.SortStableFunc(f, func(a, b *Fault) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return f
}
