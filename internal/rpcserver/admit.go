package rpcserver

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/tap"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
)

const (
	// messageTimeout is how long the request of a unary call can take to arrive.
	messageTimeout = 30 * time.Second
	// maxUnproven is the number of calls at a time on one connection whose caller is not known. A client has one such call for the
	// health of the service, and the edge a few more.
	maxUnproven = 100
)

// admitter decides about calls when their headers arrive. gRPC reads the request of a unary call before the interceptors, so
// callers without a token could otherwise fill the memory.
type admitter struct {
	verifier auth.Verifier
	observe  *observer
	// now is a context that is done, with which the verifier doesn't wait for anything.
	now context.Context
}

func newAdmitter(verifier auth.Verifier, observe *observer) *admitter {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	return &admitter{verifier, observe, now}
}

type connectionKey struct{}

// call implements tap.ServerInHandle. It must not wait, because all other calls of the connection do as well. The keys of an issuer
// may have to be fetched first: then authenticate waits for them.
func (a *admitter) call(ctx context.Context, info *tap.Info) (context.Context, error) {
	proven := &arrival{method: info.FullMethodName}
	if public(info.FullMethodName) {
		return a.unproven(ctx, proven)
	}
	id, err := identify(a.now, a.verifier, info.Header)
	switch {
	case errors.Is(err, auth.ErrUnavailable):
		return a.unproven(ctx, proven)
	case err != nil:
		return nil, a.refuse(ctx, info.FullMethodName, rpcerr.Token(err))
	}
	proven.caller = &id
	if conn, ok := ctx.Value(connectionKey{}).(*connection); ok {
		conn.prove(id.Subject)
	}
	return withDeadline(ctx, proven), nil
}

// unproven admits a call whose caller is not known, if its connection does not have too many.
func (a *admitter) unproven(ctx context.Context, call *arrival) (context.Context, error) {
	conn, ok := ctx.Value(connectionKey{}).(*connection)
	if !ok {
		return withDeadline(ctx, call), nil
	}
	if conn.unproven.Add(1) > maxUnproven {
		conn.unproven.Add(-1)
		return nil, a.refuse(ctx, call.method, rpcerr.Newf(codes.ResourceExhausted, errorsv1.ErrorReason_ERROR_REASON_RATE_LIMITED,
			"This connection has %d calls without a verified token, which is the maximum. End some of them.", maxUnproven))
	}
	context.AfterFunc(ctx, func() { conn.unproven.Add(-1) })
	return withDeadline(ctx, call), nil
}

// refuse returns the error of a call that is refused, and writes its log line, because no interceptor sees it.
func (a *admitter) refuse(ctx context.Context, method string, err error) error {
	a.observe.refused(ctx, method, err)
	return err
}

// withDeadline returns the context of a call that ends unless its request arrives in time.
func withDeadline(ctx context.Context, call *arrival) context.Context {
	ctx, call.end = context.WithCancelCause(context.WithValue(ctx, arrivalKey{}, call))
	call.late = time.AfterFunc(messageTimeout, func() { call.end(context.Canceled) })
	return ctx
}

// identify returns the caller whose token is in the headers of a call.
func identify(ctx context.Context, v auth.Verifier, headers metadata.MD) (auth.Identity, error) {
	token := ""
	if values := headers.Get("authorization"); len(values) > 0 {
		var err error
		if token, err = auth.BearerToken(values...); err != nil {
			return auth.Identity{}, err
		}
		if token == "" {
			return auth.Identity{}, auth.ErrInvalid
		}
	}
	return v.Verify(ctx, token)
}
