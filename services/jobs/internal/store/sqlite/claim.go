package sqlite

import (
	"cmp"
	"context"
	"slices"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/column"
)

// Claim implements job.Store.
func (s *Store) Claim(ctx context.Context, c job.Claim) (claimed job.Claimed, err error) {
	err = s.changes.do(ctx, func(t *tx) error {
		claimed = job.Claimed{}
		t.lanes.setLimit(c.MaxActive)
		skip := map[turn]bool{}
		for len(claimed.Jobs) < c.Max {
			next, heads, err := t.head(c.Kinds, skip)
			if err != nil {
				return err
			}
			if len(heads) == 0 {
				break
			}
			j, err := t.grantFirst(next, heads, &c)
			if column.IsDamaged(err) {
				skip[turn{kind: next.kind, owner: next.owner}] = true
				continue // jobs of other owners can be leased
			}
			if err != nil {
				return err
			}
			claimed.Jobs = append(claimed.Jobs, j)
		}
		if len(claimed.Jobs) < c.Max {
			_, claimed.Capped = t.lanes.next(c.Kinds)
		}
		return nil
	})
	return claimed, err
}

// candidate is a ready job that a claim can take.
type candidate struct {
	seq  int64
	id   string
	rank int64
}

// headsRead is the number of jobs that are read from a lane: the first one, and others in case it can't be decoded.
const headsRead = 4

// head returns the next lane of the kinds, and its first jobs. Between kinds, the lane that was leased least recently
// comes first, then the job with the lower rank, then the older one.
func (t *tx) head(kinds []string, skip map[turn]bool) (first turn, heads []candidate, err error) {
	turns, _ := t.lanes.next(kinds)
	for _, next := range turns {
		if skip[turn{kind: next.kind, owner: next.owner}] {
			continue
		}
		if heads != nil && next.granted > first.granted {
			continue
		}
		theirs, err := t.readHeads(next)
		if err != nil {
			return first, nil, err
		}
		if len(theirs) == 0 {
			t.lanes.stale = true // its count is wrong
			continue
		}
		if heads == nil || next.granted < first.granted || compareHeads(theirs[0], heads[0]) < 0 {
			first, heads = next, theirs
		}
	}
	return first, heads, nil
}

func compareHeads(a, b candidate) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.seq, b.seq))
}

// readHeads reads the first jobs of a lane.
func (t *tx) readHeads(of turn) ([]candidate, error) {
	rows, err := t.readyOfOwner.QueryContext(t.ctx, of.kind, of.owner, headsRead)
	if err != nil {
		return nil, t.fail("look for ready jobs", err)
	}
	defer rows.Close()
	var all []candidate
	for rows.Next() {
		var one candidate
		if err := rows.Scan(&one.seq, &one.id, &one.rank); err != nil {
			return nil, t.fail("read a ready job", err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, t.fail("read the ready jobs", err)
	}
	return all, nil
}

// grantFirst leases the first of the lane's jobs that can be decoded.
func (t *tx) grantFirst(next turn, heads []candidate, c *job.Claim) (j job.Job, err error) {
	t.lanes.take(next)
	defer t.lanes.reopen(next)
	for _, one := range heads {
		if j, err = t.grant(one, c); !column.IsDamaged(err) {
			return j, err
		}
	}
	return j, err
}

// grant leases the chosen job.
func (t *tx) grant(one candidate, c *job.Claim) (job.Job, error) {
	j, err := t.update(one.id, func(j *job.Job) error {
		j.Grant(c.Now(), c.Token(), c.Worker, c.Duration, c.Confirms)
		return nil
	})
	if err != nil || !j.HasCheckpoint {
		return j, err
	}
	if err := t.checkpoint.QueryRowContext(t.ctx, one.seq).Scan(&j.Checkpoint); err != nil {
		return j, t.fail("read the checkpoint of job "+j.ID, err)
	}
	return j, nil
}

// countLanes runs a query for the jobs of each lane. The owner of the oldest job comes first.
func (t *tx) countLanes(query string) ([]counted, error) {
	rows, err := t.conn.QueryContext(t.ctx, query)
	if err != nil {
		return nil, t.fail("count the jobs of each owner", err)
	}
	defer rows.Close()
	var lanes []counted
	first := map[counted]int64{}
	for rows.Next() {
		var c counted
		var seq int64
		if err := rows.Scan(&c.kind, &c.owner, &c.ready, &c.active, &seq); err != nil {
			return nil, t.fail("read a count of jobs", err)
		}
		lanes = append(lanes, c)
		first[c] = seq
	}
	if err := rows.Err(); err != nil {
		return nil, t.fail("read the counts of jobs", err)
	}
	slices.SortStableFunc(lanes, func(a, b counted) int { return cmp.Compare(first[a], first[b]) })
	return lanes, nil
}

// loadLanes counts the ready and active jobs of each lane. The owner of the oldest ready job comes first.
func (t *tx) loadLanes() error {
	var all []counted
	for _, query := range []string{
		`SELECT kind, owner, count(*), 0, min(seq) FROM jobs INDEXED BY jobs_ready_owner WHERE ready = 1 GROUP BY kind, owner`,
		`SELECT kind, owner, 0, count(*), 0 FROM jobs INDEXED BY jobs_active WHERE status = 2 GROUP BY kind, owner`,
	} {
		lanes, err := t.countLanes(query)
		if err != nil {
			return err
		}
		all = append(all, lanes...)
	}
	t.lanes.load(all)
	return nil
}
