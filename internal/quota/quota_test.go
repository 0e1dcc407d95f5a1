package quota_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"headway/internal/quota"
)

func TestUserAtTheLimitWaitsForAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live, counted, refused := map[string]int64{}, 0, 0
		q := quota.New(quota.Config{Max: 3, Refused: func() { refused++ }, Count: func(_ context.Context, owner string) (int64, error) {
			counted++
			return live[owner], nil
		}})
		add := func(owner string) error {
			hold := q.Hold(owner)
			err := hold.Grow(t.Context(), 1)
			if err == nil {
				live[owner]++
			}
			hold.End(err == nil)
			return err
		}
		for range 3 {
			if err := add("ann"); err != nil {
				t.Fatal(err)
			}
		}
		if counted != 1 {
			t.Errorf("counted %d times", counted)
		}
		var over *quota.ExceededError
		if err := add("ann"); !errors.As(err, &over) || over.Limit != 3 || refused != 1 {
			t.Errorf("a fourth job: %v, %d refused", err, refused)
		}
		if err := add("bob"); err != nil {
			t.Errorf("another user: %v", err)
		}
		live["ann"]--
		if err := add("ann"); err != nil {
			t.Errorf("after an end: %v", err)
		}
		live["ann"] = 0
		time.Sleep(time.Minute)
		if err := add("ann"); err != nil || counted != 5 {
			t.Errorf("later: %v, counted %d times", err, counted)
		}
	})
}

func TestSimultaneousHoldsKeepTheLimit(t *testing.T) {
	var stored atomic.Int64
	q := quota.New(quota.Config{Max: 100, Refused: func() {}, Count: func(context.Context, string) (int64, error) { return stored.Load(), nil }})
	var calls sync.WaitGroup
	for range 50 {
		calls.Go(func() {
			for range 10 {
				hold := q.Hold("ann")
				if hold.Grow(t.Context(), 1) == nil {
					stored.Add(1)
					hold.End(true)
				}
			}
		})
	}
	calls.Wait()
	if n := stored.Load(); n != 100 {
		t.Errorf("%d were added, the limit is 100", n)
	}
}

func TestHeldBytesCountUntilTheyEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stored := int64(40)
		q := quota.New(quota.Config{Max: 100, Refused: func() {}, Count: func(context.Context, string) (int64, error) { return stored, nil }})
		first, second := q.Hold("ann"), q.Hold("ann")
		if err := errors.Join(first.Grow(t.Context(), 30), second.Grow(t.Context(), 30)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // the count is made again, and does not know the held bytes
		over := (*quota.ExceededError)(nil)
		if err := second.Grow(t.Context(), 1); !errors.As(err, &over) {
			t.Errorf("one byte above the limit: %v", err)
		}
		first.End(false)
		if err := second.Grow(t.Context(), 30); err != nil {
			t.Errorf("after a discarded file: %v", err)
		}
		stored += 60
		second.End(true)
		if err := q.Hold("ann").Grow(t.Context(), 1); !errors.As(err, &over) {
			t.Errorf("one byte above the limit, after the file was stored: %v", err)
		}
		some := q.Hold("ann")
		if n, err := some.GrowSome(t.Context(), 10); n != 0 || err == nil {
			t.Errorf("some of ten: %d, %v", n, err)
		}
		stored = 95
		if n, err := some.GrowSome(t.Context(), 10); n != 5 || err == nil {
			t.Errorf("some of ten with room for five: %d, %v", n, err)
		}
		some.End(false)
		stored = 0
		if err := q.Hold("ann").Grow(t.Context(), 100); err != nil {
			t.Errorf("after all files were deleted: %v", err)
		}
	})
}
