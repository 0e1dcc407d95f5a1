// Package auth identifies callers: it verifies and signs tokens, and stores the caller's identity in a context.
package auth

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Scopes that a token can have, as text with spaces or as a list in its `scope` claim. A token that has none of the first
// three gets the server's default.
const (
	// ScopeRead allows viewing the user's own jobs and imports.
	ScopeRead = "headway:read"
	// ScopeRun allows creating, answering, cancelling, retrying, and deleting the user's own jobs.
	ScopeRun = "headway:run"
	// ScopeImport allows importing files, and deciding on, cancelling, retrying, and deleting the user's own imports.
	ScopeImport = "headway:import"
	// ScopePriority allows creating jobs with a priority above 0.
	ScopePriority = "headway:priority"
	// ScopeAdmin allows viewing and managing the jobs and imports of all users.
	ScopeAdmin = "headway:admin"
	// ScopeService is for Headway's own services, which act for users and watch all jobs.
	ScopeService = "headway:service"
	// ScopeImporter is for Headway's importer alone, which creates and runs the jobs of imports.
	ScopeImporter = "headway:importer"
	// ScopeWorker allows leasing jobs.
	ScopeWorker = "headway:worker"
)

// Reasons why a token is refused. Verifiers wrap them. Test with errors.Is.
var (
	// ErrMissing means that there is no token.
	ErrMissing = errors.New("no token")
	// ErrInvalid means that the token is malformed, signed with another key, or for another service. An *InvalidError
	// describes the problem.
	ErrInvalid = errors.New("invalid token")
	// ErrExpired means that the token is no longer valid.
	ErrExpired = errors.New("token has expired")
	// ErrUnavailable means that the token cannot be checked, because the keys of its issuer have not been fetched.
	ErrUnavailable = errors.New("the keys of the token's issuer have not been fetched")
)

// Identity is a verified caller.
type Identity struct {
	// Subject is the name of the user, the token's `sub`. It is never empty.
	Subject string
	// Scopes are the rights of the caller.
	Scopes []string
	// Kinds are the kinds of jobs that the caller can create and lease, and Schemas the schemas that the caller can import
	// with. The name * allows all. If a list is nil, a signed token has no such claim.
	Kinds, Schemas []string
	// ExpiresAt is the time when the token expires. Every stream that was opened with it then ends.
	ExpiresAt time.Time
}

// Verifier verifies tokens. It is safe for concurrent use.
type Verifier interface {
	// Verify returns the identity of a token. If the token is not valid, the error wraps ErrMissing, ErrInvalid,
	// ErrExpired, or ErrUnavailable.
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

// BearerToken returns the token of the Authorization headers of a request (RFC 6750 §2.1). It returns "" if none of them has this scheme.
// Different tokens are an error: a program in between could have checked another one than the server would use.
func BearerToken(headers ...string) (string, error) {
	token := ""
	for _, header := range headers {
		scheme, value, ok := strings.Cut(header, " ")
		if !ok || !strings.EqualFold(scheme, "Bearer") {
			continue
		}
		value = strings.TrimSpace(value)
		if token != "" && value != token {
			return "", invalid(nil, "The request has several Authorization headers with different tokens, and must have one token")
		}
		token = value
	}
	return token, nil
}
