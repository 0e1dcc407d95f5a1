package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"

	"headway/services/jobs/internal/job"
)

// maxChunk is the size up to which a stored chunk of output grows, so that many small appends share one row.
const maxChunk = 16 << 10

// AppendOutput implements job.OutputStore.
func (s *Store) AppendOutput(ctx context.Context, id, token string, offset int64, data []byte, limit int64) (length int64, err error) {
	err = s.changes.do(ctx, func(t *tx) error {
		r, err := t.load(id)
		if errors.Is(err, job.ErrNotFound) {
			return job.ErrLeaseLost
		}
		if err != nil {
			return err
		}
		if err := r.job.Fence(token); err != nil {
			return err
		}
		length, err = t.append(&r, offset, data, limit)
		return err
	})
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
	if err := t.store(r, end, fresh); err != nil {
		return 0, err
	}
	end += int64(len(fresh))
	delete(t.active, r.job.ID)
	if _, err := t.setOutputBytes.ExecContext(t.ctx, end, r.seq); err != nil {
		return 0, t.fail("note the output's length", err)
	}
	t.commit.Output = append(t.commit.Output, job.OutputGrowth{ID: r.job.ID, Length: end, Added: int64(len(fresh)), Tail: end - r.sealed})
	return end, nil
}

// compare returns job.ErrOutputConflict unless the stored bytes from offset on are data.
func (t *tx) compare(r *row, offset int64, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	rows, err := t.overlap.QueryContext(t.ctx, r.seq, offset+int64(len(data)), r.seq, offset)
	if err != nil {
		return t.fail("read stored output", err)
	}
	defer rows.Close()
	for rows.Next() {
		var begins int64
		var piece []byte
		if err := rows.Scan(&begins, &piece); err != nil {
			return t.fail("read stored output", err)
		}
		if begins < offset {
			piece = piece[min(offset-begins, int64(len(piece))):]
			begins = offset
		}
		here := data[begins-offset:]
		n := min(len(here), len(piece))
		if !bytes.Equal(here[:n], piece[:n]) {
			return job.ErrOutputConflict
		}
	}
	if err := rows.Err(); err != nil {
		return t.fail("read stored output", err)
	}
	return nil
}

// store writes data at the end, into the last chunk if there is room.
func (t *tx) store(r *row, end int64, data []byte) error {
	var begins int64
	var size int
	err := t.lastPiece.QueryRowContext(t.ctx, r.seq).Scan(&begins, &size)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return t.fail("look up the last chunk of output", err)
	}
	if err == nil && size+len(data) <= maxChunk {
		_, err = t.growPiece.ExecContext(t.ctx, data, r.seq, begins)
	} else {
		_, err = t.addPiece.ExecContext(t.ctx, r.seq, end, data)
	}
	if err != nil {
		return t.fail("store output", err)
	}
	return nil
}

// ReadOutput implements job.OutputStore.
func (s *Store) ReadOutput(ctx context.Context, id string, offset int64, limit int) (job.Range, error) {
	var seq, length, sealed int64
	err := s.reads.QueryRowContext(ctx, `SELECT seq, output_bytes, output_sealed FROM jobs WHERE id = ?`, id).Scan(&seq, &length, &sealed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
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
		err = s.reads.QueryRowContext(ctx, `SELECT substr(data, ? - begins_at + 1, ?) FROM output
			WHERE seq = ? AND begins_at <= ? ORDER BY begins_at DESC LIMIT 1`, offset, limit, seq, offset).Scan(&data)
		switch {
		case err == nil && len(data) == 0:
			return job.Range{}, fmt.Errorf("read output of job %s: nothing is stored at byte %d of %d", id, offset, length)
		case err == nil:
			return job.Range{Data: data}, nil
		case !errors.Is(err, sql.ErrNoRows):
			return job.Range{}, fmt.Errorf("read output: %w", err)
		}
		// It was sealed between the two reads, or the job was deleted.
	}
	var segment job.Segment
	err = s.reads.QueryRowContext(ctx, `SELECT begins_at, length, key FROM output_segments
		WHERE seq = ? AND begins_at <= ? ORDER BY begins_at DESC LIMIT 1`, seq, offset).Scan(&segment.Begins, &segment.Length, &segment.Key)
	if errors.Is(err, sql.ErrNoRows) {
		return job.Range{}, job.ErrNotFound // deleted in the meantime
	}
	if err != nil {
		return job.Range{}, fmt.Errorf("look up a segment of output: %w", err)
	}
	return job.Range{Segment: &segment}, nil
}
