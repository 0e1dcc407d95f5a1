package dispatch

import (
	"maps"
	"slices"
	"testing"
	"time"
)

func TestKindIsRememberedAfterItsLastWorkerLeft(t *testing.T) {
	p := newPresence()
	at := time.Unix(1000, 0)
	known := func(after time.Duration) []string {
		found := map[string]bool{}
		p.kinds(at.Add(after), found)
		return slices.Sorted(maps.Keys(found))
	}
	p.arrive([]string{"crawl", "story"})
	p.arrive([]string{"crawl"})
	p.leave([]string{"crawl", "story"}, at)
	if got := known(rememberKind); !slices.Equal(got, []string{"crawl", "story"}) {
		t.Errorf("half a minute later: %v", got)
	}
	if got := known(rememberKind + 1); !slices.Equal(got, []string{"crawl"}) {
		t.Errorf("after that: %v", got)
	}
	p.leave([]string{"crawl"}, at.Add(time.Hour))
	if got := known(2 * time.Hour); len(got) > 0 || len(p.asking)+len(p.left) > 0 {
		t.Errorf("in the end: %v, and kept are %v and %v", got, p.asking, p.left)
	}
}
