package postgres

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"headway/services/jobs/internal/job"
	"headway/services/jobs/internal/store/column"
)

// selected are the columns that scan reads, in its order, from jobs AS j and the tables of joins. If runs has a row,
// its values override those of jobs.
const selected = `j.seq, j.id, j.kind, j.owner, j.title, j.status, coalesce(r.revision, j.revision), j.priority, j.labels,
	j.attempt, j.max_attempts, j.backoff, j.max_backoff, j.payload, j.result, j.question, j.answer, j.error,
	coalesce(r.progress, j.progress), coalesce(o.bytes, 0), coalesce(r.cancel_requested, j.cancel_requested),
	coalesce(r.cancel_by, j.cancel_by), j.created_at, j.started_at, coalesce(r.updated_at, j.updated_at), j.completed_at,
	j.not_before, j.deadline, j.worker, j.lease_token, j.lease_duration, coalesce(r.lease_expires_at, 0), j.queue_position,
	coalesce(r.has_checkpoint, j.has_checkpoint), j.ready_at, coalesce(o.sealed, 0), j.result_bytes, j.ended_token,
	j.ended_call, coalesce(r.lease_heard, 0), j.unheard, j.limit_key, j.limit_active, j.limit_interval, j.limited, r.seq IS NOT NULL,
	j.xmin::text, coalesce(r.xmin::text, '')`

const joins = ` LEFT JOIN runs AS r ON r.seq = j.seq LEFT JOIN outputs AS o ON o.seq = j.seq`

const fromJobs = ` FROM jobs AS j` + joins

// rank is job.Rank in SQL, as the table queue has it.
const rank = `(created_at - priority * 60000000::bigint)`

// row is a stored job.
type row struct {
	seq    int64 // 0 until it is stored
	job    job.Job
	stored job.Job // its state in the database
	sealed int64   // the offset of the output's tail
	run    bool    // runs has a row
	err    error   // the error if it can't be decoded
	texts  texts   // of a changed row
	was    version // of the row in the database

	held     bool // this transaction has locked the row, or has written it
	wroteJob bool // this transaction has written the row of jobs
	wroteRun bool // this transaction has written the row of runs

	isNew       bool
	changed     bool
	requestID   string
	fingerprint []byte
	checkpoint  []byte // to store; nil means unchanged
	largeResult []byte // to store
}

// scan reads the columns of one row, and more columns after those. If a row can't be decoded, its err is set.
func scan(from pgx.Row, more ...any) (*row, error) {
	r := &row{}
	j := &r.job
	var labels, failure, progress, payload, result, question, answer []byte
	var backoff, maxBackoff, leaseDuration, interval int64
	var cancelBy, created, started, updated, completed, notBefore, deadline, leaseExpires, ready int64
	err := from.Scan(append([]any{&r.seq, &j.ID, &j.Kind, &j.Owner, &j.Title, &j.Status, &j.Revision, &j.Priority, &labels, &j.Attempt,
		&j.MaxAttempts, &backoff, &maxBackoff, &payload, &result, &question, &answer, &failure, &progress,
		&j.OutputBytes, &j.CancelRequested, &cancelBy, &created, &started, &updated, &completed, &notBefore, &deadline,
		&j.Lease.Worker, &j.Lease.Token, &leaseDuration, &leaseExpires, &j.QueuePosition, &j.HasCheckpoint,
		&ready, &r.sealed, &j.ResultBytes, &j.Ended.Token, &j.Ended.Call, &j.Lease.Heard, &j.Unheard,
		&j.Limit.Key, &j.Limit.MaxActive, &interval, &j.Limited, &r.run, &r.was.job, &r.was.run}, more...)...)
	if err != nil {
		return nil, err
	}
	j.Payload, j.Result, j.Question, j.Answer = payload, result, question, answer
	j.Limit.Interval = column.Micros(interval)
	j.Backoff, j.MaxBackoff, j.Lease.Duration = column.Micros(backoff), column.Micros(maxBackoff), column.Micros(leaseDuration)
	j.CancelBy, j.CreatedAt, j.StartedAt, j.UpdatedAt = column.Instant(cancelBy), column.Instant(created), column.Instant(started), column.Instant(updated)
	j.CompletedAt, j.NotBefore, j.Deadline = column.Instant(completed), column.Instant(notBefore), column.Instant(deadline)
	j.Lease.ExpiresAt, j.ReadyAt = column.Instant(leaseExpires), column.Instant(ready)
	r.held = true
	r.err = column.Decode(j, labels, failure, progress)
	r.stored = r.job
	return r, nil
}

