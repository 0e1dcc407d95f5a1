package access

import (
	"testing"
	"time"
)

func TestRateAllowsBurstRefillsAndForgetsIdleUsers(t *testing.T) {
	r, now := newRates(2, 3), time.Now()
	for i := range 3 {
		if !r.take("ann", now) {
			t.Fatalf("call %d of a burst of 3 was refused", i+1)
		}
	}
	if r.take("ann", now) {
		t.Error("a fourth call in the same instant was allowed")
	}
	if !r.take("bob", now) {
		t.Error("another user was refused")
	}
	if now = now.Add(500 * time.Millisecond); !r.take("ann", now) || r.take("ann", now) {
		t.Error("half a second at 2 a second is not one call")
	}
	if r.take("cat", now.Add(2*rateSweep)); len(r.users) != 1 {
		t.Errorf("%d users are remembered, want 1", len(r.users))
	}
}

func TestZeroRateMeansNoLimit(t *testing.T) {
	r, now := newRates(0, 0), time.Now()
	for range 1000 {
		if !r.take("ann", now) {
			t.Fatal("refused")
		}
	}
}

func TestParseOriginTakesOriginsOnly(t *testing.T) {
	for _, good := range []string{"https://app.example.com", "http://localhost:5173"} {
		if err := ParseOrigin(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"app.example.com", "https://app.example.com/", "https://app.example.com/x", "*", "null", "ftp://x", "https://"} {
		if ParseOrigin(bad) == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}
