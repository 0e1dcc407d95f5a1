package upload_test

import (
	"context"
	"io"
	"os"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/rpcerr"
	"headway/services/edge/internal/upload"
)

// importer is an importer that ends a call when its context ends.
type importer struct{ importsv1.ImportServiceClient }

func (importer) UploadWorkbook(ctx context.Context, _ ...grpc.CallOption) (grpc.ClientStreamingClient[importsv1.UploadWorkbookRequest, importsv1.UploadWorkbookResponse], error) {
	return &uploading{ctx: ctx}, nil
}

type uploading struct {
	grpc.ClientStreamingClient[importsv1.UploadWorkbookRequest, importsv1.UploadWorkbookResponse]
	ctx context.Context
}

func (u *uploading) Send(*importsv1.UploadWorkbookRequest) error {
	if u.ctx.Err() != nil {
		return io.EOF
	}
	return nil
}

func (u *uploading) CloseAndRecv() (*importsv1.UploadWorkbookResponse, error) {
	return nil, status.FromContextError(u.ctx.Err()).Err()
}

// stalled is a body of which some bytes have arrived when the deadline passes. net/http then ends the context of the request.
type stalled struct{ cancel func() }

func (s stalled) Read(p []byte) (int, error) {
	s.cancel()
	return copy(p, "PK123"), os.ErrDeadlineExceeded
}

func TestInterruptedUploadIsNotCalledCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := upload.New(upload.Config{Imports: importer{}, MaxBytes: 1 << 20}).Send(ctx, &importsv1.UploadOptions{}, stalled{cancel})
	if status.Code(err) != codes.InvalidArgument || rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INTERRUPTED {
		t.Errorf("got %v", err)
	}
}
