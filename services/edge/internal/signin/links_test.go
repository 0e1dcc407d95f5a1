package signin

import (
	"testing"
	"time"
)

func TestSignInLinksExpire(t *testing.T) {
	var l links
	now := time.Now()
	for after, valid := range map[time.Duration]bool{linkTTL - time.Second: true, linkTTL: false, linkTTL + time.Hour: false} {
		secret, expires := l.issue(now)
		if !expires.Equal(now.Add(linkTTL)) {
			t.Errorf("expires at %v", expires)
		}
		if got := l.redeem(secret, now.Add(after)); got != valid {
			t.Errorf("after %v: %v", after, got)
		}
	}
}

func TestUnusedSignInLinksAreLimited(t *testing.T) {
	var l links
	now := time.Now()
	first, _ := l.issue(now)
	second, _ := l.issue(now)
	for range maxLinks - 1 {
		l.issue(now)
	}
	if l.redeem(first, now) || !l.redeem(second, now) {
		t.Error("the oldest link was not dropped, or others were")
	}
}
