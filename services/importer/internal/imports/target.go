package imports

import (
	"context"
	"strconv"

	"headway/services/importer/internal/schema"
)

// Target is the database that rows go to. One import writes at a time.
type Target interface {
	// Begin opens the transaction of a run, once it is its turn; waiting is called with the number of runs that go
	// first, whenever that changes, never after Begin has returned.
	//
	// If the import was applied before, there is nothing to do: it gives *AppliedError. If a later run has begun, it
	// gives ErrFenced. What the database cannot do for the moment is ErrTargetUnavailable.
	Begin(ctx context.Context, run Run, waiting func(place int)) (TargetTx, error)
	// Close ends the use of the database.
	Close() error
}

// Run is one attempt at an import.
type Run struct {
	ImportID string
	// Number grows with every run of the import, and fences those before off.
	Number int64
	// Schema is the one whose tables the run writes. What it says of references is the caller's to check (Table.Holds):
	// a target need not look at them once more.
	Schema *schema.Schema
}

// AppliedError says that the import is in the database already.
type AppliedError struct {
	// Sheets holds the numbers of the run that committed, by the schema's name of the sheet.
	Sheets map[string]Counts
}

// Error is a sentence.
func (e *AppliedError) Error() string { return "the import is in the database already" }

// TargetTx is the transaction of a run. One goroutine uses it at a time. Errors of the database wrap
// ErrTargetUnavailable; after one, only Rollback is left.
type TargetTx interface {
	// Table opens a sheet's table for the given columns, which hold the key, after creating it or extending it if
	// need be. It gives *TableConflictError if that would lose data.
	Table(ctx context.Context, of *schema.Schema, sheet *schema.Sheet, columns []*schema.Column) (Table, error)
	// Commit notes that the import was applied, with its numbers, and commits both at once. ErrFenced if a later run
	// has begun: nothing is kept then.
	Commit(ctx context.Context, sheets map[string]Counts) error
	// Rollback leaves nothing behind. After Commit it does nothing.
	Rollback() error
}

// Table is a table of the target within a transaction. Values stand in the order of the columns that it was opened for.
type Table interface {
	// WasEmpty tells that the table had no rows when it was opened.
	WasEmpty() bool
	// Existing gives, for each row, what the database holds under its key: nil if nothing. What it gives is valid
	// until the next call.
	Existing(ctx context.Context, rows [][]Value) ([][]Value, error)
	// Owners gives, for each row, the key under which the database holds this row's value of a unique column: nil if
	// it does not. A null has no owner. What it gives is valid until the next call.
	Owners(ctx context.Context, column int, rows [][]Value) ([][]Value, error)
	// Holds tells for each value whether a row holds it in the column with this name.
	Holds(ctx context.Context, column string, values []Value) ([]bool, error)
	// Insert inserts rows whose keys the table does not hold.
	Insert(ctx context.Context, rows [][]Value) error
	// Write inserts the rows, or updates those whose key exists. Insert is faster where all are new.
	Write(ctx context.Context, rows [][]Value) error
}

// ExistingText is the number of bytes to which Existing can cut a text that differs from the row's.
const ExistingText = 1024

// ValueKind is what a value is to the database.
type ValueKind uint8

// The kinds of values.
const (
	// Null is an empty cell.
	Null ValueKind = iota
	// Integer is a whole number of 64 bits; booleans are 0 and 1.
	Integer
	// Text is everything else: texts as they stand, decimals without an exponent or superfluous zeros, dates and
	// times in ISO 8601 ("2006-01-02", "15:04:05", "2006-01-02 15:04:05", fractions of a second if there are any).
	Text
)

// Value is a converted cell. Bytes is shared with the batch that the value belongs to.
type Value struct {
	Kind  ValueKind
	Int   int64
	Bytes []byte
}

// Equal tells whether the database would hold the same.
func (v Value) Equal(o Value) bool {
	return v.Kind == o.Kind && v.Int == o.Int && string(v.Bytes) == string(o.Bytes)
}

// Append appends the value as text; nothing for null.
func (v Value) Append(dst []byte) []byte {
	switch v.Kind {
	case Integer:
		return strconv.AppendInt(dst, v.Int, 10)
	case Text:
		return append(dst, v.Bytes...)
	}
	return dst
}
