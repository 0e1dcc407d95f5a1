package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"headway/internal/backoff"
	"headway/internal/pgerr"
	"headway/internal/pgstore"
	"headway/services/jobs/internal/job"
)

const (
	// maxBatch is the maximum number of changes in a transaction.
	maxBatch = 256
	// queueTimeout is the maximum time that a change waits in the queue of the writer while the database can't be reached.
	queueTimeout = 10 * time.Second
	// transactTimeout is the maximum time of a transaction, after which its connection counts as lost.
	transactTimeout = 10 * time.Second
	// maxTries is the maximum number of attempts of a transaction that has conflicts or loses its connection.
	maxTries = 4
	// firstRetry and lastRetry are the minimum and maximum delay before a lost connection is established again.
	firstRetry, lastRetry = 20 * time.Millisecond, time.Second
	// everyReplica is the advisory lock that all replicas share. Versions without replicas have it alone, so a replica waits until
	// they have ended.
	everyReplica = 0x6865616477617901
	// turnLock is the advisory lock that replicas have in turn, each for one transaction.
	turnLock = 0x6865616477617902
	// turnTimeout is the maximum time that a replica waits for its turn.
	turnTimeout = time.Second
)

// errClosed is the error for changes after Close.
var errClosed = errors.New("the jobs database is closed")

// writer is the one goroutine that changes the database.
type writer struct {
	config  *pgx.ConnConfig
	id      string    // of its row in the table writers
	lock    int64     // its own advisory lock
	conn    *pgx.Conn // nil while there is no connection
	begun   bool      // the connection has a transaction with the turn, but without changes
	crowded bool      // another replica had the turn before the latest transaction
	// turnless is until when no turn is requested.
	turnless time.Time
	backend  backend // of the latest connection
	observe  job.Observer
	timeout  time.Duration // of a transaction
	limit    int64         // of active jobs per lane, as stored. -1 means that it must be read
	active   map[string]row
	log      commitLog
	// analyzed is when the statistics were checked. See keepStatistics.
	analyzed time.Time
	// pid is that of the backend, for other goroutines.
	pid atomic.Uint32
	// others reports whether other replicas are alive.
	others atomic.Bool

	changes  chan *change
	stopping chan struct{}
	stopped  chan struct{}
}

// change is one unit of work in a transaction that it can share with others.
type change struct {
	ctx      context.Context
	ids      []string // of the jobs that run reads
	creates  []job.Creation
	claim    *claim
	sequence bool // run sends its own statements, after the jobs of the others are written
	// run does the work. It can be called again after a rollback, so it must not keep state from earlier calls. It must
	// return errors that are not from the database before it changes anything. It is nil for a claim.
	run  func(tx *tx) error
	err  error
	done chan struct{}
}

func startWriter(ctx context.Context, config *pgx.ConnConfig, observe job.Observer) (*writer, error) {
	w := &writer{
		id:       rand.Text(),
		lock:     mathrand.Int64(),
		config:   config,
		observe:  observe,
		limit:    -1,
		active:   map[string]row{},
		analyzed: time.Now(),
		timeout:  transactTimeout,
		changes:  make(chan *change, maxBatch),
		stopping: make(chan struct{}),
		stopped:  make(chan struct{}),
	}
	if err := w.connect(ctx); err != nil {
		return nil, err
	}
	go w.loop()
	return w, nil
}

// connect establishes the writer's connection, and waits until the transaction of the connection before has ended.
func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil && !w.conn.IsClosed() {
		return nil
	}
	conn, err := pgstore.Connect(ctx, w.config)
	if err != nil {
		return &lostError{err}
	}
	next, err := w.takeOver(ctx, conn)
	if err != nil {
		conn.Close(ctx)
		return &lostError{fmt.Errorf("wait until no process of an earlier version uses the jobs database: %w", err)}
	}
	w.conn, w.begun, w.backend, w.limit = conn, false, next, -1
	w.pid.Store(next.pid)
	clear(w.active)
	return nil
}

// backend is the server's process for a connection. Its number can be given to another process, but not with the same start.
type backend struct {
	pid     uint32
	started time.Time
}

// lockTimeout is the maximum time that a statement waits for a lock. It is longer than a frozen replica can keep one.
const lockTimeout = pgstore.FrozenTimeout + 3*time.Second

// sessionSettings let the server notice within half a minute that this process has gone without closing its connection. Until
// then, it keeps the locks.
const sessionSettings = `SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5;
	SET tcp_keepalives_count = 3; SET tcp_user_timeout = '25s'`

// takeOver prepares a new connection. If the connection before was lost without the server noticing, its backend is ended: it has
// the lock that the new connection needs.
func (w *writer) takeOver(ctx context.Context, conn *pgx.Conn) (next backend, err error) {
	if _, err := conn.Exec(ctx, `SET lock_timeout = `+milliseconds(lockTimeout)+`; `+sessionSettings); err != nil {
		return next, err
	}
	if err := planByIndex(ctx, conn); err != nil {
		return next, err
	}
	if w.backend.pid != 0 {
		if _, err := conn.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2`,
			int32(w.backend.pid), w.backend.started); err != nil {
			return next, err
		}
	}
	next.pid = conn.PgConn().PID()
	if err := conn.QueryRow(ctx, `SELECT backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()`).Scan(&next.started); err != nil {
		return next, err
	}
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1), pg_advisory_lock_shared($2)`, w.lock, int64(everyReplica)); err != nil {
		return next, err
	}
	if err := registerRecords(ctx, conn); err != nil {
		return next, err
	}
	return next, w.register(ctx, conn)
}

