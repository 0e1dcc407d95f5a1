package rpcerr

import (
	"errors"
	"syscall"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
)

// The codes of SQLite for a write that found no space (sqlite.org/rescode.html).
const (
	sqliteFull         = 13
	sqliteIOErrWrite   = 10 | 3<<8
	sqlitePrimaryCodes = 0xff
)

// IsStorageFull reports whether an error means that a disk, a quota, or a file has no space left.
func IsStorageFull(err error) bool {
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, errno) {
			return true
		}
	}
	var database interface {
		error
		Code() int
	}
	if errors.As(err, &database) {
		code := database.Code()
		return code&sqlitePrimaryCodes == sqliteFull || code == sqliteIOErrWrite
	}
	return false
}

// StorageFull returns the error for a caller whose data could not be stored because there is no space left.
func StorageFull(cause error) error {
	return build(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_STORAGE_FULL,
		"The server's disk is full, so nothing was changed. Try again later, or contact the operator.", cause)
}

// StorageFailed returns an error for a folder or bucket that can't be read or written: it can't be reached, or refuses access. A full disk,
// and a caller that has disconnected, have the same errors as from Internal.
func StorageFailed(cause error) error {
	known := Internal(cause)
	if Reason(known) != errorsv1.ErrorReason_ERROR_REASON_INTERNAL {
		return known
	}
	return build(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE,
		"The server can't read or write its files. Try again later, or contact the operator.", cause)
}
