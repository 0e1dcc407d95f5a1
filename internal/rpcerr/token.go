package rpcerr

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
)

// Token returns the error for a caller whose token was refused with err.
func Token(err error) error {
	var wrong *auth.InvalidError
	switch {
	case errors.Is(err, auth.ErrMissing):
		return Wrap(codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TOKEN_MISSING,
			"The token is missing. Send one as `Authorization: Bearer TOKEN` (to create one, run: headway token --sub NAME).", err)
	case errors.Is(err, auth.ErrExpired):
		return Wrap(codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TOKEN_EXPIRED,
			"The token has expired. Get a new one, and then try again.", err)
	case errors.As(err, &wrong):
		return Wrap(codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TOKEN_INVALID,
			"The token is not valid. "+wrong.Problem+". Get a new one.", err)
	case errors.Is(err, auth.ErrInvalid):
		return Wrap(codes.Unauthenticated, errorsv1.ErrorReason_ERROR_REASON_TOKEN_INVALID,
			"The Authorization header has no token. Send one as `Authorization: Bearer TOKEN`.", err)
	case errors.Is(err, auth.ErrUnavailable):
		return Wrap(codes.Unavailable, errorsv1.ErrorReason_ERROR_REASON_ISSUER_UNAVAILABLE,
			"Your token can't be checked because the service that issues tokens is unavailable. Try again later.", err)
	}
	return Internal(err)
}

// ScopeMissing returns the error for a caller whose token does not have the scope that a call needs.
func ScopeMissing(what, scope string) error {
	return Newf(codes.PermissionDenied, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING,
		"%s requires a token with the scope %s.", what, scope)
}

// NameNotAllowed returns the error for a caller whose token does not allow a kind or schema. what is for example "jobs of the
// kind", and allowed is the list in the claim.
func NameNotAllowed(what, name, claim string, allowed []string) error {
	text := fmt.Sprintf("Your token does not allow %s %q. Its claim %s allows: %s.", what, name, claim, strings.Join(allowed, ", "))
	if len(allowed) == 0 {
		text = fmt.Sprintf("Your token does not allow %s %q. It needs the claim %s with this name.", what, name, claim)
	}
	return New(codes.PermissionDenied, errorsv1.ErrorReason_ERROR_REASON_SCOPE_MISSING, text)
}
