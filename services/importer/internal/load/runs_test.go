package load_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/load"
)

func TestRolledBackRunLeavesOnlyItsCounts(t *testing.T) {
	b := setupFor(t, staffSchema)
	task := b.task(workbook(t, [][]any{{"A", 1}, {"B", "x"}}, nil), upsert)
	task.Decide = func(o load.Summary) load.Decision { return load.RollBack }
	summary, err := b.loader.Run(t.Context(), task)
	if err != nil || summary.Committed {
		t.Fatalf("committed %v, %v", summary.Committed, err)
	}
	if n := b.query(`SELECT count(*) FROM sqlite_schema WHERE name = 'teams'`); n != int64(0) {
		t.Error("a table was left")
	}
	im, err := b.store.Get(t.Context(), task.Import.ID)
	if err != nil || im.Committed || !im.Ended || im.Totals() != summary.Totals {
		t.Errorf("the store has %+v, %v", im, err)
	}
}

func TestCommittedImportIsNotRunAgain(t *testing.T) {
	b := setupFor(t, staffSchema)
	task := b.task(workbook(t, [][]any{{"A", 1}, {"B", "x"}}, [][]any{{"1", "B"}}), upsert)
	first, err := b.loader.Run(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	task.Number = 2
	task.Open = nil // it must not be read
	again, err := b.loader.Run(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	if !again.Committed || !again.Before || again.Totals != first.Totals {
		t.Errorf("got %+v, want the numbers of %+v", again, first)
	}
	if causes, err := b.store.RootCauses(t.Context(), task.Import.ID); err != nil || len(causes) != 1 {
		t.Errorf("root causes are %v, %v", causes, err)
	}
}

// fullDisk is a store that can't record the end of a run.
type fullDisk struct {
	imports.Store
	full bool
}

func (s *fullDisk) EndRun(ctx context.Context, id string, run int64, committed bool) error {
	if s.full {
		return fmt.Errorf("end the run: %w", imports.ErrStoreUnavailable)
	}
	return s.Store.EndRun(ctx, id, run, committed)
}

func TestUnrecordedCommitIsReportedByNextRun(t *testing.T) {
	b := setupFor(t, staffSchema)
	store := &fullDisk{Store: b.store, full: true}
	b.loader.Store = store
	task := b.task(workbook(t, [][]any{{"A", 1}, {"B", "x"}}, [][]any{{"1", "A"}, {"2", "B"}}), upsert)
	first, err := b.loader.Run(t.Context(), task)
	if !errors.Is(err, imports.ErrRowsCommitted) || !errors.Is(err, imports.ErrStoreUnavailable) {
		t.Fatalf("the first run returns %v", err)
	}
	if got := b.query(`SELECT count(*) FROM people`); got != int64(1) {
		t.Errorf("the database holds %v people", got)
	}
	task.Open = nil // it is not read again
	task.Number = 2
	if _, err := b.loader.Run(t.Context(), task); !errors.Is(err, imports.ErrRowsCommitted) {
		t.Errorf("while the disk is full, the second run returns %v", err)
	}
	store.full, task.Number = false, 3
	last, err := b.loader.Run(t.Context(), task)
	if err != nil || !last.Committed || !last.Before || last.Totals != first.Totals {
		t.Errorf("the third run returns %+v, %v", last, err)
	}
	// All findings of the first run are still there, although only the third run recorded the end.
	causes, err := b.store.RootCauses(t.Context(), task.Import.ID)
	if err != nil || len(causes) != 1 || causes[0].BlockedRows != 1 {
		t.Errorf("root causes are %+v, %v", causes, err)
	}
	rows, err := b.store.RowResults(t.Context(), task.Import.ID, "people")
	if err != nil || rows.Tally() != last.Sheets["people"].Tally() {
		t.Errorf("the row results are %+v, %v", rows.Tally(), err)
	}
	if im, err := b.store.Get(t.Context(), task.Import.ID); err != nil || !im.Committed || !im.Ended {
		t.Errorf("the import is %+v, %v", im, err)
	}
}

// errKilled stands for the end of the process.
var errKilled = errors.New("killed")

// dying simulates a crash at the commit.
type dying struct{ silent }

func (dying) Committing(context.Context) error { return errKilled }

func TestRunAfterCrashBeforeCommitStartsOver(t *testing.T) {
	b := setupFor(t, staffSchema)
	task := b.task(workbook(t, [][]any{{"A", 1}}, [][]any{{"1", "A"}}), upsert)
	task.Progress = dying{}
	if _, err := b.loader.Run(t.Context(), task); !errors.Is(err, errKilled) {
		t.Fatalf("got %v", err)
	}
	task.Progress, task.Number = silent{}, 2
	summary, err := b.loader.Run(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	wantCounts(t, summary.Totals, "2 2 0 0 0 0")
}

func TestEarlierRunCannotCommitAfterLaterOne(t *testing.T) {
	b := setupFor(t, staffSchema)
	task := b.task(workbook(t, [][]any{{"A", 1}}, nil), upsert)
	late := task
	late.Number = 2
	late.Decide = func(load.Summary) load.Decision { return load.RollBack }
	if _, err := b.loader.Run(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	if _, err := b.loader.Run(t.Context(), task); !errors.Is(err, imports.ErrFenced) {
		t.Errorf("the earlier run: %v", err)
	}
}

func TestCancelledRunCountsUndecidedRows(t *testing.T) {
	b := setup(t)
	file, _ := sampleBook(t, 20_000, 0)
	task := b.task(file, upsert)
	ctx, cancel := context.WithCancelCause(t.Context())
	task.Progress = cancelling{cancel: cancel}
	if _, err := b.loader.Run(ctx, task); !errors.Is(err, context.Canceled) && !errors.Is(err, errKilled) {
		t.Fatalf("got %v", err)
	}
	im, err := b.store.Get(t.Context(), task.Import.ID)
	if err != nil {
		t.Fatal(err)
	}
	c := im.Totals()
	if err := c.Conserved(); err != nil || c.Skipped == 0 {
		t.Errorf("%+v: %v", c, err)
	}
}

// cancelling ends the run in the middle of the employees, some of whom wait for managers below them.
type cancelling struct {
	silent
	cancel context.CancelCauseFunc
}

func (c cancelling) SheetMoves(sheet string, rows, _ uint32, _ imports.Counts) {
	if sheet == "employees" && rows >= 5000 {
		c.cancel(errKilled)
	}
}

// TestWaitingRunHoldsNoMemory begins a run while another one decides.
func TestWaitingRunHoldsNoMemory(t *testing.T) {
	b := setupFor(t, staffSchema)
	first := b.task(workbook(t, [][]any{{"A", 1}}, nil), upsert)
	second := b.task(workbook(t, [][]any{{"B", 1}}, nil), upsert)
	waits := waiting{positions: make(chan int, 1)}
	second.Progress = waits
	opened := make(chan struct{})
	open := second.Open
	second.Open = func(ctx context.Context) (load.Input, error) {
		close(opened)
		return open(ctx)
	}
	done := make(chan error)
	first.Decide = func(load.Summary) load.Decision {
		go func() {
			_, err := b.loader.Run(t.Context(), second)
			done <- err
		}()
		<-waits.positions
		select {
		case <-opened:
			t.Error("the second run opened its file before its turn")
		default:
		}
		return load.Commit
	}
	if _, err := b.loader.Run(t.Context(), first); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	<-opened
}

// waiting reports the position in the queue.
type waiting struct {
	silent
	positions chan int
}

func (w waiting) Waiting(position int) {
	select {
	case w.positions <- position:
	default:
	}
}

// limited is a Memory with a limit.
type limited struct{ left atomic.Int64 }

func (l *limited) Grow(n int64) error {
	if l.left.Add(-n) < 0 {
		l.left.Add(n)
		return errors.New("the memory is used up")
	}
	return nil
}

func (l *limited) Shrink(n int64) { l.left.Add(n) }

// TestManyRootCausesFitIntoLittleMemory imports rows that each refer to another missing row. All of them are counted.
func TestManyRootCausesFitIntoLittleMemory(t *testing.T) {
	b := setupFor(t, staffSchema)
	b.loader.KeyBytes = 4 << 20
	var rows [][]any
	const n = 50_000
	for i := range n {
		rows = append(rows, []any{fmt.Sprintf("E-%d", i), fmt.Sprintf("D-%d", i)})
	}
	task := b.task(workbook(t, nil, rows), upsert)
	open := task.Open
	memory := &limited{}
	memory.left.Store(48 << 20)
	task.Open = func(ctx context.Context) (load.Input, error) {
		input, err := open(ctx)
		input.Memory = memory
		return input, err
	}
	summary, err := b.loader.Run(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	if got := summary.Sheets["people"]; got.Read != n || got.Rejected != n {
		t.Errorf("%+v", got)
	}
}
