package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"headway/internal/backoff"
)

// turnCheck is the interval at which a run that waits for another one checks that it is still run.
const turnCheck = 2 * time.Second

// awaitTurn waits for the advisory lock of a table. The run that has it can be one of a process that is frozen, or of a machine that
// is. Its job has been given to others then, which might all be waiting here.
func (tx *transaction) awaitTurn(id int64) error {
	checking, stop := context.WithCancel(tx.ctx)
	var checks sync.WaitGroup
	if tx.run.Abandoned != nil {
		checks.Go(func() {
			for backoff.Sleep(checking, turnCheck) {
				_ = tx.endAbandoned(checking, id) // it is tried again, and the wait has its own error
			}
		})
	}
	defer checks.Wait()
	defer stop()
	return tx.exec(`SELECT pg_advisory_xact_lock($1)`, id)
}

// endAbandoned ends the connection that has an advisory lock, if the run of that connection was abandoned. That rolls it back.
func (tx *transaction) endAbandoned(ctx context.Context, id int64) (err error) {
	conn, err := tx.target.connect(ctx, "headway")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeConn(conn)) }()
	var pid int32
	var name string
	err = conn.QueryRow(ctx, `SELECT l.pid, a.application_name FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
		WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = a.datid AND a.datname = current_database() AND a.usename = current_user
		AND (l.classid::bigint << 32) | l.objid::bigint = $1`, id).Scan(&pid, &name)
	if err != nil {
		return fmt.Errorf("look for the import whose turn it is: %w", err)
	}
	other, is := strings.CutPrefix(name, runPrefix)
	if !is || !tx.run.Abandoned(ctx, other) {
		return nil
	}
	_, err = conn.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND application_name = $2`, pid, name)
	return err
}
