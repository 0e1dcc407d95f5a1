package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"headway/services/jobs/internal/job"
)

// tx is one transaction with several changes. Their jobs are locked and read at its beginning, and written at its end.
type tx struct {
	ctx   context.Context
	conn  *conn
	rows  map[string]*row
	dirty []*row
	earlier
	deltas    map[lane]*delta
	positions map[lane]*positions
	rounds    map[string]int64 // by kind, of the last lease
	limit     int64            // of active jobs per lane
	active    map[string]row   // of the writer
	gates     *job.Gates
	again     bool // an earlier attempt has failed
	wrote     bool
	broken    error // an error of the database, after which the transaction is lost
	commit    job.Commit
}

func newTx(ctx context.Context, c *conn, limit int64, active map[string]row) *tx {
	t := &tx{ctx: ctx, conn: c, limit: limit, active: active, rows: map[string]*row{}, deltas: map[lane]*delta{}, positions: map[lane]*positions{}, rounds: map[string]int64{}}
	t.gates = job.NewGates(t.loadGate)
	return t
}

// fail marks the transaction as lost, and returns err with the failed operation.
func (t *tx) fail(doing string, err error) error {
	t.broken = fmt.Errorf("%s: %w", doing, err)
	return t.broken
}

// perform runs the transaction except for its last writes and its end, which it returns in b. The round trips are few: one reads what
// is not in memory, and the jobs for claims, if there are any, and the last one writes everything. Claims come first, so that what they
// read fits into the first one.
func (t *tx) perform(batch []*change) (b *pgx.Batch, err error) {
	live := make([]*change, 0, len(batch))
	for _, c := range batch {
		if c.err = c.ctx.Err(); c.err == nil {
			live = append(live, c)
		}
	}
	groups := claimGroups(live)
	first, err := t.begin(live, groups)
	if err != nil {
		return nil, err
	}
	if err := t.claims(groups, first); err != nil {
		return nil, err
	}
	if err := t.run(live, false); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(live, func(c *change) bool { return c.sequence }) {
		if err := t.flush(); err != nil {
			return nil, err
		}
		if err := t.run(live, true); err != nil {
			return nil, err
		}
	}
	if err := t.openGates(); err != nil {
		return nil, err
	}
	b = t.queue()
	t.queueGates(b)
	return b, nil
}

// run runs the changes that send their own statements, or the others.
func (t *tx) run(live []*change, sequence bool) error {
	for _, c := range live {
		if c.run == nil || c.sequence != sequence {
			continue
		}
		if c.err = c.run(t); t.broken != nil {
			return t.broken
		}
	}
	return nil
}

// begin locks and reads the jobs that the changes need, and the turns for the first claims, in at most one round trip. The turns are nil
// if there are no claims, or if they have a new limit.
func (t *tx) begin(batch []*change, groups [][]*change) (first *turnsRead, err error) {
	var ids, locked []string
	var requests lookups
	for _, c := range batch {
		if c.sequence {
			locked = append(locked, c.ids...)
		} else {
			ids = append(ids, c.ids...)
		}
		for i := range c.creates {
			if one := &c.creates[i]; one.RequestID != "" || t.again { // otherwise, the database refuses an ID that is not new
				requests.add(one)
				locked = append(locked, one.Job.ID)
			}
		}
	}
	b := &pgx.Batch{}
	if t.limit < 0 {
		b.Queue(`SELECT active FROM lane_limit`).QueryRow(func(r pgx.Row) error { return r.Scan(&t.limit) })
	}
	t.queueLookups(b, &requests)
	t.recall(ids, locked)
	t.queueLoad(b, slices.Concat(ids, locked))
	if len(groups) > 0 && t.limit == limitOf(groups[0]) {
		first = queueTurns(b, groups[0])
	}
	if b.Len() == 0 {
		return nil, nil
	}
	if err := t.conn.SendBatch(t.ctx, b).Close(); err != nil {
		return nil, t.fail("lock and read the jobs", err)
	}
	return first, t.load(t.found()) // the jobs of repeated requests
}

