package imports

import "context"

// Store remembers imports, their numbers and their issues. It is a database of its own, written while the
// transaction of an import's rows is open. Its methods may be called from several goroutines.
//
// A run is one lease of an import's job. Its number (`run`) grows with every lease: a call of an earlier run than the
// last that began gives ErrFenced and changes nothing.
type Store interface {
	// Create keeps a new import. If the owner used the import's request id before, nothing is kept: ErrRequestIDReused
	// if the fingerprints differ, else the earlier import with replayed true.
	Create(ctx context.Context, im Import) (kept Import, replayed bool, err error)
	// Scheduled notes that the import's job exists.
	Scheduled(ctx context.Context, id string) error
	// Unscheduled gives the imports whose job may not exist.
	Unscheduled(ctx context.Context) ([]Import, error)
	// Remove forgets an import and all its issues. Removing what is not there is fine.
	Remove(ctx context.Context, id string) error
	// Get gives an import, or ErrNotFound.
	Get(ctx context.Context, id string) (Import, error)
	// ByRequestID gives the owner's import with this request id, or ErrNotFound.
	ByRequestID(ctx context.Context, owner, requestID string) (Import, error)
	// CommittedWithHash gives the owner's newest committed import of these bytes under this schema, or ErrNotFound.
	CommittedWithHash(ctx context.Context, owner, schema, sha256 string) (Import, error)
	// List gives at most n imports, newest first, with ids below before (all if empty), of this owner (everyone's if
	// empty).
	List(ctx context.Context, owner, before string, n int) ([]Import, error)
	// Hold tells which of these ids are imports.
	Hold(ctx context.Context, ids []string) (map[string]bool, error)

	// BeginRun forgets the issues, numbers and outcomes of earlier runs.
	BeginRun(ctx context.Context, id string, run int64) error
	// AddIssues keeps issues of a sheet; the caller keeps to KeptPerSheet. Order does not matter.
	AddIssues(ctx context.Context, id string, run int64, issues []Issue) error
	// EndSheet keeps a sheet's numbers, and what became of each row if outcomes is not nil.
	EndSheet(ctx context.Context, id string, run int64, sheet string, counts Counts, outcomes *Outcomes) error
	// EndRun keeps the run's root causes, and whether its rows are in the database. If they are not, the outcomes of
	// its rows are forgotten.
	EndRun(ctx context.Context, id string, run int64, causes []RootCause, committed bool) error
	// Reviewed keeps the numbers that a person is asked about; they outlive the next BeginRun.
	Reviewed(ctx context.Context, id string, run int64, totals Counts) error
	// LastReview gives the numbers that a person was asked about last; ok is false if nobody was.
	LastReview(ctx context.Context, id string) (totals Counts, ok bool, err error)

	// Issues pages through the kept issues, in the order of the sheets, rows and columns.
	Issues(ctx context.Context, id string, filter IssueFilter) (IssuePage, error)
	// Newest gives the n issues that were kept last, newest first.
	Newest(ctx context.Context, id string, n int) ([]Issue, error)
	// RootCauses gives those that the last run ended with, the largest first.
	RootCauses(ctx context.Context, id string) ([]RootCause, error)

	// Outcomes gives what became of each row of a sheet in the last run, or ErrNotFound if that was not kept.
	Outcomes(ctx context.Context, id, sheet string) (Outcomes, error)

	// Close ends the use of the database.
	Close() error
}

// IssueFilter says which issues are wanted; its zero value wants the first 100 of all.
type IssueFilter struct {
	// Sheet, Code and Severity want only theirs; all if zero.
	Sheet    string
	Code     IssueCode
	Severity Severity
	// Search wants only issues whose cell, value or message holds this text, without regard to case.
	Search string
	// After is the place of the last issue seen, from IssuePage.Next; the zero value starts at the beginning.
	After IssuePlace
	// Limit is how many at most; 100 if 0.
	Limit int
}

// IssuePlace is an issue's place in the order of an import's issues.
type IssuePlace struct {
	Sheet, Row, Column, Serial int64
}

// IssuePage is a page of issues.
type IssuePage struct {
	Issues []Issue
	// Next is where the next page begins; nil on the last.
	Next *IssuePlace
	// Matching is how many kept issues match the filter in all.
	Matching int
}
