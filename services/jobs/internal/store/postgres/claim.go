package postgres

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"headway/services/jobs/internal/job"
)

const (
	// spareHeads is the number of additional jobs that are read from a lane, in case some can't be decoded.
	spareHeads = 3
	// grantsPerTransaction exceeds the number of leases in a transaction: the order of a lease is the transaction's
	// number times this, plus its index.
	grantsPerTransaction = 1 << 20
)

// claim is a worker's request for jobs.
type claim struct {
	job.Claim
	claimed job.Claimed
}

// Claim implements job.Store.
func (s *Store) Claim(ctx context.Context, c job.Claim) (job.Claimed, error) {
	c.Kinds = slices.DeleteFunc(slices.Clone(c.Kinds), func(kind string) bool { return hasNUL(kind) })
	work := &claim{Claim: c}
	err := s.changes.do(&change{ctx: ctx, claim: work})
	if err != nil {
		return job.Claimed{}, err
	}
	return work.claimed, nil
}

// claimGroups returns the claims, with those for the same kinds together.
func claimGroups(batch []*change) (groups [][]*change) {
	indexes := map[string]int{}
	for _, c := range batch {
		if c.claim == nil {
			continue
		}
		c.claim.claimed = job.Claimed{}
		key := strings.Join(c.claim.Kinds, "\x00")
		i, known := indexes[key]
		if !known {
			i = len(groups)
			indexes[key], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], c)
	}
	return groups
}

// limitOf returns the maximum of active jobs per lane that the claims of a group use.
func limitOf(group []*change) int64 { return max(int64(group[0].claim.MaxActive), 0) }

// claims serves all claims of a transaction, a group at a time. first has the turns for the first group, or is nil.
func (t *tx) claims(groups [][]*change, first *turnsRead) error {
	for i, group := range groups {
		if i > 0 {
			first = nil
			if err := t.flush(); err != nil { // the group sees the remaining jobs
				return err
			}
		}
		if err := t.claimGroup(group, first); err != nil {
			return err
		}
	}
	return nil
}

// claimGroup leases jobs to workers that request the same kinds.
func (t *tx) claimGroup(group []*change, read *turnsRead) error {
	if read == nil {
		if err := t.setLimit(limitOf(group)); err != nil {
			return err
		}
		b := &pgx.Batch{}
		read = queueTurns(b, group)
		if err := t.conn.SendBatch(t.ctx, b).Close(); err != nil {
			return t.fail("look for ready jobs", err)
		}
	}
	var grants int64
	if len(read.all) > 0 {
		n, err := t.readHeads(read.all, t.shares(read.all, total(group)))
		if err != nil {
			return err
		}
		grants = n * grantsPerTransaction
	}
	queue := newClaimQueue(read.all, read.rounds, grants, t.limit)
	for _, c := range group {
		for len(c.claim.claimed.Jobs) < c.claim.Max {
			r := queue.next(t)
			if r == nil {
				break
			}
			j, err := t.grant(r, &c.claim.Claim)
			if err != nil {
				return err
			}
			c.claim.claimed.Jobs = append(c.claim.claimed.Jobs, j)
		}
		c.claim.claimed.Busy = len(c.claim.claimed.Jobs) == 0 && read.open && (len(read.all) == 0 || queue.skipped)
		c.claim.claimed.Capped = len(c.claim.claimed.Jobs) < c.claim.Max && (read.full || queue.full)
	}
	return nil
}

// total returns the maximum number of jobs that the claims of a group lease.
func total(group []*change) (n int) {
	for _, c := range group {
		n += c.claim.Max
	}
	return n
}

// grant leases the job to a worker.
func (t *tx) grant(r *row, c *job.Claim) (job.Job, error) {
	j := r.job
	checkpoint := j.Checkpoint
	j.Checkpoint = nil
	j.Grant(c.Now(), c.Token(), c.Worker, c.Duration, c.Confirms)
	r.job.Checkpoint = nil
	t.rows[j.ID] = r
	if err := t.keep(r, &j); err != nil {
		return j, err
	}
	j.Checkpoint = checkpoint
	return j, nil
}

