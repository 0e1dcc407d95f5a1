package postgres

import (
	"fmt"
	"slices"
	"time"

	"headway/internal/backoff"
	"headway/internal/pgerr"
	"headway/services/importer/internal/imports"
)

const (
	// lockTime is how long a transaction waits for a lock while it holds others. It is shorter than the time after which
	// PostgreSQL looks for a deadlock (deadlock_timeout, by default 1 s). So if this transaction and one of another program
	// wait for each other, this one gives way, and the other program does not notice.
	lockTime = 300 * time.Millisecond
	// lockTries is how often it tries before the import fails, to be tried again later.
	lockTries = 20
	// lockPause is the wait after which a program that has locked something has probably released it.
	lockPause = 50 * time.Millisecond
)

// gaveWay reports whether a statement failed because of a lock of another program.
func gaveWay(err error) bool {
	c := pgerr.Code(err)
	return c == lockNotAvailable || c == deadlockDetected
}

// lockTables keeps other programs from changing tables. They can read. A program that has changed one of the tables, and
// waits for another that this transaction has locked, would be in a deadlock with it. So if a table can't be had soon, all
// locks are released, and that table comes first in the next try. As programs mostly change tables in one order, that order
// is found.
func (tx *transaction) lockTables(tables []string) error {
	if len(tables) == 0 {
		return nil
	}
	if err := tx.exec(`SAVEPOINT headway_lock`); err != nil {
		return fmt.Errorf("lock the tables: %w", err)
	}
	order := slices.Clone(tables)
	for try := 1; ; try++ {
		blocked, err := tx.lockInOrder(order)
		if err == nil {
			return tx.exec(fmt.Sprintf(`SET LOCAL lock_timeout = %d`, lockTime.Milliseconds()))
		}
		if !gaveWay(err) {
			return fmt.Errorf("lock the tables: %w", err)
		}
		if try == lockTries {
			return fmt.Errorf("lock the table %s: %w: %w", order[blocked], imports.ErrTargetUnavailable, err)
		}
		if err := tx.exec(`ROLLBACK TO SAVEPOINT headway_lock`); err != nil {
			return err
		}
		first := order[blocked]
		order = append([]string{first}, slices.Delete(order, blocked, blocked+1)...)
		if !backoff.Sleep(tx.ctx, lockPause) {
			return tx.ctx.Err()
		}
	}
}

// lockExisting locks those of the schema's tables that exist.
func (tx *transaction) lockExisting() error {
	var existing []string
	for _, table := range tx.tableNames() {
		var exists bool
		if err := tx.writer.QueryRow(tx.ctx, `SELECT to_regclass($1) IS NOT NULL`, tableName(table)).Scan(&exists); err != nil {
			return fmt.Errorf("look for table %s: %w", table, failed(tx.ctx, err))
		}
		if exists {
			existing = append(existing, table)
		}
	}
	return tx.lockTables(existing)
}

// lockInOrder locks tables. It returns the index of the one that can't be locked.
func (tx *transaction) lockInOrder(tables []string) (blocked int, err error) {
	wait := tx.target.options.LockTimeout
	for i, table := range tables {
		statement := fmt.Sprintf(`SET LOCAL lock_timeout = %d; LOCK TABLE %s IN EXCLUSIVE MODE`, wait.Milliseconds(), tableName(table))
		if err := tx.exec(statement); err != nil {
			if permanent(err) {
				return i, &imports.TableConflictError{Table: table, Detail: "it can't be locked: " + message(err)}
			}
			return i, err
		}
		wait = lockTime
	}
	return 0, nil
}
