package backoff_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"headway/internal/backoff"
)

func TestWaitsDoubleUpToLimit(t *testing.T) {
	b := backoff.New(100*time.Millisecond, time.Second)
	for attempt, nominal := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		nominal *= time.Millisecond
		low, high := nominal*3/4, min(nominal*5/4, time.Second)
		if got := b.Next(); got < low || got > high {
			t.Errorf("wait %d is %v, want %v to %v", attempt+1, got, low, high)
		}
	}
	for range 100 { // the exponent never overflows
		if got := b.Next(); got <= 0 || got > time.Second {
			t.Fatalf("wait is %v", got)
		}
	}
	b.Reset()
	if got := b.Next(); got > 125*time.Millisecond {
		t.Errorf("first wait after Reset is %v", got)
	}
}

func TestWaitEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		b := backoff.New(time.Hour, time.Hour)
		begun := time.Now()
		if b.Wait(ctx) {
			t.Error("Wait reports that the time has passed")
		}
		if waited := time.Since(begun); waited != time.Second {
			t.Errorf("waited %v after the context ended at 1s", waited)
		}
		if !backoff.New(time.Second, time.Second).Wait(t.Context()) {
			t.Error("Wait reports an end of the context that never came")
		}
	})
}