// turnsRead are the next lanes of the kinds of a group. full reports whether there are ready jobs whose owners have the maximum of
// active jobs.
type turnsRead struct {
	all    []*turn
	rounds map[string]int64
	full   bool
	open   bool // there are jobs that can be leased. If all is empty, another replica is leasing jobs of their lanes
}

// queueTurns locks and reads the next lanes for the claims of a group.
func queueTurns(b *pgx.Batch, group []*change) *turnsRead {
	read, kinds := &turnsRead{rounds: map[string]int64{}}, group[0].claim.Kinds
	b.Queue(`SELECT EXISTS (SELECT 1 FROM lanes WHERE kind = ANY($1) AND state = 2)`, kinds).
		QueryRow(func(r pgx.Row) error { return r.Scan(&read.full) })
	b.Queue(`SELECT EXISTS (SELECT 1 FROM lanes WHERE kind = ANY($1) AND state = 1)`, kinds).
		QueryRow(func(r pgx.Row) error { return r.Scan(&read.open) })
	b.Queue(`SELECT kind, round FROM lane_kinds WHERE kind = ANY($1)`, kinds).Query(func(rows pgx.Rows) error {
		var kind string
		var round int64
		_, err := pgx.ForEachRow(rows, []any{&kind, &round}, func() error { read.rounds[kind] = round; return nil })
		return err
	})
	b.Queue(`SELECT l.kind, l.owner, l.ready, l.active, l.round, l.stamp, l.granted FROM unnest($1::text[]) AS k(kind)
		CROSS JOIN LATERAL (SELECT * FROM lanes WHERE kind = k.kind AND state = 1 ORDER BY round, stamp LIMIT $2
			FOR UPDATE SKIP LOCKED) AS l`, kinds, total(group)).Query(func(rows pgx.Rows) error {
		var one turn
		_, err := pgx.ForEachRow(rows, []any{&one.kind, &one.owner, &one.ready, &one.active, &one.round, &one.stamp, &one.granted},
			func() error { read.all = append(read.all, new(one)); return nil })
		return err
	})
	return read
}

// shares returns the maximum number of jobs of each lane that a claim for this many jobs can take.
func (t *tx) shares(all []*turn, total int) []int {
	byKind := map[string]turns{}
	for _, one := range all {
		ahead := *one
		if ahead.ready = min(ahead.ready, int64(total)); t.limit > 0 {
			ahead.ready = min(ahead.ready, t.limit-ahead.active)
		}
		byKind[one.kind] = append(byKind[one.kind], &ahead)
	}
	counts := map[lane]int{}
	for _, ofKind := range byKind {
		for _, of := range ofKind.order(total) {
			counts[of]++
		}
	}
	shares := make([]int, len(all))
	for i, one := range all {
		shares[i] = counts[one.lane]
	}
	return shares
}

// readHeads reads the first jobs of the lanes, and locks their rows of the queue. It skips those that another process has locked. It
// returns the number of this claim among all.
func (t *tx) readHeads(all []*turn, shares []int) (grants int64, err error) {
	var kinds, owners []string
	var limits []int32
	byLane := map[lane]*turn{}
	for i, one := range all {
		if shares[i] > 0 {
			kinds, owners, limits = append(kinds, one.kind), append(owners, one.owner), append(limits, int32(shares[i]+spareHeads))
			byLane[one.lane] = one
		}
	}
	b := &pgx.Batch{}
	b.Queue(`SELECT nextval('lane_grants')`).QueryRow(func(r pgx.Row) error { return r.Scan(&grants) })
	b.Queue(`SELECT `+selected+`, c.data FROM unnest($1::text[], $2::text[], $3::integer[]) AS w(kind, owner, n)
		CROSS JOIN LATERAL (SELECT seq FROM queue WHERE kind = w.kind AND owner = w.owner ORDER BY rank, seq LIMIT w.n FOR UPDATE SKIP LOCKED) AS q
		JOIN jobs AS j ON j.seq = q.seq`+joins+` LEFT JOIN checkpoints AS c ON c.seq = j.seq`,
		kinds, owners, limits).Query(func(rows pgx.Rows) error {
		defer rows.Close()
		for rows.Next() {
			var checkpoint []byte
			r, err := scan(rows, &checkpoint)
			if err != nil {
				return err
			}
			r.job.Checkpoint, r.held = checkpoint, false
			if of := byLane[lane{r.job.Kind, r.job.Owner}]; of != nil && r.err == nil {
				of.heads = append(of.heads, r)
			}
		}
		return rows.Err()
	})
	if err := t.conn.SendBatch(t.ctx, b).Close(); err != nil {
		return 0, t.fail("read the ready jobs", err)
	}
	for _, one := range all {
		slices.SortFunc(one.heads, compareHeads)
	}
	return grants, nil
}

