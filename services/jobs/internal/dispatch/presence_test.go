package dispatch

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"headway/services/jobs/internal/job"
)

func TestKindIsRememberedAfterItsLastWorkerLeft(t *testing.T) {
	p := newPresence()
	at := time.Unix(1000, 0)
	known := func(after time.Duration) []string {
		found := map[string]bool{}
		p.kinds(at.Add(after), found)
		return slices.Sorted(maps.Keys(found))
	}
	p.arrive([]string{"crawl", "story"}, nil)
	p.arrive([]string{"crawl"}, nil)
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

func TestDescriptionsOfKindsAreBounded(t *testing.T) {
	p := newPresence()
	at := time.Unix(1000, 0)
	p.arrive([]string{"busy"}, []job.KindDescription{{Kind: "busy", Title: "old"}})
	p.arrive([]string{"busy"}, []job.KindDescription{{Kind: "busy", Title: "new"}})
	for i := range 3 * maxDescribed {
		kind := []string{strconv.Itoa(i)}
		p.arrive(kind, []job.KindDescription{{Kind: kind[0]}})
		p.leave(kind, at.Add(time.Duration(i)*time.Second))
	}
	if len(p.described) != maxDescribed {
		t.Errorf("%d descriptions are kept, want %d", len(p.described), maxDescribed)
	}
	last := strconv.Itoa(3*maxDescribed - 1)
	if got := p.descriptions([]string{"busy", "none", last}); len(got) != 2 || got[0].Title != "new" || got[1].Kind != last {
		t.Errorf("the descriptions of kinds that workers ask for: %v", got)
	}
}
