package imports

import (
	"context"
	"fmt"
	"strconv"

	"headway/services/importer/internal/schema"
)

// Target is the database that rows are written to. One import writes to a database at a time.
type Target interface {
	// Begin opens the transaction of a run, when it is its turn. It calls waiting with the number of runs ahead of this
	// one whenever that changes, and not after Begin has returned.
	//
	// It returns *AppliedError if the import was applied before, ErrFenced if a later run has begun, and
	// ErrTargetUnavailable for temporary errors.
	Begin(ctx context.Context, run Run, waiting func(ahead int)) (TargetTx, error)
	// Plan returns the changes that the schema's tables need, in their order. It changes nothing, and ignores what imports
	// may change.
	Plan(ctx context.Context, of *schema.Schema) ([]Change, error)
	// Migrate makes the changes of a plan, all or none. It returns ErrPlanChanged if other changes are needed now.
	Migrate(ctx context.Context, of *schema.Schema, plan []Change) error
	// Ping connects to the database, and creates the tables that Headway needs for itself. It returns an error if an import
	// could not begin now.
	Ping(ctx context.Context) error
	// Close closes the database.
	Close() error
}

// Run is one attempt at an import.
type Run struct {
	ImportID string
	// Number grows with every run of the import, and fences earlier runs.
	Number int64
	// Schema is the schema whose tables the run writes. The caller checks its references (Table.Owners), so a target does
	// not need to check them again.
	Schema *schema.Schema
	// Exclusive keeps other programs from changing the schema's tables until the end of the run. They can read.
	Exclusive bool
	// Abandoned reports whether no worker runs an import any longer, as far as is known. A target ends the run of another process that
	// keeps this one waiting if it is abandoned. nil means that this is not known.
	Abandoned func(ctx context.Context, importID string) bool
	// Writes is called while Check or Commit writes the rows, with the number of those that are written so far and of all. It must not
	// block for long. A target that writes the rows before Check does not call it. It can be nil.
	Writes func(written, all int64)
	// Doing is called before a step of Check or Commit that takes longer in a larger file and does not count rows, with what it does, for
	// users. It must not block for long. It can be nil.
	Doing func(what string)
}

// Does calls Doing.
func (r *Run) Does(format string, args ...any) {
	if r.Doing != nil {
		r.Doing(fmt.Sprintf(format, args...))
	}
}

// AppliedError means that the import is already in the database.
type AppliedError struct {
	// Sheets are the counts of the run that committed, by the schema's name of the sheet.
	Sheets map[string]Counts
}

// Error implements error.
func (e *AppliedError) Error() string { return "the import is already in the database" }

// TargetTx is the transaction of a run. Table, Check, Commit and Rollback are for one goroutine at a time, and follow the
// last call of a table's methods. Errors of the database wrap ErrTargetUnavailable. After an error that is not
// *RefusedRowsError, only Rollback can be called.
type TargetTx interface {
	// Table opens a sheet's table for the given columns, which include the key. It returns *TableConflictError if the table
	// can't be created or extended for the sheet, or if that could lose data. Rows of earlier tables are not written after it.
	Table(ctx context.Context, of *schema.Schema, sheet *schema.Sheet, columns []*schema.Column) (Table, error)
	// Changes returns the changes of the opened tables themselves that a commit makes, in their order.
	Changes() []Change
	// Check is called when all rows are written. counts has those of each sheet. It returns the references that a commit
	// would refuse, *RefusedRowsError for rows that a commit would refuse, and *TableConflictError if the tables do not have
	// the rows that were counted.
	Check(ctx context.Context, sheets map[string]Counts) ([]Dangling, error)
	// Commit records that the import was applied, with its counts, and commits this together with the rows. If a later
	// run has begun, it commits nothing and returns ErrFenced. If the database refuses rows that Check could not find,
	// it commits nothing and returns *RefusedRowsError. If another program has changed what the run has looked up, it
	// commits nothing and returns ErrOvertaken.
	Commit(ctx context.Context, sheets map[string]Counts) error
	// Rollback discards everything. After Commit it does nothing.
	Rollback() error
}

// RefusedRowsError means that the database refuses rows because of a rule that the schema does not have. The run can be
// continued, but not committed.
type RefusedRowsError struct {
	// Rows are not empty.
	Rows []RefusedRow
}