func scanAll(rows pgx.Rows) ([]*row, error) {
	defer rows.Close()
	var all []*row
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// texts are the encoded documents of a job. Those of the labels and of the failure are empty if it has none.
type texts struct{ labels, failure, progress string }

// encode sets the encoded documents of the row to those of a job.
func (r *row) encode(j *job.Job) (err error) {
	r.texts = texts{}
	if len(j.Labels) > 0 {
		if r.texts.labels, err = column.Encode(j.Labels); err != nil {
			return fmt.Errorf("encode the labels of job %s: %w", j.ID, err)
		}
	}
	if j.Error != nil {
		if r.texts.failure, err = column.Encode(j.Error); err != nil {
			return fmt.Errorf("encode the error of job %s: %w", j.ID, err)
		}
	}
	if r.texts.progress, err = column.Encode(&j.Progress); err != nil {
		return fmt.Errorf("encode the progress of job %s: %w", j.ID, err)
	}
	return nil
}

// cold are the columns of jobs that can change.
var cold = []written{
	smallint("status", func(r *row) int16 { return int16(r.job.Status) }),
	boolean("ready", func(r *row) bool { return r.job.Ready() }),
	bigint("revision", func(r *row) int64 { return int64(r.job.Revision) }),
	bigint("attempt", func(r *row) int64 { return int64(r.job.Attempt) }),
	bigint("max_attempts", func(r *row) int64 { return int64(r.job.MaxAttempts) }),
	document("result", func(r *row) json.RawMessage { return r.job.Result }),
	bigint("result_bytes", func(r *row) int64 { return int64(r.job.ResultBytes) }),
	document("question", func(r *row) json.RawMessage { return r.job.Question }),
	document("answer", func(r *row) json.RawMessage { return r.job.Answer }),
	document("error", func(r *row) string { return r.texts.failure }),
	textual("progress", func(r *row) string { return r.texts.progress }),
	boolean("cancel_requested", func(r *row) bool { return r.job.CancelRequested }),
	instant("cancel_by", func(r *row) time.Time { return r.job.CancelBy }),
	instant("started_at", func(r *row) time.Time { return r.job.StartedAt }),
	instant("updated_at", func(r *row) time.Time { return r.job.UpdatedAt }),
	instant("completed_at", func(r *row) time.Time { return r.job.CompletedAt }),
	instant("not_before", func(r *row) time.Time { return r.job.NotBefore }),
	instant("deadline", func(r *row) time.Time { return r.job.Deadline }),
	instant("due_at", func(r *row) time.Time {
		if r.job.Status == job.Active {
			return time.Time{}
		}
		return r.job.Due()
	}),
	instant("ready_at", func(r *row) time.Time { return r.job.ReadyAt }),
	textual("worker", func(r *row) string { return text(r.job.Lease.Worker) }),
	textual("lease_token", func(r *row) string { return r.job.Lease.Token }),
	bigint("lease_duration", func(r *row) int64 { return r.job.Lease.Duration.Microseconds() }),
	bigint("unheard", func(r *row) int64 { return int64(r.job.Unheard) }),
	bigint("queue_position", func(r *row) int64 { return int64(r.job.QueuePosition) }),
	boolean("has_checkpoint", func(r *row) bool { return r.job.HasCheckpoint }),
	boolean("limited", func(r *row) bool { return r.job.Limited }),
	textual("ended_token", func(r *row) string { return r.job.Ended.Token }),
	bytea("ended_call", func(r *row) []byte { return r.job.Ended.Call }),
}

// fixed are the columns of jobs that are written once.
var fixed = []written{
	textual("id", func(r *row) string { return r.job.ID }),
	textual("kind", func(r *row) string { return r.job.Kind }),
	textual("owner", func(r *row) string { return r.job.Owner }),
	textual("title", func(r *row) string { return r.job.Title }),
	integer("priority", func(r *row) int32 { return r.job.Priority }),
	document("labels", func(r *row) string { return r.texts.labels }),
	bigint("backoff", func(r *row) int64 { return r.job.Backoff.Microseconds() }),
	bigint("max_backoff", func(r *row) int64 { return r.job.MaxBackoff.Microseconds() }),
	document("payload", func(r *row) json.RawMessage { return r.job.Payload }),
	instant("created_at", func(r *row) time.Time { return r.job.CreatedAt }),
	textual("limit_key", func(r *row) string { return r.job.Limit.Key }),
	bigint("limit_active", func(r *row) int64 { return int64(r.job.Limit.MaxActive) }),
	bigint("limit_interval", func(r *row) int64 { return r.job.Limit.Interval.Microseconds() }),
	textual("request_id", func(r *row) string { return r.requestID }),
	bytea("fingerprint", func(r *row) []byte { return r.fingerprint }),
}

// seqColumn identifies the row that a statement writes.
var seqColumn = bigint("seq", func(r *row) int64 { return r.seq })

// hot are the columns of runs.
var hot = []written{
	bigint("revision", func(r *row) int64 { return int64(r.job.Revision) }),
	textual("progress", func(r *row) string { return r.texts.progress }),
	boolean("cancel_requested", func(r *row) bool { return r.job.CancelRequested }),
	instant("cancel_by", func(r *row) time.Time { return r.job.CancelBy }),
	instant("updated_at", func(r *row) time.Time { return r.job.UpdatedAt }),
	instant("due_at", func(r *row) time.Time { return r.job.Due() }),
	instant("lease_expires_at", func(r *row) time.Time { return r.job.Lease.ExpiresAt }),
	smallint("lease_heard", func(r *row) int16 { return int16(r.job.Lease.Heard) }),
	boolean("has_checkpoint", func(r *row) bool { return r.job.HasCheckpoint }),
}

// The rows that statements write. Migration 0007 creates their types, with the columns in this order.
var (
	newJobs     = record{"new_job", append(append([]written(nil), fixed...), cold...)}
	changedJobs = record{"changed_job", append([]written{seqColumn, jobVersion}, cold...)}
	changedRuns = record{"changed_run", append([]written{seqColumn, runVersion}, hot...)}
	endedRuns   = record{"ended_run", []written{seqColumn, runVersion}}
	queuedJobs  = record{"queued_job", []written{
		textual("kind", func(r *row) string { return r.job.Kind }),
		textual("owner", func(r *row) string { return r.job.Owner }),
		bigint("rank", func(r *row) int64 { return r.job.Rank() }),
		seqColumn,
	}}
	records = []record{newJobs, changedJobs, changedRuns, endedRuns, queuedJobs}
)

// The rows of an array keep their order, so new jobs are numbered in the order of their creation.
var (
	enqueue    = `INSERT INTO queue (` + names(queuedJobs.columns) + `) SELECT ` + names(queuedJobs.columns) + ` FROM ` + queuedJobs.unnest()
	dequeue    = `DELETE FROM queue AS q USING ` + queuedJobs.unnest() + ` WHERE q.kind = u.kind AND q.owner = u.owner AND q.rank = u.rank AND q.seq = u.seq`
	insertJobs = `WITH new AS (INSERT INTO jobs (` + names(newJobs.columns) + `) SELECT ` + names(newJobs.columns) + ` FROM ` + newJobs.unnest() + `
			RETURNING seq, kind, owner, created_at, priority, ready),
		queued AS (INSERT INTO queue (kind, owner, rank, seq) SELECT kind, owner, ` + rank + `, seq FROM new WHERE ready)
		SELECT seq FROM new`
	updateJobs = unlessOutdated(`UPDATE jobs AS t SET ` + assignments(cold) + ` FROM ` + changedJobs.unnest())
	insertRuns = `INSERT INTO runs (seq, ` + names(hot) + `) SELECT seq, ` + names(hot) + ` FROM ` + changedRuns.unnest()
	updateRuns = unlessOutdated(`UPDATE runs AS t SET ` + assignments(hot) + ` FROM ` + changedRuns.unnest())
	deleteRuns = unlessOutdated(`DELETE FROM runs AS t USING ` + endedRuns.unnest())
)

func names(columns []written) string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.name
	}
	return strings.Join(all, ", ")
}

func assignments(columns []written) string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.name + " = u." + c.name
	}
	return strings.Join(all, ", ")
}

// hasNUL reports whether a text has the character NUL, which PostgreSQL can't store, so that no stored text is equal to
// it.
func hasNUL(texts ...string) bool {
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, "\x00") })
}

// text returns s without the character NUL, which PostgreSQL can't store.
func text(s string) string { return strings.ReplaceAll(s, "\x00", "") }
