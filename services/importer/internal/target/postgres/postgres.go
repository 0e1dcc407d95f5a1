// Package postgres is the target database on PostgreSQL: tables that workbooks are loaded into, and one table of the applied
// imports (headway_imports).
//
// A run has two connections. One collects the rows: it copies them into temporary tables, which no other program sees, and
// applies them with a few statements at the commit. So a run that is not committed leaves nothing in the tables, and no
// table is locked while a workbook is read. The other connection answers lookups from a snapshot that it takes at the
// beginning. A table that the run creates gets its rows directly, and its indexes after them.
package postgres

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"headway/internal/pgerr"
	"headway/internal/pgstore"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/target/turns"
)

const (
	connectTimeout = 5 * time.Second
	// endTimeout is for statements that end a transaction. A network that swallows packets must not hold a run forever.
	endTimeout = 30 * time.Second
	// cancelGrace is how long the server has to end a statement of a run that is cancelled.
	cancelGrace = 2 * time.Second
)

// statementRows is the default of Options.StatementRows.
const statementRows = 20_000

// Options are the settings of a target.
type Options struct {
	// Manage determines what imports may change in the tables.
	Manage imports.Manage
	// LockTimeout is how long an import or a migration waits for a table while it holds no other locks. It should be longer
	// than the server's deadlock_timeout, after which PostgreSQL stops an autovacuum of the table.
	LockTimeout time.Duration
	// StatementRows is the approximate number of rows that one statement writes. 0 means 20,000.
	StatementRows int64
	// Password returns the password for a connection. If it is nil, the password is in the URL or in a password file.
	Password func() (string, error)
}

// DefaultOptions returns the options of a target without a configuration.
func DefaultOptions() Options {
	return Options{Manage: imports.ManageExtend, LockTimeout: 3 * time.Second}
}

// Target is an imports.Target.
type Target struct {
	config  *pgx.ConnConfig
	options Options
	queue   turns.Queue
}

// New returns the target at a URL, such as postgres://user@host/name?sslmode=verify-full&passfile=/path. It does not connect,
// so the database can start later.
func New(url string, o Options) (*Target, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("the database for the rows: %w", err) // pgx removes the password
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	// The form in which values are read. A connection pooler accepts these from its clients.
	for setting, value := range map[string]string{"DateStyle": "ISO, YMD", "client_encoding": "UTF8", "standard_conforming_strings": "on"} {
		config.RuntimeParams[setting] = value
	}
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: cancelGrace}
	}
	o.StatementRows = cmp.Or(o.StatementRows, statementRows)
	return &Target{config: config, options: o}, nil
}

// Ping implements imports.Target.
func (t *Target) Ping(ctx context.Context) error {
	conn, err := t.connect(ctx, "headway")
	if err != nil {
		return err
	}
	return errors.Join(writable(ctx, conn), t.prepare(ctx, conn), closeConn(conn))
}

// writable returns an error if the server accepts no changes, as a standby server.
func writable(ctx context.Context, conn *pgx.Conn) error {
	var readOnly bool
	if err := conn.QueryRow(ctx, `SELECT current_setting('transaction_read_only')::bool`).Scan(&readOnly); err != nil {
		return failed(ctx, err)
	}
	if readOnly {
		return fmt.Errorf("%w: the database is read-only. Make it writable, or list all servers in the URL, with target_session_attrs=read-write", imports.ErrTargetUnavailable)
	}
	return nil
}

// Close ends the use of the database.
func (t *Target) Close() error { return nil }

// Begin implements imports.Target.
func (t *Target) Begin(ctx context.Context, run imports.Run, waiting func(int)) (imports.TargetTx, error) {
	leave, err := t.queue.Enter(ctx, waiting)
	if err != nil {
		return nil, err
	}
	tx := &transaction{target: t, ctx: ctx, run: run, leave: leave}
	if err := tx.begin(waiting); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return tx, nil
}

// setUp sets a connection up, with the settings that the version of the server has. The poolers of connections don't accept them at the start
// of a connection.
const setUp = `SELECT set_config(s.name, v.value, false) FROM pg_settings s JOIN (VALUES
	-- the form in which values are read
	('IntervalStyle', 'iso_8601'), ('extra_float_digits', '1'),
	-- The statements are short, or are bound by their rows. Compiling one takes longer than running it.
	('jit', 'off'),
	-- A server that loses its client ends the transaction soon, even if it runs a long statement.
	('tcp_keepalives_idle', '10'), ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '4'), ('client_connection_check_interval', '1s'),
	-- A run waits on its reader for as long as the workbook needs, and for other runs. Where it must not wait for a lock, it says so itself.
	('idle_in_transaction_session_timeout', '0'), ('idle_session_timeout', '0'), ('statement_timeout', '0'), ('transaction_timeout', '0'), ('lock_timeout', '0')
) v (name, value) ON v.name = s.name`