// queueLoad locks and reads the jobs. The first statements lock them in a fixed order, with their runs, because a heartbeat of another
// replica writes only these. A separate statement reads them, so that it sees the commits of the previous lock holders.
func (t *tx) queueLoad(b *pgx.Batch, ids []string) {
	ids = slices.Sorted(slices.Values(ids)) // a copy
	ids = slices.DeleteFunc(slices.Compact(ids), func(id string) bool { return t.rows[id] != nil || hasNUL(id) })
	if len(ids) == 0 {
		return
	}
	b.Queue(`SELECT seq FROM jobs WHERE id = ANY($1) ORDER BY seq FOR NO KEY UPDATE`, ids)
	b.Queue(`SELECT seq FROM runs WHERE seq = ANY(ARRAY(SELECT seq FROM jobs WHERE id = ANY($1))) ORDER BY seq FOR NO KEY UPDATE`, ids)
	b.Queue(`SELECT `+selected+fromJobs+` WHERE j.id = ANY($1)`, ids).Query(func(rows pgx.Rows) error {
		all, err := scanAll(rows)
		for _, r := range all {
			t.rows[r.job.ID] = r
		}
		return err
	})
}

// load locks and reads more jobs.
func (t *tx) load(ids []string) error {
	b := &pgx.Batch{}
	if t.queueLoad(b, ids); b.Len() == 0 {
		return nil
	}
	if err := t.conn.SendBatch(t.ctx, b).Close(); err != nil {
		return t.fail("lock and read the jobs", err)
	}
	return nil
}

// row returns the job with the ID, or job.ErrNotFound.
func (t *tx) row(id string) (*row, error) {
	r := t.rows[id]
	if r == nil {
		return nil, job.ErrNotFound
	}
	return r, r.err
}

// settled reports whether no other replica can change the row before this transaction ends, or this transaction has changed it.
func (r *row) settled() bool { return r.held || r.changed }

// lockedRow is row for a job that this transaction might not write. A row in memory is read again, because only writing it shows
// whether it is outdated.
func (t *tx) lockedRow(id string) (*row, error) {
	if r := t.rows[id]; r != nil && !r.settled() {
		delete(t.rows, id)
		if err := t.load([]string{id}); err != nil {
			return nil, err
		}
	}
	return t.row(id)
}

// update changes a job.
func (t *tx) update(id string, change func(*job.Job) error) (job.Job, error) {
	r, err := t.row(id)
	if err != nil {
		return job.Job{}, err
	}
	j := r.job
	err = change(&j)
	if err != nil && !r.settled() { // an outdated row in memory must not be the reason
		if r, err = t.lockedRow(id); err != nil {
			return job.Job{}, err
		}
		j = r.job
		err = change(&j)
	}
	if err != nil {
		return job.Job{}, err
	}
	if err := t.keep(r, &j); err != nil {
		return job.Job{}, err
	}
	return j, nil
}

// keep records a changed job. If it returns an error that is not from the database, it has not changed anything.
func (t *tx) keep(r *row, j *job.Job) error {
	earlier := r.texts
	if err := r.encode(j); err != nil { // only the job that can't be encoded is refused
		r.texts = earlier
		return err
	}
	before := r.job
	if err := t.gates.Follow(&before, j); err != nil {
		r.texts = earlier
		return err
	}
	if j.Ready() && !before.Ready() {
		n, err := t.ahead(j, r.seq)
		if err != nil {
			return t.fail("count the jobs ahead of "+j.ID, err)
		}
		j.QueuePosition = job.ShownPosition(n)
	}
	if j.Checkpoint != nil {
		r.checkpoint, j.Checkpoint = j.Checkpoint, nil
	}
	if j.LargeResult != nil {
		r.largeResult, j.LargeResult = j.LargeResult, nil
	}
	r.job = *j
	t.touch(r)
	t.count(&before, j)
	if j.Revision != before.Revision {
		t.tell(&before, j)
	}
	return nil
}

// touch marks the row to be written.
func (t *tx) touch(r *row) {
	if !r.changed {
		r.changed = true
		t.dirty = append(t.dirty, r)
	}
}

// tell adds the job's new state to the commit.
func (t *tx) tell(before, j *job.Job) {
	t.commit.Jobs = append(t.commit.Jobs, *j)
	t.commit.Was = append(t.commit.Was, before.Status)
	t.commit.WasReady = append(t.commit.WasReady, before.Ready())
}

// queue returns the statements that write the changed jobs, and the counts of their lanes. There can be none.
func (t *tx) queue() *pgx.Batch {
	b := &pgx.Batch{}
	t.queueRows(b)
	t.queueLanes(b)
	t.wrote = t.wrote || b.Len() > 0
	return b
}

// flush writes the changes so far, so that the next statements see them.
func (t *tx) flush() error {
	b := t.queue()
	if b.Len() == 0 {
		return nil
	}
	if err := t.conn.SendBatch(t.ctx, b).Close(); err != nil {
		return t.fail("store the jobs", err)
	}
	clear(t.positions)
	return nil
}

