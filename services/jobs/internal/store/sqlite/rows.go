package sqlite

import (
	"database/sql"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/column"
)

// columns are the columns that scan reads, in its order.
const columns = `seq, id, kind, owner, title, status, revision, priority, labels, attempt, max_attempts, backoff,
	max_backoff, payload, result, question, answer, error, progress, output_bytes, cancel_requested, cancel_by,
	created_at, started_at, updated_at, completed_at, not_before, deadline, worker, lease_token, lease_duration,
	lease_expires_at, queue_position, has_checkpoint, ready_at, output_sealed,
	result_bytes, ended_token, ended_call, lease_heard, unheard, limit_key, limit_active, limit_interval, limited`

// rank is job.Rank in SQL, as the index of ready jobs has it.
const rank = `(created_at - priority * 60000000)`

// row is a stored job.
type row struct {
	seq    int64
	job    job.Job
	sealed int64 // the offset of the output's tail
	err    error // a DamagedError, in the result of scanAll
}

// scan reads the columns of one row. If it returns a DamagedError, the row has the columns that it could read.
func scan(from interface{ Scan(...any) error }) (r row, err error) {
	j := &r.job
	var labels, failure, progress []byte
	var payload, result, question, answer []byte
	var backoff, maxBackoff, leaseDuration, interval int64
	var cancelBy, created, started, updated, completed, notBefore, deadline, leaseExpires, ready int64
	err = from.Scan(&r.seq, &j.ID, &j.Kind, &j.Owner, &j.Title, &j.Status, &j.Revision, &j.Priority, &labels, &j.Attempt,
		&j.MaxAttempts, &backoff, &maxBackoff, &payload, &result, &question, &answer, &failure, &progress,
		&j.OutputBytes, &j.CancelRequested, &cancelBy, &created, &started, &updated, &completed, &notBefore, &deadline,
		&j.Lease.Worker, &j.Lease.Token, &leaseDuration, &leaseExpires, &j.QueuePosition, &j.HasCheckpoint,
		&ready, &r.sealed, &j.ResultBytes, &j.Ended.Token, &j.Ended.Call, &j.Lease.Heard, &j.Unheard,
		&j.Limit.Key, &j.Limit.MaxActive, &interval, &j.Limited)
	if err != nil {
		return row{}, err
	}
	j.Payload, j.Result, j.Question, j.Answer = payload, result, question, answer
	j.Limit.Interval = column.Micros(interval)
	j.Backoff, j.MaxBackoff, j.Lease.Duration = column.Micros(backoff), column.Micros(maxBackoff), column.Micros(leaseDuration)
	j.CancelBy, j.CreatedAt, j.StartedAt, j.UpdatedAt = column.Instant(cancelBy), column.Instant(created), column.Instant(started), column.Instant(updated)
	j.CompletedAt, j.NotBefore, j.Deadline = column.Instant(completed), column.Instant(notBefore), column.Instant(deadline)
	j.Lease.ExpiresAt, j.ReadyAt = column.Instant(leaseExpires), column.Instant(ready)
	return r, column.Decode(j, labels, failure, progress)
}

func scanAll(rows *sql.Rows) ([]row, error) {
	defer rows.Close()
	var all []row
	for rows.Next() {
		r, err := scan(rows)
		if err != nil && !column.IsDamaged(err) {
			return nil, err
		}
		r.err = err
		all = append(all, r)
	}
	return all, rows.Err()
}
