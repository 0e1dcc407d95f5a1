package load

import (
	"context"
	"fmt"
	"time"

	"headway/services/importer/internal/imports"
)

// flushAfter is the time after which an issue is stored, so that watchers can see it.
const flushAfter = 250 * time.Millisecond

// flushSize is the number of issues that are stored in one step.
const flushSize = 1000

// issueLog counts a sheet's issues and stores the first imports.KeptPerSheet of them.
type issueLog struct {
	store   imports.Store
	id      string
	run     int64
	counts  *imports.Counts
	found   imports.Found
	kept    int
	waiting []imports.Issue
	flushed time.Time
}

// add counts an issue. It calls the function and stores the issue only if there is room.
func (l *issueLog) add(severity imports.Severity, code imports.IssueCode, issue func() imports.Issue) {
	if severity == imports.Warning {
		l.counts.Warnings++
	} else {
		l.counts.Issues++
	}
	l.found.Add(severity, code)
	if l.kept >= imports.KeptPerSheet {
		return
	}
	l.kept++
	is := issue()
	is.Message = is.Says.English()
	l.waiting = append(l.waiting, is)
}

// tick stores the issues that have waited long enough.
func (l *issueLog) tick(ctx context.Context) error {
	if len(l.waiting) == 0 || len(l.waiting) < flushSize && time.Since(l.flushed) < flushAfter {
		return nil
	}
	return l.flush(ctx)
}

func (l *issueLog) flush(ctx context.Context) error {
	if len(l.waiting) == 0 {
		return nil
	}
	if err := l.store.AddIssues(ctx, l.id, l.run, l.waiting); err != nil {
		return fmt.Errorf("store issues: %w", err)
	}
	l.waiting = l.waiting[:0]
	l.flushed = time.Now()
	return nil
}
