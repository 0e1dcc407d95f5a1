package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"

	"headway/services/importer/internal/imports"
)

// transaction is an imports.TargetTx. Its connections are closed with it.
type transaction struct {
	target *Target
	// ctx is the context of the run. Copies of rows outlive the context of a single call.
	ctx   context.Context
	run   imports.Run
	leave func()
	// writer collects and applies the rows. reader answers lookups.
	writer, reader *pgx.Conn
	// using is held while a lookup uses the reader: those in different tables can be called at the same time.
	using sync.Mutex
	// tables are in the order in which they were opened, parents first.
	tables []*table
	// copying is the copy of rows that is in progress, or nil.
	copying *copying
	// existing are those of the schema's tables that exist, by their IDs in the catalog. It is nil until they are read.
	existing map[uint32]string
	// parents are the columns by which foreign keys find rows, by the columns that refer to them.
	parents map[storedColumn]parentColumn
	// together has the other columns of foreign keys of which one column does not find the row alone, and scopes the rows among which a
	// column finds one.
	together map[storedColumn]tenantKey
	scopes   map[storedColumn]scope
	// live are the conditions for rows among which a column identifies one, if it does not identify all.
	live map[storedColumn]string
	// unprepared means that the database lacks Headway's own tables, which only a plan accepts.
	unprepared bool
	// lookups counts the prepared statements of the reader.
	lookups int
	// uncounted reports whether a table has triggers, and the server does not count the rows that they insert.
	uncounted bool
	applied   bool
	// keys are the foreign keys to and from the tables, when the rows are written. undivided means that the rows of a table are written
	// by one statement.
	keys      []foreignKey
	undivided bool
	writing   writing
	ended     bool
}

// runPrefix begins the names of a run's connections, which end with the ID of the import.
const runPrefix = "headway import "

// begin claims the import for this run in a separate transaction, so that an earlier run can no longer commit, and then
// opens the transaction of the run and the snapshot of its lookups.
func (tx *transaction) begin(waiting func(int)) (err error) {
	ctx, name := tx.ctx, runPrefix+tx.run.ImportID
	if tx.writer, err = tx.target.connect(ctx, name); err != nil {
		return err
	}
	if err := tx.target.prepare(ctx, tx.writer); err != nil {
		return err
	}
	if err := inTransaction(ctx, tx.writer, tx.claim); err != nil {
		return err
	}
	if err := tx.endEarlierRuns(name); err != nil {
		return err
	}
	if tx.reader, err = tx.target.connect(ctx, name); err != nil {
		return err
	}
	if err := tx.exec(`BEGIN`); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := tx.takeTurn(waiting); err != nil {
		return err
	}
	if tx.run.Exclusive {
		if err := tx.lockExisting(); err != nil {
			return err
		}
	}
	// Lookups ask for a few rows by an index. Without statistics, the planner could read the whole table for each of them.
	_, err = tx.reader.Exec(ctx, `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
		SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off;
		SET LOCAL plan_cache_mode = force_generic_plan`)
	if err != nil {
		return fmt.Errorf("begin the lookups: %w", failed(ctx, err))
	}
	return nil
}

// claim records that this run of the import has begun, unless a later one has, or the import was applied.
func (tx *transaction) claim() error {
	var number int64
	var applied []byte
	err := tx.writer.QueryRow(tx.ctx, `INSERT INTO headway_imports AS i (import_id, schema, run) VALUES ($1, $2, $3)
		ON CONFLICT (import_id) DO UPDATE SET run = greatest(i.run, excluded.run) RETURNING run, sheets`,
		tx.run.ImportID, tx.run.Schema.Name, tx.run.Number).Scan(&number, &applied)
	switch {
	case err != nil:
		return fmt.Errorf("claim the import: %w", failed(tx.ctx, err))
	case applied != nil:
		done := &imports.AppliedError{}
		if err := json.Unmarshal(applied, &done.Sheets); err != nil {
			return fmt.Errorf("read the counts of the applied import: %w", err)
		}
		return done
	case number > tx.run.Number:
		return imports.ErrFenced
	}
	return nil
}

