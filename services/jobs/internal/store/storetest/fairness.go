package storetest

import (
	"fmt"
	"testing"

	"headway/services/jobs/internal/job"
)

// sameOrder checks that the queue is in the order in which jobs are leased next, one or two at a time.
func sameOrder(t *testing.T, s *suite) {
	t.Helper()
	for _, size := range []int{1, 2, 1, 3, 2} {
		queue, err := s.Queue(t.Context(), "crawl", size)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, q := range queue {
			want = append(want, q.ID)
		}
		claimed := s.claim(start, size).Jobs
		equal(t, "the claim", ids(claimed), want)
		for _, j := range claimed[1:] {
			s.add(func(spec *job.Spec) { spec.Owner = j.Owner })
		}
	}
}

// takeTurns checks that a flood of urgent jobs of one owner delays another owner's job by at most one lease, that the
// queue and the positions reflect this, and that no owner can delay another by adding jobs again and again.
func takeTurns(t *testing.T, s *suite) {
	owned := func(owner string, priority int32) job.Job {
		return s.add(func(spec *job.Spec) { spec.Owner, spec.Priority = owner, priority })
	}
	for range 200 {
		owned("flood", 100)
	}
	s.claim(start, 5)
	bob := owned("bob", 0)
	if n, err := s.Ahead(t.Context(), "crawl", "carol", rank(0), job.MaxAhead); err != nil || n > 2 {
		t.Errorf("a job of a third owner has %d jobs ahead, %v; want 2 at most", n, err)
	}
	queue, err := s.Queue(t.Context(), "crawl", 10)
	if err != nil || len(queue) != 10 || queue[0].ID != bob.ID && queue[1].ID != bob.ID {
		t.Errorf("the queue begins with %v, %v; want bob's job %s among the first two", queue, err, bob.ID)
	}
	next := s.claim(start, 2).Jobs
	if next[0].ID != bob.ID && next[1].ID != bob.ID {
		t.Errorf("the next two leases are %v, want bob's job %s among them", ids(next), bob.ID)
	}
	// bob always has one job, and adds another as soon as it is leased.
	got := map[string]int{}
	for range 20 {
		owned("bob", 100)
		for _, j := range s.claim(start, 1).Jobs {
			got[j.Owner]++
			s.finish(j, start)
		}
	}
	if got["bob"] < 9 || got["flood"] < 9 {
		t.Errorf("of 20 leases, the owners got %v", got)
	}
	sameOrder(t, s)
	// With many owners with one job each, and one owner with many, each of the many owners gets a lease in one round.
	for i := range 50 {
		owned(fmt.Sprint("owner ", i), 0)
	}
	seen := map[string]bool{}
	for range 60 {
		for _, j := range s.claim(start, 1).Jobs {
			seen[j.Owner] = true
		}
	}
	if len(seen) < 51 {
		t.Errorf("60 leases went to %d owners, want all 50 and the others", len(seen))
	}
}

// unevenQueues checks that a claim gets as many jobs as it asks for, even if nearly all of them are in one owner's queue, and that
// owners who have fewer jobs get their turns first.
func unevenQueues(t *testing.T, s *suite) {
	const few, many = 5, 40
	for i := range few + many {
		s.add(func(spec *job.Spec) {
			if spec.Owner = "many"; i < few {
				spec.Owner = fmt.Sprint("owner-", i)
			}
		})
	}
	claimed := s.claim(start, 30).Jobs
	if len(claimed) != 30 {
		t.Fatalf("the claim got %d jobs, want 30", len(claimed))
	}
	first := map[string]int{}
	for _, j := range claimed[:few+1] {
		first[j.Owner]++
	}
	if len(first) != few+1 {
		t.Errorf("the first %d leases are of %v, want one of each owner", few+1, first)
	}
	if rest := s.claim(start, 100).Jobs; len(rest) != few+many-30 {
		t.Errorf("the next claim got %d jobs, want the other %d", len(rest), few+many-30)
	}
}
