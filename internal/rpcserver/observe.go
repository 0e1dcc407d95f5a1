package rpcserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/alarm"
	"headway/internal/auth"
	"headway/internal/rpcclient"
	"headway/internal/rpcerr"
)

// observer recovers from panics, and logs and counts every call once.
type observer struct {
	logger  *slog.Logger
	storage *alarm.Alarm
	unread  *unreadLimit
	calls   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

func newObserver(cfg Config) *observer {
	o := &observer{
		logger:  cfg.Logger,
		unread:  newUnreadLimit(),
		storage: alarm.New(cfg.Logger, "the disk is full, so nothing can be stored. Free space, or move --data to a larger disk"),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "headway_rpc_calls_total", Help: "Finished gRPC calls.",
			ConstLabels: prometheus.Labels{"service": cfg.Service},
		}, []string{"method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "headway_rpc_seconds", Help: "Duration of finished unary gRPC calls, in seconds.",
			ConstLabels: prometheus.Labels{"service": cfg.Service},
			Buckets:     prometheus.ExponentialBuckets(0.0005, 4, 9),
		}, []string{"method"}),
	}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(o.calls, o.seconds)
	}
	return o
}

// call collects the data for the log line of a call.
type call struct{ requestID, subject string }

type callKey struct{}

// arrival is a call as the transport sees it.
type arrival struct {
	method string
	peer   string
	// caller is who makes the call, if a token has proved that when the headers arrived.
	caller *auth.Identity
	// late ends the call if its request does not arrive in time.
	late *time.Timer
	// end ends the call in the transport, so that nothing blocks in it.
	end context.CancelCauseFunc
	// handled is set when the call reaches the interceptors, which log its end.
	handled atomic.Bool
}

// arrived records that the request has arrived, or that none is needed.
func (a *arrival) arrived() {
	if a.late != nil {
		a.late.Stop()
	}
}

type arrivalKey struct{}

// unhandled is the method of calls in metrics that are refused before a handler, or that have none. A caller must not be able to
// create labels.
const unhandled = "unhandled"

// TagRPC implements stats.Handler.
func (o *observer) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	if _, admitted := ctx.Value(arrivalKey{}).(*arrival); admitted {
		return ctx
	}
	return context.WithValue(ctx, arrivalKey{}, &arrival{method: info.FullMethodName})
}

// HandleRPC implements stats.Handler. It logs calls that fail before they reach the interceptors, for example because of
// an unknown method or compression.
func (o *observer) HandleRPC(ctx context.Context, event stats.RPCStats) {
	a, ok := ctx.Value(arrivalKey{}).(*arrival)
	if !ok {
		return
	}
	switch event := event.(type) {
	case *stats.InHeader:
		a.peer = event.RemoteAddr.String()
	case *stats.InPayload:
		a.arrived()
	case *stats.End:
		a.arrived()
		if event.Error == nil || a.handled.Load() {
			return
		}
		code := status.Code(event.Error)
		o.calls.WithLabelValues(unhandled, code.String()).Inc()
		o.logger.LogAttrs(ctx, slog.LevelInfo, "call refused by the transport", slog.String("method", a.method),
			slog.String("code", code.String()), slog.String("peer", a.peer), slog.String("error", event.Error.Error()))
	}
}

// TagConn implements stats.Handler.
func (o *observer) TagConn(ctx context.Context, info *stats.ConnTagInfo) context.Context {
	if addr, ok := info.RemoteAddr.(remoteAddr); ok {
		return context.WithValue(ctx, connectionKey{}, addr.conn)
	}
	return ctx
}

// HandleConn implements stats.Handler.
func (o *observer) HandleConn(ctx context.Context, event stats.ConnStats) {
	if _, ended := event.(*stats.ConnEnd); ended {
		if conn, ok := ctx.Value(connectionKey{}).(*connection); ok {
			o.unread.ended(conn)
		}
	}
}

