package load_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// watched is a target that tells which batch is looked up.
type watched struct {
	imports.Target
	lookups atomic.Int64
	second  chan struct{} // is closed by the second lookup
}

func (w *watched) Begin(ctx context.Context, run imports.Run, waiting func(int)) (imports.TargetTx, error) {
	tx, err := w.Target.Begin(ctx, run, waiting)
	if err != nil {
		return nil, err
	}
	return watchedTx{tx, w}, nil
}

type watchedTx struct {
	imports.TargetTx
	watched *watched
}

func (w watchedTx) Table(ctx context.Context, of *schema.Schema, sheet *schema.Sheet, columns []*schema.Column) (imports.Table, error) {
	table, err := w.TargetTx.Table(ctx, of, sheet, columns)
	return watchedTable{table, w.watched}, err
}

type watchedTable struct {
	imports.Table
	watched *watched
}

func (w watchedTable) Existing(ctx context.Context, rows [][]imports.Value) ([][]imports.Value, error) {
	if w.watched.lookups.Add(1) == 2 {
		close(w.watched.second)
	}
	return w.Table.Existing(ctx, rows)
}

// patient does not take a batch as decided until the next one is looked up.
type patient struct {
	silent
	second chan struct{}
	late   bool
}

func (p *patient) SheetMoves(string, uint32, uint32, imports.Counts) {
	select {
	case <-p.second:
	case <-time.After(time.Minute):
		p.late = true
	}
}

func TestNextBatchIsLookedUpMeanwhile(t *testing.T) {
	const n = 5000
	rows := [][]any{{"ID", "Mail", "Boss"}}
	for i := range n {
		rows = append(rows, []any{i + 1, nil, nil})
	}
	for name, open := range map[string]func(t *testing.T) *bench{
		"SQLite":     func(t *testing.T) *bench { return setupFor(t, mentorSchema) },
		"PostgreSQL": func(t *testing.T) *bench { return setupPostgres(t, mentorSchema) },
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			b.run(sheetsOf(t, map[string][][]any{"People": rows[:n/2]}), upsert)
			w := &watched{Target: b.target, second: make(chan struct{})}
			b.loader.Target = w
			task, p := b.task(sheetsOf(t, map[string][][]any{"People": rows}), upsert), &patient{second: w.second}
			task.Progress = p
			summary, err := b.loader.Run(t.Context(), task)
			if err != nil || summary.Totals.Unchanged != n/2-1 || summary.Totals.Inserted != n/2+1 {
				t.Fatalf("the import came to %+v, %v", summary.Totals, err)
			}
			if p.late {
				t.Error("the second batch is looked up after the first was decided")
			}
		})
	}
}
