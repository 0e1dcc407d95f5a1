package postgres

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"headway/services/importer/internal/imports"
)

// The error codes of PostgreSQL after which a transaction can succeed if it is run again.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	uniqueViolation      = "23505" // another process has stored the same
	duplicateSchema      = "42P06"
)

// readOnly is the error code of a server that is not the primary.
const readOnly = "25006"

// uncertainError means that it is not known whether a transaction was committed.
type uncertainError struct{ err error }

// Error implements error.
func (e *uncertainError) Error() string {
	return "it is not known whether the change was stored: " + e.err.Error()
}

// Unwrap returns the reason.
func (e *uncertainError) Unwrap() error { return e.err }

// isRefused reports whether the server has answered with an error, so that nothing has changed.
func isRefused(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && !isAway(answer.Code) || errors.Is(err, pgx.ErrTxCommitRollback)
}

// isAway reports whether the code means that the server ends the connection, has no room for one, or can't be written to.
func isAway(code string) bool {
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P") || strings.HasPrefix(code, "53") || code == readOnly
}

// isConflict reports whether the transaction conflicted with another one.
func isConflict(err error) bool {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.Code {
	case serializationFailure, deadlockDetected, uniqueViolation, duplicateSchema:
		return true
	}
	return false
}

// isLost reports whether the connection was lost, or could not be established.
func isLost(err error) bool {
	if err == nil || isRefused(err) {
		return false
	}
	var answer *pgconn.PgError
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &answer) || errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed)
}

// unavailable returns the error for callers while the database can't be reached.
func unavailable(cause error) error {
	return fmt.Errorf("%w: %w", imports.ErrStoreUnavailable, cause)
}
