package sqlite

import (
	"cmp"
	"container/heap"
	"slices"
	"sync"

	"headway/services/jobs/internal/job"
)

// lanes are the queues of ready jobs, one per kind and owner, and determine which owner is next. They use start-time
// fair queueing: each lease of an owner's job moves the owner's lane to the next round, after the other waiting owners,
// and a lane that was empty joins the current round. So an owner's job is leased after at most one job of each other
// owner, however many jobs those have. A claim takes logarithmic time in the number of lanes.
//
// The counts are derived from the database. The writer's goroutine updates them with each change of a job, and reloads
// them after a rollback. The turns are not stored. They restart with the service.
type lanes struct {
	mu     sync.Mutex
	limit  int // active jobs per lane; 0 means no limit
	kinds  map[string]*kindLanes
	stamps uint64
	grants uint64
	stale  bool // the counts might differ from the database; for the writer's goroutine only
}

// kindLanes are the lanes of one kind.
type kindLanes struct {
	round   uint64 // of the last lease
	byOwner map[string]*lane
	open    laneHeap // lanes that can have a lease
	full    int      // lanes with ready jobs whose owner has the maximum of active jobs
}

type lane struct {
	owner         string
	ready, active int
	round         uint64 // of its next lease
	stamp         uint64 // order within the round
	granted       uint64 // order of its last lease among all lanes. 0 without a lease
	index         int    // in open, or -1
	full          bool
}

func newLanes() *lanes { return &lanes{kinds: map[string]*kindLanes{}} }

// laneHeap is a heap of lanes, ordered by their turns.
type laneHeap []*lane

func before(a, b *lane) int {
	return cmp.Or(cmp.Compare(a.round, b.round), cmp.Compare(a.stamp, b.stamp))
}

func (h laneHeap) Len() int           { return len(h) }
func (h laneHeap) Less(i, k int) bool { return before(h[i], h[k]) < 0 }
func (h laneHeap) Swap(i, k int)      { h[i], h[k] = h[k], h[i]; h[i].index, h[k].index = i, k }
func (h *laneHeap) Push(x any)        { l := x.(*lane); l.index = len(*h); *h = append(*h, l) }
func (h *laneHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	l.index = -1
	return l
}

// get returns the lane, and creates it if necessary. The lock must be held.
func (s *lanes) get(kind, owner string) (*kindLanes, *lane) {
	k := s.kinds[kind]
	if k == nil {
		k = &kindLanes{byOwner: map[string]*lane{}}
		s.kinds[kind] = k
	}
	l := k.byOwner[owner]
	if l == nil {
		l = &lane{owner: owner, index: -1}
		k.byOwner[owner] = l
	}
	return k, l
}

// change adds to the lane's counts of ready and active jobs.
func (s *lanes) change(kind, owner string, ready, active int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, l := s.get(kind, owner)
	l.ready += ready
	l.active += active
	s.refresh(k, l)
}

