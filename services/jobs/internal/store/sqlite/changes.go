package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/column"
)

// Create implements job.Store.
func (s *Store) Create(ctx context.Context, j job.Job, requestID string, fingerprint []byte) (stored job.Job, replayed bool, err error) {
	created := s.CreateAll(ctx, []job.Creation{{Job: j, RequestID: requestID, Fingerprint: fingerprint}})[0]
	return created.Job, created.Replayed, created.Err
}

// CreateAll implements job.Store.
func (s *Store) CreateAll(ctx context.Context, all []job.Creation) []job.Created {
	results := make([]job.Created, len(all))
	err := s.changes.do(ctx, func(t *tx) error {
		for i := range all {
			if results[i] = t.create(&all[i]); t.broken != nil {
				return t.broken
			}
		}
		return nil
	})
	if err != nil {
		for i := range results {
			results[i] = job.Created{Err: err}
		}
	}
	return results
}

// errStored means that there is a job with this ID.
var errStored = errors.New("the job is stored already")

// create adds the job, or returns the one that the same request has created before. A job without a request ID is nearly always new, and
// storing it shows whether it is. A limit counts the job before that.
func (t *tx) create(c *job.Creation) job.Created {
	j := c.Job
	if c.RequestID == "" && j.Limit.Key == "" {
		if err := t.add(&j, "", c.Fingerprint); !errors.Is(err, errStored) {
			return job.Created{Job: j, Err: err}
		}
	}
	earlier, err := t.earlier(c.Job, c.RequestID, c.Fingerprint)
	switch {
	case err != nil:
		return job.Created{Err: err}
	case earlier != nil:
		return job.Created{Job: *earlier, Replayed: true}
	}
	err = t.add(&j, c.RequestID, c.Fingerprint)
	return job.Created{Job: j, Err: err}
}

// earlier returns the job that the same request has created before, or nil.
func (t *tx) earlier(j job.Job, requestID string, fingerprint []byte) (*job.Job, error) {
	var id string
	var stored []byte
	if requestID != "" {
		err := t.byRequest.QueryRowContext(t.ctx, j.Owner, requestID).Scan(&id, &stored)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, t.fail("look up request "+requestID, err)
		}
	}
	if id == "" {
		r, err := t.load(j.ID)
		if errors.Is(err, job.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if r.job.Owner != j.Owner {
			return nil, job.ErrRequestIDReused
		}
		id = r.job.ID
		if err := t.fingerprint.QueryRowContext(t.ctx, r.seq).Scan(&stored); err != nil {
			return nil, t.fail("read the fingerprint of job "+id, err)
		}
	}
	if !bytes.Equal(stored, fingerprint) {
		return nil, job.ErrRequestIDReused
	}
	r, err := t.load(id)
	return &r.job, err
}

func (t *tx) add(j *job.Job, requestID string, fingerprint []byte) error {
	labels, err := column.EncodeUnless(len(j.Labels) == 0, j.Labels)
	if err != nil {
		return fmt.Errorf("encode the labels of job %s: %w", j.ID, err)
	}
	progress, err := column.Encode(&j.Progress)
	if err != nil {
		return fmt.Errorf("encode the progress of job %s: %w", j.ID, err)
	}
	if err := t.gates.Follow(&job.Job{}, j); err != nil {
		return err
	}
	inserted, err := t.insert.ExecContext(t.ctx, j.ID, j.Kind, j.Owner, j.Title, j.Status, j.Ready(), j.Revision, j.Priority,
		labels, j.MaxAttempts, j.Backoff.Microseconds(), j.MaxBackoff.Microseconds(), column.Document(j.Payload), progress,
		column.Stamp(j.CreatedAt), column.Stamp(j.UpdatedAt), column.Stamp(j.NotBefore), column.Stamp(j.Deadline), column.Stamp(j.Due()),
		j.QueuePosition, column.Stamp(j.ReadyAt), requestID, fingerprint,
		j.Limit.Key, j.Limit.MaxActive, j.Limit.Interval.Microseconds(), j.Limited)
	if err != nil {
		return t.fail("store job "+j.ID, err)
	}
	if rows, err := inserted.RowsAffected(); err != nil || rows == 0 {
		return cmp.Or(err, errStored)
	}
	if len(j.Labels) > 0 {
		seq, err := inserted.LastInsertId()
		if err == nil {
			err = t.label(t.addLabel, seq, j)
		}
		if err != nil {
			return t.fail("store the labels of job "+j.ID, err)
		}
	}
	t.commit.Jobs = append(t.commit.Jobs, *j)
	t.commit.Was = append(t.commit.Was, 0)
	t.commit.WasReady = append(t.commit.WasReady, false)
	t.lanes.follow(&job.Job{}, j)
	return nil
}

