package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/target/sqlite/sqlitedirect"
)

// transaction is an imports.TargetTx. Each has its own connection, which is closed with it, because an idle one would keep
// its page cache.
type transaction struct {
	store *Target
	// using is held while a table's method uses the connection: lookups and writes can be called at the same time.
	using sync.Mutex
	conn  *sqlitedirect.Conn
	run   imports.Run
	// began is when the run began, in UTC.
	began time.Time
	leave func()
	// unwatch stops watching the run's context. Until then, a done context interrupts the running statement.
	unwatch func()
	// claimed are the sheets of the tables that the run has opened, by their folded names.
	claimed map[string]*schema.Sheet
	// before has the number of rows of a sheet's table before the run, if the database has triggers.
	before map[string]int64
	// added are the columns that were added to the table of a sheet.
	added map[string][]string
	// migrates means that the transaction is not a run, but makes all changes that the tables need. changes are those that it
	// has made.
	migrates bool
	changes  []imports.Change
	// rebuilt are the sheets whose tables were rebuilt.
	rebuilt map[string]bool
	// enforced means that SQLite checks the foreign keys.
	enforced bool
	// later are the indexes that fillIndexes creates.
	later []laterIndex
	// statements are closed with the transaction.
	statements []*sqlitedirect.Stmt
	ended      bool
	// written is the number of rows written since misses, which counts the pages that were not in the cache, was last read.
	written, misses int64
	wide            bool
}

// begin claims the import for this run in a separate transaction, so that an earlier run can no longer commit, and then
// opens the transaction of the run.
func (tx *transaction) begin(ctx context.Context) (err error) {
	if err := tx.store.keep(ctx); err != nil {
		return err
	}
	if tx.conn, err = connect(ctx, tx.store.path); err != nil {
		return fmt.Errorf("open the target database: %w", err)
	}
	tx.unwatch = tx.conn.InterruptOn(ctx)
	if err := tx.setCache(ctx, cacheKiB); err != nil {
		return err
	}
	if err := tx.lock(ctx); err != nil {
		return err
	}
	if err := tx.claim(ctx); err != nil {
		return err
	}
	if err := tx.exec(ctx, `COMMIT`); err != nil {
		return fmt.Errorf("claim the import: %w", err)
	}
	return tx.lockForRows(ctx)
}

func (tx *transaction) setCache(ctx context.Context, kib int) error {
	if err := tx.exec(ctx, fmt.Sprintf(`PRAGMA cache_size(-%d)`, kib)); err != nil {
		return fmt.Errorf("set the page cache: %w", err)
	}
	return nil
}

// widenCache widens the page cache if too few pages of the most recently written rows were in it. Rows in key order
// have at most one miss per 20 rows. Rows in random order have several misses per row.
func (tx *transaction) widenCache(ctx context.Context, rows int) error {
	const sample = 10_000
	if tx.written += int64(rows); tx.wide || tx.written < sample {
		return nil
	}
	misses, err := tx.conn.CacheMisses()
	if err != nil {
		return fmt.Errorf("count the misses of the page cache: %w", err)
	}
	missed := misses - tx.misses
	tx.wide = missed > tx.written/4
	tx.written, tx.misses = 0, misses
	if !tx.wide {
		return nil
	}
	return tx.setCache(ctx, wideCacheKiB)
}

// claim records that this run of the import has begun, unless a later one has begun, or the import was applied.
func (tx *transaction) claim(ctx context.Context) error {
	var number int64
	var applied string
	err := tx.query(ctx, `SELECT run, sheets FROM headway_imports WHERE import_id = ?`, []any{tx.run.ImportID},
		func(row *sqlitedirect.Stmt) { number, applied = row.Int(0), row.Text(1) })
	switch {
	case err != nil:
		return fmt.Errorf("look for the import: %w", err)
	case applied != "":
		done := &imports.AppliedError{}
		if err := json.Unmarshal([]byte(applied), &done.Sheets); err != nil {
			return fmt.Errorf("read the counts of the applied import: %w", err)
		}
		return done
	case number > tx.run.Number:
		return imports.ErrFenced
	}
	err = tx.exec(ctx, `INSERT INTO headway_imports (import_id, schema, run) VALUES (?, ?, ?)
		ON CONFLICT (import_id) DO UPDATE SET run = excluded.run`, tx.run.ImportID, tx.run.Schema.Name, tx.run.Number)
	if err != nil {
		return fmt.Errorf("claim the import: %w", err)
	}
	return nil
}

