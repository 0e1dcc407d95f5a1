package postgres

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"headway/services/jobs/internal/job"
)

// logKept is how long a commit stays in the log at least.
const logKept = 30 * time.Second

// commitLog numbers the commits of a writer that other replicas must know of. A commit is logged in its own transaction, and a
// writer has one transaction at a time, so the numbers are in the order of the commits, and none is missing.
type commitLog struct {
	number uint64 // of the latest commit

	trimmed time.Time
	before  uint64 // the number of the latest commit at that time
}

// queue adds the entry of a commit to the last writes of its transaction, and returns its number. It returns 0 if there is nothing to
// tell.
func (l *commitLog) queue(b *pgx.Batch, writer string, c *job.Commit, now time.Time) uint64 {
	if len(c.Jobs)+len(c.Deleted)+len(c.Output) == 0 {
		return 0
	}
	jobs, output := make([]string, 0, len(c.Jobs)), make([]string, 0, len(c.Output))
	for i := range c.Jobs {
		jobs = append(jobs, c.Jobs[i].ID)
	}
	for _, grown := range c.Output {
		output = append(output, grown.ID)
	}
	slices.Sort(jobs)
	var deleted any
	if len(c.Deleted) > 0 {
		text, _ := json.Marshal(c.Deleted) // texts and times: it can't fail
		deleted = string(text)
	}
	b.Queue(`INSERT INTO commits (writer, number, jobs, output, deleted) VALUES ($1, $2, $3, $4, $5)`,
		writer, int64(l.number+1), slices.Compact(jobs), output, deleted)
	if now.Sub(l.trimmed) > logKept && l.before > 0 {
		b.Queue(`DELETE FROM commits WHERE writer = $1 AND number <= $2`, writer, int64(l.before))
	}
	return l.number + 1
}

// committed records that a commit is durable. Its number is 0 if it has no entry.
func (l *commitLog) committed(number uint64, now time.Time) {
	if number == 0 {
		return
	}
	l.number = number
	if now.Sub(l.trimmed) > logKept {
		l.trimmed, l.before = now, number
	}
}
