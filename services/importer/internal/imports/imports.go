// Package imports is the importer's domain: what an import is, what was declared about it, what was found wrong in
// its rows, and the databases that it needs.
package imports

import (
	"errors"
	"fmt"
	"time"
)

// What stores and runs may come to.
var (
	// ErrNotFound: there is no import with this id that the caller may see.
	ErrNotFound = errors.New("no such import")
	// ErrRequestIDReused: the owner used this request id before, for another upload.
	ErrRequestIDReused = errors.New("the request id was used before for another upload")
	// ErrNotWaiting: the import does not wait for a decision.
	ErrNotWaiting = errors.New("the import is not waiting for confirmation")
	// ErrReportNotReady: the import has neither ended nor does it wait for review.
	ErrReportNotReady = errors.New("the import has not been checked to its end yet")
	// ErrNothingCommitted says that no row of the import is in the database, nor will be without another decision or
	// another upload.
	ErrNothingCommitted = errors.New("nothing of the import is in the database")
	// ErrNotCommittedYet says that the import is under way, and may commit.
	ErrNotCommittedYet = errors.New("the import has not committed yet")
	// ErrNotConfirmed says that the import commits once it is confirmed.
	ErrNotConfirmed = errors.New("the import waits to be confirmed")
	// ErrRowResultsGone says that what became of the rows was not kept.
	ErrRowResultsGone = errors.New("what became of the rows was not kept")
	// ErrFenced: a later run of the same import has begun, so this one must stop.
	ErrFenced = errors.New("a later run of this import has taken over")
	// ErrTargetUnavailable: the target database cannot be reached, is full, or refused the work.
	ErrTargetUnavailable = errors.New("the target database is unavailable")
	// ErrStoreUnavailable: the importer's own database cannot be written for the moment; its disk may be full.
	ErrStoreUnavailable = errors.New("the importer's own database is unavailable")
	// ErrFilesUnavailable: the bucket of workbooks cannot be written or read for the moment; its disk may be full.
	ErrFilesUnavailable = errors.New("the bucket of workbooks is unavailable")
	// ErrRowsCommitted means that the rows are in the database, but that the run could not record it. The next run does.
	ErrRowsCommitted = errors.New("the rows are in the database, but the import's end could not be recorded")
	// ErrCommitUncertain means that the commit failed in a way that does not tell whether the rows are in the database.
	// The next run finds out.
	ErrCommitUncertain = errors.New("it is not known whether the rows are in the database")
	// ErrSchemaChanged: the schema is not any more what the upload was accepted under.
	ErrSchemaChanged = errors.New("the schema has changed since the upload")
	// ErrWorkbookGone: the stored workbook is gone.
	ErrWorkbookGone = errors.New("the stored workbook is gone")
)

// OnIssues says what happens when rows have issues.
type OnIssues uint8

// The policies.
const (
	// Abort rolls back: nothing is written, all issues are reported.
	Abort OnIssues = iota + 1
	// SkipRows commits the valid rows and reports the others.
	SkipRows
	// Review rolls back and waits for a person's decision.
	Review
)

// String is the policy's word ("abort").
func (o OnIssues) String() string {
	return [...]string{"", "abort", "skip_rows", "review"}[o]
}

// Mode says what rows may do.
type Mode uint8

// The modes.
const (
	// Upsert inserts rows with new keys and updates the others.
	Upsert Mode = iota + 1
	// InsertOnly makes a key that exists an issue.
	InsertOnly
	// UpdateOnly makes a key that does not exist an issue.
	UpdateOnly
)

// String is the mode's word ("upsert").
func (m Mode) String() string {
	return [...]string{"", "upsert", "insert_only", "update_only"}[m]
}

// Policy is what the uploader declared.
type Policy struct {
	OnIssues OnIssues
	Mode     Mode
	// DryRun does everything and rolls back.
	DryRun bool
}

// Import is what was uploaded, and what has become of it.
type Import struct {
	// ID is a UUIDv7, and the id of the import's job.
	ID string
	// Owner is the subject of the uploader's token.
	Owner string
	// Schema names the schema that the rows are checked against.
	Schema string
	// FileName is the uploaded file's name, without a path.
	FileName string
	// SizeBytes and SHA256 (hexadecimal) are of the uploaded file.
	SizeBytes int64
	SHA256    string
	// RequestID makes the upload safe to repeat; may be empty. Fingerprint tells uploads under one request id apart:
	// two with the same fingerprint are the same.
	RequestID, Fingerprint string
	// Policy is what was declared.
	Policy Policy
	// SchemaDigest is that of the schema when the upload was accepted; empty if it is not known.
	SchemaDigest string
	// Sheets are the schema's sheets that the workbook has, in the order in which they are loaded.
	Sheets []Sheet
	// Unused are the sheets of the workbook that are not imported.
	Unused []UnusedSheet
	// Committed tells that the rows are in the database.
	Committed bool
	// Ended tells that a run of the import came to its end, whatever that was.
	Ended bool
	// Notices are what the uploader should know.
	Notices []Notice
	// Scheduled tells that the import's job was created.
	Scheduled bool
	// CreatedAt is when the upload was accepted.
	CreatedAt time.Time
}

