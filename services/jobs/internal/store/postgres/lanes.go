package postgres

import (
	"cmp"
	"container/heap"
	"context"

	"github.com/jackc/pgx/v5"

	"headway/services/jobs/internal/job"
)

// Lanes are the queues of ready jobs, one per kind and owner, and determine which owner is next. They use start-time
// fair queueing: each lease of an owner's job moves the owner's lane to the next round, after the other waiting owners,
// and a lane that was empty joins the current round. So an owner's job is leased after at most one job of each other
// owner, however many jobs those have.
//
// A lane's counts change in the transaction that changes its jobs. The open lanes of a kind are in an index in the
// order of their turns, so a claim reads as many lanes as it leases jobs.

// lane identifies a queue.
type lane struct{ kind, owner string }

// delta has the changes of a lane in a transaction.
type delta struct {
	ready, active  int64
	round, granted int64 // of its next lease, and of its last one. 0 if it has no lease in this transaction
}

// count records a job's change.
func (t *tx) count(was, is *job.Job) {
	ready, active := number(is.Ready())-number(was.Ready()), number(is.Status == job.Active)-number(was.Status == job.Active)
	if ready != 0 || active != 0 {
		d := t.delta(lane{is.Kind, is.Owner})
		d.ready += ready
		d.active += active
	}
}

