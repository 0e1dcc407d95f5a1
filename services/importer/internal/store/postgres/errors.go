package postgres

import (
	"fmt"

	"headway/services/importer/internal/imports"
)

// uncertainError means that it is not known whether a transaction was committed.
type uncertainError struct{ err error }

// Error implements error.
func (e *uncertainError) Error() string {
	return "it is not known whether the change was stored: " + e.err.Error()
}

// Unwrap returns the reason.
func (e *uncertainError) Unwrap() error { return e.err }

// unavailable returns the error for callers while the database can't be reached.
func unavailable(cause error) error {
	return fmt.Errorf("%w: %w", imports.ErrStoreUnavailable, cause)
}
