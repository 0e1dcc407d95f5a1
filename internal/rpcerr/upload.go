package rpcerr

import (
	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/messages"
)

// UploadTooLarge returns the error for a file with more bytes than the limit. The edge refuses such a file while it arrives,
// and the importer refuses it from clients that call it directly.
func UploadTooLarge(limit int64) error {
	return Say(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_TOO_LARGE,
		messages.New("call.upload_too_large", messages.Count("size", int(limit>>20))))
}