// disconnect drops an unusable connection.
func (w *writer) disconnect() {
	if w.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	w.conn.Close(ctx)
	w.conn = nil
}

// do runs one change and returns when it is durable, or has failed.
func (w *writer) do(c *change) error {
	c.done = make(chan struct{})
	late := time.NewTimer(queueTimeout)
	defer late.Stop()
	select {
	case <-w.stopping:
		return errClosed
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	case <-late.C:
		return unavailable(errors.New("too many changes are waiting for the database"))
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
	w.disconnect()
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
		w.awaitTurn()
		w.perform(w.gather(batch))
		w.keepStatistics()
	}
}

// awaitTurn begins a transaction, and waits until it is this replica's turn, if another one had it before the latest transaction. Nearly all
// transactions change the same few lanes, so those of two replicas would wait for each other anyway, but with fewer changes each: the
// changes that arrive during this wait join the transaction. The turn saves only time: without it, the locks of the rows keep the changes
// correct. So if it does not come in time, because a replica is frozen in its turn, no further one is requested until that one has lost it.
func (w *writer) awaitTurn() {
	if !w.crowded || !w.takesTurns() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), w.timeout)
	defer cancel()
	if w.connect(ctx) != nil {
		return
	}
	c := &conn{Conn: w.conn, turn: true}
	err := c.begin(ctx)
	w.noteTurn(c)
	if w.begun = err == nil; err != nil {
		w.rollback(ctx, err)
		return
	}
	w.crowded = c.waited
}

// noteTurn records whether the transaction had to wait for its turn, and whether it came.
func (w *writer) noteTurn(c *conn) {
	w.crowded = w.crowded || c.waited
	if c.turn && c.begun && !c.granted {
		w.turnless = time.Now().Add(pgstore.FrozenTimeout)
	}
}

// takesTurns reports whether this replica and others write in turn.
func (w *writer) takesTurns() bool { return w.others.Load() && time.Now().After(w.turnless) }

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

// perform makes the changes durable in one transaction, and then answers their callers. If the database refuses one of
// them, each gets its own transaction, so that only the refused one fails.
func (w *writer) perform(batch []*change) {
	if len(batch) == 0 {
		return
	}
	err := w.attempt(batch)
	if pgerr.Refused(err) && len(batch) > 1 {
		for _, c := range batch {
			w.answer([]*change{c}, w.attempt([]*change{c}))
		}
		return
	}
	w.answer(batch, err)
}

// answer answers the callers. An error applies to all changes.
func (w *writer) answer(batch []*change, err error) {
	for _, c := range batch {
		if err != nil {
			c.err = err
		}
		close(c.done)
	}
}

// attempt runs a transaction until its outcome is known. It is run again only if it had no effect: it had a conflict,
// or the connection was lost before the commit, or the database reports that it was not committed. If the response to
// the commit was lost, the outcome is looked up, and the commit is never repeated. While the store closes, the attempts
// follow each other without a delay.
func (w *writer) attempt(batch []*change) error {
	wait := backoff.New(firstRetry, lastRetry)
	var err error
	for try := range maxTries {
		if try > 1 || try == 1 && !isOutdated(err) {
			select {
			case <-w.stopping:
			case <-time.After(wait.Next()):
			}
		}
		if try > 0 {
			w.awaitTurn()
		}
		if err = w.transact(batch, try > 0); err == nil || !isConflict(err) && !isLost(err) {
			return err
		}
	}
	if isLost(err) {
		return unavailable(err)
	}
	return err
}

// transact runs the changes in one transaction, and sets the error of each. If transact itself returns an error,
// nothing has changed. again reports whether it is not the first attempt.
func (w *writer) transact(batch []*change, again bool) error {
	begun := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), w.timeout) // a caller that disconnects must not abort the transaction of the others
	defer cancel()
	if err := w.connect(ctx); err != nil {
		return err
	}
	t := newTx(ctx, &conn{Conn: w.conn, begun: w.begun, turn: !w.begun && !w.crowded && w.takesTurns()}, w.limit, w.active)
	t.again, w.begun = again, false
	defer func() { w.noteTurn(t.conn) }()
	rest, err := t.perform(batch)
	if err != nil {
		w.forget(batch, err)
	}
	if err != nil || !t.wrote {
		if t.conn.begun {
			w.rollback(ctx, err)
		}
		return err
	}
	t.commit.Number = w.log.queue(rest, w.id, &t.commit, begun)
	id, err := w.commit(ctx, t.conn, rest, max(w.log.number, t.commit.Number))
	if err != nil {
		w.forget(batch, err)
		return err
	}
	w.log.committed(t.commit.Number, begun)
	w.limit = t.limit
	if id != "" { // otherwise, only the outcome is known
		t.remember(id)
	}
	if len(t.commit.Jobs)+len(t.commit.Deleted)+len(t.commit.Output) > 0 || !t.commit.Due.IsZero() {
		t.commit.Changes, t.commit.Took = len(batch), time.Since(begun)
		w.observe(&t.commit)
	}
	return nil
}

// forget drops rows in memory after a failed transaction: those of its jobs, if one of them was outdated, and otherwise all.
func (w *writer) forget(batch []*change, err error) {
	if !isOutdated(err) {
		clear(w.active)
		return
	}
	for _, c := range batch {
		for _, id := range c.ids {
			delete(w.active, id)
		}
	}
}

// rollback ends a transaction without its changes. err is why, or nil if there are none.
func (w *writer) rollback(ctx context.Context, err error) {
	if err == nil || pgerr.Refused(err) {
		if _, err := w.conn.Exec(ctx, "ROLLBACK"); err == nil {
			return
		}
	}
	w.disconnect()
}
