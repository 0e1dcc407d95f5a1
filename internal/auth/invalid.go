package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// InvalidError describes why a token is not valid. It matches ErrInvalid.
type InvalidError struct {
	// Problem is a message without its period, for the caller. It doesn't quote secrets: only claims of a token with a
	// valid signature, and names of keys.
	Problem string
	cause   error
}

// Error implements error.
func (e *InvalidError) Error() string {
	if e.cause == nil {
		return ErrInvalid.Error() + ": " + e.Problem
	}
	return ErrInvalid.Error() + ": " + e.Problem + ": " + e.cause.Error()
}

// Is implements errors.Is.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// Unwrap returns the cause.
func (e *InvalidError) Unwrap() error { return e.cause }

func invalid(cause error, format string, args ...any) error {
	return &InvalidError{Problem: fmt.Sprintf(format, args...), cause: cause}
}

// maxQuoted is the longest claim that a message quotes, in bytes.
const maxQuoted = 100

// expected has the required claims of a token.
type expected struct {
	algorithms       []string
	issuer, audience string
	skew             time.Duration
}

func (e expected) parser() *jwt.Parser {
	options := []jwt.ParserOption{
		jwt.WithValidMethods(e.algorithms), jwt.WithAudience(e.audience), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(e.skew), jwt.WithJSONNumber(),
	}
	if e.issuer != "" {
		options = append(options, jwt.WithIssuer(e.issuer))
	}
	return jwt.NewParser(options...)
}

// refuseExtensions returns an error for a token whose header names extensions that must be understood. None is supported (RFC
// 7515 §4.1.11).
func refuseExtensions(t *jwt.Token) error {
	if _, critical := t.Header["crit"]; critical {
		return invalid(nil, "Its header has crit, which names extensions that this server does not support")
	}
	return nil
}

// explain returns the error for a token that the parser refused. An expired token can have other problems, which take
// precedence.
func (e expected) explain(err error, token string, claims jwt.MapClaims) error {
	var known *InvalidError
	switch {
	case errors.Is(err, ErrUnavailable):
		return err
	case errors.As(err, &known):
		return known
	case errors.Is(err, jwt.ErrTokenMalformed):
		return invalid(err, "It is not a signed JWT, which has three parts with periods between them")
	case errors.Is(err, jwt.ErrTokenUnverifiable), errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return e.explainSignature(err, token)
	case errors.Is(err, jwt.ErrTokenInvalidAudience) || errors.Is(err, jwt.ErrTokenRequiredClaimMissing) && !hasAudience(claims):
		return invalid(err, "Its aud is %s. It must contain %q", quoted(claims["aud"]), e.audience)
	case errors.Is(err, jwt.ErrTokenInvalidIssuer) || errors.Is(err, jwt.ErrTokenRequiredClaimMissing) && e.issuer != "" && claims["iss"] == nil:
		return invalid(err, "Its iss is %s. It must be %q", quoted(claims["iss"]), e.issuer)
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return invalid(err, "It has no exp. Tokens must expire")
	case errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return invalid(err, "Its iat is %s ahead of this server's clock, which allows %v. Set both clocks, or raise --clock-skew", ahead(claims.GetIssuedAt), e.skew)
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return invalid(err, "Its nbf is %s ahead of this server's clock, which allows %v. Set both clocks, or raise --clock-skew", ahead(claims.GetNotBefore), e.skew)
	case errors.Is(err, jwt.ErrTokenExpired):
		return ErrExpired
	}
	return invalid(err, "One of its claims has the wrong type")
}

// explainSignature returns the error for a token whose signature could not be verified, or is wrong.
func (e expected) explainSignature(err error, token string) error {
	unverified, _, parseErr := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
	if parseErr != nil {
		return invalid(err, "Its header doesn't name an algorithm that this server knows. Use %s", strings.Join(e.algorithms, " or "))
	}
	if used := unverified.Method.Alg(); !slices.Contains(e.algorithms, used) {
		return invalid(err, "It is signed with %s. This server accepts %s", used, strings.Join(e.algorithms, " and "))
	}
	return invalid(err, "Its signature is wrong. It was signed with another key, or changed after it was signed")
}

// hasAudience reports whether the aud claim names anyone.
func hasAudience(claims jwt.MapClaims) bool {
	audience, err := claims.GetAudience()
	return err == nil && len(audience) > 0
}

// ahead returns how far a time claim is in the future.
func ahead(claim func() (*jwt.NumericDate, error)) string {
	at, err := claim()
	if err != nil || at == nil {
		return "far"
	}
	return time.Until(at.Time).Round(time.Second).String()
}

// quoted returns a claim for a message.
func quoted(claim any) string {
	if claim == nil {
		return "missing"
	}
	text := fmt.Sprintf("%q", claim)
	if len(text) > maxQuoted {
		text = strings.ToValidUTF8(text[:maxQuoted], "") + "…"
	}
	return text
}
