// Package engine loads a workbook: one pass over its sheets in one transaction of the target database, with reading,
// converting, checking and writing overlapped.
//
// What it decides, beyond what the schema says:
//
//   - A key or unique value that stands twice in a sheet is an issue of the later row, also if the first is rejected.
//   - A reference to a row of the workbook that was rejected or blocked blocks the referring row, also if the database
//     holds an older row under that key. A row that is refused only because its key exists (INSERT_ONLY) can be
//     referred to: what it says is in the database.
//   - A unique value belongs to another row of the database if it does so when the row's turn comes, with all rows
//     above applied.
//   - Rows of one sheet that refer to each other in a circle (manager → employee), or to themselves, are issues.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// Engine loads workbooks. Its fields are set before its first run.
type Engine struct {
	// Target is the database for the rows, Books the one for issues and numbers.
	Target imports.Target
	Books  imports.Store
	// SpillDir is where rows wait that can only be decided at the end of their sheet; the system's if empty.
	SpillDir string
	// Logger hears what a run comes to.
	Logger *slog.Logger
}

// Task is one run of an import.
type Task struct {
	Import   imports.Import
	Schema   *schema.Schema
	Workbook source.Workbook
	// Number fences earlier runs of the import off.
	Number int64
	// Decide says what is to happen, once all sheets are checked. It is asked once, with the numbers.
	Decide func(Outcome) Decision
	// Progress hears how it goes; it must not block for long.
	Progress Progress
}

// Decision is what happens to a checked import.
type Decision uint8

// The decisions.
const (
	// RollBack leaves nothing behind.
	RollBack Decision = iota
	// Commit keeps the accepted rows.
	Commit
)

// Progress hears how a run goes, from one goroutine.
type Progress interface {
	// Waiting: this many imports go first.
	Waiting(place int)
	// SheetBegins is called once a sheet.
	SheetBegins(sheet string)
	// SheetMoves tells how many rows are checked, of about how many, and the numbers so far.
	SheetMoves(sheet string, rows, about uint32, counts imports.Counts)
	// SheetEnds tells the sheet's last numbers, once it is checked to its end.
	SheetEnds(sheet string, counts imports.Counts)
	// Committing is called before the commit. An error of it rolls back.
	Committing(ctx context.Context) error
}

// Outcome is what a run came to.
type Outcome struct {
	// Sheets holds the numbers by the schema's name of the sheet.
	Sheets map[string]imports.Counts
	Totals imports.Counts
	// Committed tells that the rows are in the database, by this run or, if Before is set, by an earlier one.
	Committed, Before bool
	// Causes are the largest root causes, the largest first. Empty if Before is set: they are in the books.
	Causes []imports.RootCause
}

// Run loads the workbook. Whatever error it returns, nothing of the run is in the target database.
//
// Errors: *source.Error, *imports.MergedHeaderError, *imports.TableConflictError, *imports.ConservationError, imports.ErrTargetUnavailable,
// imports.ErrFenced, the context's, and Progress.Committing's.
func (e *Engine) Run(ctx context.Context, task Task) (outcome Outcome, err error) {
	tx, err := e.Target.Begin(ctx, imports.Run{ImportID: task.Import.ID, Number: task.Number, Schema: task.Schema}, task.Progress.Waiting)
	var applied *imports.AppliedError
	if errors.As(err, &applied) {
		return e.reportApplied(ctx, task, applied)
	}
	if err != nil {
		return outcome, fmt.Errorf("begin import %s: %w", task.Import.ID, err)
	}
	defer func() {
		if rollback := tx.Rollback(); rollback != nil && err == nil {
			err = fmt.Errorf("roll import %s back: %w", task.Import.ID, rollback)
		}
	}()
	if err := e.Books.BeginRun(ctx, task.Import.ID, task.Number); err != nil {
		return outcome, fmt.Errorf("begin the books of import %s: %w", task.Import.ID, err)
	}
	r := &run{engine: e, task: task, tx: tx, sheets: map[string]*sheetRun{}, causes: newCauses(task.Schema)}
	if err := r.load(ctx); err != nil {
		return outcome, err
	}
	outcome, err = r.outcome()
	if err != nil {
		return outcome, err
	}
	if task.Decide(outcome) == Commit {
		if err := task.Progress.Committing(ctx); err != nil {
			return outcome, fmt.Errorf("commit import %s: %w", task.Import.ID, err)
		}
		if err := tx.Commit(ctx, outcome.Sheets); err != nil {
			return outcome, fmt.Errorf("commit import %s: %w", task.Import.ID, err)
		}
		outcome.Committed = true
		// From here on the rows are in the database, whatever happens: a run that dies now is made up for by the next.
		ctx = context.WithoutCancel(ctx)
	}
	if err := e.Books.EndRun(ctx, task.Import.ID, task.Number, outcome.Causes, outcome.Committed); err != nil {
		return outcome, fmt.Errorf("end the books of import %s: %w", task.Import.ID, err)
	}
	return outcome, nil
}

