package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"headway/internal/pgerr"
	"headway/services/importer/internal/imports"
)

// The codes of PostgreSQL that decide what an error is.
const (
	readOnly            = "25006"
	duplicateStatement  = "42P05"
	unknownStatement    = "26000"
	noSchema            = "3F000"
	lockNotAvailable    = "55P03"
	deadlockDetected    = "40P01"
	uniqueViolation     = "23505"
	foreignKeyViolation = "23503"
	exclusionViolation  = "23P01"
	notNullViolation    = "23502"
	// insufficientPrivilege is the code for tables and for rows.
	insufficientPrivilege = "42501"
)

// failed marks an error that can pass as ErrTargetUnavailable. It returns the end of the context, and refusals, unmarked. A timeout that is
// not the context's is one of connecting.
func failed(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	case errors.Is(err, context.Canceled):
		return err
	case permanent(err):
		return err
	case pooled(pgerr.Code(err)):
		return fmt.Errorf("%w: a connection pooler mixes the statements of its clients. Use one with pool_mode=session, or the server's own address: %w", imports.ErrTargetUnavailable, err)
	}
	return fmt.Errorf("%w: %w", imports.ErrTargetUnavailable, err)
}

// pooled reports whether a code means that another client has used the connection in the meantime, and has prepared a statement or lacks it.
func pooled(code string) bool { return code == duplicateStatement || code == unknownStatement }

// passing reports whether the database answers with a code because of its state, which can pass.
func passing(code string) bool { return pgerr.Passing(code) || pooled(code) }

// permanent reports whether the database refuses a statement itself, so that another try does not help.
func permanent(err error) bool {
	c := pgerr.Code(err)
	return len(c) == 5 && !passing(c)
}

// refusal reports whether the database refuses a statement because of the rows: a constraint, a value that does not fit its
// type, or an error that a trigger raises.
func refusal(err error) bool {
	c := pgerr.Code(err)
	var answer *pgconn.PgError
	if c == insufficientPrivilege && errors.As(err, &answer) && answer.Routine == "ExecWithCheckOptions" {
		return true // a policy of row-level security refuses a row
	}
	if len(c) != 5 || passing(c) {
		return false
	}
	switch c[:2] {
	case "0A", "25", "26", "34", "42", "55":
		return false // the statement can't run for any row
	}
	return true
}

// message returns the database's own message of an error.
func message(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Message
	}
	return err.Error()
}
