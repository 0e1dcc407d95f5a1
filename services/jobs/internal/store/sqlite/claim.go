package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"headway/services/jobs/internal/job"
)

// candidate is a ready job that a claim may take.
type candidate struct {
	seq      int64
	id       string
	owner    string
	priority int32
}

// firstComesFirst orders candidates: higher priority first, then the older.
func firstComesFirst(a, b candidate) int {
	return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(a.seq, b.seq))
}

// Claim implements job.Store.
func (s *Store) Claim(ctx context.Context, c job.Claim) (claimed job.Claimed, err error) {
	err = s.changes.do(ctx, func(t *tx) error {
		claimed = job.Claimed{}
		var chosen []candidate
		for _, kind := range c.Kinds {
			found, capped, err := t.candidates(kind, c.Max, c.Cap)
			if err != nil {
				return err
			}
			chosen = append(chosen, found...)
			claimed.Capped = claimed.Capped || capped
		}
		slices.SortFunc(chosen, firstComesFirst)
		for _, one := range chosen[:min(len(chosen), c.Max)] {
			j, err := t.grant(one, &c)
			if isDamaged(err) {
				continue // the other jobs can be leased
			}
			if err != nil {
				return err
			}
			claimed.Jobs = append(claimed.Jobs, j)
		}
		return nil
	})
	return claimed, err
}

// lookAhead is how many more jobs than are asked for a claim looks at before it goes owner by owner.
const lookAhead = 32

// candidates returns the first ready jobs of a kind whose owners have fewer than most active jobs. 0 means no limit. capped
// reports whether it skipped others.
func (t *tx) candidates(kind string, limit, most int) (found []candidate, capped bool, err error) {
	look := limit
	if most > 0 {
		look += lookAhead
	}
	first, err := t.read(t.ready, kind, look)
	if err != nil {
		return nil, false, err
	}
	free := map[string]int{} // how many more each owner may have
	for _, one := range first {
		if len(found) == limit {
			return found, capped, nil
		}
		n, known := free[one.owner]
		if !known {
			if n, err = t.room(kind, one.owner, limit, most); err != nil {
				return nil, false, err
			}
		}
		if free[one.owner] = n - 1; n <= 0 {
			capped = true
			continue
		}
		found = append(found, one)
	}
	if len(found) == limit || len(first) < look {
		return found, capped, nil
	}
	found, err = t.candidatesByOwner(kind, limit, most)
	return found, true, err
}

// candidatesByOwner are the candidates, found without looking at the jobs of owners at their cap, of which there may be
// very many.
func (t *tx) candidatesByOwner(kind string, limit, most int) (found []candidate, err error) {
	owners, err := t.owners(kind)
	if err != nil {
		return nil, err
	}
	for _, owner := range owners {
		n, err := t.room(kind, owner, limit, most)
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			continue
		}
		theirs, err := t.read(t.readyOfOwner, kind, owner, n)
		if err != nil {
			return nil, err
		}
		found = append(found, theirs...)
	}
	slices.SortFunc(found, firstComesFirst)
	return found[:min(len(found), limit)], nil
}

// room is how many more jobs of the kind the owner may have, up to limit.
func (t *tx) room(kind, owner string, limit, most int) (int, error) {
	if most <= 0 {
		return limit, nil
	}
	var active int
	if err := t.countActive.QueryRowContext(t.ctx, kind, owner, most).Scan(&active); err != nil {
		return 0, t.fail("count the active jobs of an owner", err)
	}
	return min(most-active, limit), nil
}

// owners returns the owners of ready jobs of the kind.
func (t *tx) owners(kind string) ([]string, error) {
	rows, err := t.readyOwners.QueryContext(t.ctx, kind)
	if err != nil {
		return nil, t.fail("look for owners of ready jobs", err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var owner string
		if err := rows.Scan(&owner); err != nil {
			return nil, t.fail("read an owner", err)
		}
		all = append(all, owner)
	}
	if err := rows.Err(); err != nil {
		return nil, t.fail("read the owners", err)
	}
	return all, nil
}

// read returns the candidates that a statement finds.
func (t *tx) read(stmt *sql.Stmt, args ...any) ([]candidate, error) {
	rows, err := stmt.QueryContext(t.ctx, args...)
	if err != nil {
		return nil, t.fail("look for ready jobs", err)
	}
	defer rows.Close()
	var all []candidate
	for rows.Next() {
		var one candidate
		if err := rows.Scan(&one.seq, &one.id, &one.owner, &one.priority); err != nil {
			return nil, t.fail("read a ready job", err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, t.fail("read the ready jobs", err)
	}
	return all, nil
}

// grant leases the chosen job.
func (t *tx) grant(one candidate, c *job.Claim) (job.Job, error) {
	j, err := t.update(one.id, func(j *job.Job) error {
		j.Grant(c.Now(), c.Token(), c.Worker, c.Duration)
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
