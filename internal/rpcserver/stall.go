package rpcserver

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/rpcerr"
	"headway/internal/stall"
)

// emptyBytes is the size of a message that has a field without content.
const emptyBytes = 2

// stallStream ends calls whose caller opens a stream and then sends nothing, or next to nothing.
func stallStream(timeout time.Duration) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		if info.IsClientStream {
			ss = &stallingStream{ServerStream: ss, left: stall.NewTimeout(timeout), timeout: timeout, isDialog: info.IsServerStream}
		}
		return handler(srv, ss)
	}
}

// stallingStream is a stream whose caller must make progress.
type stallingStream struct {
	grpc.ServerStream
	left    stall.Timeout
	timeout time.Duration
	// isDialog is set for a stream in both directions, in which each message is progress.
	isDialog bool
}

// RecvMsg implements grpc.ServerStream. If the caller has stalled, nothing more can be received: the handler must end the call,
// which also ends the pending receive.
func (s *stallingStream) RecvMsg(m any) error {
	received := make(chan error, 1)
	start := time.Now()
	go func() { received <- s.ServerStream.RecvMsg(m) }()
	timer := time.NewTimer(s.left.Left())
	defer timer.Stop()
	select {
	case err := <-received:
		size := s.left.Enough()
		if message, ok := m.(proto.Message); ok && err == nil && !s.isDialog {
			size = max(proto.Size(message)-emptyBytes, 0)
		}
		s.left.Waited(time.Since(start), size)
		return err
	case <-timer.C:
		return s.stalled()
	}
}

func (s *stallingStream) stalled() error {
	if s.isDialog {
		return rpcerr.Newf(codes.DeadlineExceeded, errorsv1.ErrorReason_ERROR_REASON_REQUEST_INVALID,
			"No request arrived on this stream for %s. Open it again when you have one.", s.timeout)
	}
	return rpcerr.Newf(codes.InvalidArgument, errorsv1.ErrorReason_ERROR_REASON_UPLOAD_INTERRUPTED,
		"The upload stalled, so it was discarded: the service waited for %s, and fewer than %d bytes arrived. Send the file again, without such pauses.",
		s.timeout, s.left.Enough())
}
