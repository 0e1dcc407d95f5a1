package postgres

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/column"
)

// request is a request ID of an owner.
type request struct{ owner, id string }

// known is a stored job that a creation might repeat.
type known struct {
	id, owner   string
	fingerprint []byte
}

// earlier are the jobs that the creations of a transaction might repeat.
type earlier struct {
	requests map[request]known
	byID     map[string]known
}

// found returns the jobs that requests have created before.
func (e *earlier) found() []string {
	ids := make([]string, 0, len(e.requests))
	for _, k := range e.requests {
		ids = append(ids, k.id)
	}
	return ids
}

// lookups has the requests and jobs that the creations of a transaction might repeat.
type lookups struct{ ids, owners, requests []string }

func (l *lookups) add(c *job.Creation) {
	l.ids = append(l.ids, c.Job.ID)
	if c.RequestID != "" {
		l.owners, l.requests = append(l.owners, c.Job.Owner), append(l.requests, c.RequestID)
	}
}

// queueLookups finds the jobs that the creations might repeat.
func (t *tx) queueLookups(b *pgx.Batch, l *lookups) {
	t.requests, t.byID = map[request]known{}, map[string]known{}
	if len(l.requests) > 0 {
		b.Queue(`SELECT j.request_id, j.id, j.owner, j.fingerprint FROM unnest($1::text[], $2::text[]) AS u(owner, request)
			JOIN jobs AS j ON j.owner = u.owner AND j.request_id = u.request AND j.request_id <> ''`, l.owners, l.requests).
			Query(func(rows pgx.Rows) error {
				defer rows.Close()
				for rows.Next() {
					var id string
					var k known
					if err := rows.Scan(&id, &k.id, &k.owner, &k.fingerprint); err != nil {
						return err
					}
					t.requests[request{k.owner, id}] = k
				}
				return rows.Err()
			})
	}
	if len(l.ids) > 0 {
		b.Queue(`SELECT id, owner, fingerprint FROM jobs WHERE id = ANY($1)`, l.ids).Query(func(rows pgx.Rows) error {
			defer rows.Close()
			for rows.Next() {
				var k known
				if err := rows.Scan(&k.id, &k.owner, &k.fingerprint); err != nil {
					return err
				}
				t.byID[k.id] = k
			}
			return rows.Err()
		})
	}
}

// Create implements job.Store.
func (s *Store) Create(ctx context.Context, j job.Job, requestID string, fingerprint []byte) (result job.Job, replayed bool, err error) {
	created := s.CreateAll(ctx, []job.Creation{{Job: j, RequestID: requestID, Fingerprint: fingerprint}})[0]
	return created.Job, created.Replayed, created.Err
}

// CreateAll implements job.Store.
func (s *Store) CreateAll(ctx context.Context, all []job.Creation) []job.Created {
	results := make([]job.Created, len(all))
	err := s.changes.do(&change{ctx: ctx, creates: all, run: func(t *tx) error {
		for i := range all {
			r := &results[i]
			if r.Job, r.Replayed, r.Err = t.create(&all[i]); t.broken != nil {
				return t.broken
			}
		}
		return nil
	}})
	if err != nil {
		for i := range results {
			results[i] = job.Created{Err: err}
		}
	}
	return results
}

// create adds the job, or returns the one that the same request has created before.
func (t *tx) create(c *job.Creation) (result job.Job, replayed bool, err error) {
	k, found := t.requests[request{c.Job.Owner, c.RequestID}]
	if c.RequestID == "" || !found {
		k, found = t.byID[c.Job.ID]
	}
	if found {
		if k.owner != c.Job.Owner || !bytes.Equal(k.fingerprint, c.Fingerprint) {
			return job.Job{}, false, job.ErrRequestIDReused
		}
		r, err := t.lockedRow(k.id)
		if err != nil {
			return job.Job{}, false, err
		}
		return r.job, true, nil
	}
	r := &row{job: c.Job, isNew: true, held: true, requestID: c.RequestID, fingerprint: c.Fingerprint}
	if err := r.encode(&c.Job); err != nil {
		return job.Job{}, false, err
	}
	if err := t.gates.Follow(&job.Job{}, &r.job); err != nil {
		return job.Job{}, false, err
	}
	t.rows[c.Job.ID] = r
	k = known{c.Job.ID, c.Job.Owner, c.Fingerprint}
	t.byID[k.id] = k
	if c.RequestID != "" {
		t.requests[request{k.owner, c.RequestID}] = k
	}
	t.touch(r)
	t.count(&job.Job{}, &r.job)
	t.tell(&job.Job{}, &r.job)
	return r.job, false, nil
}

// Update implements job.Store.
func (s *Store) Update(ctx context.Context, ids []string, fn func(i int, j *job.Job) error) ([]job.Job, []error) {
	jobs, errs := make([]job.Job, len(ids)), make([]error, len(ids))
	err := s.changes.do(&change{ctx: ctx, ids: ids, run: func(t *tx) error {
		for i, id := range ids {
			if jobs[i], errs[i] = t.update(id, func(j *job.Job) error { return fn(i, j) }); t.broken != nil {
				return t.broken
			}
		}
		return nil
	}})
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
	}
	return jobs, errs
}

