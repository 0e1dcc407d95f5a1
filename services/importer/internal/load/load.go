// Package load runs an import: it reads, converts, checks, and writes the rows of a workbook in one pass over its
// sheets and in one transaction of the target database.
package load

import (
	"context"
	"errors"
	"fmt"

	"headway/services/importer/internal/check"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/keyset"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// Loader loads workbooks. Its fields are set before its first run.
type Loader struct {
	// Target is the database for the rows. Store is the one for issues and counts.
	Target imports.Target
	Store  imports.Store
	// SpillDir is the folder for keys that the memory has no room for, and for rows that are decided at the end of their
	// sheet. If it is empty, the system's temporary folder is used.
	SpillDir string
	// KeyBytes is the memory for the keys of a run, so that they leave room for the rest. Other keys are in files. Root causes have half
	// as much. 0 means that only the run's memory is a limit.
	KeyBytes int64
	// TextBytes is the text that the imported cells of any file can have together. 0 means no limit.
	TextBytes int64
}

// maxTextRatio is how many times larger than its file the text of the imported cells can be, even if it exceeds
// Loader.TextBytes. Cells can share a string, so a small file can fill the disk of the database. The ratio is that of
// unpacked parts (source.Limits).
const maxTextRatio = 250

// Task is one run of an import.
type Task struct {
	Import imports.Import
	Schema *schema.Schema
	// Open opens the workbook. It is called when it is the run's turn, so that a run that waits holds no memory. A run that
	// starts again waits for another turn, and opens the workbook again.
	Open func(ctx context.Context) (Input, error)
	// Number fences earlier runs of the import.
	Number int64
	// Decide decides whether to commit, once all sheets are checked. It is called again if the run starts again.
	Decide func(Summary) Decision
	// Progress receives the run's progress. It must not block for long.
	Progress Progress
	// Abandoned is that of imports.Run.
	Abandoned func(ctx context.Context, importID string) bool
}

// Input is an open workbook.
type Input struct {
	Workbook source.Workbook
	// Memory is the run's share of the memory budget. The run enlarges it before its memory grows. The default is
	// source.Unlimited.
	Memory source.Memory
	// Close closes the workbook and returns the memory.
	Close func() error
}

// runBytes is the memory of a run that does not grow with the workbook: its batches, and the database's caches.
const runBytes = 24 << 20

// Decision determines whether a checked import is committed.
type Decision uint8

// The decisions.
const (
	// RollBack discards all rows.
	RollBack Decision = iota
	// Commit keeps the accepted rows.
	Commit
)

// Progress receives a run's progress, from one goroutine.
type Progress interface {
	// Waiting is called with the number of imports ahead of this one.
	Waiting(position int)
	// Restarts is called if the run starts again, with a reason for users. All sheets then begin again.
	Restarts(why string)
	// SheetBegins is called once per sheet.
	SheetBegins(sheet string)
	// SheetMoves is called with the number of checked rows, the estimated total, and the counts so far. A row that waits for the
	// end of its sheet counts half until it is decided.
	SheetMoves(sheet string, rows, about uint32, counts imports.Counts)
	// SheetEnds is called with the sheet's final counts, once it is checked completely.
	SheetEnds(sheet string, counts imports.Counts)
	// Writes is called while the rows are written at the end, with the number of those that are written so far and of all. The number
	// can decrease if they are written again. It is not called if the rows were written while the file was read.
	Writes(written, all uint32)
	// Doing is called before another step that can take long, with a message for users.
	Doing(what string)
	// Committing is called before the commit. An error rolls back.
	Committing(ctx context.Context) error
}

// Summary is the result of a run.
type Summary struct {
	// Sheets has the counts by the schema's name of the sheet.
	Sheets map[string]imports.Counts
	Totals imports.Counts
	// Committed reports whether the rows are in the database. Before reports whether an earlier run committed them.
	Committed, Before bool
	// Changes are the changes of the tables themselves that the run makes, or would make.
	Changes []imports.Change
	// RootCauses are the largest root causes, the largest first. If Before is set, they are in the store.
	RootCauses []imports.RootCause
}

// Run loads the workbook. If it returns an error, the run has not changed the target database, unless the error is
// imports.ErrRowsCommitted (the database has all accepted rows) or imports.ErrCommitUncertain (the next run checks
// this).
//
// Errors: *source.Error, *imports.MergedHeaderError, *imports.TableConflictError, *imports.ConservationError,
// imports.ErrTargetUnavailable, imports.ErrFenced, those of Progress.Committing, and if ctx ends, its error or the cause.
func (l *Loader) Run(ctx context.Context, task Task) (Summary, error) {
	task.Schema = withRules(task.Schema, task.Import.Sheets)
	known := &knowledge{}
	for pass := 1; ; pass++ {
		found := &refusals{}
		summary, err := l.run(ctx, task, known, found)
		switch {
		case errors.Is(err, errMerged):
			known.merged = true
			task.Progress.Restarts("Reading the merged cells")
		case errors.Is(err, imports.ErrOvertaken) && !known.exclusive:
			known.exclusive = true
			task.Progress.Restarts("Another program has changed the tables. Checking the file again")
		case errors.Is(err, errRefused):
			before := known.refused.Len()
			found.addTo(&known.refused)
			if pass == maxPasses || known.refused.Len() > imports.MaxRefusals || known.refused.Len() == before {
				return summary, fmt.Errorf("import %s, pass %d: %w", task.Import.ID, pass, found.conflict())
			}
			task.Progress.Restarts("The database refuses rows. Checking the file again without them")
		default:
			return summary, err
		}
	}
}

// knowledge has the findings of a run's earlier passes.
type knowledge struct {
	// merged means that cells are merged below the headers. Then merges has the merged ranges by the names of the sheets.
	merged bool
	merges map[string][]source.Range
	// refused has the rows and values that the database refused.
	refused check.Refusals
	// exclusive means that another program has changed the tables during a pass.
	exclusive bool
}

// run makes one pass over the workbook. It returns errMerged if the merged ranges are needed and unknown, and
// errRefused with found if the database refuses rows.
func (l *Loader) run(ctx context.Context, task Task, known *knowledge, found *refusals) (summary Summary, err error) {
	tx, err := l.Target.Begin(ctx, imports.Run{ImportID: task.Import.ID, Number: task.Number, Schema: task.Schema, Exclusive: known.exclusive, Abandoned: task.Abandoned,
		Writes: func(written, all int64) { task.Progress.Writes(uint32(written), uint32(all)) }, Doing: task.Progress.Doing}, task.Progress.Waiting)
	var applied *imports.AppliedError
	if errors.As(err, &applied) {
		return l.reportApplied(ctx, task, applied)
	}
	if err != nil {
		return summary, fmt.Errorf("begin import %s: %w", task.Import.ID, err)
	}
	defer func() {
		if rollback := tx.Rollback(); rollback != nil && err == nil {
			err = fmt.Errorf("roll back import %s: %w", task.Import.ID, rollback)
		}
	}()
	input, err := task.Open(ctx)
	if err != nil {
		return summary, fmt.Errorf("open the file of import %s: %w", task.Import.ID, err)
	}
	defer func() { err = errors.Join(err, input.Close()) }()
	if input.Memory == nil {
		input.Memory = source.Unlimited{}
	}
	if err := l.Store.BeginRun(ctx, task.Import.ID, task.Number); err != nil {
		return summary, fmt.Errorf("begin the run of import %s: %w", task.Import.ID, err)
	}
	if err := input.Memory.Grow(runBytes); err != nil {
		return summary, fmt.Errorf("begin import %s: %w", task.Import.ID, err)
	}
	if err := known.findMerges(ctx, task, input); err != nil {
		return summary, err
	}
	space := keyset.Space{Memory: &keyMemory{all: input.Memory, limit: l.KeyBytes}, Dir: l.SpillDir}
	r := &run{loader: l, task: task, input: input, tx: tx, merges: known.merges, sheets: map[string]*sheet{}, space: space,
		rootCauses: check.NewRootCauses(task.Schema, space, l.KeyBytes/2), refused: &known.refused, found: found}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.load(ctx); err != nil {
		return summary, err
	}
	summary, err = r.summarize()
	if err != nil {
		return summary, err
	}
	summary.Changes = tx.Changes()
	if len(found.rows) == 0 {
		found.dangling, err = tx.Check(ctx, summary.Sheets)
		if err := found.take(err); err != nil {
			return summary, fmt.Errorf("check the tables of import %s: %w", task.Import.ID, err)
		}
	}
	if found.any() {
		return summary, errRefused
	}
	if err := l.Store.Checked(ctx, task.Import.ID, task.Number, summary.RootCauses); err != nil {
		return summary, fmt.Errorf("store the root causes of import %s: %w", task.Import.ID, err)
	}
	if task.Decide(summary) == Commit {
		if err := task.Progress.Committing(ctx); err != nil {
			return summary, fmt.Errorf("commit import %s: %w", task.Import.ID, err)
		}
		if err := found.take(tx.Commit(ctx, summary.Sheets)); err != nil {
			var conflict *imports.TableConflictError
			if !errors.Is(err, imports.ErrFenced) && !errors.Is(err, imports.ErrOvertaken) && !errors.As(err, &conflict) {
				err = fmt.Errorf("%w: %w", imports.ErrCommitUncertain, err)
			}
			return summary, fmt.Errorf("commit import %s: %w", task.Import.ID, err)
		}
		if found.any() {
			return summary, errRefused
		}
		summary.Committed = true
		// The rows are now in the database. If this run can't record that, the next run finds them there and records
		// it.
		ctx = context.WithoutCancel(ctx)
	}
	return summary, l.endRun(ctx, task, summary.Committed)
}

// endRun records that the run has ended.
func (l *Loader) endRun(ctx context.Context, task Task, committed bool) error {
	err := l.Store.EndRun(ctx, task.Import.ID, task.Number, committed)
	if err == nil {
		return nil
	}
	if committed && !errors.Is(err, imports.ErrFenced) {
		err = fmt.Errorf("%w: %w", imports.ErrRowsCommitted, err)
	}
	return fmt.Errorf("end the run of import %s: %w", task.Import.ID, err)
}

// reportApplied ends a run whose import is already in the database, because an earlier run crashed after its commit.
func (l *Loader) reportApplied(ctx context.Context, task Task, applied *imports.AppliedError) (Summary, error) {
	summary := Summary{Sheets: applied.Sheets, Committed: true, Before: true}
	for _, sheet := range task.Import.Sheets {
		counts := applied.Sheets[sheet.Name]
		summary.Totals.Add(counts)
		task.Progress.SheetBegins(sheet.Name)
		task.Progress.SheetEnds(sheet.Name, counts)
	}
	return summary, l.endRun(ctx, task, true)
}

// run is the state of one Run.
type run struct {
	loader *Loader
	task   Task
	input  Input
	tx     imports.TargetTx
	space  keyset.Space
	// merges are the merged ranges, by the schema's names of the sheets. It is nil while they are unknown.
	merges     map[string][]source.Range
	sheets     map[string]*sheet // those so far, by the schema's name
	rootCauses *check.RootCauses
	accounted  int64 // of the memory that grows with the rows
	text       int64 // bytes of the imported cells so far
	refused    *check.Refusals
	found      *refusals
}

// close frees the memory and the files of the keys.
func (r *run) close() error {
	err := r.rootCauses.Close()
	for _, s := range r.sheets {
		err = errors.Join(err, s.check.Close())
	}
	return err
}

// account reserves memory for the rows so far.
func (r *run) account() error {
	used := r.rootCauses.Bytes()
	for _, s := range r.sheets {
		used += s.check.Bytes()
	}
	switch {
	case used > r.accounted:
		if err := r.input.Memory.Grow(used - r.accounted); err != nil {
			return err
		}
	case used < r.accounted:
		r.input.Memory.Shrink(r.accounted - used)
	}
	r.accounted = used
	return nil
}

// countText counts text of cells. It returns an error if the file has too much.
func (r *run) countText(bytes int) error {
	r.text += int64(bytes)
	limit := max(r.loader.TextBytes, maxTextRatio*r.task.Import.SizeBytes)
	if r.loader.TextBytes == 0 || r.text <= limit {
		return nil
	}
	return &source.Error{Reason: source.LimitExceeded, Message: fmt.Sprintf("its cells have more than %d bytes of text together", limit)}
}

// load loads the sheets in the order of the schema.
func (r *run) load(ctx context.Context) error {
	for index, spec := range r.task.Schema.Sheets {
		s, err := r.openSheet(ctx, index, spec)
		if err != nil {
			return err
		}
		r.sheets[spec.Name] = s
		if s.listed == nil {
			continue
		}
		r.task.Progress.SheetBegins(spec.Name)
		err = s.load(ctx)
		s.countSkipped()
		if err := errors.Join(err, s.issues.flush(context.WithoutCancel(ctx))); err != nil {
			r.task.Progress.SheetMoves(spec.Name, s.counts.Read, s.counts.Read, s.counts)
			return errors.Join(fmt.Errorf("sheet %s of import %s: %w", spec.Name, r.task.Import.ID, err), s.end(context.WithoutCancel(ctx)))
		}
		r.task.Progress.SheetEnds(spec.Name, s.counts)
		if err := s.end(ctx); err != nil {
			return err
		}
		if err := s.release(); err != nil {
			return err
		}
		if err := r.account(); err != nil {
			return err
		}
	}
	return nil
}

// summarize adds up the counts, and checks that no row was lost.
func (r *run) summarize() (Summary, error) {
	summary := Summary{Sheets: map[string]imports.Counts{}}
	for _, listed := range r.task.Import.Sheets {
		s := r.sheets[listed.Name]
		if s == nil {
			return summary, fmt.Errorf("import %s: the schema no longer has the sheet %q", r.task.Import.ID, listed.Name)
		}
		summary.Sheets[listed.Name] = s.counts
		summary.Totals.Add(s.counts)
	}
	if err := summary.Totals.Conserved(); err != nil {
		return summary, fmt.Errorf("import %s: %w", r.task.Import.ID, err)
	}
	summary.RootCauses = r.rootCauses.Largest(imports.MaxRootCauses)
	return summary, nil
}
