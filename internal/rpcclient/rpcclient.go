// Package rpcclient connects to Headway's gRPC services.
package rpcclient

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	headway "headway/clients/go"
)

// RequestIDHeader is the metadata key of the ID under which the logs of all services list a call.
const RequestIDHeader = "x-request-id"

// Config describes a connection.
type Config struct {
	// Credentials are sent with every call. Without them, each call must have its own.
	Credentials credentials.PerRPCCredentials
	// Transport are the credentials of the connection. If they are nil, it is not encrypted.
	Transport credentials.TransportCredentials
	// StreamWindow, if not 0, limits the received and unread bytes of a call's response. The minimum is 64 KiB. By
	// default, the limit grows with the connection's speed, up to a few megabytes.
	StreamWindow int32
}

// returnTime is how long a call waits while no replica can be reached. It is longer than the longest wait between two attempts to
// connect, so that a replica that has restarted gets the call, even if the next one to restart has just ended.
const returnTime = 3 * time.Second

// awaitReplica returns when a replica can be reached, or after returnTime. Nothing has been sent before.
func awaitReplica(ctx context.Context, conn *grpc.ClientConn) {
	ctx, cancel := context.WithTimeout(ctx, returnTime)
	defer cancel()
	for conn.GetState() == connectivity.TransientFailure && conn.WaitForStateChange(ctx, connectivity.TransientFailure) {
	}
}

func awaitUnary(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	awaitReplica(ctx, conn)
	return invoke(ctx, method, request, reply, conn, options...)
}

func awaitStream(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
	awaitReplica(ctx, conn)
	return open(ctx, desc, conn, method, options...)
}

// Dial returns a connection to the service at a host:port, or to its replicas at several, separated by commas, or at all addresses of a
// name, as dns:///HOST:PORT. Each call goes to one of them, and streams stay where they are. It connects in the background: a service that
// is down shows at the first call. A service that returns is found within two seconds, and a connection that was lost without notice
// is detected within half a minute. The address is that of headway.Dial, and the options here replace those of headway.DialOptions.
func Dial(address string, cfg Config) (*grpc.ClientConn, error) {
	transport := cfg.Transport
	if transport == nil {
		transport = insecure.NewCredentials()
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.5, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		// The servers allow one ping in ten seconds (rpcserver).
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second, PermitWithoutStream: true}),
	}
	if strings.Contains(address, ",") || strings.HasPrefix(address, "dns:") {
		options = append(options, grpc.WithUnaryInterceptor(awaitUnary), grpc.WithStreamInterceptor(awaitStream))
	}
	if cfg.StreamWindow > 0 {
		options = append(options, grpc.WithStaticStreamWindowSize(cfg.StreamWindow), grpc.WithStaticConnWindowSize(16*cfg.StreamWindow))
		options = append(options, grpc.WithDefaultCallOptions(grpc.ForceCodecV2(exactCodec{})))
	}
	if cfg.Credentials != nil {
		options = append(options, grpc.WithPerRPCCredentials(cfg.Credentials))
	}
	return headway.Dial(address, options...)
}
