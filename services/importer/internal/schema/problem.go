package schema

import (
	"fmt"
	"slices"
	"strings"
)

// Problem is one error in a schema's file. Its text begins with the location ("fleet.yaml:12: ") and describes how to
// fix it.
type Problem struct {
	// File is the file's name as passed to Load.
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
	// NotReadable means that the file is not YAML, is empty, is too large, or can't be opened.
	NotReadable ProblemCode = "not_readable"
	// WrongKind is a value of an unexpected kind, such as a list instead of a text.
	WrongKind ProblemCode = "wrong_kind"
	// UnknownKey is a key that is not defined here.
	UnknownKey ProblemCode = "unknown_key"
	// RepeatedKey is a key that appears twice in one mapping.
	RepeatedKey ProblemCode = "repeated_key"
	// Missing means that a name, a type, a key, or columns are missing.
	Missing ProblemCode = "missing"
	// BadIdentifier is a name that can't be used for a table, a column, or a step.
	BadIdentifier ProblemCode = "bad_identifier"
	// BadTitle is a title that can't be a sheet's name or a header.
	BadTitle ProblemCode = "bad_title"
	// TooMany means that there are more sheets, columns, or values than a schema can have.
	TooMany ProblemCode = "too_many"
	// DuplicateSheet, DuplicateTable, and DuplicateColumn are names that are used twice.
	DuplicateSheet  ProblemCode = "duplicate_sheet"
	DuplicateTable  ProblemCode = "duplicate_table"
	DuplicateColumn ProblemCode = "duplicate_column"
	// SameSheetName and SameHeader are two names that match the same sheet, or the same header, of a workbook.
	SameSheetName ProblemCode = "same_sheet_name"
	SameHeader    ProblemCode = "same_header"
	// UnknownType is a type that doesn't exist.
	UnknownType ProblemCode = "unknown_type"
	// BadBound is a length, minimum, or maximum that the column's type can't have, or that contradicts another.
	BadBound ProblemCode = "bad_bound"
	// BadPattern is an invalid regular expression, or a pattern for a type that can't have one.
	BadPattern ProblemCode = "bad_pattern"
	// BadAllowed are allowed values that the column's type can't have, or that are the same.
	BadAllowed ProblemCode = "bad_allowed"
	// KeyUnknown and KeyNotRequired are a key column that does not exist, and one whose cells can be empty.
	KeyUnknown     ProblemCode = "key_unknown"
	KeyNotRequired ProblemCode = "key_not_required"
	// BadGenerated is a generator or a constant that the column can't have, or another key that does not fit to it.
	BadGenerated ProblemCode = "bad_generated"
	// BadZone is a time zone that does not exist, or that the column can't have.
	BadZone ProblemCode = "bad_zone"
	// BadRule is a value rule that is not valid, or that the column can't have.
	BadRule ProblemCode = "bad_rule"
	// BadReference is a reference that is not written as sheet.column, or that is between columns of different types.
	BadReference ProblemCode = "bad_reference"
	// ReferenceUnknown is a reference to a sheet or column that does not exist.
	ReferenceUnknown ProblemCode = "reference_unknown"
	// ReferenceNotUnique is a reference to a column that is neither its sheet's single key nor unique.
	ReferenceNotUnique ProblemCode = "reference_not_unique"
	// ReferenceCycle means that sheets refer to each other in a cycle, so there is no order to load them in.
	ReferenceCycle ProblemCode = "reference_cycle"
	// Contradiction means that rules exclude each other, so that no cell or no row can be valid.
	Contradiction ProblemCode = "contradiction"
	// NameTaken means that another file or a built-in schema uses this schema's name.
	NameTaken ProblemCode = "name_taken"
	// TableTaken means that another schema fills this table differently.
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