func (t *tx) delta(of lane) *delta {
	d := t.deltas[of]
	if d == nil {
		d = &delta{}
		t.deltas[of] = d
	}
	return d
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// queueLanes writes the changes of the lanes. Lanes without a lease are locked in a fixed order, and the others are
// already locked. Stamps follow the order of the leases, so that no owner comes last in one round and first in the
// next.
func (t *tx) queueLanes(b *pgx.Batch) {
	if len(t.rounds) > 0 {
		var kinds []string
		var rounds []int64
		for kind, round := range t.rounds {
			kinds, rounds = append(kinds, kind), append(rounds, round)
		}
		clear(t.rounds)
		b.Queue(`INSERT INTO lane_kinds AS k (kind, round) SELECT * FROM unnest($1::text[], $2::bigint[]) ORDER BY 1
			ON CONFLICT (kind) DO UPDATE SET round = greatest(k.round, EXCLUDED.round)`, kinds, rounds)
	}
	if len(t.deltas) == 0 {
		return
	}
	var kinds, owners []string
	var ready, active, rounds, granted []int64
	for of, d := range t.deltas {
		kinds, owners = append(kinds, of.kind), append(owners, of.owner)
		ready, active, rounds, granted = append(ready, d.ready), append(active, d.active), append(rounds, d.round), append(granted, d.granted)
	}
	clear(t.deltas)
	b.Queue(`INSERT INTO lanes AS l (kind, owner, ready, active, state, round, stamp, granted)
		SELECT u.kind, u.owner, u.ready, u.active, `+state("u.ready", "u.active", "$7")+`,
			greatest(u.round, coalesce(k.round, 0)), nextval('lane_stamps'), u.granted
		FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
			AS u(kind, owner, ready, active, round, granted)
		LEFT JOIN lane_kinds AS k ON k.kind = u.kind ORDER BY u.granted, u.kind, u.owner
		ON CONFLICT (kind, owner) DO UPDATE SET ready = l.ready + EXCLUDED.ready, active = l.active + EXCLUDED.active,
			state = `+state("(l.ready + EXCLUDED.ready)", "(l.active + EXCLUDED.active)", "$7")+`,
			round = CASE WHEN l.state = 1 AND EXCLUDED.granted = 0 THEN l.round ELSE greatest(l.round, EXCLUDED.round) END,
			stamp = CASE WHEN l.state = 1 AND EXCLUDED.granted = 0 THEN l.stamp ELSE EXCLUDED.stamp END,
			granted = greatest(l.granted, EXCLUDED.granted)`, kinds, owners, ready, active, rounds, granted, t.limit)
}

// state returns the state of a lane in SQL.
func state(ready, active, limit string) string {
	return "(CASE WHEN " + ready + " > 0 AND (" + limit + "::bigint <= 0 OR " + active + " < " + limit + ") THEN 1 WHEN " + ready +
		" > 0 THEN 2 WHEN " + active + " > 0 THEN 3 ELSE 0 END)"
}

// setLimit recomputes which lanes are open after a change of the maximum of active jobs.
func (t *tx) setLimit(limit int64) error {
	limit = max(limit, 0)
	if t.limit == limit {
		return nil
	}
	t.limit, t.wrote = limit, true
	b := &pgx.Batch{}
	b.Queue(`UPDATE lane_limit SET active = $1`, limit)
	b.Queue(`UPDATE lanes AS l SET state = `+state("l.ready", "l.active", "$1")+`,
		round = greatest(l.round, coalesce((SELECT k.round FROM lane_kinds AS k WHERE k.kind = l.kind), 0))
		WHERE l.state IN (1, 2) AND l.state <> `+state("l.ready", "l.active", "$1"), limit)
	if err := t.conn.SendBatch(t.ctx, b).Close(); err != nil {
		return t.fail("set the maximum of active jobs", err)
	}
	return nil
}

// dropEmptyLanes deletes lanes without jobs whose last round has passed, because new lanes would start with the same
// state.
func (t *tx) dropEmptyLanes() error {
	dropped, err := t.conn.Exec(t.ctx, `DELETE FROM lanes WHERE (kind, owner) IN (SELECT l.kind, l.owner FROM lanes AS l
		LEFT JOIN lane_kinds AS k ON k.kind = l.kind
		WHERE l.state = 0 AND l.round <= coalesce(k.round, 0) LIMIT 1000 FOR UPDATE OF l SKIP LOCKED)`)
	if err != nil {
		return t.fail("delete empty lanes", err)
	}
	t.wrote = t.wrote || dropped.RowsAffected() > 0
	return nil
}

// maxCounted is the maximum number of full lanes that are read to estimate how many jobs are ahead of another.
const maxCounted = 1024

// querier is a connection, or a pool of them.
type querier interface {
	QueryRow(ctx context.Context, query string, args ...any) pgx.Row
}

// ahead returns how many ready jobs are leased before one of this owner, rank, and order of creation, up to limit. With
// very many full lanes, it is an estimate. Each open lane ahead has at least one job, so as many as the limit are read, in the order
// of an index.
// own is how many of these are the owner's.
func ahead(ctx context.Context, q querier, kind, owner string, of, seq int64, limit int) (n, own int, err error) {
	err = q.QueryRow(ctx, `WITH own AS (
		SELECT count(*) AS n FROM (SELECT 1 FROM queue WHERE kind = $1 AND owner = $2 AND (rank, seq) < ($3, $4) LIMIT $5) AS first
	), turn AS (
		SELECT coalesce((SELECT round FROM lane_kinds WHERE kind = $1), 0) AS round
	), mine AS (
		SELECT greatest(coalesce(l.round, 0), turn.round) + own.n AS round, coalesce(l.stamp, 9223372036854775807) AS stamp
		FROM turn CROSS JOIN own LEFT JOIN lanes AS l ON l.kind = $1 AND l.owner = $2 AND l.state IN (1, 2)
	)
	SELECT least((SELECT n FROM own) + coalesce(sum(least(l.ready,
		mine.round - greatest(l.round, turn.round) + CASE WHEN l.stamp < mine.stamp THEN 1 ELSE 0 END)), 0), $5), (SELECT n FROM own)
	FROM mine CROSS JOIN turn
	JOIN ((SELECT round, stamp, ready FROM lanes WHERE kind = $1 AND owner <> $2 AND state = 1 ORDER BY round, stamp LIMIT $5)
		UNION ALL (SELECT round, stamp, ready FROM lanes WHERE kind = $1 AND owner <> $2 AND state = 2 LIMIT $6)) AS l
		ON mine.round >= greatest(l.round, turn.round)`,
		kind, owner, of, seq, limit, maxCounted).Scan(&n, &own)
	return n, own, err
}

// positions has what is known of the positions in a lane, by the counts of the database.
type positions struct {
	first  *counted // the last one of an owner's first job
	beyond *counted // the first one with the maximum of jobs ahead
}

// counted is the position of a job with this rank and order of creation.
type counted struct {
	rank, seq int64
	ahead     int
}

func (p *counted) compare(rank, seq int64) int {
	return cmp.Or(cmp.Compare(p.rank, rank), cmp.Compare(p.seq, seq))
}

// ahead returns how many ready jobs are ahead of a job that becomes ready. If many jobs of a lane do, as when a filter retries them, it
// asks the database only for those whose positions do not follow from others.
func (t *tx) ahead(j *job.Job, seq int64) (int, error) {
	of, rank := lane{j.Kind, j.Owner}, j.Rank()
	known := t.positions[of]
	if known == nil {
		known = &positions{}
		t.positions[of] = known
	}
	switch {
	case known.first != nil && known.first.compare(rank, seq) >= 0:
		return known.first.ahead, nil
	case known.beyond != nil && known.beyond.compare(rank, seq) <= 0:
		return known.beyond.ahead, nil
	}
	n, own, err := ahead(t.ctx, t.conn, j.Kind, j.Owner, rank, seq, job.MaxAhead)
	switch {
	case err != nil:
	case own == 0:
		known.first = &counted{rank, seq, n}
	case n >= job.MaxAhead:
		known.beyond = &counted{rank, seq, n}
	}
	return n, err
}

// turn is a lane in a simulation of the next turns.
type turn struct {
	lane
	ready, active         int64
	round, stamp, granted int64
	heads                 []*row // its first ready jobs that can be decoded
	read                  int    // how many of its first ready jobs were read
	more                  bool   // it can have ready jobs that were not read
	leased                bool   // at least one of them is leased
}

// turns is a heap of lanes, ordered by their turns.
type turns []*turn

func (h turns) Len() int { return len(h) }
func (h turns) Less(i, k int) bool {
	return cmp.Or(cmp.Compare(h[i].round, h[k].round), cmp.Compare(h[i].stamp, h[k].stamp)) < 0
}
func (h turns) Swap(i, k int) { h[i], h[k] = h[k], h[i] }
func (h *turns) Push(x any)   { *h = append(*h, x.(*turn)) }
func (h *turns) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// order returns the lanes of the first jobs in the order of their leases, up to limit. It changes the turns.
func (h turns) order(limit int) []lane {
	heap.Init(&h)
	var stamp int64
	for _, one := range h {
		stamp = max(stamp, one.stamp)
	}
	var order []lane
	for len(h) > 0 && len(order) < limit {
		first := h[0]
		order = append(order, first.lane)
		stamp++
		first.round, first.stamp = first.round+1, stamp // like after a lease, it is the last one of its next round
		if first.ready--; first.ready <= 0 {
			heap.Pop(&h)
			continue
		}
		heap.Fix(&h, 0)
	}
	return order
}
