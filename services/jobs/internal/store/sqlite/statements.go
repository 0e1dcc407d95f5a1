package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/column"
)

// statements are the writer's statements, prepared once on its connection.
type statements struct {
	byID, byRequest, fingerprint     *sql.Stmt
	insert, updateAll, updateRunning *sql.Stmt
	readyOfOwner, aheadOfOwn         *sql.Stmt
	extendLeases, capBackoffs        *sql.Stmt
	checkpoint, saveCheckpoint       *sql.Stmt
	saveResult, deleteResult         *sql.Stmt
	lastPiece, addPiece, growPiece   *sql.Stmt
	overlap, setOutputBytes          *sql.Stmt
	dropPieces, firstPiece, cutPiece *sql.Stmt
	addSegment, setSealed            *sql.Stmt
	reserve, unreserve, unreference  *sql.Stmt
	forgetBlob, expire               *sql.Stmt
	deleteJob, deleteOutput          *sql.Stmt
	deleteSegments, deleteCheckpoint *sql.Stmt
	ended                            *sql.Stmt
	addLabel, deleteLabel            *sql.Stmt
	readLimit, writeLimit, limited   *sql.Stmt
	capStarts, dropLimits            *sql.Stmt

	all []*sql.Stmt
}

func (s *statements) prepare(ctx context.Context, conn *sql.Conn) error {
	for _, p := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&s.byID, `SELECT ` + columns + ` FROM jobs WHERE id = ?`},
		{&s.byRequest, `SELECT id, fingerprint FROM jobs INDEXED BY jobs_request
			WHERE owner = ? AND request_id = ? AND request_id <> ''`},
		{&s.fingerprint, `SELECT fingerprint FROM jobs WHERE seq = ?`},
		{&s.insert, `INSERT INTO jobs (id, kind, owner, title, status, ready, revision, priority, labels, attempt,
			max_attempts, backoff, max_backoff, payload, progress, output_bytes, cancel_requested, cancel_by, created_at,
			started_at, updated_at, completed_at, not_before, deadline, due_at, worker, lease_token, lease_duration,
			lease_expires_at, queue_position, has_checkpoint, ready_at, request_id, fingerprint,
			limit_key, limit_active, limit_interval, limited)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, 0, 0, 0, ?, 0, ?, 0, ?, ?, ?, '', '', 0, 0, ?, 0, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO NOTHING`},
		{&s.updateAll, `UPDATE jobs SET status = ?, ready = ?, revision = ?, attempt = ?, max_attempts = ?, result = ?,
			question = ?, answer = ?, error = ?, progress = ?, cancel_requested = ?, cancel_by = ?, started_at = ?,
			updated_at = ?, completed_at = ?, not_before = ?, deadline = ?, due_at = ?, worker = ?, lease_token = ?,
			lease_duration = ?, lease_expires_at = ?, queue_position = ?, has_checkpoint = ?, ready_at = ?,
			result_bytes = ?, ended_token = ?, ended_call = ?, lease_heard = ?, unheard = ?, limited = ? WHERE seq = ?`},
		// What changes while a job keeps its status: no index but that of due_at has to follow.
		{&s.updateRunning, `UPDATE jobs SET revision = ?, progress = ?, cancel_requested = ?, cancel_by = ?,
			updated_at = ?, due_at = ?, lease_expires_at = ?, queue_position = ?, has_checkpoint = ?, lease_heard = ? WHERE seq = ?`},
		{&s.readyOfOwner, `SELECT seq, id, ` + rank + ` FROM jobs INDEXED BY jobs_ready_owner
			WHERE ready = 1 AND kind = ? AND owner = ? ORDER BY ` + rank + `, seq LIMIT ?`},
		{&s.extendLeases, `UPDATE jobs SET lease_expires_at = ?1 + lease_duration, cancel_by = iif(cancel_by > 0, ?1 + ?2, 0),
			due_at = min(?1 + lease_duration, iif(deadline > 0, deadline, 9223372036854775807), iif(cancel_by > 0, ?1 + ?2, 9223372036854775807))
			WHERE status = 2`},
		{&s.capBackoffs, `UPDATE jobs SET not_before = ?1 + ` + longestBackoff + `,
			due_at = min(?1 + ` + longestBackoff + `, iif(deadline > 0, deadline, 9223372036854775807))
			WHERE id IN (SELECT id FROM jobs INDEXED BY jobs_due WHERE due_at > 0 AND status = 1)
				AND attempt > 0 AND not_before > ?1 + ` + longestBackoff},
		{&s.capStarts, `UPDATE limits SET next_start = min(next_start, ?1 + interval), due_at = iif(due_at > 0, min(due_at, ?1 + interval), 0)
			WHERE next_start > ?1 + interval`},
		{&s.readLimit, `SELECT max_active, interval, admitted, ready, held, next_start FROM limits WHERE owner = ? AND key = ?`},
		{&s.writeLimit, `INSERT INTO limits (owner, key, max_active, interval, admitted, ready, held, next_start, due_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (owner, key) DO UPDATE SET max_active = excluded.max_active,
			interval = excluded.interval, admitted = excluded.admitted, ready = excluded.ready, held = excluded.held,
			next_start = excluded.next_start, due_at = excluded.due_at`},
		{&s.limited, `SELECT id FROM jobs INDEXED BY jobs_limited WHERE limited = 1 AND owner = ? AND limit_key = ?
			ORDER BY ` + rank + `, seq LIMIT ?`},
		{&s.dropLimits, `DELETE FROM limits WHERE admitted = 0 AND held = 0 AND next_start < ?`},
		{&s.checkpoint, `SELECT data FROM checkpoints WHERE seq = ?`},
		{&s.saveCheckpoint, `INSERT INTO checkpoints (seq, data) VALUES (?, ?)
			ON CONFLICT (seq) DO UPDATE SET data = excluded.data`},
		{&s.saveResult, `INSERT INTO results (seq, data) VALUES (?, ?)
			ON CONFLICT (seq) DO UPDATE SET data = excluded.data`},
		{&s.deleteResult, `DELETE FROM results WHERE seq = ?`},
		{&s.lastPiece, `SELECT begins_at, length(data) FROM output WHERE seq = ? ORDER BY begins_at DESC LIMIT 1`},
		{&s.addPiece, `INSERT INTO output (seq, begins_at, data) VALUES (?, ?, ?)`},
		{&s.growPiece, `UPDATE output SET data = CAST(data || ? AS BLOB) WHERE seq = ? AND begins_at = ?`},
		{&s.overlap, `SELECT begins_at, data FROM output WHERE seq = ? AND begins_at < ?
			AND begins_at >= coalesce((SELECT max(begins_at) FROM output WHERE seq = ? AND begins_at <= ?), 0)
			ORDER BY begins_at`},
		{&s.setOutputBytes, `UPDATE jobs SET output_bytes = ? WHERE seq = ?`},
		{&s.dropPieces, `DELETE FROM output WHERE seq = ? AND begins_at + length(data) <= ?`},
		{&s.firstPiece, `SELECT begins_at FROM output WHERE seq = ? ORDER BY begins_at LIMIT 1`},
		{&s.cutPiece, `UPDATE output SET data = substr(data, ?1 - begins_at + 1), begins_at = ?1 WHERE seq = ?2 AND begins_at = ?3`},
		{&s.addSegment, `INSERT INTO output_segments (seq, begins_at, length, key) VALUES (?, ?, ?, ?)`},
		{&s.setSealed, `UPDATE jobs SET output_sealed = ? WHERE seq = ?`},
		{&s.reserve, `INSERT INTO unreferenced_blobs (key, since) VALUES (?, ?)`},
		{&s.unreserve, `DELETE FROM unreferenced_blobs WHERE key = ? AND since > 0`},
		{&s.forgetBlob, `DELETE FROM unreferenced_blobs WHERE key = ?`},
		{&s.expire, `UPDATE unreferenced_blobs SET since = 0 WHERE since > 0 AND since <= ?`},
		{&s.unreference, `INSERT INTO unreferenced_blobs (key, since) SELECT key, 0 FROM output_segments WHERE seq = ?`},
		{&s.deleteSegments, `DELETE FROM output_segments WHERE seq = ?`},
		{&s.aheadOfOwn, aheadOfOwnQuery},
		{&s.addLabel, `INSERT INTO job_labels (name, value, owner, created_at, seq) VALUES (?, ?, ?, ?, ?)`},
		{&s.deleteLabel, `DELETE FROM job_labels WHERE name = ? AND value = ? AND owner = ? AND created_at = ? AND seq = ?`},
		{&s.deleteJob, `DELETE FROM jobs WHERE seq = ?`},
		{&s.deleteOutput, `DELETE FROM output WHERE seq = ?`},
		{&s.deleteCheckpoint, `DELETE FROM checkpoints WHERE seq = ?`},
		{&s.ended, `SELECT ` + columns + ` FROM jobs INDEXED BY jobs_ended
			WHERE completed_at > 0 AND completed_at < ? ORDER BY completed_at LIMIT ?`},
	} {
		stmt, err := conn.PrepareContext(ctx, p.text) //nolint:sqlclosecheck // they live as long as the connection; close ends them
		if err != nil {
			return fmt.Errorf("prepare %q: %w", p.text, err)
		}
		*p.stmt = stmt
		s.all = append(s.all, stmt)
	}
	return nil
}