// follow records a job's change.
func (s *lanes) follow(was, is *job.Job) {
	ready, active := number(is.Ready())-number(was.Ready()), number(is.Status == job.Active)-number(was.Status == job.Active)
	if ready != 0 || active != 0 {
		s.change(is.Kind, is.Owner, ready, active)
	}
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// refresh opens or closes the lane. The lock must be held.
func (s *lanes) refresh(k *kindLanes, l *lane) {
	free := s.limit <= 0 || l.active < s.limit
	if full := l.ready > 0 && !free; full != l.full {
		if l.full = full; full {
			k.full++
		} else {
			k.full--
		}
	}
	switch open := l.ready > 0 && free; {
	case open && l.index < 0:
		l.round = max(l.round, k.round)
		s.stamps++
		l.stamp = s.stamps
		heap.Push(&k.open, l)
	case !open && l.index >= 0:
		heap.Remove(&k.open, l.index)
	}
	if l.ready == 0 && l.active == 0 && l.round <= k.round {
		delete(k.byOwner, l.owner) // a new lane would start with the same state
	}
}

// setLimit sets the maximum of active jobs per lane.
func (s *lanes) setLimit(limit int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limit == limit {
		return
	}
	s.limit = limit
	for _, k := range s.kinds {
		for _, l := range k.sorted() {
			s.refresh(k, l)
		}
	}
}

// sorted returns all lanes in the order of their turns.
func (k *kindLanes) sorted() []*lane {
	all := make([]*lane, 0, len(k.byOwner))
	for _, l := range k.byOwner {
		all = append(all, l)
	}
	slices.SortFunc(all, before)
	return all
}

// next returns the next lane of each kind, the least recently leased one first. full reports whether there are ready
// jobs whose owners have the maximum of active jobs.
func (s *lanes) next(kinds []string) (turns []turn, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kind := range kinds {
		k := s.kinds[kind]
		if k == nil {
			continue
		}
		full = full || k.full > 0
		if len(k.open) > 0 {
			turns = append(turns, turn{kind: kind, owner: k.open[0].owner, granted: k.open[0].granted})
		}
	}
	return turns, full
}

// turn is the next lane of a kind.
type turn struct {
	kind, owner string
	granted     uint64
}

// take ends the lane's turn, and its next turn is in the next round. The following change opens the lane again.
func (s *lanes) take(t turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, l := s.get(t.kind, t.owner)
	if l.index >= 0 {
		heap.Remove(&k.open, l.index)
	}
	k.round = max(k.round, l.round)
	l.round = k.round + 1
	s.grants++
	l.granted = s.grants
	if s.grants%4096 == 0 {
		k.forget()
	}
}

// reopen opens the lane if no change did.
func (s *lanes) reopen(t turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, l := s.get(t.kind, t.owner)
	s.refresh(k, l)
}

// forget drops empty lanes whose last round has passed. The lock must be held.
func (k *kindLanes) forget() {
	for owner, l := range k.byOwner {
		if l.ready == 0 && l.active == 0 && l.round <= k.round {
			delete(k.byOwner, owner)
		}
	}
}

// counted is the counts of a lane in the database.
type counted struct {
	kind, owner   string
	ready, active int
}

// load replaces all counts. New lanes get their turns in the given order.
func (s *lanes) load(all []counted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.kinds {
		for _, l := range k.byOwner {
			l.ready, l.active = 0, 0
		}
	}
	for _, c := range all {
		_, l := s.get(c.kind, c.owner)
		l.ready += c.ready
		l.active += c.active
	}
	for _, c := range all {
		k, l := s.get(c.kind, c.owner)
		s.refresh(k, l)
	}
	for _, k := range s.kinds {
		for _, l := range k.byOwner {
			if l.ready == 0 && l.active == 0 {
				s.refresh(k, l)
			}
		}
	}
	s.stale = false
}

// maxCounted is the maximum number of lanes that are used to estimate how many jobs are ahead of another.
const maxCounted = 2048

// ahead returns the number of jobs of other owners that are leased before the owner's job with this rank (0 for the
// first), up to limit. With very many lanes, it is an estimate.
func (s *lanes) ahead(kind, owner string, rank, limit int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kinds[kind]
	if k == nil {
		return 0
	}
	round, stamp := k.round, s.stamps+1
	if mine := k.byOwner[owner]; mine != nil && mine.ready > 0 {
		round, stamp = max(mine.round, k.round), mine.stamp
	}
	round += uint64(rank)
	sum, seen := 0, 0
	for other, l := range k.byOwner {
		if seen++; seen > maxCounted {
			sum = sum * len(k.byOwner) / maxCounted
			break
		}
		if theirs := max(l.round, k.round); other != owner && l.ready > 0 && round >= theirs {
			n := int(round - theirs)
			if l.stamp < stamp {
				n++
			}
			sum += min(n, l.ready)
		}
		if sum >= limit {
			break
		}
	}
	return min(sum, limit)
}

// order returns the owners of the first jobs in the order of their leases, up to limit.
func (s *lanes) order(kind string, limit int) []string {
	s.mu.Lock()
	k := s.kinds[kind]
	var waiting laneHeap
	if k != nil {
		for _, l := range k.byOwner {
			if l.ready > 0 {
				waiting = append(waiting, &lane{owner: l.owner, ready: l.ready, round: max(l.round, k.round), stamp: l.stamp})
			}
		}
	}
	stamp := s.stamps
	s.mu.Unlock()
	heap.Init(&waiting)
	var owners []string
	for len(waiting) > 0 && len(owners) < limit {
		l := waiting[0]
		owners = append(owners, l.owner)
		stamp++
		l.round, l.stamp = l.round+1, stamp // like after a lease, it is the last one of its next round
		if l.ready--; l.ready == 0 {
			heap.Pop(&waiting)
			continue
		}
		heap.Fix(&waiting, 0)
	}
	return owners
}
