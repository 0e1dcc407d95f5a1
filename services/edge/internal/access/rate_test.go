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

// TestRequestsOnOtherEdgesCount: two edges that exchange the usage of a user allow as much as one.
func TestRequestsOnOtherEdgesCount(t *testing.T) {
	one, other := newRates(50, 200), newRates(50, 200)
	one.share()
	other.share()
	now, accepted := time.Now(), 0
	const seconds = 20
	for range 2 * seconds { // reports every half second
		for range 200 { // 800 requests per second
			now = now.Add(time.Second / 400)
			for _, r := range []*rates{one, other} {
				if r.take("ann", now) {
					accepted++
				}
			}
		}
		for _, pair := range [][2]*rates{{one, other}, {other, one}} {
			for user, n := range pair[0].Spent(0.25, time.Second/2) {
				pair[1].spend(user, n, now)
			}
		}
	}
	if most := 50*seconds*3/2 + 2*200; accepted > most || accepted < 50*seconds {
		t.Errorf("%d requests in %d seconds are accepted, want at most %d", accepted, seconds, most)
	}
}

// TestUserBelowLimitIsNeverRefused: half of a limit on each of two edges is no more than the limit.
func TestUserBelowLimitIsNeverRefused(t *testing.T) {
	one, other := newRates(50, 200), newRates(50, 200)
	one.share()
	other.share()
	now := time.Now()
	for n := range 3000 {
		now = now.Add(time.Second / 50)
		if ![]*rates{one, other}[n%2].take("ann", now) {
			t.Fatalf("request %d is refused", n)
		}
		if n%25 == 0 {
			for _, pair := range [][2]*rates{{one, other}, {other, one}} {
				for user, spent := range pair[0].Spent(0.25, time.Second/2) {
					pair[1].spend(user, spent, now)
				}
			}
		}
	}
}

// TestDebtOfOtherEdgesIsBounded: a user who stops can continue soon.
func TestDebtOfOtherEdgesIsBounded(t *testing.T) {
	r, now := newRates(50, 200), time.Now()
	r.spend("ann", 1_000_000, now)
	r.spend("ann", 1_000_000, now)
	if r.take("ann", now.Add(3900*time.Millisecond)) {
		t.Error("the requests don't count")
	}
	if !r.take("ann", now.Add(4100*time.Millisecond)) {
		t.Error("the user waits for longer than it takes to refill the burst")
	}
}
