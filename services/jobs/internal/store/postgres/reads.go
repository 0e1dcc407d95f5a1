package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/column"
)

// Get implements job.Store.
func (s *Store) Get(ctx context.Context, id string) (j job.Job, err error) {
	if hasNUL(id) {
		return job.Job{}, job.ErrNotFound
	}
	err = s.read(ctx, func(ctx context.Context) error {
		r, err := scan(s.reads.QueryRow(ctx, `SELECT `+selected+fromJobs+` WHERE j.id = $1`, id))
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return job.ErrNotFound
		case err != nil:
			return fmt.Errorf("read job %s: %w", id, err)
		}
		j = r.job
		return r.err
	})
	return j, err
}

// GetAll implements job.Store.
func (s *Store) GetAll(ctx context.Context, ids []string) (jobs []job.Job, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		rows, err := s.reads.Query(ctx, `SELECT `+selected+fromJobs+` WHERE j.id = ANY($1)`, ids)
		if err != nil {
			return fmt.Errorf("read %d jobs: %w", len(ids), err)
		}
		found, err := scanAll(rows)
		jobs = make([]job.Job, 0, len(found))
		for _, r := range found {
			if r.err == nil {
				jobs = append(jobs, r.job)
			}
		}
		return err
	})
	return jobs, err
}

// Result implements job.Store.
func (s *Store) Result(ctx context.Context, id string) (result json.RawMessage, err error) {
	if hasNUL(id) {
		return nil, job.ErrNotFound
	}
	err = s.read(ctx, func(ctx context.Context) error {
		var text []byte
		err := s.reads.QueryRow(ctx, `SELECT r.data FROM jobs AS j JOIN results AS r ON r.seq = j.seq WHERE j.id = $1`, id).Scan(&text)
		if errors.Is(err, pgx.ErrNoRows) {
			return job.ErrNotFound
		}
		result = text
		return err
	})
	return result, err
}

// CountLive implements job.Store.
func (s *Store) CountLive(ctx context.Context) (counts map[string]map[job.Status]int, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		counts = map[string]map[job.Status]int{}
		rows, err := s.reads.Query(ctx, `SELECT kind, status, count(*) FROM jobs WHERE phase IN (1, 3) GROUP BY kind, status`)
		if err != nil {
			return err
		}
		var kind string
		var status job.Status
		var n int
		_, err = pgx.ForEachRow(rows, []any{&kind, &status, &n}, func() error {
			if counts[kind] == nil {
				counts[kind] = map[job.Status]int{}
			}
			counts[kind][status] = n
			return nil
		})
		return err
	})
	return counts, err
}

// CountOwner implements job.Store.
func (s *Store) CountOwner(ctx context.Context, owner string) (n int64, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		return s.reads.QueryRow(ctx, `SELECT count(*) FROM jobs WHERE owner = $1 AND phase IN (1, 3)`, owner).Scan(&n)
	})
	return n, err
}

// CountOutput implements job.Store.
func (s *Store) CountOutput(ctx context.Context, owner string) (n int64, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		return s.reads.QueryRow(ctx, `SELECT coalesce(sum(o.bytes), 0)::bigint FROM jobs AS j JOIN outputs AS o ON o.seq = j.seq WHERE j.owner = $1`, owner).Scan(&n)
	})
	return n, err
}

// Due implements job.Store.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return s.texts(ctx, `SELECT id FROM (
		(SELECT id, due_at FROM jobs WHERE due_at > 0 AND due_at <= $1 ORDER BY due_at LIMIT $2)
		UNION ALL
		(SELECT j.id, r.due_at FROM runs AS r JOIN jobs AS j ON j.seq = r.seq WHERE r.due_at > 0 AND r.due_at <= $1 ORDER BY r.due_at LIMIT $2)
		) AS due ORDER BY due_at LIMIT $2`, column.Stamp(job.Instant(now)), limit)
}

// NextDue implements job.Store.
func (s *Store) NextDue(ctx context.Context) (due time.Time, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		var at int64
		err := s.reads.QueryRow(ctx, `SELECT coalesce(least((SELECT min(due_at) FROM jobs WHERE due_at > 0),
			(SELECT min(due_at) FROM runs WHERE due_at > 0), (SELECT min(due_at) FROM limits WHERE due_at > 0)), 0)`).Scan(&at)
		due = column.Instant(at)
		return err
	})
	return due, err
}

// texts returns the single column of a query.
func (s *Store) texts(ctx context.Context, query string, args ...any) (all []string, err error) {
	err = s.read(ctx, func(ctx context.Context) error {
		rows, err := s.reads.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return all, err
}
