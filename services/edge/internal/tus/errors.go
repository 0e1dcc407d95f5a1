package tus

import (
	"errors"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/upload"
)

// explain converts an error of the store, or of reading a body, to the error for the client.
func explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNotFound):
		return rpcerr.New(codes.NotFound, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_NOT_FOUND,
			"The upload was not found. It might have expired or been deleted. Start a new upload.")
	case errors.Is(err, ErrBusy), errors.Is(err, upload.ErrStopped):
		return rpcerr.New(codes.Aborted, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_BUSY,
			"Another request is using this upload. Try again in a moment.")
	case errors.Is(err, ErrTooMany):
		return rpcerr.New(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_LIMIT,
			"You have too many unfinished resumable uploads, or their total size is too large. Finish or delete one, and then try again.")
	case errors.Is(err, ErrFull):
		return rpcerr.New(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_UNAVAILABLE,
			"The server has no space for more unfinished uploads. Try again later.")
	case errors.Is(err, ErrNotPartial):
		return upload.ErrForm("Upload-Concat must name partial uploads that were not joined before.")
	case errors.Is(err, ErrIncomplete):
		return rpcerr.New(codes.FailedPrecondition, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INCOMPLETE,
			"Not all partial uploads are complete. Send their missing bytes, and then join them again.")
	case errors.Is(err, ErrOffset):
		return rpcerr.New(codes.Aborted, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_OFFSET_MISMATCH,
			"The chunk does not start at the end of the upload. HEAD returns the offset to continue at.")
	case errors.Is(err, upload.ErrBody):
		return rpcerr.Wrap(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INTERRUPTED,
			"The request ended before its body was complete, so no upload was created. Create it again.", err)
	case rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_UNSPECIFIED:
		return err
	}
	return rpcerr.StorageFailed(err)
}

// explainChunk is explain for a chunk of an upload that continues: the bytes that arrived are stored.
func explainChunk(err error) error {
	switch {
	case rpcerr.IsStorageFull(err):
		return rpcerr.Wrap(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_STORAGE_FULL,
			"The server's disk is full. The bytes that arrived are stored. Continue the upload later.", err)
	case errors.Is(err, upload.ErrBody):
		return rpcerr.Wrap(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INTERRUPTED,
			"The chunk ended before it was complete. The bytes that arrived are stored, and HEAD returns the offset to continue at.", err)
	}
	return explain(err)
}

func errChunkType() error {
	return rpcerr.New(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_MEDIA_TYPE_UNSUPPORTED,
		"Send the bytes of a resumable upload as `Content-Type: "+chunkType+"`.")
}

func errBeyondLength() error {
	return rpcerr.New(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_TOO_LARGE,
		"The chunk is longer than the missing part of the upload.")
}
