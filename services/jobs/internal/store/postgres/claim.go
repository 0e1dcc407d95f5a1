package postgres

import (
	"cmp"
	"context"
	"slices"
	"strconv"
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
	if err := t.readMoreHeads(read, t.shares(read.all, total(group))); err != nil {
		return err
	}
	queue := newClaimQueue(read, t.limit)
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

// turnsRead are the next lanes of the kinds of a group, with their first jobs. full reports whether there are ready jobs whose owners
// have the maximum of active jobs.
type turnsRead struct {
	all    []*turn
	rounds map[string]int64
	grants int64 // the number of this claim among all, times grantsPerTransaction
	locked int64 // lanes, including those of which another replica has locked all jobs, so that they are not in all
	full   bool
	open   bool // there are jobs that can be leased. If all is empty, another replica is leasing jobs of their lanes
}

// queueTurns locks and reads the next lanes for the claims of a group. Of each lane, it locks and reads as many jobs as the lane gets if
// all lanes get the same number, so that claims usually need no further statement. It skips what another process has locked.
func queueTurns(b *pgx.Batch, group []*change) *turnsRead {
	read, kinds, want := &turnsRead{rounds: map[string]int64{}}, group[0].claim.Kinds, int64(total(group))
	b.Queue(`SELECT EXISTS (SELECT 1 FROM lanes WHERE kind = ANY($1) AND state = 2), EXISTS (SELECT 1 FROM lanes WHERE kind = ANY($1) AND state = 1)`,
		kinds).QueryRow(func(r pgx.Row) error { return r.Scan(&read.full, &read.open) })
	b.Queue(`WITH turns AS MATERIALIZED (
			SELECT l.*, count(*) OVER () AS locked, coalesce((SELECT k.round FROM lane_kinds AS k WHERE k.kind = l.kind), 0) AS current
			FROM unnest($1::text[]) AS k(kind) CROSS JOIN LATERAL (SELECT * FROM lanes WHERE kind = k.kind AND state = 1
				ORDER BY round, stamp LIMIT $2 FOR UPDATE SKIP LOCKED) AS l)
		SELECT `+selected+`, c.data, w.ready, w.active, w.round, w.stamp, w.granted, w.locked, w.current, (SELECT nextval('lane_grants'))
		FROM turns AS w CROSS JOIN LATERAL (SELECT seq FROM queue WHERE kind = w.kind AND owner = w.owner
			ORDER BY rank, seq LIMIT `+firstHeads("w.ready", "$2", "w.locked")+` FOR UPDATE SKIP LOCKED) AS q
		JOIN jobs AS j ON j.seq = q.seq`+joins+` LEFT JOIN checkpoints AS c ON c.seq = j.seq`, kinds, want).Query(func(rows pgx.Rows) error {
		defer rows.Close()
		byLane := map[lane]*turn{}
		for rows.Next() {
			var checkpoint []byte
			var one turn
			var round, claims int64
			r, err := scan(rows, &checkpoint, &one.ready, &one.active, &one.round, &one.stamp, &one.granted, &read.locked, &round, &claims)
			if err != nil {
				return err
			}
			one.lane = lane{r.job.Kind, r.job.Owner}
			of := byLane[one.lane]
			if of == nil {
				of = &one
				byLane[one.lane], read.all = of, append(read.all, of)
				read.rounds[one.kind], read.grants = round, claims*grantsPerTransaction
			}
			of.addHead(r, checkpoint)
		}
		for _, one := range read.all {
			one.more = int64(one.read) == min(one.ready, (want+read.locked-1)/read.locked)+spareHeads
		}
		return rows.Err()
	})
	return read
}

// firstHeads returns an SQL expression for the number of jobs that queueTurns reads from a lane.
func firstHeads(ready, want, lanes string) string {
	return "least(" + ready + ", (" + want + "::bigint + " + lanes + " - 1) / " + lanes + ") + " + strconv.Itoa(spareHeads)
}

// addHead adds a job to the first ones of the lane.
func (one *turn) addHead(r *row, checkpoint []byte) {
	one.read++
	if r.err != nil {
		return
	}
	r.job.Checkpoint, r.held = checkpoint, false
	one.heads = append(one.heads, r)
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

// readMoreHeads locks and reads more jobs of the lanes whose share is larger than what was read.
func (t *tx) readMoreHeads(read *turnsRead, shares []int) error {
	var kinds, owners []string
	var limits []int32
	byLane := map[lane]*turn{}
	for i, one := range read.all {
		if one.more && shares[i] > len(one.heads) {
			kinds, owners, limits = append(kinds, one.kind), append(owners, one.owner), append(limits, int32(shares[i]+one.read-len(one.heads)+spareHeads))
			byLane[one.lane], one.heads, one.read = one, nil, 0
		}
	}
	if len(kinds) > 0 {
		rows, err := t.conn.Query(t.ctx, `SELECT `+selected+`, c.data FROM unnest($1::text[], $2::text[], $3::integer[]) AS w(kind, owner, n)
			CROSS JOIN LATERAL (SELECT seq FROM queue WHERE kind = w.kind AND owner = w.owner ORDER BY rank, seq LIMIT w.n FOR UPDATE SKIP LOCKED) AS q
			JOIN jobs AS j ON j.seq = q.seq`+joins+` LEFT JOIN checkpoints AS c ON c.seq = j.seq`, kinds, owners, limits)
		if err != nil {
			return t.fail("look for more ready jobs", err)
		}
		defer rows.Close()
		for rows.Next() {
			var checkpoint []byte
			r, err := scan(rows, &checkpoint)
			if err != nil {
				return t.fail("read more ready jobs", err)
			}
			if of := byLane[lane{r.job.Kind, r.job.Owner}]; of != nil {
				of.addHead(r, checkpoint)
			}
		}
		if err := rows.Err(); err != nil {
			return t.fail("read more ready jobs", err)
		}
	}
	for _, one := range read.all {
		slices.SortFunc(one.heads, compareHeads)
	}
	return nil
}

func compareHeads(a, b *row) int {
	return cmp.Or(cmp.Compare(a.job.Rank(), b.job.Rank()), cmp.Compare(a.seq, b.seq))
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
		n, _, err = ahead(ctx, s.reads, kind, owner, of, 1<<62, limit)
		return err
	})
	return n, err
}
