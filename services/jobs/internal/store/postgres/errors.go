package postgres

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"headway/services/jobs/internal/job"
)

// The error codes of PostgreSQL that determine whether a transaction is run again.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	uniqueViolation      = "23505" // another process has made the same request
	readOnly             = "25006"
)

// lostError means that there is no connection: it was lost, or could not be established.
type lostError struct{ err error }

func (e *lostError) Error() string { return e.err.Error() }

// isRefused reports whether the database has responded with an error, so that nothing has changed.
func isRefused(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && !isAway(answer.Code)
}

// isAway reports whether the code means that the server ends the connection, or can't be written to because another
// server is now the primary.
func isAway(code string) bool {
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P") || code == readOnly
}

// isConflict reports whether the transaction conflicted with another one, so that it can succeed if it is run again.
func isConflict(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) &&
		(answer.Code == serializationFailure || answer.Code == deadlockDetected || answer.Code == uniqueViolation || answer.Code == outdated)
}

// isOutdated reports whether a row in memory was outdated.
func isOutdated(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && answer.Code == outdated
}

// isLost reports whether the connection was lost, or could not be established.
func isLost(err error) bool {
	if err == nil || isRefused(err) {
		return false
	}
	var lost *lostError
	var answer *pgconn.PgError
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &lost) || errors.As(err, &answer) || errors.As(err, &connect) || errors.As(err, &network) ||
		pgconn.SafeToRetry(err) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed)
}

// unavailable returns the error for callers while the database can't be reached.
func unavailable(cause error) error {
	return fmt.Errorf("%w: %w", job.ErrUnavailable, cause)
}