// RefusedRow is a row that the database refuses.
type RefusedRow struct {
	// Sheet is the schema's name of the row's sheet. Table is its table, and Key are the values of its key.
	Sheet, Table string
	Key          []Value
	// Column is the schema's name of the column that the rule is about. It is empty if that is not known.
	Column string
	// Reason is the database's message.
	Reason string
}

// MaxRefusals is the number of rows that a database can refuse before an import fails.
const MaxRefusals = 10_000

// Error implements error.
func (e *RefusedRowsError) Error() string {
	return fmt.Sprintf("the table %q rejects %d rows, the first because %s", e.Rows[0].Table, len(e.Rows), e.Rows[0].Reason)
}

// Dangling is a reference in the database whose target would not exist after a commit.
type Dangling struct {
	// Child and Parent are the tables. Uses is the approximate number of references.
	Child, Parent string
	Uses          int
	// If the schema has the parent's sheet, Sheet and Column are the schema's names of the sheet and column that the
	// reference leads to, and Value is the value that its row no longer has. Otherwise, Row is true. Sheet and Column
	// are then those of the reference itself, Value is the missing value, and Key is the key of the referring row.
	Sheet, Column string
	Value         Value
	Row           bool
	Key           []Value
}

// MaxDangling is the maximum number of dangling references that Check returns.
const MaxDangling = 1000

// Table is a table of the target within a transaction. Rows have the columns that the table was opened for, in their
// order. Its lookups (Existing, Owners, Values) are for one goroutine at a time, and its writes (Release, Insert, Update) are for
// one. Both can run at the same time, and so can lookups in different tables.
//
// A lookup answers what the table had before the run. It might also show what the run has written so far.
type Table interface {
	// Columns returns the columns of the rows, with the bounds that the database has in addition to those of the schema.
	Columns() []*schema.Column
	// WasEmpty reports whether the table had no rows when it was opened.
	WasEmpty() bool
	// Added returns the columns that this run adds to a table that has rows. The rows that it doesn't change are empty there.
	Added() []string
	// Existing returns, for each row, the database's row with the same key, or nil. It can truncate texts that differ
	// from the row's to ExistingText bytes. The result is valid until the second call from now, so that rows are looked up
	// while those before are checked.
	Existing(ctx context.Context, rows [][]Value) ([][]Value, error)
	// Owners returns, for each value, the key of a database's row that has it in the column with this name, or nil. A null
	// has no owner. The column is unique, or is the key. The result is valid until the second call for the column from now.
	Owners(ctx context.Context, column string, values []Value) ([][]Value, error)
	// Values calls each for the values of a column in the table before the run, in any order, until it returns an error, which
	// Values returns. It leaves out nulls.
	Values(ctx context.Context, column string, each func(Value) error) error
	// Release announces that rows exchange their values of a unique column. The rows are those that have the values in the
	// database. Each of them is updated after that.
	Release(ctx context.Context, column int, rows [][]Value) error
	// Insert inserts rows whose keys are not in the table. Insert and Update can return *RefusedRowsError for rows that break
	// a rule of the database, and have written the others then. A key is written once in a run.
	Insert(ctx context.Context, rows [][]Value) error
	// Update updates rows whose keys are in the table. A null in a column that keeps blanks leaves its value as it is. A value that one row of the run takes from another is released by an
	// earlier row, or announced by Release.
	Update(ctx context.Context, rows [][]Value) error
}

// ExistingText is the number of bytes to which Existing can truncate a text that differs from the row's.
const ExistingText = 1024

// ValueKind is the kind of a value in the database.
type ValueKind uint8

// The kinds of values.
const (
	// Null is an empty cell.
	Null ValueKind = iota
	// Integer is a 64-bit whole number. Booleans are 0 and 1.
	Integer
	// Text is everything else: texts, decimals without an exponent and without unnecessary zeros, and dates and times in
	// ISO 8601 ("2006-01-02", "15:04:05", "2006-01-02 15:04:05", fractions of a second if there are any).
	Text
)

// Value is a converted cell. Bytes is part of the memory of its batch.
type Value struct {
	Kind  ValueKind
	Int   int64
	Bytes []byte
}

// Equal reports whether the values are the same in the database.
func (v Value) Equal(o Value) bool {
	return v.Kind == o.Kind && v.Int == o.Int && string(v.Bytes) == string(o.Bytes)
}

// Append appends the value as text. It appends nothing for null.
func (v Value) Append(dst []byte) []byte {
	switch v.Kind {
	case Integer:
		return strconv.AppendInt(dst, v.Int, 10)
	case Text:
		return append(dst, v.Bytes...)
	}
	return dst
}
