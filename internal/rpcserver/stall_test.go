package rpcserver_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/test/bufconn"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/auth"
	"headway/internal/rpcserver"
)

// keeping is the service of a test that takes files to their end.
type keeping struct {
	importsv1.UnimplementedImportServiceServer
}

func (keeping) UploadWorkbook(stream grpc.ClientStreamingServer[importsv1.UploadWorkbookRequest, importsv1.UploadWorkbookResponse]) error {
	for {
		switch _, err := stream.Recv(); {
		case errors.Is(err, io.EOF):
			return stream.SendAndClose(&importsv1.UploadWorkbookResponse{})
		case err != nil:
			return err
		}
	}
}

// inBubble runs a test with a server and a connection, at the speed of its timers.
func inBubble(t *testing.T, test func(t *testing.T, conn *grpc.ClientConn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		key, err := auth.NewKey([]byte("0123456789abcdef0123456789abcdef"))
		if err != nil {
			t.Fatal(err)
		}
		server, err := rpcserver.New(rpcserver.Config{Service: "importer", Verifier: key, Logger: slog.New(slog.DiscardHandler), StallTimeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		importsv1.RegisterImportServiceServer(server.GRPC, keeping{})
		lis := bufconn.Listen(1 << 16)
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- server.Serve(ctx, lis) }()
		defer func() { cancel(); <-served }()
		token, err := key.Sign(auth.Identity{Subject: "ann"}, 24*time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := grpc.NewClient("passthrough:x", grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithPerRPCCredentials(auth.StaticCredentials(token)),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		test(t, conn)
	})
}

func TestStalledUploadsEnd(t *testing.T) {
	data := func(n int) *importsv1.UploadWorkbookRequest {
		return &importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Data{Data: bytes.Repeat([]byte("x"), n)}}
	}
	head := &importsv1.UploadWorkbookRequest{Part: &importsv1.UploadWorkbookRequest_Options{Options: &importsv1.UploadOptions{}}}
	for name, test := range map[string]struct {
		first *importsv1.UploadWorkbookRequest
		bytes int
		pause time.Duration
		ends  bool
	}{
		"nothing":                      {nil, 0, 0, true},
		"only the options":             {head, 0, 0, true},
		"a byte every 50 seconds":      {head, 1, 50 * time.Second, true},
		"a byte per second":            {head, 1, time.Second, true},
		"empty messages":               {head, 0, 100 * time.Millisecond, true},
		"a slow line for half an hour": {head, 100, time.Second, false},
		"large parts with pauses":      {head, 1000, 55 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, conn *grpc.ClientConn) {
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				stream, err := importsv1.NewImportServiceClient(conn).UploadWorkbook(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if test.first != nil {
					if err := stream.Send(test.first); err != nil {
						t.Fatal(err)
					}
				}
				for err == nil && test.pause > 0 && time.Since(start) < 30*time.Minute {
					time.Sleep(test.pause)
					err = stream.Send(data(test.bytes))
				}
				if !test.ends {
					if err == nil {
						_, err = stream.CloseAndRecv()
					}
					if err != nil {
						t.Error(err)
					}
					return
				}
				err = stream.RecvMsg(&importsv1.UploadWorkbookResponse{})
				want(t, err, codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INTERRUPTED)
			})
		})
	}
}

func TestSilentDialogEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, conn *grpc.ClientConn) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			time.Sleep(50 * time.Second)
			if err := stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Recv(); err != nil {
				t.Fatal(err)
			}
		}
		_, err = stream.Recv()
		want(t, err, codes.DeadlineExceeded, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID)
	})
}
