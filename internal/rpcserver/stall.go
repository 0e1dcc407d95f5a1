package rpcserver

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
	"headway/internal/stall"
)

// emptyBytes is the size of a message that has a field without content.
const emptyBytes = 2

// minReadRate is the number of bytes per second below which a reader counts as stalled.
const minReadRate = 100

// windowBytes is how much a caller can take before it reads any of it. A slow reader pauses for as long as it needs for them.
const windowBytes = 64 << 10

// maxUnread is the number of calls of one connection that can end because their caller doesn't read. The transport keeps up to 128 KiB of
// responses of each until the caller reads or cancels it.
const maxUnread = 20

// errReaderStalled is the cause of the end of a call whose caller doesn't read its responses.
var errReaderStalled = errors.New("the caller does not read the responses")

// stallStream ends calls whose caller opens a stream and then sends nothing, or next to nothing, or doesn't read the responses.
func stallStream(timeout time.Duration, unread *unreadLimit) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		if a, ok := ss.Context().Value(arrivalKey{}).(*arrival); ok && info.IsServerStream {
			var conn *connection
			if a.caller == nil || !a.caller.Has(auth.ScopeService) { // other users have calls on the connection of a service
				conn, _ = ss.Context().Value(connectionKey{}).(*connection)
			}
			uncompressed(ss.Context())
			ss = &readStream{ServerStream: ss, end: a.end, conn: conn, timeout: timeout, account: unread.account(ss.Context()), left: timeout}
		}
		if info.IsClientStream {
			ss = &stallingStream{ServerStream: ss, left: stall.NewTimeout(timeout), timeout: timeout, isDialog: info.IsServerStream}
		}
		return handler(srv, ss)
	}
}

// readStream is a stream whose responses the caller must read. HTTP/2 buffers up to 64 KiB for a caller, and then SendMsg blocks until
// the caller has read some of them.
type readStream struct {
	grpc.ServerStream
	// end ends the call, and with it a blocked SendMsg.
	end context.CancelCauseFunc
	// conn is closed after maxUnread such calls. It can be nil.
	conn    *connection
	timeout time.Duration
	account account
	// read are the bytes that the caller has read since left was last computed.
	read atomic.Int64

	mu sync.Mutex
	// left is how long the caller can still keep SendMsg waiting.
	left time.Duration
	// late judges the caller while SendMsg blocks, which began to wait at since. It is nil before the first message.
	late    *time.Timer
	since   time.Time
	sending bool
}

// waited records that SendMsg has waited for the caller. Each byte that the caller has read gives it the time of one byte at minReadRate.
func (s *readStream) waited() {
	now := time.Now()
	earned := time.Duration(s.read.Swap(0)) * (time.Second / minReadRate)
	s.left = min(s.left-now.Sub(s.since)+earned, s.timeout+windowBytes*(time.Second/minReadRate))
	s.since = now
}

// judge ends the call if its caller has stalled, and also its connection if too many of its calls have ended in this way.
func (s *readStream) judge() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.sending {
		return
	}
	if s.waited(); s.left > 0 {
		s.late.Reset(s.left)
		return
	}
	s.end(errReaderStalled)
	if s.conn != nil && s.conn.unread.Add(1) >= maxUnread {
		s.conn.close()
	}
}

// begin starts to judge the caller, and finish stops it.
func (s *readStream) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sending, s.since = true, time.Now()
	if s.late == nil {
		s.late = time.AfterFunc(s.left, s.judge)
	} else {
		s.late.Reset(s.left)
	}
}

func (s *readStream) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sending = false
	s.late.Stop()
	s.waited()
}

// SendMsg implements grpc.ServerStream.
func (s *readStream) SendMsg(m any) error {
	resp, err := s.account.answer(m, &s.read)
	if err != nil {
		return err
	}
	s.begin()
	err = s.ServerStream.SendMsg(resp)
	s.finish()
	if err != nil && errors.Is(context.Cause(s.Context()), errReaderStalled) {
		return rpcerr.Newf(codes.DeadlineExceeded, errorsv1.ErrorReason_ERROR_REASON_CALLER_GONE,
			"The caller did not read the responses: it kept the service waiting for more than %s, and read fewer than %d bytes per second. Call again, and read them as they arrive.",
			s.timeout, minReadRate)
	}
	return err
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