// endEarlierRuns ends the connections of earlier runs of the import, which can no longer commit but can hold locks: the
// server might not have noticed that their process is gone.
func (tx *transaction) endEarlierRuns(name string) error {
	_, err := tx.writer.Exec(tx.ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE application_name = $1 AND usename = current_user AND datname = current_database() AND pid <> pg_backend_pid()`, name)
	if err != nil {
		return fmt.Errorf("end earlier runs of the import: %w", failed(tx.ctx, err))
	}
	return nil
}

// takeTurn waits for the imports of other processes into the same tables.
func (tx *transaction) takeTurn(waiting func(int)) error {
	var ids []int64
	for _, table := range tx.tableNames() {
		ids = append(ids, lockID(table))
	}
	slices.Sort(ids) // so that two imports never wait for each other
	for _, id := range slices.Compact(ids) {
		var taken bool
		if err := tx.writer.QueryRow(tx.ctx, `SELECT pg_try_advisory_xact_lock($1)`, id).Scan(&taken); err != nil {
			return fmt.Errorf("wait for other imports: %w", failed(tx.ctx, err))
		}
		if taken {
			continue
		}
		if waiting != nil {
			waiting(1)
		}
		if err := tx.awaitTurn(id); err != nil {
			return fmt.Errorf("wait for other imports: %w", err)
		}
	}
	return nil
}

// lockID returns the id of the advisory lock of a table.
func lockID(table string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("headway target\x00" + table))
	return int64(h.Sum64())
}

func (tx *transaction) tableNames() []string {
	var names []string
	for _, sheet := range tx.run.Schema.Sheets {
		names = append(names, sheet.Table)
	}
	return names
}

// write ends the lookups and writes the rows. The tables could not be changed as long as the snapshot of the lookups is
// open.
func (tx *transaction) write(ctx context.Context) error {
	if _, err := tx.reader.Exec(ctx, `ROLLBACK`); err != nil {
		return fmt.Errorf("end the lookups: %w", failed(ctx, err))
	}
	return tx.apply()
}

// Commit implements imports.TargetTx.
func (tx *transaction) Commit(ctx context.Context, sheets map[string]imports.Counts) error {
	if err := tx.endCopy(); err != nil {
		return err
	}
	if err := tx.write(ctx); err != nil {
		return err
	}
	numbers, err := json.Marshal(sheets)
	if err != nil {
		return fmt.Errorf("record the counts: %w", err)
	}
	tag, err := tx.writer.Exec(ctx, `UPDATE headway_imports SET applied_at = clock_timestamp(), sheets = $1 WHERE import_id = $2 AND run = $3 AND applied_at IS NULL`,
		string(numbers), tx.run.ImportID, tx.run.Number)
	if err != nil {
		return fmt.Errorf("record the import as applied: %w", failed(ctx, err))
	}
	if tag.RowsAffected() != 1 {
		return imports.ErrFenced
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	// A commit that has started is not interrupted, because its result would be unknown.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if _, err := tx.writer.Exec(ctx, `COMMIT`); err != nil {
		if refusal(err) {
			return &imports.TableConflictError{Table: "the database", Detail: "a rule that is checked at the commit rejects the rows:  " + message(err)}
		}
		return fmt.Errorf("commit: %w", failed(ctx, err))
	}
	// The rows are in the database, even if closing the connections fails.
	_ = tx.Rollback()
	return nil
}

// Rollback implements imports.TargetTx.
func (tx *transaction) Rollback() error {
	if tx.ended {
		return nil
	}
	tx.ended = true
	defer tx.leave()
	tx.abandonCopy()
	var err error
	for _, conn := range []*pgx.Conn{tx.writer, tx.reader} {
		if conn == nil {
			continue
		}
		if !conn.IsClosed() && conn.PgConn().TxStatus() != 'I' { // idle
			// The server would roll back when the connection is closed, but a little later.
			ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
			_, _ = conn.Exec(ctx, `ROLLBACK`)
			cancel()
		}
		err = errors.Join(err, closeConn(conn))
	}
	return err
}

// exec runs a statement on the writer.
func (tx *transaction) exec(statement string, args ...any) error {
	_, err := tx.writer.Exec(tx.ctx, statement, args...)
	return failed(tx.ctx, err)
}
