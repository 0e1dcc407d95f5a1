package postgres

import "headway/services/jobs/internal/job"

// The writer keeps the rows of active jobs that it has written last in memory. The next change of such a job is usually a heartbeat
// or its end, and needs neither a lock nor a read: its statements write a row only if it is still the one in memory, and fail
// otherwise. Then the transaction runs again, and reads the rows. So what is in memory can be outdated without harm, for example
// because another process has changed the row. Record 0061 has the reasons.

// version identifies a state of a row by the transactions that wrote it to the tables jobs and runs (their column xmin). An empty
// text stands for a transaction that holds the row, so that it can't change.
type version struct{ job, run string }

// The versions that a statement expects.
var (
	jobVersion = textual("expected", func(r *row) string { return r.expected().job })
	runVersion = textual("expected", func(r *row) string { return r.expected().run })
)

// expected returns the version that the row must still have.
func (r *row) expected() version {
	if r.held {
		return version{}
	}
	return r.was
}

// outdated is the error code of a statement that did not find all rows in their expected versions: division by zero.
const outdated = "22012"

// unlessOutdated completes a statement that writes the rows t that have the numbers and expected versions u. It fails if it does not
// find all, whose number is its second parameter.
func unlessOutdated(statement string) string {
	return `WITH written AS (` + statement + ` WHERE t.seq = u.seq AND (u.expected = '' OR t.xmin::text = u.expected) RETURNING 1)
		SELECT 1 / (CASE WHEN count(*) = $2::bigint THEN 1 ELSE 0 END) FROM written`
}

// maxActive is the maximum number of rows in memory.
const maxActive = 20_000

// recall takes the rows that are in memory into the transaction, except for those that are locked and read anyway.
func (t *tx) recall(ids, except []string) {
	read := make(map[string]bool, len(except))
	for _, id := range except {
		read[id] = true
	}
	for _, id := range ids {
		if known, found := t.active[id]; found && t.rows[id] == nil && !read[id] {
			r := known
			t.rows[id] = &r
		}
	}
}

// remember updates the rows in memory after the transaction with this ID was committed.
func (t *tx) remember(id string) {
	for jobID, r := range t.rows {
		if r.err != nil || r.job.Status != job.Active || !r.run {
			delete(t.active, jobID)
			continue
		}
		if len(t.active) == maxActive {
			clear(t.active)
		}
		kept := row{seq: r.seq, job: r.job, stored: r.job, sealed: r.sealed, run: true, was: r.was}
		if r.wroteJob {
			kept.was.job = id
		}
		if r.wroteRun {
			kept.was.run = id
		}
		t.active[jobID] = kept
	}
	for _, gone := range t.commit.Deleted {
		delete(t.active, gone.ID)
	}
}
