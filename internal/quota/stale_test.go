package quota

import (
	"context"
	"errors"
	"testing"
)

// TestOldCountDoesNotReplaceNewerOne answers the first of two counts last.
func TestOldCountDoesNotReplaceNewerOne(t *testing.T) {
	const limit = 2
	stored, counting, answer, first := int64(0), make(chan struct{}), make(chan struct{}), true
	q := New(Config{Max: limit, Refused: func() {}, Count: func(context.Context, string) (int64, error) {
		n := stored
		if first {
			first = false
			close(counting)
			<-answer
		}
		return n, nil
	}})
	late := make(chan error)
	go func() { late <- q.Hold("alice").Grow(t.Context(), 1) }()
	<-counting
	all := q.Hold("alice")
	if err := all.Grow(t.Context(), limit); err != nil {
		t.Fatal(err)
	}
	stored = limit
	all.End(true)
	var exceeded *ExceededError
	if err := q.Hold("alice").Grow(t.Context(), 1); !errors.As(err, &exceeded) {
		t.Fatalf("one more: %v", err)
	}
	close(answer)
	if err := <-late; !errors.As(err, &exceeded) {
		t.Errorf("one more, with an old count: %v", err)
	}
}