// queueRows writes the jobs that have changed.
func (t *tx) queueRows(b *pgx.Batch) {
	var created, changed, started, running, ended, queued, leaving []*row
	var withResult, withoutResult, withCheckpoint []int64
	var results []string
	var checkpoints [][]byte
	for _, r := range t.dirty {
		j, was := &r.job, &r.stored
		active := j.Status == job.Active
		switch {
		case r.isNew:
			created = append(created, r)
			r.isNew = false
		case active && j.Lease.Same(was.Lease) && j.CancelRequested == was.CancelRequested: // the row of jobs doesn't change
		default:
			changed = append(changed, r)
		}
		switch {
		case active && r.run:
			running = append(running, r)
		case active:
			started = append(started, r)
			r.run = true
		case r.run:
			ended = append(ended, r)
			r.run = false
		}
		switch {
		case j.Ready() == was.Ready():
		case !j.Ready():
			leaving = append(leaving, r)
		case r.seq > 0: // a new job joins the queue when it is inserted
			queued = append(queued, r)
		}
		if r.checkpoint != nil {
			withCheckpoint, checkpoints = append(withCheckpoint, r.seq), append(checkpoints, r.checkpoint)
		}
		switch {
		case r.largeResult != nil && j.ResultBytes > 0:
			withResult, results = append(withResult, r.seq), append(results, string(r.largeResult))
		case was.ResultBytes > 0 && j.ResultBytes == 0:
			withoutResult = append(withoutResult, r.seq)
		}
		r.changed, r.stored, r.checkpoint, r.largeResult = false, r.job, nil, nil
	}
	if len(created) > 0 {
		b.Queue(insertJobs, t.conn.encode(newJobs, created)).Query(func(rows pgx.Rows) error {
			defer rows.Close()
			for i := 0; rows.Next() && i < len(created); i++ {
				if err := rows.Scan(&created[i].seq); err != nil {
					return err
				}
			}
			return rows.Err()
		})
		queueLabels(b, created)
	}
	for _, s := range []struct {
		text    string
		of      record
		rows    []*row
		checked bool
	}{{updateJobs, changedJobs, changed, true}, {insertRuns, changedRuns, started, false}, {updateRuns, changedRuns, running, true},
		{deleteRuns, endedRuns, ended, true}, {enqueue, queuedJobs, queued, false}, {dequeue, queuedJobs, leaving, false}} {
		if len(s.rows) == 0 {
			continue
		}
		args := []any{t.conn.encode(s.of, s.rows)}
		if s.checked {
			args = append(args, len(s.rows))
		}
		b.Queue(s.text, args...)
	}
	for _, r := range t.dirty {
		r.held = true
	}
	for _, r := range changed {
		r.wroteJob = true
	}
	for _, r := range slices.Concat(started, running) {
		r.wroteRun = true
	}
	t.dirty = t.dirty[:0]
	for _, s := range []struct {
		text string
		seqs []int64
		more []any
	}{
		{`DELETE FROM results WHERE seq = ANY($1)`, withoutResult, nil},
		{`INSERT INTO results (seq, data) SELECT * FROM unnest($1::bigint[], $2::text[])
			ON CONFLICT (seq) DO UPDATE SET data = EXCLUDED.data`, withResult, []any{results}},
		{`INSERT INTO checkpoints (seq, data) SELECT * FROM unnest($1::bigint[], $2::bytea[])
			ON CONFLICT (seq) DO UPDATE SET data = EXCLUDED.data`, withCheckpoint, []any{checkpoints}},
	} {
		if len(s.seqs) > 0 {
			b.Queue(s.text, append([]any{s.seqs}, s.more...)...)
		}
	}
}

// queueLabels stores the labels of new jobs.
func queueLabels(b *pgx.Batch, created []*row) {
	var ids, names, values []string
	for _, r := range created {
		for name, value := range r.job.Labels {
			ids, names, values = append(ids, r.job.ID), append(names, name), append(values, value)
		}
	}
	if len(ids) > 0 {
		b.Queue(`INSERT INTO job_labels (name, value, owner, created_at, seq) SELECT u.name, u.value, j.owner, j.created_at, j.seq
			FROM unnest($1::text[], $2::text[], $3::text[]) AS u(id, name, value) JOIN jobs AS j ON j.id = u.id`, ids, names, values)
	}
}