// label adds or deletes the rows of the job's labels.
func (t *tx) label(stmt *sql.Stmt, seq int64, j *job.Job) error {
	for name, value := range j.Labels {
		if _, err := stmt.ExecContext(t.ctx, name, value, j.Owner, column.Stamp(j.CreatedAt), seq); err != nil {
			return err
		}
	}
	return nil
}

// Update implements job.Store.
func (s *Store) Update(ctx context.Context, ids []string, change func(i int, j *job.Job) error) ([]job.Job, []error) {
	jobs, errs := make([]job.Job, len(ids)), make([]error, len(ids))
	err := s.changes.do(ctx, func(t *tx) error {
		for i, id := range ids {
			if jobs[i], errs[i] = t.update(id, func(j *job.Job) error { return change(i, j) }); t.broken != nil {
				return t.broken
			}
		}
		return nil
	})
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
	}
	return jobs, errs
}

func (t *tx) update(id string, change func(*job.Job) error) (job.Job, error) {
	r, err := t.load(id)
	if err != nil {
		return job.Job{}, err
	}
	before := r.job
	if err := change(&r.job); err != nil {
		return job.Job{}, err
	}
	err = t.save(&before, &r)
	return r.job, err
}

// ExtendLeases implements job.Store.
func (s *Store) ExtendLeases(ctx context.Context, now time.Time, grace time.Duration) error {
	at := column.Stamp(job.Instant(now))
	return s.changes.do(ctx, func(t *tx) error {
		clear(t.active)
		_, err := t.extendLeases.ExecContext(t.ctx, at, grace.Microseconds())
		for _, stmt := range []*sql.Stmt{t.capBackoffs, t.capStarts} {
			if err == nil {
				_, err = stmt.ExecContext(t.ctx, at)
			}
		}
		if err != nil {
			return t.fail("extend the leases", err)
		}
		return nil
	})
}

// Delete implements job.Store.
func (s *Store) Delete(ctx context.Context, id string, allow func(*job.Job) error) error {
	return s.changes.do(ctx, func(t *tx) error {
		r, err := t.load(id)
		if err != nil {
			return err
		}
		if err := allow(&r.job); err != nil {
			return err
		}
		return t.remove(&r)
	})
}

// Purge implements job.Store.
func (s *Store) Purge(ctx context.Context, endedBefore time.Time, limit int) (purged int, err error) {
	err = s.changes.do(ctx, func(t *tx) error {
		rows, err := t.ended.QueryContext(t.ctx, column.Stamp(endedBefore), limit)
		if err != nil {
			return t.fail("look for jobs to purge", err)
		}
		old, err := scanAll(rows)
		if err != nil {
			return t.fail("read the jobs to purge", err)
		}
		for i := range old {
			if err := t.remove(&old[i]); err != nil {
				return err
			}
		}
		purged = len(old)
		if _, err := t.dropLimits.ExecContext(t.ctx, column.Stamp(endedBefore)); err != nil {
			return t.fail("delete unused limits", err)
		}
		return nil
	})
	return purged, err
}

func (t *tx) remove(r *row) error {
	for _, stmt := range []*sql.Stmt{t.unreference, t.deleteSegments, t.deleteOutput, t.deleteCheckpoint, t.deleteResult, t.deleteJob} {
		if _, err := stmt.ExecContext(t.ctx, r.seq); err != nil {
			return t.fail("delete job "+r.job.ID, err)
		}
	}
	if err := t.label(t.deleteLabel, r.seq, &r.job); err != nil {
		return t.fail("delete the labels of job "+r.job.ID, err)
	}
	t.commit.Deleted = append(t.commit.Deleted, job.Deleted{ID: r.job.ID, Owner: r.job.Owner, Kind: r.job.Kind, CreatedAt: r.job.CreatedAt})
	return nil
}
