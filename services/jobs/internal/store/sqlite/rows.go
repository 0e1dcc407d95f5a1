package sqlite

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"headway/services/jobs/internal/job"
)

// columns are what scan reads, in its order.
const columns = `seq, id, kind, owner, title, status, revision, priority, labels, attempt, max_attempts, backoff,
	max_backoff, payload, result, question, answer, error, progress, output_bytes, cancel_requested, cancel_by,
	created_at, started_at, updated_at, completed_at, not_before, deadline, worker, lease_token, lease_duration,
	lease_expires_at, queue_position, has_checkpoint, ready_at, output_sealed,
	result_bytes, ended_token, ended_call, lease_heard, unheard`

// row is a stored job.
type row struct {
	seq    int64
	job    job.Job
	sealed int64 // where the output's tail begins
}

// scan reads the columns of one row. With a damagedError, it returns the columns that it could read.
func scan(from interface{ Scan(...any) error }) (r row, err error) {
	j := &r.job
	var labels, failure, progress []byte
	var payload, result, question, answer []byte
	var backoff, maxBackoff, leaseDuration int64
	var cancelBy, created, started, updated, completed, notBefore, deadline, leaseExpires, ready int64
	err = from.Scan(&r.seq, &j.ID, &j.Kind, &j.Owner, &j.Title, &j.Status, &j.Revision, &j.Priority, &labels, &j.Attempt,
		&j.MaxAttempts, &backoff, &maxBackoff, &payload, &result, &question, &answer, &failure, &progress,
		&j.OutputBytes, &j.CancelRequested, &cancelBy, &created, &started, &updated, &completed, &notBefore, &deadline,
		&j.Lease.Worker, &j.Lease.Token, &leaseDuration, &leaseExpires, &j.QueuePosition, &j.HasCheckpoint,
		&ready, &r.sealed, &j.ResultBytes, &j.Ended.Token, &j.Ended.Call, &j.Lease.Heard, &j.Unheard)
	if err != nil {
		return row{}, err
	}
	j.Payload, j.Result, j.Question, j.Answer = payload, result, question, answer
	j.Backoff, j.MaxBackoff, j.Lease.Duration = micros(backoff), micros(maxBackoff), micros(leaseDuration)
	j.CancelBy, j.CreatedAt, j.StartedAt, j.UpdatedAt = instant(cancelBy), instant(created), instant(started), instant(updated)
	j.CompletedAt, j.NotBefore, j.Deadline = instant(completed), instant(notBefore), instant(deadline)
	j.Lease.ExpiresAt, j.ReadyAt = instant(leaseExpires), instant(ready)
	for _, d := range []struct {
		text []byte
		into any
	}{{labels, &j.Labels}, {failure, &j.Error}, {progress, &j.Progress}} {
		if len(d.text) == 0 {
			continue
		}
		if err := json.Unmarshal(d.text, d.into); err != nil {
			return r, &damagedError{job: j.ID, err: err}
		}
	}
	return r, nil
}

// damagedError means that a job's row cannot be decoded. It concerns this job only.
type damagedError struct {
	job string
	err error
}

func (e *damagedError) Error() string {
	return fmt.Sprintf("the stored job %s cannot be decoded: %v", e.job, e.err)
}

func (e *damagedError) Unwrap() error { return e.err }

func isDamaged(err error) bool {
	var damaged *damagedError
	return errors.As(err, &damaged)
}

func scanAll(rows *sql.Rows) ([]row, error) {
	defer rows.Close()
	var all []row
	for rows.Next() {
		r, err := scan(rows)
		if err != nil && !isDamaged(err) {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// document is a JSON text for a column, or NULL.
func document(text json.RawMessage) any {
	if len(text) == 0 {
		return nil
	}
	return string(text)
}

// encode is v as a JSON text for a column.
func encode(v any) (string, error) {
	text, err := json.Marshal(v)
	return string(text), err
}

// encodeUnless is v as a JSON text, or NULL if it is empty.
func encodeUnless(empty bool, v any) (any, error) {
	if empty {
		return nil, nil
	}
	return encode(v)
}

func instant(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func micros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }
