package postgres

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

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

// texts are the encoded documents of a job.
type texts struct {
	labels, failure any
	progress        string
}

// encode sets the encoded documents of the row to those of a job.
func (r *row) encode(j *job.Job) (err error) {
	if r.texts.labels, err = column.EncodeUnless(len(j.Labels) == 0, j.Labels); err != nil {
		return fmt.Errorf("encode the labels of job %s: %w", j.ID, err)
	}
	if r.texts.failure, err = column.EncodeUnless(j.Error == nil, j.Error); err != nil {
		return fmt.Errorf("encode the error of job %s: %w", j.ID, err)
	}
	if r.texts.progress, err = column.Encode(&j.Progress); err != nil {
		return fmt.Errorf("encode the progress of job %s: %w", j.ID, err)
	}
	return nil
}

// written is a column that a statement writes: one array per column is sent, whose elements are the rows.
type written struct {
	name, kind string
	value      func(*row) any
}

// cold are the columns of jobs that can change.
var cold = []written{
	{"status", "smallint", func(r *row) any { return int16(r.job.Status) }},
	{"ready", "boolean", func(r *row) any { return r.job.Ready() }},
	{"revision", "bigint", func(r *row) any { return int64(r.job.Revision) }},
	{"attempt", "bigint", func(r *row) any { return int64(r.job.Attempt) }},
	{"max_attempts", "bigint", func(r *row) any { return int64(r.job.MaxAttempts) }},
	{"result", "text", func(r *row) any { return column.Document(r.job.Result) }},
	{"result_bytes", "bigint", func(r *row) any { return int64(r.job.ResultBytes) }},
	{"question", "text", func(r *row) any { return column.Document(r.job.Question) }},
	{"answer", "text", func(r *row) any { return column.Document(r.job.Answer) }},
	{"error", "text", func(r *row) any { return r.texts.failure }},
	{"progress", "text", func(r *row) any { return r.texts.progress }},
	{"cancel_requested", "boolean", func(r *row) any { return r.job.CancelRequested }},
	{"cancel_by", "bigint", func(r *row) any { return column.Stamp(r.job.CancelBy) }},
	{"started_at", "bigint", func(r *row) any { return column.Stamp(r.job.StartedAt) }},
	{"updated_at", "bigint", func(r *row) any { return column.Stamp(r.job.UpdatedAt) }},
	{"completed_at", "bigint", func(r *row) any { return column.Stamp(r.job.CompletedAt) }},
	{"not_before", "bigint", func(r *row) any { return column.Stamp(r.job.NotBefore) }},
	{"deadline", "bigint", func(r *row) any { return column.Stamp(r.job.Deadline) }},
	{"due_at", "bigint", func(r *row) any {
		if r.job.Status == job.Active {
			return int64(0)
		}
		return column.Stamp(r.job.Due())
	}},
	{"ready_at", "bigint", func(r *row) any { return column.Stamp(r.job.ReadyAt) }},
	{"worker", "text", func(r *row) any { return text(r.job.Lease.Worker) }},
	{"lease_token", "text", func(r *row) any { return r.job.Lease.Token }},
	{"lease_duration", "bigint", func(r *row) any { return r.job.Lease.Duration.Microseconds() }},
	{"unheard", "bigint", func(r *row) any { return int64(r.job.Unheard) }},
	{"queue_position", "bigint", func(r *row) any { return int64(r.job.QueuePosition) }},
	{"has_checkpoint", "boolean", func(r *row) any { return r.job.HasCheckpoint }},
	{"limited", "boolean", func(r *row) any { return r.job.Limited }},
	{"ended_token", "text", func(r *row) any { return r.job.Ended.Token }},
	{"ended_call", "bytea", func(r *row) any { return bytesOrNull(r.job.Ended.Call) }},
}

// fixed are the columns of jobs that are written once.
var fixed = []written{
	{"id", "text", func(r *row) any { return r.job.ID }},
	{"kind", "text", func(r *row) any { return r.job.Kind }},
	{"owner", "text", func(r *row) any { return r.job.Owner }},
	{"title", "text", func(r *row) any { return r.job.Title }},
	{"priority", "integer", func(r *row) any { return r.job.Priority }},
	{"labels", "text", func(r *row) any { return r.texts.labels }},
	{"backoff", "bigint", func(r *row) any { return r.job.Backoff.Microseconds() }},
	{"max_backoff", "bigint", func(r *row) any { return r.job.MaxBackoff.Microseconds() }},
	{"payload", "text", func(r *row) any { return column.Document(r.job.Payload) }},
	{"created_at", "bigint", func(r *row) any { return column.Stamp(r.job.CreatedAt) }},
	{"limit_key", "text", func(r *row) any { return r.job.Limit.Key }},
	{"limit_active", "bigint", func(r *row) any { return int64(r.job.Limit.MaxActive) }},
	{"limit_interval", "bigint", func(r *row) any { return r.job.Limit.Interval.Microseconds() }},
	{"request_id", "text", func(r *row) any { return r.requestID }},
	{"fingerprint", "bytea", func(r *row) any { return bytesOrNull(r.fingerprint) }},
}

// seqColumn identifies the row that a statement writes.
var seqColumn = written{"seq", "bigint", func(r *row) any { return r.seq }}

// hot are the columns of runs.
var hot = []written{
	{"revision", "bigint", func(r *row) any { return int64(r.job.Revision) }},
	{"progress", "text", func(r *row) any { return r.texts.progress }},
	{"cancel_requested", "boolean", func(r *row) any { return r.job.CancelRequested }},
	{"cancel_by", "bigint", func(r *row) any { return column.Stamp(r.job.CancelBy) }},
	{"updated_at", "bigint", func(r *row) any { return column.Stamp(r.job.UpdatedAt) }},
	{"due_at", "bigint", func(r *row) any { return column.Stamp(r.job.Due()) }},
	{"lease_expires_at", "bigint", func(r *row) any { return column.Stamp(r.job.Lease.ExpiresAt) }},
	{"lease_heard", "smallint", func(r *row) any { return int16(r.job.Lease.Heard) }},
	{"has_checkpoint", "boolean", func(r *row) any { return r.job.HasCheckpoint }},
}

var (
	newColumns  = append(append([]written(nil), fixed...), cold...)
	hotWithSeq  = append([]written{seqColumn, runVersion}, hot...)
	coldWithSeq = append([]written{seqColumn, jobVersion}, cold...)
	position    = []written{
		{"kind", "text", func(r *row) any { return r.job.Kind }},
		{"owner", "text", func(r *row) any { return r.job.Owner }},
		{"rank", "bigint", func(r *row) any { return r.job.Rank() }},
		seqColumn,
	}
	enqueue    = `INSERT INTO queue (` + names(position) + `) SELECT ` + names(position) + ` FROM ` + unnest(position)
	dequeue    = `DELETE FROM queue AS q USING ` + unnest(position) + ` WHERE q.kind = u.kind AND q.owner = u.owner AND q.rank = u.rank AND q.seq = u.seq`
	onlySeq    = []written{seqColumn, runVersion}
	insertJobs = `WITH new AS (INSERT INTO jobs (` + names(newColumns) + `) SELECT ` + names(newColumns) + ` FROM ` + unnest(newColumns) + ` ORDER BY place
			RETURNING seq, kind, owner, created_at, priority, ready),
		queued AS (INSERT INTO queue (kind, owner, rank, seq) SELECT kind, owner, ` + rank + `, seq FROM new WHERE ready)
		SELECT seq FROM new`
	updateJobs = unlessOutdated(`UPDATE jobs AS t SET `+assignments(cold)+` FROM `+unnest(coldWithSeq), len(coldWithSeq)+1)
	newRuns    = append([]written{seqColumn}, hot...)
	insertRuns = `INSERT INTO runs (` + names(newRuns) + `) SELECT ` + names(newRuns) + ` FROM ` + unnest(newRuns)
	updateRuns = unlessOutdated(`UPDATE runs AS t SET `+assignments(hot)+` FROM `+unnest(hotWithSeq), len(hotWithSeq)+1)
	deleteRuns = unlessOutdated(`DELETE FROM runs AS t USING `+unnest(onlySeq), len(onlySeq)+1)
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

// unnest returns a table of the parameters, with one array per column.
func unnest(columns []written) string {
	var b strings.Builder
	b.WriteString("unnest(")
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(i+1) + "::" + c.kind + "[]")
	}
	b.WriteString(") WITH ORDINALITY AS u(" + names(columns) + ", place)")
	return b.String()
}

// arrays returns the parameters of a statement that writes the rows.
func arrays(columns []written, rows []*row) []any {
	all := make([]any, len(columns))
	for i, c := range columns {
		values := make([]any, len(rows))
		for k, r := range rows {
			values[k] = c.value(r)
		}
		all[i] = values
	}
	return all
}

func bytesOrNull(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

// hasNUL reports whether a text has the character NUL, which PostgreSQL can't store, so that no stored text is equal to
// it.
func hasNUL(texts ...string) bool {
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, "\x00") })
}

// text returns s without the character NUL, which PostgreSQL can't store.
func text(s string) string { return strings.ReplaceAll(s, "\x00", "") }
