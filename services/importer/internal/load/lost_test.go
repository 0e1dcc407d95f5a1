package load_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
)

// losing is a target that loses its connections while a batch is written and the next one is looked up.
type losing struct {
	imports.Target
	// writing is closed when a write has begun, and lookingUp when a lookup of another batch has.
	writing, lookingUp chan struct{}
	// lookup and write wait for the loss, and return the error of the call.
	lookup, write func(ctx context.Context) error
}

func (l *losing) Begin(ctx context.Context, run imports.Run, waiting func(int)) (imports.TargetTx, error) {
	tx, err := l.Target.Begin(ctx, run, waiting)
	if err != nil {
		return nil, err
	}
	return losingTx{tx, l}, nil
}

type losingTx struct {
	imports.TargetTx
	losing *losing
}

func (l losingTx) Table(ctx context.Context, of *schema.Schema, sheet *schema.Sheet, columns []*schema.Column) (imports.Table, error) {
	table, err := l.TargetTx.Table(ctx, of, sheet, columns)
	return &losingTable{Table: table, losing: l.losing}, err
}

type losingTable struct {
	imports.Table
	losing  *losing
	lookups int
}

func (l *losingTable) Existing(ctx context.Context, rows [][]imports.Value) ([][]imports.Value, error) {
	if l.lookups++; l.lookups < 2 {
		return l.Table.Existing(ctx, rows)
	}
	close(l.losing.lookingUp)
	return nil, l.losing.lookup(ctx)
}

func (l *losingTable) Insert(ctx context.Context, _ [][]imports.Value) error {
	close(l.losing.writing)
	return l.losing.write(ctx)
}

// TestLostConnectionIsTheErrorOfTheRun has calls that end because another one has failed. The run's error is that of the first.
func TestLostConnectionIsTheErrorOfTheRun(t *testing.T) {
	const n = 5000
	rows := [][]any{{"ID", "Mail", "Boss"}}
	for i := range n {
		rows = append(rows, []any{i + 1, nil, nil})
	}
	lost := fmt.Errorf("%w: the connection is lost", imports.ErrTargetUnavailable)
	ended := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	after := func(other <-chan struct{}) func(context.Context) error {
		return func(context.Context) error {
			<-other
			return lost
		}
	}
	for name, calls := range map[string]func(*losing){
		"of a lookup": func(l *losing) { l.lookup, l.write = after(l.writing), ended },
		"of a write":  func(l *losing) { l.lookup, l.write = ended, after(l.lookingUp) },
	} {
		t.Run(name, func(t *testing.T) {
			b := setupFor(t, mentorSchema)
			b.run(sheetsOf(t, map[string][][]any{"People": rows[:2]}), upsert)
			l := &losing{Target: b.target, writing: make(chan struct{}), lookingUp: make(chan struct{})}
			calls(l)
			b.loader.Target = l
			if _, err := b.loader.Run(t.Context(), b.task(sheetsOf(t, map[string][][]any{"People": rows}), upsert)); !errors.Is(err, imports.ErrTargetUnavailable) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}
