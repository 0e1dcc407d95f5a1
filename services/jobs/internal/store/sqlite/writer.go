package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"headway/services/jobs/internal/job"
)

// maxBatch is the maximum number of changes in a transaction.
const maxBatch = 256

// errClosed is the error for changes after Close.
var errClosed = errors.New("the jobs database is closed")

// writer is the one goroutine that changes the file.
type writer struct {
	conn    *sql.Conn
	stmts   statements
	lanes   *lanes
	active  map[string]row // the stored rows of active jobs that this process has written last
	observe job.Observer

	changes  chan *change
	stopping chan struct{}
	stopped  chan struct{}
}

// change is one unit of work in a transaction that it can share with others.
type change struct {
	ctx context.Context
	// run does the work. It can be called again after a rollback, so it must not keep state from earlier calls. It must
	// return errors that are not from the database before it writes anything.
	run  func(tx *tx) error
	err  error
	done chan struct{}
}

// tx is the open transaction, for changes.
type tx struct {
	*statements
	conn   *sql.Conn
	lanes  *lanes
	active map[string]row
	ctx    context.Context
	gates  *job.Gates
	commit job.Commit
	broken error // an error of the database, after which the transaction is lost
}

// fail marks the transaction as lost, and returns err with the failed operation.
func (t *tx) fail(doing string, err error) error {
	t.broken = fmt.Errorf("%s: %w", doing, err)
	return t.broken
}

func startWriter(ctx context.Context, db *sql.DB, observe job.Observer) (*writer, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{
		conn:     conn,
		lanes:    newLanes(),
		active:   map[string]row{},
		observe:  observe,
		changes:  make(chan *change, maxBatch),
		stopping: make(chan struct{}),
		stopped:  make(chan struct{}),
	}
	if err := w.stmts.prepare(ctx, conn); err != nil {
		conn.Close()
		return nil, err
	}
	if err := (&tx{statements: &w.stmts, conn: conn, lanes: w.lanes, ctx: ctx}).loadLanes(); err != nil {
		w.stmts.close()
		conn.Close()
		return nil, err
	}
	go w.loop()
	return w, nil
}

// do runs one change and returns when it is durable, or has failed.
func (w *writer) do(ctx context.Context, run func(tx *tx) error) error {
	c := &change{ctx: ctx, run: run, done: make(chan struct{})}
	select {
	case <-w.stopping:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	case w.changes <- c:
	}
	select {
	case <-c.done:
		return c.err
	case <-w.stopped:
		select {
		case <-c.done: // it was one of the last changes
			return c.err
		default:
			return errClosed
		}
	}
}

// stop ends the goroutine after the waiting changes.
func (w *writer) stop() {
	close(w.stopping)
	<-w.stopped
	w.stmts.close()
	w.conn.Close()
}

func (w *writer) loop() {
	defer close(w.stopped)
	batch := make([]*change, 0, maxBatch)
	for {
		batch = batch[:0]
		select {
		case c := <-w.changes:
			batch = append(batch, c)
		case <-w.stopping:
			select {
			case c := <-w.changes:
				batch = append(batch, c)
			default:
				return
			}
		}
		batch = w.gather(batch)
		w.perform(batch)
		for _, c := range batch {
			close(c.done)
		}
	}
}

// gather adds the waiting changes.
func (w *writer) gather(batch []*change) []*change {
	for len(batch) < maxBatch {
		select {
		case c := <-w.changes:
			batch = append(batch, c)
		default:
			return batch
		}
	}
	return batch
}

// perform makes the changes durable in one transaction. If the database refuses one of them, each gets its own
// transaction, so that only the refused one fails.
func (w *writer) perform(batch []*change) {
	if err := w.transact(batch); err == nil {
		return
	} else if len(batch) == 1 {
		batch[0].err = err
		return
	}
	for _, c := range batch {
		if err := w.transact([]*change{c}); err != nil {
			c.err = err
		}
	}
}

// transact runs the changes in one transaction, and sets the error of each. If transact itself returns an error, it is
// from the database, and nothing has changed.
func (w *writer) transact(batch []*change) (err error) {
	begun := time.Now()
	ctx := context.Background() // a caller that disconnects must not abort the transaction of the others
	if _, err := w.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	done := false
	defer func() {
		if !done {
			w.lanes.stale = true
			clear(w.active)
			w.conn.ExecContext(ctx, "ROLLBACK") //nolint:errcheck // the error that matters is being returned
		}
	}()
	t := &tx{statements: &w.stmts, conn: w.conn, lanes: w.lanes, active: w.active, ctx: ctx}
	t.gates = job.NewGates(t.loadGate)
	if w.lanes.stale {
		if err := t.loadLanes(); err != nil {
			return err
		}
	}
	for _, c := range batch {
		if c.err = context.Cause(c.ctx); c.err != nil {
			continue
		}
		if c.err = c.run(t); t.broken != nil {
			return t.broken
		}
	}
	if err := t.openGates(); err != nil {
		return err
	}
	if _, err := w.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	done = true
	if len(t.commit.Jobs)+len(t.commit.Deleted)+len(t.commit.Output) > 0 || !t.commit.Due.IsZero() {
		t.commit.Changes, t.commit.Took = len(batch), time.Since(begun)
		w.observe(&t.commit)
	}
	return nil
}