func (s *statements) close() {
	for _, stmt := range s.all {
		stmt.Close()
	}
}

// longestBackoff is the backoff before the next attempt, without its jitter: it doubles with each attempt, up to its maximum. In one step,
// a backoff of a day would exceed 64 bits.
const longestBackoff = `min(max_backoff, min(max_backoff, backoff << min(attempt - 1, 26)) << min(max(attempt - 27, 0), 11))`

// aheadOfOwnQuery counts the ready jobs of kind ?1 and owner ?2 ahead of one of rank ?3 and order of creation ?4, up to
// ?5. SQLite plans a statement again for each value of a LIMIT that is a bare parameter, so this one is an expression.
const aheadOfOwnQuery = `SELECT count(*) FROM (
	SELECT 1 FROM jobs INDEXED BY jobs_ready_owner WHERE ready = 1 AND kind = ?1 AND owner = ?2 AND ` + rank + ` < ?3
	UNION ALL
	SELECT 1 FROM jobs INDEXED BY jobs_ready_owner WHERE ready = 1 AND kind = ?1 AND owner = ?2 AND ` + rank + ` = ?3 AND seq < ?4
	LIMIT CAST(?5 AS INTEGER))`

// load reads the job with the ID, or returns job.ErrNotFound.
func (t *tx) load(id string) (row, error) {
	if r, known := t.active[id]; known {
		return r, nil
	}
	r, err := scan(t.byID.QueryRowContext(t.ctx, id))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return row{}, job.ErrNotFound
	case column.IsDamaged(err):
		return row{}, err
	case err != nil:
		return row{}, t.fail("read job "+id, err)
	}
	return r, nil
}

