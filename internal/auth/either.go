package auth

import (
	"context"

	"github.com/golang-jwt/jwt/v5"
)

// EitherVerifier accepts tokens of an issuer, and tokens that the services and the command line sign with the key. The
// algorithm of a token selects its verifier. Neither verifier accepts an algorithm of the other.
type EitherVerifier struct {
	Key    *Key
	Issuer *Issuer
}

// Verify implements Verifier.
func (v *EitherVerifier) Verify(ctx context.Context, token string) (Identity, error) {
	unverified, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
	if err == nil && unverified.Method.Alg() != jwt.SigningMethodHS256.Alg() {
		return v.Issuer.Verify(ctx, token)
	}
	return v.Key.Verify(ctx, token)
}
