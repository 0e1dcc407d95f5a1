package targettest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

func applied(t *testing.T, open func() imports.Target) {
	target := open()
	defer target.Close()
	numbers := map[string]imports.Counts{"items": {Read: 3, Inserted: 2, Rejected: 1, Issues: 5, Warnings: 7}}
	tx := begin(t, target, "a", 3)
	must(t, tx.Commit(t.Context(), numbers))
	for _, run := range []int64{2, 3, 4} {
		_, err := target.Begin(t.Context(), imports.Run{ImportID: "a", Number: run, Schema: &schema.Schema{}}, nil)
		var done *imports.AppliedError
		if !errors.As(err, &done) || !reflect.DeepEqual(done.Sheets, numbers) {
			t.Errorf("run %d: got %v", run, err)
		}
	}
}

func fenced(t *testing.T, open func() imports.Target) {
	target := open()
	defer target.Close()
	must(t, begin(t, target, "a", 2).Rollback())
	if _, err := target.Begin(t.Context(), imports.Run{ImportID: "a", Number: 1, Schema: &schema.Schema{}}, nil); !errors.Is(err, imports.ErrFenced) {
		t.Errorf("an earlier run: %v", err)
	}
	must(t, begin(t, target, "a", 2).Rollback())
	must(t, begin(t, target, "other", 1).Rollback())
}

func turns(t *testing.T, open func() imports.Target) {
	target := open()
	defer target.Close()
	first := begin(t, target, "first", 1)
	const others = 3
	entered := make(chan int, others)
	for i := range others {
		positions := make(chan int, 10)
		go func() {
			tx, err := target.Begin(context.Background(), imports.Run{ImportID: fmt.Sprint(i), Number: 1, Schema: &schema.Schema{}}, func(position int) { positions <- position })
			if err != nil {
				entered <- -1
				return
			}
			entered <- i
			if err := tx.Rollback(); err != nil {
				t.Error(err)
			}
		}()
		if position := <-positions; position != i+1 {
			t.Errorf("run %d received the position %d", i, position)
		}
	}
	must(t, first.Rollback())
	for want := range others {
		if got := <-entered; got != want {
			t.Errorf("run %d came before %d", got, want)
		}
	}
}

func cancelledWait(t *testing.T, open func() imports.Target) {
	target := open()
	defer target.Close()
	first := begin(t, target, "first", 1)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := target.Begin(ctx, imports.Run{ImportID: "b", Number: 1, Schema: &schema.Schema{}}, func(int) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	must(t, first.Rollback())
	must(t, begin(t, target, "c", 1).Rollback())
}
