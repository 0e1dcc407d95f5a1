package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/column"
)

// loadGate locks and reads the state of a limit. A new one is stored first, so that two replicas can't both begin one.
func (t *tx) loadGate(of job.GateKey) (g job.Gate, err error) {
	var interval, next int64
	read := func() error {
		return t.conn.QueryRow(t.ctx, `SELECT max_active, interval, admitted, ready, held, next_start FROM limits
			WHERE owner = $1 AND key = $2 FOR UPDATE`, of.Owner, of.Key).Scan(&g.MaxActive, &interval, &g.Admitted, &g.Ready, &g.Held, &next)
	}
	if err = read(); errors.Is(err, pgx.ErrNoRows) {
		_, err = t.conn.Exec(t.ctx, `INSERT INTO limits (owner, key, max_active, interval, admitted, ready, held, next_start, due_at)
			VALUES ($1, $2, 0, 0, 0, 0, 0, 0, 0) ON CONFLICT (owner, key) DO NOTHING`, of.Owner, of.Key)
		if err == nil {
			err = read()
		}
	}
	if err != nil {
		return g, t.fail("read a limit", err)
	}
	g.Interval, g.NextStart = column.Micros(interval), column.Instant(next)
	return g, nil
}

// openGates makes jobs ready whose limits have room.
func (t *tx) openGates() error {
	for {
		open := t.gates.Openings()
		if len(open) == 0 {
			break
		}
		if err := t.flush(); err != nil { // admit reads the waiting jobs
			return err
		}
		for of, n := range open {
			if err := t.admit(of, n); err != nil {
				return err
			}
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
	rows, err := t.conn.Query(t.ctx, `SELECT id FROM jobs WHERE limited AND owner = $1 AND limit_key = $2 ORDER BY `+rank+`, seq LIMIT $3`, of.Owner, of.Key, n)
	if err != nil {
		return t.fail("look for jobs that wait for a limit", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return t.fail("read the jobs that wait for a limit", err)
	}
	if len(ids) == 0 {
		g.Held = 0 // its count is wrong
	}
	if err := t.load(ids); err != nil {
		return err
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

// queueGates stores the limits of this transaction.
func (t *tx) queueGates(b *pgx.Batch) {
	for of, g := range t.gates.All() {
		t.wrote = true
		b.Queue(`INSERT INTO limits (owner, key, max_active, interval, admitted, ready, held, next_start, due_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (owner, key) DO UPDATE SET max_active = EXCLUDED.max_active,
			interval = EXCLUDED.interval, admitted = EXCLUDED.admitted, ready = EXCLUDED.ready, held = EXCLUDED.held,
			next_start = EXCLUDED.next_start, due_at = EXCLUDED.due_at`, of.Owner, of.Key, g.MaxActive, g.Interval.Microseconds(),
			g.Admitted, g.Ready, g.Held, column.Stamp(g.NextStart), column.Stamp(g.Due()))
	}
}

// Admit implements job.Store.
func (s *Store) Admit(ctx context.Context, now time.Time, limits int) error {
	now = job.Instant(now)
	var due []job.GateKey
	err := s.read(ctx, func(ctx context.Context) error {
		rows, err := s.reads.Query(ctx, `SELECT owner, key FROM limits WHERE due_at > 0 AND due_at <= $1 LIMIT $2`, column.Stamp(now), limits)
		if err != nil {
			return err
		}
		due, err = pgx.CollectRows(rows, pgx.RowToStructByPos[job.GateKey])
		return err
	})
	if err != nil || len(due) == 0 {
		return err
	}
	return s.changes.do(&change{ctx: ctx, sequence: true, run: func(t *tx) error {
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
	}})
}