// ExtendLeases implements job.Store.
func (s *Store) ExtendLeases(ctx context.Context, now time.Time, grace time.Duration) error {
	return s.changes.do(&change{ctx: ctx, sequence: true, run: func(t *tx) error {
		t.wrote = true
		if err := extendLeases(t.ctx, t.conn, now, grace); err != nil {
			return t.fail("extend the leases", err)
		}
		ids := slices.Collect(maps.Keys(t.rows))
		clear(t.rows) // they are outdated
		clear(t.active)
		return t.load(ids)
	}})
}

// executor is a connection in a transaction.
type executor interface {
	Exec(ctx context.Context, query string, args ...any) (pgconn.CommandTag, error)
}

// longestBackoff is the backoff before the next attempt, without its jitter: it doubles with each attempt, up to its maximum. In one step,
// a backoff of a day would exceed 64 bits.
const longestBackoff = `least(max_backoff, least(max_backoff, backoff << least(attempt - 1, 26)::integer) << least(greatest(attempt - 27, 0), 11)::integer)`

// extendLeases is ExtendLeases in a transaction.
func extendLeases(ctx context.Context, conn executor, now time.Time, grace time.Duration) error {
	at := column.Stamp(job.Instant(now))
	_, err := conn.Exec(ctx, `UPDATE runs AS r SET lease_expires_at = $1 + j.lease_duration, cancel_by = CASE WHEN r.cancel_by > 0 THEN $2::bigint ELSE 0 END,
		due_at = least($1 + j.lease_duration, nullif(j.deadline, 0), CASE WHEN r.cancel_by > 0 THEN $2::bigint END)
		FROM jobs AS j WHERE j.seq = r.seq`, at, at+grace.Microseconds())
	if err != nil {
		return err
	}
	for _, statement := range []string{
		`UPDATE jobs SET not_before = $1 + ` + longestBackoff + `, due_at = least($1 + ` + longestBackoff + `, nullif(deadline, 0))
			WHERE due_at > 0 AND status = 1 AND attempt > 0 AND not_before > $1 + ` + longestBackoff,
		`UPDATE limits SET next_start = least(next_start, $1 + interval), due_at = CASE WHEN due_at > 0 THEN least(due_at, $1 + interval) ELSE 0 END
			WHERE next_start > $1 + interval`,
	} {
		if _, err := conn.Exec(ctx, statement, at); err != nil {
			return err
		}
	}
	return nil
}

// Delete implements job.Store.
func (s *Store) Delete(ctx context.Context, id string, allow func(*job.Job) error) error {
	return s.changes.do(&change{ctx: ctx, ids: []string{id}, sequence: true, run: func(t *tx) error {
		r, err := t.lockedRow(id)
		if err != nil {
			return err
		}
		j := r.job
		if err := allow(&j); err != nil {
			return err
		}
		return t.remove([]*row{r})
	}})
}

// Purge implements job.Store.
func (s *Store) Purge(ctx context.Context, endedBefore time.Time, limit int) (purged int, err error) {
	err = s.changes.do(&change{ctx: ctx, sequence: true, run: func(t *tx) error {
		rows, err := t.conn.Query(t.ctx, `SELECT `+selected+` FROM (SELECT jobs.xmin, jobs.* FROM jobs WHERE completed_at > 0 AND completed_at < $1
			ORDER BY completed_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS j`+joins, column.Stamp(endedBefore), limit)
		if err != nil {
			return t.fail("look for jobs to purge", err)
		}
		old, err := scanAll(rows)
		if err != nil {
			return t.fail("read the jobs to purge", err)
		}
		purged = len(old)
		if err := t.remove(old); err != nil {
			return err
		}
		if _, err := t.conn.Exec(t.ctx, `DELETE FROM limits WHERE admitted = 0 AND held = 0 AND next_start < $1`, column.Stamp(endedBefore)); err != nil {
			return t.fail("delete unused limits", err)
		}
		if err := t.dropDeadReplicas(); err != nil {
			return err
		}
		return t.dropEmptyLanes()
	}})
	return purged, err
}

// remove deletes jobs with all their data. Their blobs become unreferenced.
func (t *tx) remove(old []*row) error {
	if len(old) == 0 {
		return nil
	}
	t.wrote = true
	seqs := make([]int64, len(old))
	for i, r := range old {
		seqs[i] = r.seq
	}
	b := &pgx.Batch{}
	for _, statement := range []string{
		`INSERT INTO unreferenced_blobs (key, since) SELECT key, 0 FROM output_segments WHERE seq = ANY($1)`,
		`DELETE FROM output WHERE seq = ANY($1)`,
		`DELETE FROM outputs WHERE seq = ANY($1)`,
		`DELETE FROM runs WHERE seq = ANY($1)`,
		`DELETE FROM jobs WHERE seq = ANY($1)`, // and the rows that refer to them
	} {
		b.Queue(statement, seqs)
	}
	if err := t.conn.SendBatch(t.ctx, b).Close(); err != nil {
		return t.fail("delete jobs", err)
	}
	for _, r := range old {
		delete(t.rows, r.job.ID)
		t.commit.Deleted = append(t.commit.Deleted, job.Deleted{ID: r.job.ID, Owner: r.job.Owner, Kind: r.job.Kind, CreatedAt: r.job.CreatedAt})
	}
	return nil
}
