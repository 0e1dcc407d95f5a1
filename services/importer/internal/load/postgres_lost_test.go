package load_test

import (
	"errors"
	"fmt"
	"testing"

	"headway/internal/pgtest"
	"headway/services/importer/internal/imports"
)

// cutting is a Progress that ends all connections of imports at a point of the run.
type cutting struct {
	silent
	cut   func()
	after int
}

func (c *cutting) point() {
	if c.after == 0 {
		c.cut()
	}
	c.after--
}

func (c *cutting) SheetBegins(string)                                { c.point() }
func (c *cutting) SheetMoves(string, uint32, uint32, imports.Counts) { c.point() }
func (c *cutting) SheetEnds(string, imports.Counts)                  { c.point() }

// dump returns everything in the target except the IDs and times of imports.
func (b *bench) dump(name string) []string {
	b.t.Helper()
	lines, err := pgtest.Shared(b.t).Dump(name, "--exclude-table-data=headway_imports")
	if err != nil {
		b.t.Fatal(err)
	}
	return lines
}

func TestLostConnectionsLeaveDatabaseUnchanged(t *testing.T) {
	first := garage(t, [][]any{{"a", "A", 1}, {"b", "B", 2}}, [][]any{{"t1", "A", 1}})
	second := garage(t, [][]any{{"a", "B", 1}, {"b", "A", 3}, {"c", "C", 4, "a"}}, [][]any{{"t1", "B", 2}, {"t2", "C", 5}})
	undisturbed := setupPostgres(t, exchangeSchema)
	name := fmt.Sprint("load_", databases.Load())
	undisturbed.run(first, upsert)
	before := undisturbed.dump(name)
	undisturbed.run(second, upsert)
	want := undisturbed.dump(name)
	cuts := 0
	for after := 0; ; after++ {
		b := setupPostgres(t, exchangeSchema)
		name := fmt.Sprint("load_", databases.Load())
		b.run(first, upsert)
		task := b.task(second, upsert)
		points := &cutting{after: after, cut: func() {
			b.query(`SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE application_name LIKE 'headway%' AND datname = current_database()`)
		}}
		task.Progress = points
		summary, err := b.loader.Run(t.Context(), task)
		if err == nil && points.after >= 0 {
			break // the run has fewer points
		}
		if err == nil {
			t.Fatalf("after the cut at point %d the run came to %+v", after, summary.Totals)
		}
		if !errors.Is(err, imports.ErrTargetUnavailable) {
			t.Errorf("at point %d the error is %v", after, err)
		}
		if got := b.dump(name); fmt.Sprint(got) != fmt.Sprint(before) {
			t.Errorf("after the cut at point %d the database differs", after)
		}
		again := b.task(second, upsert)
		again.Import.ID, again.Number = task.Import.ID, 2
		if _, err := b.loader.Run(t.Context(), again); err != nil {
			t.Fatalf("after the cut at point %d: %v", after, err)
		}
		if got := b.dump(name); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("after the second run for point %d the database differs", after)
		}
		cuts++
	}
	if cuts < 5 {
		t.Errorf("the run has %d points", cuts)
	}
}