func compareHeads(a, b *row) int {
	return cmp.Or(cmp.Compare(a.job.Rank(), b.job.Rank()), cmp.Compare(a.seq, b.seq))
}

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

func newClaimQueue(all []*turn, rounds map[string]int64, grants, limit int64) *claimQueue {
	q := &claimQueue{rounds: rounds, grants: grants, limit: limit}
	byKind := map[string]*turns{}
	for _, one := range all {
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

// Queue implements job.Store.
func (s *Store) Queue(ctx context.Context, kind string, limit int) (queue []job.Queuing, err error) {
	err = s.read(ctx, func(ctx context.Context) (err error) { queue, err = s.queue(ctx, kind, limit); return err })
	return queue, err
}

func (s *Store) queue(ctx context.Context, kind string, limit int) ([]job.Queuing, error) {
	rows, err := s.reads.Query(ctx, `SELECT l.owner, l.ready, greatest(l.round, coalesce((SELECT round FROM lane_kinds WHERE kind = $1), 0)) AS turn, l.stamp
		FROM ((SELECT owner, ready, round, stamp FROM lanes WHERE kind = $1 AND state = 1 ORDER BY round, stamp LIMIT $2)
			UNION ALL SELECT owner, ready, round, stamp FROM lanes WHERE kind = $1 AND state = 2) AS l
		ORDER BY turn, l.stamp LIMIT $2`, kind, limit)
	if err != nil {
		return nil, err
	}
	var all turns
	one := turn{lane: lane{kind: kind}}
	if _, err := pgx.ForEachRow(rows, []any{&one.owner, &one.ready, &one.round, &one.stamp}, func() error {
		all = append(all, new(one))
		return nil
	}); err != nil {
		return nil, err
	}
	order := all.order(limit)
	counts := map[string]int32{}
	for _, of := range order {
		counts[of.owner]++
	}
	var owners []string
	var limits []int32
	for owner, n := range counts {
		owners, limits = append(owners, owner), append(limits, n)
	}
	byOwner := map[string][]job.Queuing{}
	rows, err = s.reads.Query(ctx, `SELECT w.owner, j.id, j.queue_position FROM unnest($2::text[], $3::integer[]) AS w(owner, n)
		CROSS JOIN LATERAL (SELECT rank, seq FROM queue WHERE kind = $1 AND owner = w.owner ORDER BY rank, seq LIMIT w.n) AS q
		JOIN jobs AS j ON j.seq = q.seq ORDER BY w.owner, q.rank, q.seq`, kind, owners, limits)
	if err != nil {
		return nil, err
	}
	var owner string
	var queuing job.Queuing
	if _, err := pgx.ForEachRow(rows, []any{&owner, &queuing.ID, &queuing.Position}, func() error {
		byOwner[owner] = append(byOwner[owner], queuing)
		return nil
	}); err != nil {
		return nil, err
	}
	queue := make([]job.Queuing, 0, len(order))
	for _, of := range order {
		if rest := byOwner[of.owner]; len(rest) > 0 { // otherwise, it was leased in the meantime
			queue, byOwner[of.owner] = append(queue, rest[0]), rest[1:]
		}
	}
	return queue, nil
}

// Ahead implements job.Store.
func (s *Store) Ahead(ctx context.Context, kind, owner string, of int64, limit int) (n int, err error) {
	err = s.read(ctx, func(ctx context.Context) (err error) {
		n, err = ahead(ctx, s.reads, kind, owner, of, 1<<62, limit)
		return err
	})
	return n, err
}
