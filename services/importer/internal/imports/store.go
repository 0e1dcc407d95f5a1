package imports

import (
	"context"
	"time"
)

// Store holds imports, their counts, and their issues. It is a separate database, written while the transaction of an
// import's rows is open. Its methods can be called from several goroutines. Temporary errors, such as a full disk, wrap
// ErrStoreUnavailable.
//
// A run is one lease of an import's job. Its number (`run`) grows with every lease. A call for a run earlier than the
// latest one returns ErrFenced and changes nothing.
type Store interface {
	// Create stores a new import. If the owner used the import's request ID before, it stores nothing and returns
	// ErrRequestIDReused if the fingerprints differ. Otherwise it returns the earlier import, and replayed is true. After
	// ErrCreateUncertain, the import might be stored.
	Create(ctx context.Context, im Import) (kept Import, replayed bool, err error)
	// Scheduled records that the import's job exists.
	Scheduled(ctx context.Context, id string) error
	// Unscheduled returns the imports whose job might not exist.
	Unscheduled(ctx context.Context) ([]Import, error)
	// Remove deletes an import and all its issues. It returns no error if there is no such import.
	Remove(ctx context.Context, id string) error
	// Withdraw removes an import that Create has stored, unless its job was created in the meantime, for a repeated request. It
	// reports whether that is so.
	Withdraw(ctx context.Context, id string) (scheduled bool, err error)
	// Get returns an import, or ErrNotFound.
	Get(ctx context.Context, id string) (Import, error)
	// ByRequestID returns the owner's import with this request ID, or ErrNotFound.
	ByRequestID(ctx context.Context, owner, requestID string) (Import, error)
	// CommittedWithHash returns the owner's latest committed import of these bytes under this schema, or ErrNotFound.
	CommittedWithHash(ctx context.Context, owner, schema, sha256 string) (Import, error)
	// List returns at most n imports, the latest first, with IDs below before (all if empty), of this owner (all owners
	// if empty).
	List(ctx context.Context, owner, before string, n int) ([]Import, error)
	// FileDeleted records that the import's workbook was deleted. It returns no error if there is no such import.
	FileDeleted(ctx context.Context, id string) error
	// StoredBytes returns the bytes of the owner's workbooks that were not deleted.
	StoredBytes(ctx context.Context, owner string) (int64, error)
	// Exist returns which of these IDs are imports.
	Exist(ctx context.Context, ids []string) (map[string]bool, error)

	// RememberMapping stores the mapping that an owner has used for a schema and files with these headers, instead of an earlier
	// one. At most MaxRememberedMappings of an owner and a schema are kept. It returns ErrMappingTooLarge.
	RememberMapping(ctx context.Context, owner, schema, headers string, m RememberedMapping) error
	// RememberedMapping returns that mapping, or ErrNotFound.
	RememberedMapping(ctx context.Context, owner, schema, headers string) (RememberedMapping, error)
	// SaveMapping stores a mapping, instead of one with the same owner, schema, and name. It returns ErrTooManyMappings if the owner
	// has MaxSavedMappings others, and ErrMappingTooLarge.
	SaveMapping(ctx context.Context, m SavedMapping) error
	// SavedMappings returns the owner's mappings for a schema, by name, and then the shared ones of others. It returns at most
	// MaxListedMappings.
	SavedMappings(ctx context.Context, owner, schema string) ([]SavedMapping, error)
	// DeleteMapping deletes a mapping. It returns no error if there is no such mapping.
	DeleteMapping(ctx context.Context, owner, schema, name string) error

	// BeginRun deletes the issues, counts, notices, row results, and root causes of earlier runs.
	BeginRun(ctx context.Context, id string, run int64) error
	// AddIssues stores issues of a sheet, in any order. The caller enforces KeptPerSheet.
	AddIssues(ctx context.Context, id string, run int64, issues []Issue) error
	// EndSheet stores the result of a sheet.
	EndSheet(ctx context.Context, id string, run int64, sheet string, result SheetResult) error
	// Checked stores the run's root causes, before its rows are committed. So if the process ends between the two
	// commits, only EndRun remains to be called.
	Checked(ctx context.Context, id string, run int64, causes []RootCause) error
	// EndRun records that the run has ended, and whether its rows are in the database. A later run that finds the rows in
	// the database calls it without BeginRun.
	EndRun(ctx context.Context, id string, run int64, committed bool) error
	// Reviewed stores the counts that the user is asked about. The next BeginRun doesn't delete them.
	Reviewed(ctx context.Context, id string, run int64, totals Counts) error
	// LastReview returns the counts that the user was last asked about. If the user was not asked, ok is false.
	LastReview(ctx context.Context, id string) (totals Counts, ok bool, err error)

	// Issues pages through the stored issues, in the order of the sheets, rows, and columns.
	Issues(ctx context.Context, id string, filter IssueFilter) (IssuePage, error)
	// Latest returns the n issues that were stored last, the latest first.
	Latest(ctx context.Context, id string, n int) ([]Issue, error)
	// RootCauses returns those of the last run, the largest first.
	RootCauses(ctx context.Context, id string) ([]RootCause, error)
	// RowResults returns the result of each row of a sheet in the last run, or ErrNotFound if it is not stored.
	RowResults(ctx context.Context, id, sheet string) (RowResults, error)

	// Close closes the database.
	Close() error
}

// SheetResult is the result of a run on a sheet.
type SheetResult struct {
	Counts Counts
	// Found counts the sheet's issues by their codes.
	Found Found
	// Notices are about the sheet.
	Notices []Notice
	// Changes are the cells that were changed, by column.
	Changes []ColumnChanges
	// Rows holds the result of each row.
	Rows *RowResults
}

// IssueFilter selects issues. Its zero value selects the first 100 of all.
type IssueFilter struct {
	// Sheet, Code, and Severity select matching issues. Zero values match all.
	Sheet    string
	Code     IssueCode
	Severity Severity
	// Search selects only issues whose cell, value, or message contains this text. Case is ignored.
	Search string
	// After is the cursor of the last issue of the previous page, from IssuePage.Next. The zero value starts at the
	// beginning.
	After IssueCursor
	// Limit is the maximum number of issues; 0 means 100.
	Limit int
}

// IssueCursor is a position in the order of an import's issues.
type IssueCursor struct {
	Sheet, Row, Column, Serial int64
}

// IssuePage is a page of issues.
type IssuePage struct {
	Issues []Issue
	// Next is the cursor of the next page. It is nil on the last page.
	Next *IssueCursor
	// Matching is the total number of stored issues that match the filter.
	Matching int
}

// Shared is implemented by a Store that several importers can use at the same time.
type Shared interface {
	Store
	// Lead reports whether this importer cleans up for all. It does until period after its last call, and then another one
	// can. importer is a name that no other process has.
	Lead(ctx context.Context, importer string, period time.Duration) (leads bool, err error)
	// Resign lets another importer clean up immediately.
	Resign(ctx context.Context, importer string) error
	// Ping returns an error if this importer can't reach the store now.
	Ping(ctx context.Context) error
}
