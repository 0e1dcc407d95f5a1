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

	"golang.org/x/net/http2"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	errorsv1 "headway/gen/go/headway/errors/v1"
	importsv1 "headway/gen/go/headway/imports/v1"
	"headway/internal/auth"
	"headway/internal/rpcserver"
)

// keeping is the service of a test that takes files to their end. ended receives the errors of its downloads.
type keeping struct {
	importsv1.UnimplementedImportServiceServer
	ended chan error
	size  int // of a part of a download
}

// DownloadReport sends parts until one can't be sent.
func (k keeping) DownloadReport(_ *importsv1.DownloadReportRequest, stream grpc.ServerStreamingServer[importsv1.DownloadReportResponse]) error {
	for {
		if err := stream.Send(&importsv1.DownloadReportResponse{Body: &httpbody.HttpBody{Data: make([]byte, k.size)}}); err != nil {
			k.ended <- err
			return err
		}
	}
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

// listen serves a service in a bubble until the end of its test. It returns the listener, and a token.
func listen(t *testing.T, service keeping, scopes ...string) (*bufconn.Listener, string) {
	t.Helper()
	key, err := auth.NewKey([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	server, err := rpcserver.New(rpcserver.Config{Service: "importer", Verifier: key, Logger: slog.New(slog.DiscardHandler), StallTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	importsv1.RegisterImportServiceServer(server.GRPC, service)
	lis := bufconn.Listen(1 << 16)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, lis) }()
	t.Cleanup(func() { cancel(); <-served })
	token, err := key.Sign(auth.Identity{Subject: "ann", Scopes: scopes}, 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return lis, token
}

// inBubble runs a test with a server and a connection, at the speed of its timers.
func inBubble(t *testing.T, test func(t *testing.T, conn *grpc.ClientConn, server keeping)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		service := keeping{ended: make(chan error, 10), size: 64 << 10}
		lis, token := listen(t, service)
		conn, err := grpc.NewClient("passthrough:x", grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithPerRPCCredentials(auth.StaticCredentials(token)), grpc.WithIdleTimeout(0),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		test(t, conn, service)
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
			inBubble(t, func(t *testing.T, conn *grpc.ClientConn, _ keeping) {
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
	inBubble(t, func(t *testing.T, conn *grpc.ClientConn, _ keeping) {
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

func TestStalledReadersEnd(t *testing.T) {
	for name, test := range map[string]struct {
		every time.Duration // between two messages of 64 KiB that the caller reads
		ends  bool
	}{
		"reads nothing":       {24 * time.Hour, true},
		"30 bytes per second": {36 * time.Minute, true},
		"1 kB per second":     {64 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, conn *grpc.ClientConn, server keeping) {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
				defer cancel()
				stream, err := importsv1.NewImportServiceClient(conn).DownloadReport(ctx, &importsv1.DownloadReportRequest{ImportId: "01890a5d-ac96-774b-bcce-b302099a8057"})
				if err != nil {
					t.Fatal(err)
				}
				read := time.NewTicker(test.every)
				defer read.Stop()
				for start := time.Now(); time.Since(start) < time.Hour; {
					select {
					case err := <-server.ended:
						if !test.ends {
							t.Fatalf("ended after %s: %v", time.Since(start), err)
						}
						want(t, err, codes.DeadlineExceeded, errorsv1.ErrorReason_ERROR_REASON_CALLER_GONE)
						return
					case <-read.C:
						if _, err := stream.Recv(); err != nil {
							t.Fatal(err)
						}
					}
				}
				if test.ends {
					t.Error("still sending after an hour")
				}
				cancel()
				<-server.ended
			})
		})
	}
}

// TestTrickledResponsesEnd: a caller that takes one byte now and then makes as little progress as one that takes none, whatever the size of
// the messages is.
func TestTrickledResponsesEnd(t *testing.T) {
	for name, test := range map[string]struct {
		size, rate int // of messages, and per second
		ends       bool
	}{
		"4 MiB at 50 bytes per second":     {4 << 20, 50, true},
		"4 MiB at 200 bytes per second":    {4 << 20, 200, false},
		"1,000 at 50 bytes per second":     {1000, 50, true},
		"1,000 at 200 bytes per second":    {1000, 200, false},
		"no content at 5 bytes per second": {0, 5, true},
		"64 KiB at 150 bytes per second":   {64 << 10, 150, false},
		"200 KiB at 20 bytes per second":   {200 << 10, 20, true},
		"200 KiB at 120 bytes per second":  {200 << 10, 120, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				service := keeping{ended: make(chan error, 1), size: test.size}
				lis, token := listen(t, service)
				raw, err := lis.Dial()
				if err != nil {
					t.Fatal(err)
				}
				defer raw.Close()
				conn := speak(t, raw)
				pings := conn.pings()
				request, err := proto.Marshal(&importsv1.DownloadReportRequest{ImportId: "01890a5d-ac96-774b-bcce-b302099a8057"})
				if err != nil {
					t.Fatal(err)
				}
				id := conn.begin(importsv1.ImportService_DownloadReport_FullMethodName, "Bearer "+token)
				if err := conn.WriteData(id, true, append([]byte{0, 0, 0, 0, byte(len(request))}, request...)); err != nil {
					t.Fatal(err)
				}
				grant := time.NewTicker(10 * time.Second)
				defer grant.Stop()
				for start := time.Now(); time.Since(start) < time.Hour; {
					select {
					case err := <-service.ended:
						if !test.ends {
							t.Fatalf("ended after %s: %v", time.Since(start), err)
						}
						want(t, err, codes.DeadlineExceeded, errorsv1.ErrorReason_ERROR_REASON_CALLER_GONE)
						return
					case ping := <-pings:
						if err := conn.WritePing(true, ping); err != nil {
							t.Fatal(err)
						}
					case <-grant.C:
						for _, stream := range []uint32{0, id} {
							if err := conn.WriteWindowUpdate(stream, uint32(10*test.rate)); err != nil {
								t.Fatal(err)
							}
						}
					}
				}
				if test.ends {
					t.Error("still sending after an hour")
				}
				_ = raw.Close()
				<-service.ended
			})
		})
	}
}

// TestStalledReadersKeepNoConnection: the transport would keep the responses until the connection ends, even though the calls have ended.
func TestStalledReadersKeepNoConnection(t *testing.T) {
	t.Run("of a user", func(t *testing.T) { testStalledReaders(t, true) })
	t.Run("of a service, which has calls of other users", func(t *testing.T) { testStalledReaders(t, false, auth.ScopeService) })
}

// testStalledReaders makes 20 calls whose responses are not read.
func testStalledReaders(t *testing.T, closes bool, scopes ...string) {
	synctest.Test(t, func(t *testing.T) {
		lis, token := listen(t, keeping{ended: make(chan error, 100), size: 64 << 10}, scopes...)
		raw, err := lis.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		conn := speak(t, raw)
		request, err := proto.Marshal(&importsv1.DownloadReportRequest{ImportId: "01890a5d-ac96-774b-bcce-b302099a8057"})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			id := conn.begin(importsv1.ImportService_DownloadReport_FullMethodName, "Bearer "+token)
			if err := conn.WriteData(id, true, append([]byte{0, 0, 0, 0, byte(len(request))}, request...)); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		for time.Since(start) < time.Hour {
			frame, err := conn.ReadFrame()
			if err != nil {
				if !closes {
					t.Errorf("the connection was closed: %v", err)
				}
				return
			}
			if ping, ok := frame.(*http2.PingFrame); ok && !ping.IsAck() {
				_ = conn.WritePing(true, ping.Data) // the next frame would show an error
			}
		}
		if closes {
			t.Error("the connection is still there after an hour")
		}
	})
}

func TestUnusedConnectionsAreClosed(t *testing.T) {
	inBubble(t, func(t *testing.T, conn *grpc.ClientConn, _ keeping) {
		health := healthv1.NewHealthClient(conn)
		if _, err := health.Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if !conn.WaitForStateChange(ctx, connectivity.Ready) {
			t.Fatal("the connection is still there after an hour without a call")
		}
		if _, err := health.Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil {
			t.Errorf("the next call does not connect again: %v", err)
		}
	})
}