// connect opens a connection. Operators see its name.
func (t *Target) connect(ctx context.Context, name string) (*pgx.Conn, error) {
	config, connect := t.config.Copy(), pgstore.Connect
	config.RuntimeParams["application_name"] = name
	if t.options.Password != nil {
		var err error
		connect = pgx.ConnectConfig // with this password
		if config.Password, err = t.options.Password(); err != nil {
			return nil, fmt.Errorf("%w: %w", imports.ErrTargetUnavailable, err)
		}
	}
	conn, err := connect(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the target database: %w%s", failed(ctx, err), advice(err))
	}
	_, err = conn.Exec(ctx, setUp)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up the connection to the target database: %w", failed(ctx, err)), closeConn(conn))
	}
	return conn, nil
}

// advice says what to do about an error of a connection's encryption.
func advice(err error) string {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	switch {
	case errors.As(err, &authority):
		return ". Name the file with the certificate of the server's authority in the URL (sslrootcert)"
	case errors.As(err, &host):
		return ". Use a name of the server that its certificate has"
	case strings.Contains(err.Error(), "server refused TLS connection"): // pgconn has no error value for it
		return ". The server does not use TLS. Set ssl=on there, or, if no other machine can read the connection, sslmode=disable in the URL"
	}
	return ""
}

// closeConn closes a connection. The server rolls back what is open.
func closeConn(conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	err := conn.Close(ctx)
	select {
	case <-conn.PgConn().CleanupDone():
	case <-ctx.Done():
	}
	return err
}

// createOwnTables are the statements that create the tables that Headway needs for itself.
var createOwnTables = []string{
	`CREATE TABLE IF NOT EXISTS headway_imports (
		import_id text PRIMARY KEY,
		schema text NOT NULL,
		run bigint NOT NULL,
		applied_at timestamptz,
		sheets jsonb
	)`,
	`CREATE TABLE IF NOT EXISTS headway_tables (
		name text PRIMARY KEY,
		schema text NOT NULL
	)`,
}

// lacksOwnTables reports whether the database lacks the tables that Headway needs for itself.
func lacksOwnTables(ctx context.Context, conn *pgx.Conn) (missing bool, err error) {
	err = conn.QueryRow(ctx, `SELECT to_regclass('headway_imports') IS NULL OR to_regclass('headway_tables') IS NULL`).Scan(&missing)
	if err != nil {
		return false, fmt.Errorf("find the table headway_imports: %w", failed(ctx, err))
	}
	return missing, nil
}

// prepare creates the tables that Headway needs. Processes that do it at the same time take turns.
func (t *Target) prepare(ctx context.Context, conn *pgx.Conn) error {
	missing, err := lacksOwnTables(ctx, conn)
	if err != nil || !missing {
		return err
	}
	if err := t.options.Manage.Allows(imports.Change{Table: ownTables, Kind: imports.Create, Detail: "tables for the state of imports"}); err != nil {
		return err
	}
	return inTransaction(ctx, conn, func() error {
		for _, statement := range append([]string{fmt.Sprintf(`SELECT pg_advisory_xact_lock(%d)`, lockID(""))}, createOwnTables...) {
			if _, err := conn.Exec(ctx, statement); permanent(err) {
				return &imports.TableConflictError{Table: ownTables, Detail: "they can't be created: " + message(err) + ". Headway needs them for the state of imports" + adviceOnOwnTables(err)}
			} else if err != nil {
				return fmt.Errorf("create the tables headway_imports and headway_tables: %w", failed(ctx, err))
			}
		}
		return nil
	})
}

// adviceOnOwnTables says what to do if the tables that Headway needs can't be created.
func adviceOnOwnTables(err error) string {
	switch pgerr.Code(err) {
	case insufficientPrivilege:
		return ". Grant the user the right to create tables in the schema (GRANT CREATE ON SCHEMA)"
	case noSchema:
		return ". Create the schema that search_path names"
	}
	return ""
}

// inTransaction commits what a function does, unless it returns an error.
func inTransaction(ctx context.Context, conn *pgx.Conn, do func() error) error {
	if _, err := conn.Exec(ctx, `BEGIN`); err != nil {
		return fmt.Errorf("begin: %w", failed(ctx, err))
	}
	err := do()
	end := `COMMIT`
	if err != nil {
		end = `ROLLBACK`
	}
	if _, failure := conn.Exec(ctx, end); failure != nil && err == nil {
		err = fmt.Errorf("commit: %w", failed(ctx, failure))
	}
	return err
}
