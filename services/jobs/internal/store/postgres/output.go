package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/column"
)

// maxChunk is the size up to which a stored chunk of output grows, so that many small appends share one row.
const maxChunk = 16 << 10

// exec runs a statement of the transaction.
func (t *tx) exec(doing, statement string, args ...any) (affected int64, err error) {
	t.wrote = true
	tag, err := t.conn.Exec(t.ctx, statement, args...)
	if err != nil {
		return 0, t.fail(doing, err)
	}
	return tag.RowsAffected(), nil
}

// AppendOutput implements job.OutputStore.
func (s *Store) AppendOutput(ctx context.Context, id, token string, offset int64, data []byte, limit int64) (length int64, err error) {
	err = s.changes.do(&change{ctx: ctx, ids: []string{id}, sequence: true, run: func(t *tx) error {
		r, err := t.lockedRow(id)
		if errors.Is(err, job.ErrNotFound) {
			return job.ErrLeaseLost
		}
		if err != nil {
			return err
		}
		if err := r.job.Fence(token); err != nil {
			return err
		}
		length, err = t.append(r, offset, data, limit)
		return err
	}})
	return length, err
}

func (t *tx) append(r *row, offset int64, data []byte, limit int64) (int64, error) {
	tail := job.Tail{Begins: r.sealed, End: r.job.OutputBytes}
	end := tail.End
	known, fresh, err := tail.Split(offset, data)
	if err == nil {
		err = t.compare(r, offset, known)
	}
	if err != nil {
		return 0, err
	}
	if len(fresh) == 0 {
		return end, nil
	}
	if err := tail.Takes(fresh, limit); err != nil {
		return 0, err
	}
	// Write into the last chunk if there is room, and otherwise into a new one.
	n, err := t.exec("store output", `UPDATE output SET data = data || $2::bytea WHERE seq = $1 AND octet_length(data) + octet_length($2::bytea) <= $3
		AND begins_at = (SELECT max(begins_at) FROM output WHERE seq = $1)`, r.seq, fresh, maxChunk)
	if err == nil && n == 0 {
		_, err = t.exec("store output", `INSERT INTO output (seq, begins_at, data) VALUES ($1, $2, $3)`, r.seq, end, fresh)
	}
	if err != nil {
		return 0, err
	}
	end += int64(len(fresh))
	if _, err := t.exec("store the output's length", `INSERT INTO outputs AS o (seq, bytes, sealed) VALUES ($1, $2, 0)
		ON CONFLICT (seq) DO UPDATE SET bytes = EXCLUDED.bytes`, r.seq, end); err != nil {
		return 0, err
	}
	r.job.OutputBytes, r.stored.OutputBytes = end, end
	t.commit.Output = append(t.commit.Output, job.OutputGrowth{ID: r.job.ID, Length: end, Added: int64(len(fresh)), Tail: end - r.sealed})
	return end, nil
}

// compare returns job.ErrOutputConflict unless the stored bytes from offset on are data.
func (t *tx) compare(r *row, offset int64, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	rows, err := t.conn.Query(t.ctx, `SELECT begins_at, data FROM output WHERE seq = $1 AND begins_at < $2
		AND begins_at >= coalesce((SELECT max(begins_at) FROM output WHERE seq = $1 AND begins_at <= $3), 0) ORDER BY begins_at`,
		r.seq, offset+int64(len(data)), offset)
	if err != nil {
		return t.fail("read stored output", err)
	}
	var begins int64
	var chunk []byte
	same := true
	if _, err := pgx.ForEachRow(rows, []any{&begins, &chunk}, func() error {
		if begins < offset {
			chunk = chunk[min(offset-begins, int64(len(chunk))):]
			begins = offset
		}
		here := data[begins-offset:]
		n := min(len(here), len(chunk))
		same = same && bytes.Equal(here[:n], chunk[:n])
		return nil
	}); err != nil {
		return t.fail("read stored output", err)
	}
	if !same {
		return job.ErrOutputConflict
	}
	return nil
}

// ReadOutput implements job.OutputStore.
func (s *Store) ReadOutput(ctx context.Context, id string, offset int64, limit int) (found job.Range, err error) {
	if hasNUL(id) {
		return job.Range{}, job.ErrNotFound
	}
	err = s.read(ctx, func(ctx context.Context) (err error) { found, err = s.readOutput(ctx, id, offset, limit); return err })
	return found, err
}

func (s *Store) readOutput(ctx context.Context, id string, offset int64, limit int) (job.Range, error) {
	var seq, length, sealed int64
	err := s.reads.QueryRow(ctx, `SELECT j.seq, coalesce(o.bytes, 0), coalesce(o.sealed, 0)
		FROM jobs AS j LEFT JOIN outputs AS o ON o.seq = j.seq WHERE j.id = $1`, id).Scan(&seq, &length, &sealed)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return job.Range{}, job.ErrNotFound
	case err != nil:
		return job.Range{}, fmt.Errorf("read the output's length: %w", err)
	case offset > length:
		return job.Range{}, &job.OutputGapError{End: length}
	case offset == length:
		return job.Range{}, nil
	}
	if offset >= sealed {
		var data []byte
		err = s.reads.QueryRow(ctx, `SELECT substring(data FROM ($2 - begins_at + 1)::integer FOR $3::integer) FROM output
			WHERE seq = $1 AND begins_at <= $2 ORDER BY begins_at DESC LIMIT 1`, seq, offset, limit).Scan(&data)
		switch {
		case err == nil && len(data) == 0:
			return job.Range{}, fmt.Errorf("read output of job %s: nothing is stored at byte %d of %d", id, offset, length)
		case err == nil:
			return job.Range{Data: data}, nil
		case !errors.Is(err, pgx.ErrNoRows):
			return job.Range{}, fmt.Errorf("read output: %w", err)
		}
		// It was sealed between the two reads, or the job was deleted.
	}
	var segment job.Segment
	err = s.reads.QueryRow(ctx, `SELECT begins_at, length, key FROM output_segments
		WHERE seq = $1 AND begins_at <= $2 ORDER BY begins_at DESC LIMIT 1`, seq, offset).Scan(&segment.Begins, &segment.Length, &segment.Key)
	if errors.Is(err, pgx.ErrNoRows) {
		return job.Range{}, job.ErrNotFound // deleted in the meantime
	}
	if err != nil {
		return job.Range{}, fmt.Errorf("look up a segment of output: %w", err)
	}
	return job.Range{Segment: &segment}, nil
}