func observed(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// RequestID returns the ID of this call in the log. It returns "" outside a server.
func RequestID(ctx context.Context) string { return observed(ctx).requestID }

func (o *observer) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	start := time.Now()
	ctx = begin(ctx)
	_ = grpc.SetHeader(ctx, metadata.Pairs(rpcclient.RequestIDHeader, RequestID(ctx))) // fails only after the header was sent
	defer func() {
		if p := recover(); p != nil {
			resp, err = nil, rpcerr.Internal(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
		err = visible(err)
		label := path.Base(info.FullMethod)
		o.seconds.WithLabelValues(label).Observe(time.Since(start).Seconds())
		o.finish(ctx, info.FullMethod, label, start, err)
	}()
	return handler(ctx, req)
}

func (o *observer) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	start := time.Now()
	ctx := begin(ss.Context())
	if a, ok := ctx.Value(arrivalKey{}).(*arrival); ok && info.IsClientStream { // stallStream judges its sender
		a.arrived()
	}
	_ = ss.SetHeader(metadata.Pairs(rpcclient.RequestIDHeader, RequestID(ctx))) // fails only after the header was sent
	stream := &observedStream{streamWithContext: streamWithContext{ss, ctx}}
	defer func() {
		if p := recover(); p != nil {
			err = rpcerr.Internal(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
		err = stream.answer(visible(err))
		label := path.Base(info.FullMethod)
		if srv == nil { // of unknownMethod
			label = unhandled
		}
		o.finish(ctx, info.FullMethod, label, start, err)
	}()
	return handler(srv, stream)
}

// observedStream records the error with which grpc has ended the call. If a message can't be received or sent, for example because
// it is too large, grpc answers the call immediately. The caller then doesn't receive the handler's error.
type observedStream struct {
	streamWithContext
	ended atomic.Pointer[error]
}

// RecvMsg implements grpc.ServerStream.
func (s *observedStream) RecvMsg(m any) error { return s.note(s.ServerStream.RecvMsg(m)) }

// SendMsg implements grpc.ServerStream.
func (s *observedStream) SendMsg(m any) error { return s.note(s.ServerStream.SendMsg(m)) }

func (s *observedStream) note(err error) error {
	if err != nil && !errors.Is(err, io.EOF) {
		ended := err // only an error is allocated
		s.ended.CompareAndSwap(nil, &ended)
	}
	return err
}

// answer returns the error that the caller receives, if the handler has returned err.
func (s *observedStream) answer(err error) error {
	if ended := s.ended.Load(); ended != nil && status.Code(*ended) != status.Code(err) {
		return visible(*ended)
	}
	return err
}

// visible returns the error that the caller receives: one without a status becomes an internal error.
func visible(err error) error {
	if _, ok := status.FromError(err); ok {
		return err
	}
	return rpcerr.Internal(err)
}

func begin(ctx context.Context) context.Context {
	id := ""
	if values := metadata.ValueFromIncomingContext(ctx, rpcclient.RequestIDHeader); len(values) > 0 && len(values[0]) <= 64 {
		id = values[0]
	}
	if id == "" {
		id = uuid.NewString()
	}
	if a, ok := ctx.Value(arrivalKey{}).(*arrival); ok {
		a.handled.Store(true)
	}
	return context.WithValue(ctx, callKey{}, &call{requestID: id})
}

// refused writes the log line of a call that is refused when its headers arrive.
func (o *observer) refused(ctx context.Context, method string, err error) {
	ctx = begin(ctx)
	o.finish(ctx, method, unhandled, time.Now(), err)
}

// finish writes the log line of a call: at level debug if it succeeded, info if the request was wrong, and error if the
// server failed. label is its method in metrics.
func (o *observer) finish(ctx context.Context, method, label string, start time.Time, err error) {
	code := status.Code(err)
	o.calls.WithLabelValues(label, code.String()).Inc()
	if rpcerr.Reason(err) == errorsv1.ErrorReason_ERROR_REASON_STORAGE_FULL {
		o.storage.Note(errors.Unwrap(err))
	}
	level := slog.LevelDebug
	switch code {
	case codes.OK, codes.Canceled:
	case codes.Internal, codes.Unknown, codes.DataLoss:
		level = slog.LevelError
	default:
		if method != healthv1.Health_Check_FullMethodName { // the edge asks all the time, and logs changes
			level = slog.LevelInfo
		}
	}
	if !o.logger.Enabled(ctx, level) {
		return
	}
	c := observed(ctx)
	attrs := []slog.Attr{
		slog.String("method", method), slog.String("code", code.String()), slog.Duration("took", time.Since(start)),
		slog.String("subject", c.subject), slog.String("request_id", c.requestID),
	}
	if p, ok := peer.FromContext(ctx); ok {
		attrs = append(attrs, slog.String("peer", p.Addr.String()))
	}
	if err != nil {
		attrs = append(attrs, slog.String("reason", rpcerr.Word(rpcerr.Reason(err))), slog.String("error", rpcerr.ForLog(err)))
	}
	o.logger.LogAttrs(ctx, level, "call finished", attrs...)
}
