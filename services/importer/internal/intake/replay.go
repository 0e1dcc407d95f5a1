package intake

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"headway/services/importer/internal/imports"
)

// uncertain reports whether the job of an import might exist although its creation has returned an error.
func uncertain(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return true
	}
	return errors.Is(err, imports.ErrStoreUnavailable) || errors.Is(err, context.Canceled) // the job exists, but this could not be recorded
}

// replay returns the earlier import of the same request. Its job might not exist yet.
func (in *Intake) replay(ctx context.Context, earlier imports.Import, fingerprint string) (imports.Import, bool, error) {
	if earlier.Fingerprint != fingerprint {
		return earlier, false, imports.ErrRequestIDReused
	}
	if !earlier.Scheduled {
		if err := in.CreateJob(ctx, earlier); err != nil {
			return earlier, false, err
		}
	}
	return earlier, true, nil
}
