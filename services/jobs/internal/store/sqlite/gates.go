package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/column"
)

// loadGate reads the state of a limit.
func (t *tx) loadGate(of job.GateKey) (g job.Gate, err error) {
	var interval, next int64
	err = t.readLimit.QueryRowContext(t.ctx, of.Owner, of.Key).Scan(&g.MaxActive, &interval, &g.Admitted, &g.Ready, &g.Held, &next)
	if errors.Is(err, sql.ErrNoRows) {
		return g, nil
	}
	if err != nil {
		return g, t.fail("read a limit", err)
	}
	g.Interval, g.NextStart = column.Micros(interval), column.Instant(next)
	return g, nil
}

// openGates makes jobs ready whose limits have room, and stores the limits.
func (t *tx) openGates() error {
	for {
		open := t.gates.Openings()
		if len(open) == 0 {
			break
		}
		for of, n := range open {
			if err := t.admit(of, n); err != nil {
				return err
			}
		}
	}
	for of, g := range t.gates.All() {
		if _, err := t.writeLimit.ExecContext(t.ctx, of.Owner, of.Key, g.MaxActive, g.Interval.Microseconds(), g.Admitted, g.Ready, g.Held,
			column.Stamp(g.NextStart), column.Stamp(g.Due())); err != nil {
			return t.fail("store a limit", err)
		}
	}
	t.commit.Due = t.gates.Due()
	return nil
}

// admit makes the first jobs ready that wait for a limit.
func (t *tx) admit(of job.GateKey, n int) error {
	g, err := t.gates.Get(of)
	if err != nil {
		return err
	}
	ids, err := t.limitedJobs(of, n)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		g.Held = 0 // its count is wrong
	}
	for _, id := range ids {
		_, err := t.update(id, func(j *job.Job) error { j.Admit(g.Now); return nil })
		if t.broken != nil {
			return t.broken
		}
		if err != nil {
			g.Held-- // it cannot be decoded, and must not keep the others waiting
		}
	}
	return nil
}

// limitedJobs returns the first jobs that wait for a limit.
func (t *tx) limitedJobs(of job.GateKey, n int) (ids []string, err error) {
	rows, err := t.limited.QueryContext(t.ctx, of.Owner, of.Key, n)
	if err != nil {
		return nil, t.fail("look for jobs that wait for a limit", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, t.fail("read a job that waits for a limit", err)
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return nil, t.fail("read the jobs that wait for a limit", err)
	}
	return ids, nil
}

// Admit implements job.Store.
func (s *Store) Admit(ctx context.Context, now time.Time, limits int) error {
	now = job.Instant(now)
	due, err := s.dueLimits(ctx, now, limits)
	if err != nil || len(due) == 0 {
		return err
	}
	return s.changes.do(ctx, func(t *tx) error {
		for _, of := range due {
			g, err := t.gates.Get(of)
			if err != nil {
				return err
			}
			if g.Now.Before(now) {
				g.Now = now
			}
		}
		return nil
	})
}

func (s *Store) dueLimits(ctx context.Context, now time.Time, limit int) (due []job.GateKey, err error) {
	rows, err := s.reads.QueryContext(ctx, `SELECT owner, key FROM limits INDEXED BY limits_due WHERE due_at > 0 AND due_at <= ? LIMIT ?`, column.Stamp(now), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var of job.GateKey
		if err := rows.Scan(&of.Owner, &of.Key); err != nil {
			return nil, err
		}
		due = append(due, of)
	}
	return due, rows.Err()
}
