package postgres_test

import (
	"context"
	"sync/atomic"
	"testing"

	"headway/internal/pgtest"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// Two importers have one table. The run of one of them is frozen, and its import was given to others. The database ends waits for locks, but
// not that of a turn.
func TestAbandonedRunKeepsNoOtherWaiting(t *testing.T) {
	name, url := database(t)
	if out, err := pgtest.Shared(t).SQL(name, `ALTER DATABASE `+name+` SET lock_timeout = '10ms'`); err != nil {
		t.Fatal(err, out)
	}
	frozen, other := open(t, url), open(t, url)
	of := &schema.Schema{Sheets: []*schema.Sheet{{Name: "items", Table: "items"}}}
	tx, err := frozen.Begin(t.Context(), imports.Run{ImportID: "frozen", Number: 1, Schema: of}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	began := make(chan imports.TargetTx, 1)
	go func() {
		next, err := other.Begin(t.Context(), imports.Run{ImportID: "next", Number: 1, Schema: of, Abandoned: func(_ context.Context, id string) bool {
			return id == "frozen" && asked.Add(1) > 1 // not when it is asked for the first time
		}}, nil)
		if err != nil {
			t.Error(err)
		}
		began <- next
	}()
	next := <-began
	if next == nil {
		t.FailNow()
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("the other run began when it had asked %d times, want 2", n)
	}
	if err := tx.Commit(t.Context(), nil); err == nil {
		t.Error("the abandoned run was committed")
	}
	_ = tx.Rollback() // its connection is gone
	if err := next.Commit(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