// Sheet is one sheet of an import: where it is found in the workbook, and the numbers of its last run.
type Sheet struct {
	// Name is the schema's name of the sheet.
	Name string
	// WorkbookSheet is the sheet's name in the workbook.
	WorkbookSheet string
	// Bytes is the sheet's size in the workbook, uncompressed.
	Bytes int64
	// HeaderRow is the number of the row that holds the headers.
	HeaderRow int
	// Columns are the columns that the workbook has, in the order of the schema.
	Columns []SheetColumn
	// Ignored are the columns with a header that the schema does not know.
	Ignored []IgnoredColumn
	// Counts are the sheet's numbers in the last run, and Found counts its issues by their codes.
	Counts Counts
	Found  Found
}

// SheetColumn says in which column of the workbook a column of the schema stands.
type SheetColumn struct {
	// Name is the schema's name of the column.
	Name string
	// Column counts from 1.
	Column int
}

// UnusedSheet is a sheet of the workbook that matches no sheet of the schema.
type UnusedSheet struct {
	// Name is the sheet's name in the workbook.
	Name string
	// Hidden means that the sheet is hidden in the workbook.
	Hidden bool
}

// IgnoredColumn is a column of the workbook that is not imported.
type IgnoredColumn struct {
	// Column counts from 1.
	Column int
	// Header is its text.
	Header string
}

// Notice is something worth knowing that is no error. Its reason is a word for machines.
type Notice struct {
	Reason, Message string
}

// Totals sums the sheets up.
func (im *Import) Totals() Counts {
	var total Counts
	for i := range im.Sheets {
		total.Add(im.Sheets[i].Counts)
	}
	return total
}

// Counts are the numbers of a sheet or of an import, in rows but for the last two.
type Counts struct {
	Read, Inserted, Updated, Unchanged, Rejected, Blocked, Skipped uint32
	// Issues and Warnings count all there are, kept or not.
	Issues, Warnings uint32
}

// Add adds another sheet's numbers.
func (c *Counts) Add(o Counts) {
	c.Read += o.Read
	c.Inserted += o.Inserted
	c.Updated += o.Updated
	c.Unchanged += o.Unchanged
	c.Rejected += o.Rejected
	c.Blocked += o.Blocked
	c.Skipped += o.Skipped
	c.Issues += o.Issues
	c.Warnings += o.Warnings
}

// Conserved checks that every row that was read has come to exactly one end.
func (c Counts) Conserved() error {
	sum := uint64(c.Inserted) + uint64(c.Updated) + uint64(c.Unchanged) + uint64(c.Rejected) + uint64(c.Blocked) + uint64(c.Skipped)
	if uint64(c.Read) != sum {
		return &ConservationError{Counts: c}
	}
	return nil
}

// ConservationError says that rows were lost or counted twice: a defect of the program.
type ConservationError struct {
	// Sheet is the schema's name of the sheet; empty for the sum.
	Sheet  string
	Counts Counts
}

// Error shows the numbers.
func (e *ConservationError) Error() string {
	c := e.Counts
	return fmt.Sprintf("sheet %q: read %d rows, but inserted %d + updated %d + unchanged %d + rejected %d + blocked %d + skipped %d",
		e.Sheet, c.Read, c.Inserted, c.Updated, c.Unchanged, c.Rejected, c.Blocked, c.Skipped)
}

// MergedHeaderError says that one header stands above two columns of which at least one is imported.
type MergedHeaderError struct {
	// Sheet is the workbook's name of the sheet; First and Last are the outermost cells ("B1").
	Sheet, First, Last string
}

// Error is a sentence.
func (e *MergedHeaderError) Error() string {
	return fmt.Sprintf("The header cells %s to %s of the sheet “%s” are merged into one, so it cannot be told which column is meant; unmerge them, and give each column a header of its own.",
		e.First, e.Last, e.Sheet)
}

// TableConflictError says that a table of the target database does not fit the schema and cannot be made to without
// losing data.
type TableConflictError struct {
	Table, Detail string
}

// Error is a sentence.
func (e *TableConflictError) Error() string {
	return fmt.Sprintf("the table %s does not fit the schema: %s", e.Table, e.Detail)
}
