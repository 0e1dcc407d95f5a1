package pace

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// part requests and receives one part, and takes this long to accept it.
func part(t *testing.T, r *Reader, took time.Duration) int64 {
	t.Helper()
	n, err := r.Request(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.Received()
	time.Sleep(took)
	r.Done()
	return n
}

func TestPartsGrowForFastReadersOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(NewBudget())
		for _, step := range []struct {
			want int64
			took time.Duration
		}{
			{Slow, 0}, {2 * Slow, 0}, {4 * Slow, 0}, {8 * Slow, 0}, {Fast, 0}, {Fast, time.Second}, {Fast / 2, time.Second},
			{Fast / 4, 2 * Prompt}, {Fast / 8, 2 * Prompt}, {Slow, 2 * Prompt}, {Slow, 0}, {2 * Slow, 0},
		} {
			if got := part(t, &r, step.took); got != step.want {
				t.Fatalf("requested %d bytes, want %d", got, step.want)
			}
		}
		r.Reset()
		if got := part(t, &r, 0); got != Slow {
			t.Errorf("requested %d bytes after a pause", got)
		}
	})
}

// TestReadersTogetherStayWithinTheBudget has readers that keep large parts. Others continue with small ones, and wait if
// too many of those are being received.
func TestReadersTogetherStayWithinTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBudget()
		var large int64
		for range 100 {
			r := Reader{budget: b, most: Fast}
			n, err := r.Request(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			r.Received() // and never Done
			if n == Fast {
				large += n
			} else if n != Slow {
				t.Fatalf("requested %d bytes", n)
			}
		}
		if large > budget || large < budget/2 {
			t.Errorf("%d bytes are kept", large)
		}
		receiving := make([]Reader, budget/Slow)
		for i := range receiving {
			receiving[i] = New(b)
			if _, err := receiving[i].Request(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		next := New(b)
		if _, err := next.Request(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one more: %v", err)
		}
		receiving[0].Received()
		if _, err := next.Request(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