// lockForRows begins the transaction of the rows. SQLite checks foreign keys only if there are some that the run
// doesn't check itself, because that costs a lookup and a journal entry per row.
func (tx *transaction) lockForRows(ctx context.Context) error {
	if err := tx.exec(ctx, `PRAGMA foreign_keys(OFF)`); err != nil {
		return fmt.Errorf("turn off foreign keys: %w", err)
	}
	if err := tx.lock(ctx); err != nil {
		return err
	}
	others, err := tx.foreignKeysOfOthers(ctx)
	if err != nil || !others {
		return err
	}
	tx.enforced = true
	// This setting can be changed only between transactions.
	for _, statement := range []string{`ROLLBACK`, `PRAGMA foreign_keys(ON)`} {
		if err := tx.exec(ctx, statement); err != nil {
			return fmt.Errorf("turn on foreign keys: %w", err)
		}
	}
	if err := tx.lock(ctx); err != nil {
		return err
	}
	// A value and the rows that refer to it can change in the same run, in any order.
	if err := tx.exec(ctx, `PRAGMA defer_foreign_keys(ON)`); err != nil {
		return fmt.Errorf("check foreign keys at the commit: %w", err)
	}
	return nil
}

// lock begins a transaction that can write. It waits for other processes that write.
func (tx *transaction) lock(ctx context.Context) error {
	err := retryLocked(ctx, func() error { return tx.conn.Exec(`BEGIN IMMEDIATE`) })
	if err != nil {
		return fmt.Errorf("begin: %w", unavailable(err))
	}
	return nil
}

// Commit implements imports.TargetTx.
func (tx *transaction) Commit(ctx context.Context, sheets map[string]imports.Counts) error {
	if err := tx.fillIndexes(ctx); err != nil { // without a Check
		return err
	}
	numbers, err := json.Marshal(sheets)
	if err != nil {
		return fmt.Errorf("encode the counts: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	// A commit that has started is not interrupted, because its result would be unknown.
	ctx = context.WithoutCancel(ctx)
	tx.unwatch()
	err = tx.exec(ctx, `UPDATE headway_imports SET applied_at = ?, sheets = ? WHERE import_id = ? AND run = ? AND applied_at IS NULL`,
		time.Now().UTC().Format(time.RFC3339Nano), string(numbers), tx.run.ImportID, tx.run.Number)
	if err != nil {
		return fmt.Errorf("record the import as applied: %w", err)
	}
	if tx.conn.Changes() != 1 {
		return imports.ErrFenced
	}
	if err := tx.exec(ctx, `COMMIT`); err != nil {
		if resultCode(err) == sqlite3.SQLITE_CONSTRAINT {
			return &imports.TableConflictError{Table: "the database", Detail: "a row refers to a value that this import replaces"}
		}
		return fmt.Errorf("commit: %w", err)
	}
	// The rows are in the database, even if closing the connection fails.
	_ = tx.end()
	tx.store.checkpoint()
	return nil
}

// Rollback implements imports.TargetTx.
func (tx *transaction) Rollback() error { return tx.end() }

// end closes the connection, which rolls back an open transaction, and admits the next run.
func (tx *transaction) end() error {
	if tx.ended {
		return nil
	}
	tx.ended = true
	defer tx.leave()
	if tx.conn == nil {
		return nil
	}
	if tx.unwatch != nil {
		tx.unwatch()
	}
	var err error
	for _, s := range tx.statements {
		err = errors.Join(err, s.Close())
	}
	return errors.Join(err, tx.conn.Close())
}

// prepare prepares a statement that is closed with the transaction.
func (tx *transaction) prepare(text string) (*sqlitedirect.Stmt, error) {
	s, err := tx.conn.Prepare(text)
	if err != nil {
		return nil, err
	}
	tx.statements = append(tx.statements, s)
	return s, nil
}

func (tx *transaction) exec(ctx context.Context, statement string, args ...any) error {
	return tx.query(ctx, statement, args, nil)
}

func (tx *transaction) query(ctx context.Context, statement string, args []any, each func(row *sqlitedirect.Stmt)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return unavailable(tx.conn.Query(statement, args, each))
}