// reportApplied ends a run that finds its import in the database: an earlier run committed and died before it could
// say so.
func (e *Engine) reportApplied(ctx context.Context, task Task, applied *imports.AppliedError) (Outcome, error) {
	outcome := Outcome{Sheets: applied.Sheets, Committed: true, Before: true}
	causes, err := e.Books.RootCauses(ctx, task.Import.ID)
	if err != nil {
		return outcome, fmt.Errorf("read the books of import %s: %w", task.Import.ID, err)
	}
	for _, sheet := range task.Import.Sheets {
		counts := applied.Sheets[sheet.Name]
		outcome.Totals.Add(counts)
		task.Progress.SheetBegins(sheet.Name)
		task.Progress.SheetEnds(sheet.Name, counts)
	}
	if err := e.Books.EndRun(ctx, task.Import.ID, task.Number, causes, true); err != nil {
		return outcome, fmt.Errorf("end the books of import %s: %w", task.Import.ID, err)
	}
	return outcome, nil
}

// run is the state of one Run.
type run struct {
	engine *Engine
	task   Task
	tx     imports.TargetTx
	sheets map[string]*sheetRun // those done and the one under way, by the schema's name
	causes *causes
}

// load takes the sheets in their order.
func (r *run) load(ctx context.Context) error {
	for index, spec := range r.task.Schema.Sheets {
		s, err := r.openSheet(ctx, index, spec)
		if err != nil {
			return err
		}
		r.sheets[spec.Name] = s
		if s.source == nil {
			continue
		}
		r.task.Progress.SheetBegins(spec.Name)
		err = s.load(ctx)
		s.settle()
		if err := errors.Join(err, s.recorder.flush(context.WithoutCancel(ctx))); err != nil {
			r.task.Progress.SheetMoves(spec.Name, s.counts.Read, s.counts.Read, s.counts)
			return errors.Join(fmt.Errorf("sheet %s of import %s: %w", spec.Name, r.task.Import.ID, err), s.endBooks(context.WithoutCancel(ctx), nil))
		}
		r.task.Progress.SheetEnds(spec.Name, s.counts)
		if err := s.endBooks(ctx, &s.outcomes); err != nil {
			return err
		}
		s.forget()
	}
	return nil
}

// outcome sums the run up, and checks that no row was lost.
func (r *run) outcome() (Outcome, error) {
	o := Outcome{Sheets: map[string]imports.Counts{}}
	for _, sheet := range r.task.Import.Sheets {
		s := r.sheets[sheet.Name]
		if s == nil {
			return o, fmt.Errorf("import %s: the schema has no sheet %q any more", r.task.Import.ID, sheet.Name)
		}
		o.Sheets[sheet.Name] = s.counts
		o.Totals.Add(s.counts)
	}
	if err := o.Totals.Conserved(); err != nil {
		return o, fmt.Errorf("import %s: %w", r.task.Import.ID, err)
	}
	o.Causes = r.causes.largest(imports.MaxRootCauses)
	return o, nil
}

// converters is how many goroutines convert cells, beside the one that reads and the one that writes.
func converters() int { return max(1, runtime.GOMAXPROCS(0)) }
