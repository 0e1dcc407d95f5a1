// Package imports is the importer's domain: imports, their options, the issues of their rows, and the databases that they
// need.
package imports

import (
	"errors"
	"fmt"
	"time"

	"headway/internal/messages"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// Errors of stores and runs.
var (
	// ErrNotFound means that no import with this ID is visible to the caller.
	ErrNotFound = errors.New("no such import")
	// ErrRequestIDReused means that the owner used this request ID before, for another upload.
	ErrRequestIDReused = errors.New("the request ID was used before for another upload")
	// ErrNotWaiting means that the import does not wait for a decision.
	ErrNotWaiting = errors.New("the import is not waiting for confirmation")
	// ErrInProgress means that the import has not ended and does not wait for a decision.
	ErrInProgress = errors.New("the import is in progress")
	// ErrReportNotReady means that the import has not ended and does not wait for a decision.
	ErrReportNotReady = errors.New("the import has not been checked to its end yet")
	// ErrNothingCommitted means that no row of the import is in the database, and that none will be without another
	// upload.
	ErrNothingCommitted = errors.New("nothing of the import is in the database")
	// ErrNotCommittedYet means that the import is in progress and can still commit.
	ErrNotCommittedYet = errors.New("the import has not committed yet")
	// ErrNotConfirmed means that the import waits for a decision.
	ErrNotConfirmed = errors.New("the import waits to be confirmed")
	// ErrRowResultsGone means that the results of the rows are not stored.
	ErrRowResultsGone = errors.New("the results of the rows are not stored")
	// ErrFenced means that a later run of the same import has begun, so this one must stop.
	ErrFenced = errors.New("a later run of this import has taken over")
	// ErrTargetUnavailable means that the target database can't be reached, is full, or is locked.
	ErrTargetUnavailable = errors.New("the target database is unavailable")
	// ErrOvertaken means that another program has changed the tables during the run, so that its checks no longer apply.
	ErrOvertaken = errors.New("another program has changed the tables during the run")
	// ErrStoreUnavailable means that the importer's own database can't be written. Its disk might be full.
	ErrStoreUnavailable = errors.New("the importer's own database is unavailable")
	// ErrCreateUncertain means that a new import might be stored.
	ErrCreateUncertain = errors.New("it is not known whether the import is stored")
	// ErrFilesUnavailable means that uploaded files can't be written or read. Their disk might be full.
	ErrFilesUnavailable = errors.New("the bucket of workbooks is unavailable")
	// ErrRowsCommitted means that the rows are in the database, but the run could not record this. The next run records
	// it.
	ErrRowsCommitted = errors.New("the rows are in the database, but the import's end could not be recorded")
	// ErrCommitUncertain means that the commit failed, but the rows might be in the database anyway. The next run
	// checks this.
	ErrCommitUncertain = errors.New("it is not known whether the rows are in the database")
	// ErrSchemaChanged means that the schema has changed since the upload was accepted.
	ErrSchemaChanged = errors.New("the schema has changed since the upload")
	// ErrWorkbookGone means that the stored file was deleted.
	ErrWorkbookGone = errors.New("the stored workbook is gone")
)

// OnIssues determines what happens when rows have errors.
type OnIssues uint8

// The policies.
const (
	// Abort rolls back. Nothing is written, and all issues are reported.
	Abort OnIssues = iota + 1
	// SkipRows commits the valid rows and reports the others.
	SkipRows
	// Review rolls back and waits for the user's decision.
	Review
)

// String returns the name of the policy ("abort").
func (o OnIssues) String() string {
	return [...]string{"", "abort", "skip_rows", "review"}[o]
}

// Mode determines whether rows insert or update.
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

// String returns the name of the mode ("upsert").
func (m Mode) String() string {
	return [...]string{"", "upsert", "insert_only", "update_only"}[m]
}

// Policy are the options of an import.
type Policy struct {
	OnIssues OnIssues
	Mode     Mode
	// DryRun checks everything and rolls back.
	DryRun bool
}

// Import is an uploaded workbook and its results.
type Import struct {
	// ID is a UUIDv7, and the ID of the import's job.
	ID string
	// Owner is the subject of the uploader's token.
	Owner string
	// Schema is the name of the schema that the rows are checked against.
	Schema string
	// FileName is the name of the uploaded file, without a path.
	FileName string
	// SizeBytes and SHA256 (hexadecimal) are of the uploaded file.
	SizeBytes int64
	SHA256    string
	// FileStored means that the file was not deleted.
	FileStored bool
	// RequestID makes the upload safe to repeat. It can be empty. Two uploads with the same request ID are the same if their
	// fingerprints are equal.
	RequestID, Fingerprint string
	// Policy are the options.
	Policy Policy
	// Mapping is that of the upload. With it, the same file can be imported again in the same way.
	Mapping []SheetMapping
	// SchemaDigest is the digest of the schema at the time of the upload. It is empty if unknown.
	SchemaDigest string
	// Text is the format of the file, if it is a text file.
	Text *source.TextFormat
	// Texts are the formats of the files by their names, if several text files were uploaded.
	Texts map[string]source.TextFormat
	// Sheets are the schema's sheets that the workbook has, in the order in which they are loaded.
	Sheets []Sheet
	// Unused are the sheets of the workbook that are not imported.
	Unused []UnusedSheet
	// Run is the number of the last run that began, or 0.
	Run int64
	// Committed means that the rows are in the database.
	Committed bool
	// Ended means that a run of the import has ended, with any result.
	Ended bool
	// Notices are for the user.
	Notices []Notice
	// Scheduled means that the import's job was created.
	Scheduled bool
	// CreatedAt is when the upload was accepted.
	CreatedAt time.Time
}

// Sheet is one sheet of an import: its position in the workbook, and the counts of its last run.
type Sheet struct {
	// Name is the schema's name of the sheet.
	Name string
	// WorkbookSheet is the sheet's name in the workbook.
	WorkbookSheet string
	// Bytes is the sheet's size in the workbook, uncompressed.
	Bytes int64
	// HeaderRow is the number of the row with the headers.
	HeaderRow int
	// Table is the name of the table, if the sheet has several. A mapping names it. FirstRow is its first row, and LastRow its last one, or 0
	// if the table ends with the sheet. FirstColumn and LastColumn are its columns, or 0 if no other table is next to it.
	Table       string `json:",omitempty"`
	FirstRow    int    `json:",omitempty"`
	LastRow     int    `json:",omitempty"`
	FirstColumn int    `json:",omitempty"`
	LastColumn  int    `json:",omitempty"`
	// Lines reports whether the numbers of rows are those of lines in a text file.
	Lines bool
	// File is the name of the sheet's own file, if several files were uploaded.
	File string `json:",omitempty"`
	// Distinct means that equal rows are imported once.
	Distinct bool `json:",omitempty"`
	// Columns are the columns that the workbook has, in the order of the schema.
	Columns []SheetColumn
	// Constants are the columns that have the same value in all rows, in the order of the schema.
	Constants []ConstantColumn `json:",omitempty"`
	// Rules are the value rules of the mapping, by the schema's names of columns.
	Rules map[string]*schema.Rules `json:",omitempty"`
	// Ignored are the columns with a header that the schema does not have.
	Ignored []IgnoredColumn
	// Counts are the sheet's counts in the last run, and Found counts its issues by their codes.
	Counts Counts
	Found  Found
	// Notices are those of the last run.
	Notices []Notice
	// Changes are the cells that the last run has changed before it imported them, by column.
	Changes []ColumnChanges `json:",omitempty"`
}

// Position returns where the rows of the sheet are.
func (s *Sheet) Position() source.Position {
	return source.Position{Sheet: s.WorkbookSheet, Lines: s.Lines, File: s.File}
}

// LocationOf returns the cell of an issue. ok is false if the import does not have its sheet.
func (im *Import) LocationOf(is *Issue) (location messages.Location, ok bool) {
	for i := range im.Sheets {
		if im.Sheets[i].Name == is.Sheet {
			return im.Sheets[i].Position().Location(is.Row, is.CellColumn), true
		}
	}
	return location, false
}

// CellIn returns the cell of an issue in a language.
func (im *Import) CellIn(is *Issue, l messages.Language) string {
	location, ok := im.LocationOf(is)
	if !ok || l == messages.English {
		return is.Cell
	}
	return messages.At("", location).In(l)
}

// ColumnNumbers returns the numbers of the columns in the workbook.
func (s *Sheet) ColumnNumbers() []int {
	numbers := make([]int, 0, len(s.Columns))
	for i := range s.Columns {
		numbers = append(numbers, s.Columns[i].Sources()...)
	}
	return numbers
}

// FilledDown returns the columns whose empty cells have the value of the cell above, by the rules of the sheet of the schema and of the
// mapping, with their headers.
func (s *Sheet) FilledDown(spec *schema.Sheet) map[int]string {
	columns := map[int]string{}
	for _, c := range s.Columns {
		if of, _ := spec.Column(c.Name); of != nil && c.Joined == nil && s.Rules[c.Name].Over(of.Rules).FillsDown() {
			columns[c.Column] = c.Header
		}
	}
	return columns
}

// Shares reports whether both sheets of an import have their rows from the same table of the file.
func (s *Sheet) Shares(other *Sheet) bool {
	return s.WorkbookSheet == other.WorkbookSheet && s.File == other.File && s.FirstRow == other.FirstRow &&
		s.FirstColumn == other.FirstColumn
}

// Cut returns the cells of a row of the sheet that belong to the table.
func (s *Sheet) Cut(row source.Row) source.Row { return row.Between(s.FirstColumn, s.LastColumn) }

// SheetColumn maps a column of the schema to a column of the workbook.
type SheetColumn struct {
	// Name is the schema's name of the column.
	Name string
	// Column counts from 1.
	Column int
	// Header is the text of its header.
	Header string
	// Part is set if the column has only a part of the cell's text.
	Part *Part `json:",omitempty"`
	// Joined is set if the column has the texts of several cells, the first of which is that of Column.
	Joined *Joined `json:",omitempty"`
}

// Sources returns the numbers of the columns in the workbook that the column is made from.
func (c *SheetColumn) Sources() []int {
	if c.Joined != nil {
		return c.Joined.Columns
	}
	return []int{c.Column}
}

// Part is a part of a text.
type Part struct {
	Separator string
	// Index counts from 0. Of is the number of parts.
	Index, Of int
	// FromEnd splits at the last separators, so that the first part has the rest of the text.
	FromEnd bool `json:",omitempty"`
}

// Joined are the texts of several cells.
type Joined struct {
	// Columns are the numbers of their columns in the workbook, from 1.
	Columns   []int
	Separator string
	// Negated are those of the columns whose numbers are subtracted.
	Negated []int `json:",omitempty"`
}

// ConstantColumn is a column that is not in the workbook, and has the same value in all rows.
type ConstantColumn struct {
	// Name is the schema's name of the column.
	Name string
	// Text is read like the text of a cell.
	Text string
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

// Hints returns what is known about the format of the stored file.
func (im *Import) Hints() source.Hints {
	h := source.Hints{FileName: im.FileName, Texts: im.Texts}
	if im.Text != nil {
		h.Text = *im.Text
	}
	return h
}

// Totals returns the sum of the sheets.
func (im *Import) Totals() Counts {
	var total Counts
	for i := range im.Sheets {
		total.Add(im.Sheets[i].Counts)
	}
	return total
}

// Counts are the counts of a sheet or an import. All but the last two count rows.
type Counts struct {
	Read, Inserted, Updated, Unchanged, Rejected, Blocked, Skipped uint32
	// Issues and Warnings count all errors and warnings, stored or not.
	Issues, Warnings uint32
}

// Add adds the counts of another sheet.
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

// Conserved checks that every row that was read has exactly one result.
func (c Counts) Conserved() error {
	sum := uint64(c.Inserted) + uint64(c.Updated) + uint64(c.Unchanged) + uint64(c.Rejected) + uint64(c.Blocked) + uint64(c.Skipped)
	if uint64(c.Read) != sum {
		return &ConservationError{Counts: c}
	}
	return nil
}

// ConservationError means that rows were lost or counted twice, which is a bug in the program.
type ConservationError struct {
	// Sheet is the schema's name of the sheet. It is empty for the totals.
	Sheet  string
	Counts Counts
}

// Error returns the counts.
func (e *ConservationError) Error() string {
	c := e.Counts
	return fmt.Sprintf("sheet %q: read %d rows, but inserted %d + updated %d + unchanged %d + rejected %d + blocked %d + skipped %d",
		e.Sheet, c.Read, c.Inserted, c.Updated, c.Unchanged, c.Rejected, c.Blocked, c.Skipped)
}

// MergedHeaderError means that two columns share one header, and that at least one of them is imported.
type MergedHeaderError struct {
	// Sheet is the workbook's name of the sheet; First and Last are the outermost cells ("B1").
	Sheet, First, Last string
}

// Error implements error.
func (e *MergedHeaderError) Error() string {
	return fmt.Sprintf("The header cells %s to %s of the sheet “%s” are merged, so it is not clear which column is meant. Unmerge them, and enter a header for each column.",
		e.First, e.Last, e.Sheet)
}

// TableConflictError means that a table of the target database does not match the schema, and that changing it could
// lose data.
type TableConflictError struct {
	Table, Detail string
}

// Error implements error.
func (e *TableConflictError) Error() string {
	return fmt.Sprintf("the table %s does not fit the schema: %s", e.Table, e.Detail)
}
