package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/column"
)

// Tail implements job.OutputStore.
func (s *Store) Tail(ctx context.Context, id string) (tail job.Tail, err error) {
	err = s.reads.QueryRowContext(ctx, `SELECT output_sealed, output_bytes FROM jobs WHERE id = ?`, id).Scan(&tail.Begins, &tail.End)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return job.Tail{}, job.ErrNotFound
	case err != nil:
		return job.Tail{}, fmt.Errorf("read the output's length: %w", err)
	}
	return tail, nil
}

// LongTails implements job.OutputStore.
func (s *Store) LongTails(ctx context.Context, atLeast int64, limit int) ([]string, error) {
	return s.texts(ctx, "look for long outputs", `SELECT id FROM jobs INDEXED BY jobs_unsealed
		WHERE output_bytes - output_sealed > 65536 AND output_bytes - output_sealed >= ?
		ORDER BY output_bytes - output_sealed DESC LIMIT ?`, atLeast, limit)
}

// Unreferenced implements job.OutputStore.
func (s *Store) Unreferenced(ctx context.Context, now time.Time, limit int) ([]string, error) {
	const look = "look for unreferenced blobs"
	expired, err := s.texts(ctx, look, `SELECT key FROM unreferenced_blobs WHERE since > 0 AND since <= ? LIMIT 1`, column.Stamp(now))
	if err == nil && len(expired) > 0 {
		err = s.changes.do(ctx, func(t *tx) error {
			if _, err := t.expire.ExecContext(t.ctx, column.Stamp(now)); err != nil {
				return t.fail("end the reservations of blobs", err)
			}
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	return s.texts(ctx, look, `SELECT key FROM unreferenced_blobs WHERE since = 0 LIMIT ?`, limit)
}

// texts returns the single column of a query.
func (s *Store) texts(ctx context.Context, doing, query string, args ...any) ([]string, error) {
	rows, err := s.reads.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
		all = append(all, text)
	}
	return all, rows.Err()
}

// Reserve implements job.OutputStore.
func (s *Store) Reserve(ctx context.Context, key string, until time.Time) error {
	return s.changes.do(ctx, func(t *tx) error {
		if _, err := t.reserve.ExecContext(t.ctx, key, column.Stamp(until)); err != nil {
			return t.fail("reserve blob "+key, err)
		}
		return nil
	})
}

// Forget implements job.OutputStore.
func (s *Store) Forget(ctx context.Context, keys []string) error {
	return s.changes.do(ctx, func(t *tx) error {
		for _, key := range keys {
			if _, err := t.forgetBlob.ExecContext(t.ctx, key); err != nil {
				return t.fail("forget blob "+key, err)
			}
		}
		return nil
	})
}

// Seal implements job.OutputStore.
func (s *Store) Seal(ctx context.Context, id string, segment job.Segment) error {
	return s.changes.do(ctx, func(t *tx) error {
		r, err := t.load(id)
		if err != nil {
			return err
		}
		if segment.Begins != r.sealed || segment.Length <= 0 || segment.Begins+segment.Length > r.job.OutputBytes {
			return job.ErrNotSealed
		}
		taken, err := t.unreserve.ExecContext(t.ctx, segment.Key)
		if err != nil {
			return t.fail("take blob "+segment.Key, err)
		}
		if n, err := taken.RowsAffected(); err != nil {
			return t.fail("take blob "+segment.Key, err)
		} else if n == 0 {
			return job.ErrNotSealed
		}
		delete(t.active, id)
		return t.replace(r.seq, segment)
	})
}

// replace replaces chunks of output with the segment that contains them.
func (t *tx) replace(seq int64, segment job.Segment) error {
	end := segment.Begins + segment.Length
	if _, err := t.addSegment.ExecContext(t.ctx, seq, segment.Begins, segment.Length, segment.Key); err != nil {
		return t.fail("store a segment of output", err)
	}
	if _, err := t.dropPieces.ExecContext(t.ctx, seq, end); err != nil {
		return t.fail("remove sealed chunks of output", err)
	}
	if _, err := t.setSealed.ExecContext(t.ctx, end, seq); err != nil {
		return t.fail("note where the output's tail begins", err)
	}
	var begins int64
	switch err := t.firstPiece.QueryRowContext(t.ctx, seq).Scan(&begins); {
	case errors.Is(err, sql.ErrNoRows) || err == nil && begins >= end:
		return nil
	case err != nil:
		return t.fail("look up the first chunk of output", err)
	}
	if _, err := t.cutPiece.ExecContext(t.ctx, end, seq, begins); err != nil {
		return t.fail("cut a chunk of output", err)
	}
	return nil
}
