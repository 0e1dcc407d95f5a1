package postgres

import (
	"cmp"
	"container/heap"
)

// claimQueue returns the jobs of the lanes in the order of their turns.
type claimQueue struct {
	kinds  []*turns
	rounds map[string]int64
	grants int64
	limit  int64
	stamps int64
	full   bool // a lane has more ready jobs, but already has the maximum of active jobs

	skipped bool // another replica has locked the jobs of a lane
}

func newClaimQueue(read *turnsRead, limit int64) *claimQueue {
	q := &claimQueue{rounds: read.rounds, grants: read.grants, limit: limit, skipped: int64(len(read.all)) < read.locked}
	byKind := map[string]*turns{}
	for _, one := range read.all {
		if byKind[one.kind] == nil {
			byKind[one.kind] = &turns{}
			q.kinds = append(q.kinds, byKind[one.kind])
		}
		*byKind[one.kind] = append(*byKind[one.kind], one)
		q.stamps = max(q.stamps, one.stamp)
	}
	for _, ofKind := range q.kinds {
		heap.Init(ofKind)
	}
	return q
}

// next returns the job that is leased next, or nil. Between kinds, the lane that was leased least recently comes first, then
// the job with the lower rank, then the older one.
func (q *claimQueue) next(t *tx) *row {
	var best *turns
	for _, ofKind := range q.kinds {
		for ofKind.Len() > 0 && len((*ofKind)[0].heads) == 0 {
			q.skipped = q.skipped || !(*ofKind)[0].leased
			heap.Pop(ofKind) // all jobs that were read from it are leased, or locked by another replica
		}
		if ofKind.Len() == 0 {
			continue
		}
		if best == nil {
			best = ofKind
			continue
		}
		a, b := (*ofKind)[0], (*best)[0]
		if cmp.Or(cmp.Compare(a.granted, b.granted), compareHeads(a.heads[0], b.heads[0])) < 0 {
			best = ofKind
		}
	}
	if best == nil {
		return nil
	}
	one := (*best)[0]
	r := one.heads[0]
	one.heads, one.leased = one.heads[1:], true
	round := max(q.rounds[one.kind], one.round)
	q.rounds[one.kind] = round
	t.rounds[one.kind] = round
	q.grants++
	q.stamps++
	one.round, one.stamp, one.granted = round+1, q.stamps, q.grants
	one.ready, one.active = one.ready-1, one.active+1
	d := t.delta(one.lane)
	d.round, d.granted = one.round, one.granted
	if q.limit > 0 && one.active >= q.limit {
		q.full = q.full || one.ready > 0
		heap.Pop(best)
	} else {
		heap.Fix(best, 0)
	}
	return r
}
