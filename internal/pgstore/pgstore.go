// Package pgstore provides the parts that the PostgreSQL stores of all services share: the settings of connections, and migrations.
package pgstore

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"headway/internal/migrate"
	"headway/internal/pgerr"
)

const (
	connectTimeout = 5 * time.Second
	// FrozenTimeout is how long a transaction can wait for its process. If the process is frozen, its connection stays open, and its
	// rows would stay locked for others.
	FrozenTimeout = 5 * time.Second
	// migrateTimeout is how long a migration can take, which can rewrite all rows, with the wait for that of another process.
	migrateTimeout = time.Hour
	lockPeriod     = 1 // seconds between two attempts to get the lock for migrations
)

// Configure reads the URL of a database. The server lists the connections under the application's name, unless the URL has one. The
// tables are in the schema, or in that of the URL if it is empty. The error has no password.
func Configure(url, application, schema string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.BeforeConnect = readPassword
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = application
	}
	if schema != "" {
		config.ConnConfig.RuntimeParams["search_path"] = schema
	}
	config.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = strconv.FormatInt(FrozenTimeout.Milliseconds(), 10)
	return config, nil
}

// Migrate creates the schema, unless it is empty, and applies the files in the folder migrations that the database does not have yet.
// Processes that start at the same time take turns.
func Migrate(ctx context.Context, config *pgx.ConnConfig, schema string, files fs.FS) error {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	if schema != "" {
		if err := createSchema(ctx, config, schema); err != nil {
			return err
		}
	}
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockPeriod, uint64(migrateTimeout/time.Second)/lockPeriod))
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*config, stdlib.OptionBeforeConnect(readPassword))
	defer db.Close()
	return migrate.Up(ctx, db, goose.DialectPostgres, files, goose.WithSessionLocker(locker))
}

// createSchema creates the schema of the tables. If an operator has created it, the user needs no right to do that.
func createSchema(ctx context.Context, config *pgx.ConnConfig, schema string) (err error) {
	conn, err := Connect(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT to_regnamespace($1) IS NOT NULL`, schema).Scan(&exists); err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS `+pgx.Identifier{schema}.Sanitize())
	if pgerr.Conflict(err) { // another process has created it in the meantime
		err = nil
	}
	return err
}
