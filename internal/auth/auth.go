// Package auth says who is calling: it verifies and signs tokens, and carries the caller's identity in a context.
package auth

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// Scopes that a token may carry, separated by spaces in its `scope` claim. A token without any is a plain user's.
const (
	// ScopeAdmin sees and steers everyone's jobs and imports.
	ScopeAdmin = "headway:admin"
	// ScopeService is for Headway's own services: it acts for users and watches everyone's jobs.
	ScopeService = "headway:service"
	// ScopeWorker leases jobs.
	ScopeWorker = "headway:worker"
)

// Why a token is refused. Verifiers wrap them; test with errors.Is.
var (
	// ErrMissing: there is no token.
	ErrMissing = errors.New("no token")
	// ErrInvalid: the token is malformed, wrongly signed, or meant for somebody else.
	ErrInvalid = errors.New("invalid token")
	// ErrExpired: the token was good once.
	ErrExpired = errors.New("token has expired")
	// ErrUnavailable: the token cannot be checked for now, because its issuer has not given its keys yet.
	ErrUnavailable = errors.New("the token's issuer has not given its keys yet")
)

// Identity is a verified caller.
type Identity struct {
	// Subject is the user's name, the token's `sub`: never empty.
	Subject string
	// Scopes are what the token allows beyond a user's own things.
	Scopes []string
	// ExpiresAt is when the token ends, and with it every stream opened with it.
	ExpiresAt time.Time
}

// Has tells whether the identity carries the scope.
func (id Identity) Has(scope string) bool { return slices.Contains(id.Scopes, scope) }

// SeesAll tells whether the identity may see what belongs to others.
func (id Identity) SeesAll() bool { return id.Has(ScopeAdmin) || id.Has(ScopeService) }

// MaySee tells whether the identity may see what belongs to owner.
func (id Identity) MaySee(owner string) bool { return id.Subject == owner || id.SeesAll() }

// Verifier turns a token into an identity. Safe for concurrent use.
type Verifier interface {
	// Verify returns ErrMissing, ErrInvalid, ErrExpired or ErrUnavailable (wrapped) for a token that is not good.
	Verify(ctx context.Context, token string) (Identity, error)
}

type contextKey struct{}

// NewContext returns a context that carries the verified caller.
func NewContext(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, id)
}

// FromContext returns the verified caller, if the context carries one.
func FromContext(ctx context.Context) (Identity, bool) {
	id, ok := ctx.Value(contextKey{}).(Identity)
	return id, ok
}

// BearerToken returns the token of an Authorization header (RFC 6750 §2.1). It returns "" for any other scheme.
func BearerToken(header string) string {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
