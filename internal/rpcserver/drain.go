package rpcserver

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/rpcerr"
)

// errDraining is the cause of a context that ended because the server shuts down.
var errDraining = errors.New("the server is shutting down")

// drain ends calls that would not end by themselves when the server shuts down.
type drain struct {
	once sync.Once
	done chan struct{}
}

func newDrain() *drain { return &drain{done: make(chan struct{})} }

func (d *drain) begin() { d.once.Do(func() { close(d.done) }) }

type drainKey struct{}

// Draining returns a channel that is closed when the server starts to shut down. A call that waits (a long poll) then
// responds with the data that it has. Outside a server, the channel is nil, and so never closed.
func Draining(ctx context.Context) <-chan struct{} {
	done, _ := ctx.Value(drainKey{}).(chan struct{})
	return done
}

func (d *drain) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	return handler(context.WithValue(ctx, drainKey{}, d.done), req)
}

// stream cancels the context of a server stream when the server drains. Uploads (client streams) can finish.
func (d *drain) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	if info.IsClientStream {
		return handler(srv, ss)
	}
	ctx, cancel := context.WithCancelCause(ss.Context())
	defer cancel(nil)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-d.done:
			cancel(errDraining)
		case <-stop:
		}
	}()
	err := handler(srv, &streamWithContext{ss, ctx})
	if err != nil && errors.Is(context.Cause(ctx), errDraining) {
		return rpcerr.New(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN,
			"The service is shutting down. Connect again.")
	}
	return err
}

// streamWithContext is a stream with another context.
type streamWithContext struct {
	grpc.ServerStream
	ctx context.Context
}

// Context implements grpc.ServerStream.
func (s *streamWithContext) Context() context.Context { return s.ctx }
