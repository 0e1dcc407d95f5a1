package rpcerr

import (
	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
)

// UploadTooLarge returns the error for a file with more bytes than the limit. The edge refuses such a file while it arrives,
// and the importer refuses it from clients that call it directly.
func UploadTooLarge(limit int64) error {
	return Newf(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_TOO_LARGE,
		"The file is larger than %d MiB, the maximum for this server. Split it into smaller files.", limit>>20)
}