// Tail implements job.OutputStore.
func (s *Store) Tail(ctx context.Context, id string) (tail job.Tail, err error) {
	if hasNUL(id) {
		return job.Tail{}, job.ErrNotFound
	}
	err = s.read(ctx, func(ctx context.Context) error {
		err := s.reads.QueryRow(ctx, `SELECT coalesce(o.sealed, 0), coalesce(o.bytes, 0)
			FROM jobs AS j LEFT JOIN outputs AS o ON o.seq = j.seq WHERE j.id = $1`, id).Scan(&tail.Begins, &tail.End)
		if errors.Is(err, pgx.ErrNoRows) {
			return job.ErrNotFound
		}
		return err
	})
	return tail, err
}

// LongTails implements job.OutputStore.
func (s *Store) LongTails(ctx context.Context, atLeast int64, limit int) ([]string, error) {
	return s.texts(ctx, `SELECT j.id FROM outputs AS o JOIN jobs AS j ON j.seq = o.seq
		WHERE o.bytes - o.sealed > 65536 AND o.bytes - o.sealed >= $1 ORDER BY o.bytes - o.sealed DESC LIMIT $2`, atLeast, limit)
}

// Unreferenced implements job.OutputStore.
func (s *Store) Unreferenced(ctx context.Context, now time.Time, limit int) ([]string, error) {
	expired, err := s.texts(ctx, `SELECT key FROM unreferenced_blobs WHERE since > 0 AND since <= $1 LIMIT 1`, column.Stamp(now))
	if err == nil && len(expired) > 0 {
		err = s.changes.do(&change{ctx: ctx, sequence: true, run: func(t *tx) error {
			_, err := t.exec("end the reservations of blobs", `UPDATE unreferenced_blobs SET since = 0 WHERE since > 0 AND since <= $1`, column.Stamp(now))
			return err
		}})
	}
	if err != nil {
		return nil, err
	}
	return s.texts(ctx, `SELECT key FROM unreferenced_blobs WHERE since = 0 LIMIT $1`, limit)
}

// Reserve implements job.OutputStore.
func (s *Store) Reserve(ctx context.Context, key string, until time.Time) error {
	return s.changes.do(&change{ctx: ctx, sequence: true, run: func(t *tx) error {
		_, err := t.exec("reserve blob "+key, `INSERT INTO unreferenced_blobs (key, since) VALUES ($1, $2)`, key, column.Stamp(until))
		return err
	}})
}

// Forget implements job.OutputStore.
func (s *Store) Forget(ctx context.Context, keys []string) error {
	return s.changes.do(&change{ctx: ctx, sequence: true, run: func(t *tx) error {
		_, err := t.exec("forget blobs", `DELETE FROM unreferenced_blobs WHERE key = ANY($1)`, keys)
		return err
	}})
}

// Seal implements job.OutputStore.
func (s *Store) Seal(ctx context.Context, id string, segment job.Segment) error {
	return s.changes.do(&change{ctx: ctx, ids: []string{id}, sequence: true, run: func(t *tx) error {
		r, err := t.lockedRow(id)
		if err != nil {
			return err
		}
		if segment.Begins != r.sealed || segment.Length <= 0 || segment.Begins+segment.Length > r.job.OutputBytes {
			return job.ErrNotSealed
		}
		n, err := t.exec("take blob "+segment.Key, `DELETE FROM unreferenced_blobs WHERE key = $1 AND since > 0`, segment.Key)
		if err != nil {
			return err
		}
		if n == 0 {
			return job.ErrNotSealed
		}
		return t.replace(r, segment)
	}})
}

// replace replaces chunks of output with the segment that contains them.
func (t *tx) replace(r *row, segment job.Segment) error {
	end := segment.Begins + segment.Length
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO output_segments (seq, begins_at, length, key) VALUES ($1, $2, $3, $4)`, r.seq, segment.Begins, segment.Length, segment.Key)
	b.Queue(`DELETE FROM output WHERE seq = $1 AND begins_at + octet_length(data) <= $2`, r.seq, end)
	b.Queue(`UPDATE output SET data = substring(data FROM ($2 - begins_at + 1)::integer), begins_at = $2 WHERE seq = $1 AND begins_at < $2`, r.seq, end)
	b.Queue(`UPDATE outputs SET sealed = $2 WHERE seq = $1`, r.seq, end)
	if err := t.conn.SendBatch(t.ctx, b).Close(); err != nil {
		return t.fail("seal output", err)
	}
	r.sealed = end
	return nil
}
