package governor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
)

func acquire(t *testing.T, b *Budget, bytes int64) *Share {
	t.Helper()
	s, err := b.Acquire(t.Context(), bytes)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWaitersContinueInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(10, 10)
		first := acquire(t, b, 8)
		var order []int64
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, bytes := range []int64{7, 2, 1} {
			all.Go(func() {
				s, err := b.Acquire(t.Context(), bytes)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, bytes)
				mu.Unlock()
				s.Release()
			})
			synctest.Wait()
		}
		if len(order) != 0 {
			t.Errorf("%v did not wait for the first", order)
		}
		first.Release()
		all.Wait()
		if len(order) != 3 || b.Used() != 0 {
			t.Errorf("%v continued, %d bytes are in use", order, b.Used())
		}
	})
}

func TestWaitingEndsWithARetryTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(10, 10)
		first := acquire(t, b, 8)
		_, err := b.Acquire(t.Context(), 3)
		var overloaded *OverloadedError
		if !errors.As(err, &overloaded) || overloaded.RetryAfter <= 0 {
			t.Errorf("got %v", err)
		}
		first.Release()
		acquire(t, b, 10).Release()
	})
}

func TestCancelledWaiterLetsNextContinue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(10, 10)
		first := acquire(t, b, 5)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := b.Acquire(ctx, 10); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
		synctest.Wait()
		all.Go(func() { acquire(t, b, 5).Release() })
		synctest.Wait()
		cancel()
		all.Wait()
		first.Release()
	})
}

func TestGrowNeverWaits(t *testing.T) {
	b := New(10, 10)
	one, other := acquire(t, b, 4), acquire(t, b, 4)
	if err := one.Grow(2); err != nil {
		t.Error(err)
	}
	var overloaded *OverloadedError
	if err := one.Grow(1); !errors.As(err, &overloaded) {
		t.Errorf("got %v", err)
	}
	if err := one.Grow(5); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	other.Shrink(3)
	if err := one.Grow(3); err != nil || b.Used() != 10 {
		t.Errorf("got %v with %d bytes in use", err, b.Used())
	}
	one.Release()
	one.Release()
	other.Release()
	if b.Used() != 0 {
		t.Errorf("%d bytes are in use after all were released", b.Used())
	}
	if _, err := b.Acquire(t.Context(), 11); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestCgroupLimitIsTheLowestAbove(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	member := write("membership", "0::/pod/container\n")
	if got := cgroupLimit(root, member); got != 0 {
		t.Errorf("got %d without a limit", got)
	}
	write("pod/memory.max", "1000\n")
	write("pod/container/memory.max", "max\n")
	if got := cgroupLimit(root, member); got != 1000 {
		t.Errorf("got %d, want the limit of the pod", got)
	}
	write("pod/container/memory.max", "500\n")
	if got := cgroupLimit(root, member); got != 500 {
		t.Errorf("got %d, want the limit of the container", got)
	}
	old := t.TempDir()
	if err := os.MkdirAll(filepath.Join(old, "memory"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(old, "memory", "memory.limit_in_bytes"), []byte("700\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := cgroupLimit(old, filepath.Join(old, "none")); got != 700 {
		t.Errorf("got %d, want that of version 1", got)
	}
}
