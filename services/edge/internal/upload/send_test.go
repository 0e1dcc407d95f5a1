package upload_test

import (
	"context"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

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

// slow is a body whose bytes arrive one by one, with pauses.
type slow struct{ left int }

func (s *slow) Read(p []byte) (int, error) {
	if s.left--; s.left < 0 {
		return 0, io.EOF
	}
	time.Sleep(5 * time.Second)
	return copy(p, "x"), nil
}

// paces is an importer that notes when messages arrive.
type paces struct {
	importsv1.ImportServiceClient
	at []time.Time
}

func (p *paces) UploadWorkbook(context.Context, ...grpc.CallOption) (grpc.ClientStreamingClient[importsv1.UploadWorkbookRequest, importsv1.UploadWorkbookResponse], error) {
	return &noting{paces: p}, nil
}

type noting struct {
	grpc.ClientStreamingClient[importsv1.UploadWorkbookRequest, importsv1.UploadWorkbookResponse]
	paces *paces
}

func (n *noting) Send(*importsv1.UploadWorkbookRequest) error {
	n.paces.at = append(n.paces.at, time.Now())
	return nil
}

func (*noting) CloseAndRecv() (*importsv1.UploadWorkbookResponse, error) {
	return &importsv1.UploadWorkbookResponse{}, nil
}

// TestSlowBytesReachTheImporter: the importer ends calls whose sender stalls, so a slow sender's bytes must not wait for a full chunk.
func TestSlowBytesReachTheImporter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paces{}
		if _, err := upload.New(upload.Config{Imports: p, MaxBytes: 1 << 20, StallTimeout: time.Minute}).Send(t.Context(), &importsv1.UploadOptions{}, &slow{left: 100}); err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(p.at); i++ {
			if pause := p.at[i].Sub(p.at[i-1]); pause > 20*time.Second {
				t.Errorf("nothing was sent for %s", pause)
			}
		}
		if len(p.at) < 20 {
			t.Errorf("%d messages were sent", len(p.at))
		}
	})
}
