package rpcerr

import (
	"errors"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
)

// Token returns the error for a caller whose token was refused with err.
func Token(err error) error {
	switch {
	case errors.Is(err, auth.ErrMissing):
		return Wrap(codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TOKEN_MISSING,
			"The token is missing. Send one as `Authorization: Bearer TOKEN` (to make one, run: headway token --sub NAME).", err)
	case errors.Is(err, auth.ErrExpired):
		return Wrap(codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED,
			"The token has expired. Get a new one, and then try again.", err)
	case errors.Is(err, auth.ErrInvalid):
		return Wrap(codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TOKEN_INVALID,
			"The token is not valid here: it is malformed, was signed with another key, or is for another service. Get a new one.", err)
	case errors.Is(err, auth.ErrUnavailable):
		return Wrap(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_ISSUER_UNAVAILABLE,
			"Your token can't be checked because the service that issues tokens is unavailable. Try again later.", err)
	}
	return Internal(err)
}
