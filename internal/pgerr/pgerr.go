// Package pgerr reports what an error of PostgreSQL means for the caller's transaction.
package pgerr

import (
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Error codes of PostgreSQL.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	uniqueViolation      = "23505"
	duplicateSchema      = "42P06"
	readOnly             = "25006"
	idleTransaction      = "25P03"
	longTransaction      = "25P04"
	lockNotAvailable     = "55P03"
)

// Code returns the code of an error that the server has answered with, or "".
func Code(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}

// Refused reports whether the server has answered with an error, so that nothing has changed.
func Refused(err error) bool {
	code := Code(err)
	return code != "" && !isAway(code) || errors.Is(err, pgx.ErrTxCommitRollback)
}

// Denied reports whether the server has rejected the user or the password. The error can be temporary: a password is changed on the
// server first, and then in the password file.
func Denied(err error) bool { return strings.HasPrefix(Code(err), "28") }

// isAway reports whether a code means that the connection can't be used any longer: the server shuts down, has no resources, rejects the
// password, ended a transaction that waited or took too long, or is read-only because another server is now the primary.
func isAway(code string) bool {
	switch code {
	case readOnly, idleTransaction, longTransaction:
		return true
	}
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "28") || strings.HasPrefix(code, "57P") || strings.HasPrefix(code, "53")
}

// Passing reports whether a code is about the state of the server or of other transactions, and not about the statement, so that the
// same statement can succeed later.
func Passing(code string) bool {
	if isAway(code) || code == lockNotAvailable {
		return true
	}
	// The database does not exist, a conflict between transactions, a cancelled statement or a server that ends, an error of the system,
	// a snapshot that is too old, and an internal error.
	return len(code) == 5 && slices.Contains([]string{"3D", "40", "57", "58", "72", "XX"}, code[:2])
}

// Conflict reports whether the transaction conflicted with another one, for example because both have stored the same row, so
// that it can succeed if it is run again.
func Conflict(err error) bool {
	switch Code(err) {
	case serializationFailure, deadlockDetected, uniqueViolation, duplicateSchema:
		return true
	}
	return false
}

// Lost reports whether the connection was lost, or could not be established.
func Lost(err error) bool {
	if err == nil || Refused(err) {
		return false
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return Code(err) != "" || errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed)
}
