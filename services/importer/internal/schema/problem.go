package schema

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one error in a schema's file. Its text begins with the place ("fleet.yaml:12: ") and says how to fix it.
type Problem struct {
	// File is the file's name as it was given to Load.
	File string
	// Line and Column are the position, from 1. They are 0 if the problem is the file as a whole.
	Line, Column int
	// Code is the kind of problem.
	Code ProblemCode
	// Message is for the schema's author.
	Message string
}

// ProblemCode is the kind of a problem.
type ProblemCode string

// The kinds of problems.
const (
	// NotReadable: the file is not YAML, is empty, is too large, or cannot be opened.
	NotReadable ProblemCode = "not_readable"
	// WrongKind: a value of another kind than expected, such as a list instead of a text.
	WrongKind ProblemCode = "wrong_kind"
	// UnknownKey: a key that is not defined here.
	UnknownKey ProblemCode = "unknown_key"
	// RepeatedKey: a key that appears twice in one mapping.
	RepeatedKey ProblemCode = "repeated_key"
	// Missing: a name, a type, a key, or columns are missing.
	Missing ProblemCode = "missing"
	// BadIdentifier: a name that cannot be used for a table, a column or a step.
	BadIdentifier ProblemCode = "bad_identifier"
	// BadTitle: a title that can't be a sheet's name or a header.
	BadTitle ProblemCode = "bad_title"
	// TooMany: more sheets, columns or values than a schema may have.
	TooMany ProblemCode = "too_many"
	// DuplicateSheet, DuplicateTable, DuplicateColumn: a name that is used twice.
	DuplicateSheet  ProblemCode = "duplicate_sheet"
	DuplicateTable  ProblemCode = "duplicate_table"
	DuplicateColumn ProblemCode = "duplicate_column"
	// SameSheetName and SameHeader: two names that match the same sheet, or the same header, of a workbook.
	SameSheetName ProblemCode = "same_sheet_name"
	SameHeader    ProblemCode = "same_header"
	// UnknownType: no such type.
	UnknownType ProblemCode = "unknown_type"
	// BadBound: a length, minimum, or maximum that the column's type can't have, or that contradicts another.
	BadBound ProblemCode = "bad_bound"
	// BadPattern: not a regular expression, or a pattern of a type that has none.
	BadPattern ProblemCode = "bad_pattern"
	// BadAllowed: allowed values that the column's type can't have, or that are the same.
	BadAllowed ProblemCode = "bad_allowed"
	// KeyUnknown and KeyNotRequired: a key column that does not exist, or whose cells may be empty.
	KeyUnknown     ProblemCode = "key_unknown"
	KeyNotRequired ProblemCode = "key_not_required"
	// BadReference: not written as sheet.column, or between columns of different types.
	BadReference ProblemCode = "bad_reference"
	// ReferenceUnknown: the sheet or column does not exist.
	ReferenceUnknown ProblemCode = "reference_unknown"
	// ReferenceNotUnique: the column is neither its sheet's single key nor unique.
	ReferenceNotUnique ProblemCode = "reference_not_unique"
	// ReferenceCycle: sheets that refer to each other in a cycle have no order to load them in.
	ReferenceCycle ProblemCode = "reference_cycle"
	// NameTaken: another file or a built-in schema uses this schema's name.
	NameTaken ProblemCode = "name_taken"
	// TableTaken: another schema fills this table differently.
	TableTaken ProblemCode = "table_taken"
)

func (f *Problem) Error() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: %s", f.File, f.Message)
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Message)
}

// Problems are all problems of one file, in the order of its lines.
type Problems []*Problem

func (f Problems) Error() string {
	lines := make([]string, len(f))
	for i, problem := range f {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find each Problem.
func (f Problems) Unwrap() []error {
	all := make([]error, len(f))
	for i, problem := range f {
		all[i] = problem
	}
	return all
}

// err returns the problems as an error, sorted by line. It returns nil if there are none.
func (f Problems) err() error {
	if len(f) == 0 {
		return nil
	}
	slices.SortStableFunc(f, func(a, b *Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return f
}
