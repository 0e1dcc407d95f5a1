package rpcerr

import (
	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
)

// JobNotFound returns the error for a job that does not exist, or that the caller is not allowed to see. Both cases
// have the same error.
func JobNotFound() error {
	return New(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_JOB_NOT_FOUND,
		"The job was not found. It was deleted, or it belongs to another user.")
}

// ImportNotFound returns the error for an import that does not exist, or that the caller is not allowed to see. Both
// cases have the same error.
func ImportNotFound() error {
	return New(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_IMPORT_NOT_FOUND,
		"The import was not found. It was deleted, or it belongs to another user.")
}
