package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Connect opens a connection with the password that the password file has now.
func Connect(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	config = config.Copy()
	if err := readPassword(ctx, config); err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, config)
}

// readPassword reads the password file of a connection's URL again, so that a new password needs no restart. While the file can't be read
// or has no password, the one before is kept.
func readPassword(_ context.Context, config *pgx.ConnConfig) error {
	if now, err := pgx.ParseConfig(config.ConnString()); err == nil && now.Password != "" {
		config.Password = now.Password
	}
	return nil
}
