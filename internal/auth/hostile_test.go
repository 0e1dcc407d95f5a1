package auth_test

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"headway/internal/auth"
)

// hostileIssuer is an issuer whose response with the keys a test writes.
type hostileIssuer struct {
	issuerFake
	answer atomic.Pointer[func(*http.Request) io.Reader]
}

// RoundTrip implements http.RoundTripper.
func (h *hostileIssuer) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := h.answer.Load()
	if answer == nil || r.URL.Path != "/keys" {
		return h.issuerFake.RoundTrip(r)
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser((*answer)(r)), Header: http.Header{}}, nil
}

// endless is a body that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// silent is a body that never arrives.
type silent struct{ ctx context.Context }

func (s silent) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

// TestHostileKeySetsAreRefused has an issuer that publishes no usable keys at first, then those of a test, and then hostile ones again.
func TestHostileKeySetsAreRefused(t *testing.T) {
	text := func(s string) func(*http.Request) io.Reader {
		return func(*http.Request) io.Reader { return strings.NewReader(s) }
	}
	set := func(keys ...jose.JSONWebKey) func(*http.Request) io.Reader {
		return text(string(must(json.Marshal(jose.JSONWebKeySet{Keys: keys}))))
	}
	long := &rsa.PublicKey{N: new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 1<<16), big.NewInt(1)), E: 65537}
	for name, answer := range map[string]func(*http.Request) io.Reader{
		"a page":                      text("<!DOCTYPE html><title>Sign in</title>"),
		"nothing":                     text(""),
		"no end":                      func(*http.Request) io.Reader { return endless{} },
		"no beginning":                func(r *http.Request) io.Reader { return silent{r.Context()} },
		"brackets":                    text(`{"keys":` + strings.Repeat("[", 1<<19)),
		"another type":                text(`{"keys":"all"}`),
		"odd keys":                    text(`{"keys":[null,1,"x",[],{},{"kty":"RSA"},{"kty":"RSA","n":"AQAB","e":""},{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}]}`),
		"a shared secret":             set(jose.JSONWebKey{Key: []byte("0123456789abcdef0123456789abcdef"), KeyID: "old", Algorithm: "HS256"}),
		"a private key":               set(jose.JSONWebKey{Key: signingKeys()["old"], KeyID: "old"}),
		"a key that takes long":       set(jose.JSONWebKey{Key: long, KeyID: "old"}),
		"keys for another use":        set(jose.JSONWebKey{Key: signingKeys()["old"].Public(), KeyID: "old", Use: "enc"}),
		"a thousand keys of one kind": text(`{"keys":[` + strings.Repeat(`{"kty":"x"},`, 1000) + `{}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &hostileIssuer{issuerFake: issuerFake{keys: []jose.JSONWebKey{published("old")}}}
				h.answer.Store(&answer)
				issuer := startIssuer(t, &h.issuerFake, func(c *auth.IssuerConfig) { c.Client = &http.Client{Transport: h} })
				if _, err := issuer.Verify(t.Context(), rs256(t, "old")); !errors.Is(err, auth.ErrUnavailable) {
					t.Errorf("without keys: %v", err)
				}
				h.answer.Store(nil)
				time.Sleep(time.Minute)
				if _, err := issuer.Verify(t.Context(), rs256(t, "old")); err != nil {
					t.Errorf("with keys: %v", err)
				}
				h.answer.Store(&answer)
				time.Sleep(20 * time.Minute)
				if _, err := issuer.Verify(t.Context(), rs256(t, "old")); err != nil {
					t.Errorf("the keys are forgotten: %v", err)
				}
			})
		})
	}
}

func TestRedirectsOfIssuerAreLimited(t *testing.T) {
	for name, test := range map[string]struct{ to, want string }{
		"to an unencrypted page": {"http://keys.example/", "must be https"},
		"without end":            {"/again", "too many redirects"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.RedirectHandler(test.to, http.StatusFound))
			defer server.Close()
			issuer, err := auth.NewIssuer(auth.IssuerConfig{URL: server.URL, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			done := make(chan struct{})
			go func() { issuer.Run(ctx); close(done) }()
			for err = issuer.Ready(); !strings.Contains(err.Error(), test.want) && ctx.Err() == nil; err = issuer.Ready() {
				time.Sleep(time.Millisecond)
			}
			cancel()
			<-done
			if !strings.Contains(err.Error(), test.want) {
				t.Error(err)
			}
		})
	}
}

// TestHeadersOfTokensChooseNoKey has tokens whose headers name a key of their sender, in every way that JWS allows, and some that it doesn't.
func TestHeadersOfTokensChooseNoKey(t *testing.T) {
	foreign := signingKeys()["foreign"]
	own := jose.JSONWebKey{Key: foreign.Public(), KeyID: "old", Algorithm: "RS256"}
	synctest.Test(t, func(t *testing.T) {
		issuer := startIssuer(t, &issuerFake{keys: []jose.JSONWebKey{published("old"), published("new"), published("new")}}, nil)
		for name, header := range map[string]map[string]any{
			"its own key":                   {"kid": "old", "jwk": own},
			"an address of keys":            {"kid": "old", "jku": "https://evil.example/keys"},
			"certificates":                  {"kid": "old", "x5u": "https://evil.example/chain", "x5c": []string{"AAAA"}},
			"a path":                        {"kid": "../../../../dev/null"},
			"SQL":                           {"kid": "old' OR '1'='1"},
			"a long name":                   {"kid": strings.Repeat("old", 1<<18)},
			"a number":                      {"kid": 1},
			"a list":                        {"kid": []string{"old"}},
			"an object":                     {"kid": map[string]any{"$ne": ""}},
			"a null byte":                   {"kid": "old\x00"},
			"a key that is published twice": {"kid": "new"},
			"another type":                  {"kid": "old", "typ": "at+jwt", "cty": "JWT"},
		} {
			token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"iss": issuerURL, "aud": "headway", "sub": "ann", "exp": time.Now().Add(time.Hour).Unix()})
			for field, value := range header {
				token.Header[field] = value
			}
			id, err := issuer.Verify(t.Context(), must(token.SignedString(foreign)))
			if !errors.Is(err, auth.ErrInvalid) {
				t.Errorf("%s: %+v, %v", name, id, err)
			}
			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("%s: the error has %d bytes", name, len(err.Error()))
			}
		}
	})
}