// maxActive is the maximum number of rows in memory.
const maxActive = 20_000

// remember keeps the written row of an active job in memory: its next change is usually a heartbeat. Only this process writes the
// file, and after a rollback, all rows are read again.
func (t *tx) remember(r *row) {
	if r.job.Status != job.Active {
		delete(t.active, r.job.ID)
		return
	}
	if len(t.active) == maxActive {
		clear(t.active)
	}
	t.active[r.job.ID] = *r
}

// saveLargeResult stores a result that is too large for the snapshot, and removes one that is no longer the job's.
func (t *tx) saveLargeResult(before *job.Job, r *row) (err error) {
	j := &r.job
	switch {
	case j.LargeResult != nil:
		_, err = t.saveResult.ExecContext(t.ctx, r.seq, string(j.LargeResult))
		j.LargeResult = nil
	case before.ResultBytes > 0 && j.ResultBytes == 0:
		_, err = t.deleteResult.ExecContext(t.ctx, r.seq)
	}
	if err != nil {
		return t.fail("store the result of job "+j.ID, err)
	}
	return nil
}

// save stores the changed job, and adds it to the commit if its revision has grown. If it returns an error that is not
// from the database, it has written nothing.
func (t *tx) save(before *job.Job, r *row) error {
	j := &r.job
	// Only a job that can't be encoded is refused, before anything is written.
	progress, err := column.Encode(&j.Progress)
	if err != nil {
		return fmt.Errorf("encode the progress of job %s: %w", j.ID, err)
	}
	failure, err := column.EncodeUnless(j.Error == nil, j.Error)
	if err != nil {
		return fmt.Errorf("encode the error of job %s: %w", j.ID, err)
	}
	if err := t.gates.Follow(before, j); err != nil {
		return err
	}
	if j.Ready() && !before.Ready() {
		var n int
		if err := t.aheadOfOwn.QueryRowContext(t.ctx, j.Kind, j.Owner, j.Rank(), r.seq, job.MaxAhead).Scan(&n); err != nil {
			return t.fail("count the jobs ahead of "+j.ID, err)
		}
		j.QueuePosition = job.ShownPosition(n + t.lanes.ahead(j.Kind, j.Owner, n, job.MaxAhead))
	}
	if j.Status == job.Active && j.Lease.Same(before.Lease) && j.CancelRequested == before.CancelRequested {
		_, err = t.updateRunning.ExecContext(t.ctx, j.Revision, progress, j.CancelRequested, column.Stamp(j.CancelBy),
			column.Stamp(j.UpdatedAt), column.Stamp(j.Due()), column.Stamp(j.Lease.ExpiresAt), j.QueuePosition, j.HasCheckpoint,
			j.Lease.Heard, r.seq)
	} else {
		_, err = t.updateAll.ExecContext(t.ctx, j.Status, j.Ready(), j.Revision, j.Attempt, j.MaxAttempts,
			column.Document(j.Result), column.Document(j.Question), column.Document(j.Answer), failure, progress, j.CancelRequested,
			column.Stamp(j.CancelBy), column.Stamp(j.StartedAt), column.Stamp(j.UpdatedAt), column.Stamp(j.CompletedAt), column.Stamp(j.NotBefore),
			column.Stamp(j.Deadline), column.Stamp(j.Due()), j.Lease.Worker, j.Lease.Token, j.Lease.Duration.Microseconds(),
			column.Stamp(j.Lease.ExpiresAt), j.QueuePosition, j.HasCheckpoint, column.Stamp(j.ReadyAt),
			j.ResultBytes, j.Ended.Token, j.Ended.Call, j.Lease.Heard, j.Unheard, j.Limited, r.seq)
	}
	if err != nil {
		return t.fail("store job "+j.ID, err)
	}
	if j.Checkpoint != nil {
		if _, err := t.saveCheckpoint.ExecContext(t.ctx, r.seq, j.Checkpoint); err != nil {
			return t.fail("store the checkpoint of job "+j.ID, err)
		}
		j.Checkpoint = nil
	}
	if err := t.saveLargeResult(before, r); err != nil {
		return err
	}
	t.remember(r)
	t.lanes.follow(before, j)
	if j.Revision != before.Revision {
		t.commit.Jobs = append(t.commit.Jobs, *j)
		t.commit.Was = append(t.commit.Was, before.Status)
		t.commit.WasReady = append(t.commit.WasReady, before.Ready())
	}
	return nil
}
