package rpcserver

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/rpcerr"
)

// public methods need no token: whether the server is alive, and what it speaks, is no secret.
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

// authStream also ends a stream of answers when the token that opened it does. What is still being sent, as a workbook,
// was let in as a whole.
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
			return TokenError(auth.ErrExpired)
		}
		return err
	}
}

func authenticate(ctx context.Context, v auth.Verifier) (auth.Identity, error) {
	var token string
	if values := metadata.ValueFromIncomingContext(ctx, "authorization"); len(values) > 0 {
		token = BearerToken(values[0])
		if token == "" {
			return auth.Identity{}, TokenError(auth.ErrInvalid)
		}
	}
	id, err := v.Verify(ctx, token)
	if err != nil {
		return auth.Identity{}, TokenError(err)
	}
	observed(ctx).subject = id.Subject
	return id, nil
}

// BearerToken reads the token of an Authorization header (RFC 6750 §2.1); empty if it is of another kind.
func BearerToken(header string) string {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// TokenError is what the caller gets when a token is refused.
func TokenError(err error) error {
	switch {
	case errors.Is(err, auth.ErrMissing):
		return rpcerr.Wrap(codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TOKEN_MISSING,
			"No token: send one as `Authorization: Bearer TOKEN` (headway token --sub NAME makes one).", err)
	case errors.Is(err, auth.ErrExpired):
		return rpcerr.Wrap(codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED,
			"The token has expired; get a new one and try again.", err)
	case errors.Is(err, auth.ErrInvalid):
		return rpcerr.Wrap(codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TOKEN_INVALID,
			"The token is not valid here: it is malformed, was signed with another key, or is meant for somebody else. Get a new one.", err)
	case errors.Is(err, auth.ErrUnavailable):
		return rpcerr.Wrap(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_ISSUER_UNAVAILABLE,
			"The service that issues tokens cannot be reached for the moment, so yours cannot be checked; try again.", err)
	}
	return rpcerr.Internal(err)
}
