package engine

import (
	"context"
	"fmt"
	"time"

	"headway/services/importer/internal/imports"
)

// flushAfter is how long a found issue may wait until it is kept, where a watcher sees it.
const flushAfter = 250 * time.Millisecond

// flushSize is how many issues are kept at once.
const flushSize = 1000

// recorder counts a sheet's issues and keeps the first.
type recorder struct {
	books   imports.Store
	id      string
	run     int64
	counts  *imports.Counts
	kept    int
	waiting []imports.Issue
	flushed time.Time
}

// full tells that further issues are only counted; then they need no text.
func (r *recorder) full() bool { return r.kept >= imports.KeptPerSheet }

// add counts an issue, and keeps it if there is room.
func (r *recorder) add(severity imports.Severity, issue func() imports.Issue) {
	if severity == imports.Warning {
		r.counts.Warnings++
	} else {
		r.counts.Issues++
	}
	if r.full() {
		return
	}
	r.kept++
	r.waiting = append(r.waiting, issue())
}

// tick keeps what has waited long enough.
func (r *recorder) tick(ctx context.Context) error {
	if len(r.waiting) == 0 || len(r.waiting) < flushSize && time.Since(r.flushed) < flushAfter {
		return nil
	}
	return r.flush(ctx)
}

func (r *recorder) flush(ctx context.Context) error {
	if len(r.waiting) == 0 {
		return nil
	}
	if err := r.books.AddIssues(ctx, r.id, r.run, r.waiting); err != nil {
		return fmt.Errorf("keep issues: %w", err)
	}
	r.waiting = r.waiting[:0]
	r.flushed = time.Now()
	return nil
}
