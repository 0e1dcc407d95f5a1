package rpcserver

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"headway/internal/auth"
	"headway/internal/rpcerr"
)

// public reports whether a method needs no token: health and reflection are not secret.
func public(method string) bool {
	return strings.HasPrefix(method, "/grpc.health.") || strings.HasPrefix(method, "/grpc.reflection.")
}

func authUnary(v auth.Verifier) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if public(info.FullMethod) {
			return handler(ctx, req)
		}
		id, err := authenticate(ctx, v)
		if err != nil {
			return nil, err
		}
		return handler(auth.NewContext(ctx, id), req)
	}
}

// authStream also ends a stream of responses when the token that opened it expires. An accepted upload can finish.
func authStream(v auth.Verifier) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		if public(info.FullMethod) {
			return handler(srv, ss)
		}
		id, err := authenticate(ss.Context(), v)
		if err != nil {
			return err
		}
		if !info.IsServerStream {
			return handler(srv, &streamWithContext{ss, auth.NewContext(ss.Context(), id)})
		}
		ctx, cancel := context.WithDeadlineCause(ss.Context(), id.ExpiresAt, auth.ErrExpired)
		defer cancel()
		err = handler(srv, &streamWithContext{ss, auth.NewContext(ctx, id)})
		if err != nil && errors.Is(context.Cause(ctx), auth.ErrExpired) {
			return rpcerr.Token(auth.ErrExpired)
		}
		return err
	}
}

func authenticate(ctx context.Context, v auth.Verifier) (auth.Identity, error) {
	var id auth.Identity
	if a, ok := ctx.Value(arrivalKey{}).(*arrival); ok && a.caller != nil {
		id = *a.caller
	} else {
		headers, _ := metadata.FromIncomingContext(ctx)
		var err error
		if id, err = identify(ctx, v, headers); err != nil {
			return auth.Identity{}, rpcerr.Token(err)
		}
	}
	observed(ctx).subject = id.Subject
	return id, nil
}
