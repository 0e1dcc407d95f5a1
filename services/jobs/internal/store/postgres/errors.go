package postgres

import (
	"errors"
	"fmt"

	"headway/internal/pgerr"
	"headway/services/jobs/internal/job"
)

// lostError means that there is no connection: it was lost, or could not be established.
type lostError struct{ err error }

func (e *lostError) Error() string { return e.err.Error() }

// lockNotAvailable is the error code of a statement that has waited for a lock, or for the turn, for too long.
const lockNotAvailable = "55P03"

// isConflict reports whether the transaction conflicted with another one, so that it can succeed if it is run again.
func isConflict(err error) bool {
	return pgerr.Conflict(err) || isOutdated(err) || pgerr.Code(err) == lockNotAvailable
}

// isOutdated reports whether a row in memory was outdated.
func isOutdated(err error) bool { return pgerr.Code(err) == outdated }

// isLost reports whether the connection was lost, or could not be established.
func isLost(err error) bool {
	var lost *lostError
	return errors.As(err, &lost) && !pgerr.Refused(err) || pgerr.Lost(err)
}

// unavailable returns the error for callers while the database can't be reached.
func unavailable(cause error) error {
	return fmt.Errorf("%w: %w", job.ErrUnavailable, cause)
}
