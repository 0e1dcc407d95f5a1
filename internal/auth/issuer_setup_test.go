package auth_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"headway/internal/auth"
)

const issuerURL = "https://login.example.com/realm"

// issuerFake is an OpenID Connect provider that is called without a network, so that a test can control the time.
type issuerFake struct {
	mu      sync.Mutex
	url     string
	keys    []jose.JSONWebKey
	down    bool
	fetches int
	log     bytes.Buffer
}

// RoundTrip implements http.RoundTripper.
func (f *issuerFake) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return nil, errors.New("connection refused")
	}
	w := httptest.NewRecorder()
	switch r.URL.Path {
	case "/realm/.well-known/openid-configuration":
		f.fetches++
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": f.url, "jwks_uri": "https://login.example.com/keys"})
	case "/keys":
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: f.keys})
	default:
		http.NotFound(w, r)
	}
	return w.Result(), nil
}

func (f *issuerFake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *issuerFake) asked() (n int) {
	f.set(func() { n = f.fetches })
	return n
}

// startIssuer returns a running verifier of the fake's tokens. It must be called within synctest.
func startIssuer(t *testing.T, f *issuerFake, change func(*auth.IssuerConfig)) *auth.Issuer {
	t.Helper()
	if f.url == "" {
		f.url = issuerURL
	}
	cfg := auth.IssuerConfig{URL: issuerURL, Client: &http.Client{Transport: f}, Logger: slog.New(slog.NewTextHandler(&f.log, nil))}
	if change != nil {
		change(&cfg)
	}
	issuer, err := auth.NewIssuer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { issuer.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	synctest.Wait()
	return issuer
}

// signingKeys are created once, because finding large primes takes time.
var signingKeys = sync.OnceValue(func() map[string]*rsa.PrivateKey {
	keys := map[string]*rsa.PrivateKey{}
	for _, name := range []string{"old", "new", "foreign"} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[name] = key
	}
	return keys
})

func published(name string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: signingKeys()[name].Public(), KeyID: name, Algorithm: "RS256", Use: "sig"}
}

func issued(t *testing.T, method jwt.SigningMethod, key any, kid string, change func(claims jwt.MapClaims)) string {
	t.Helper()
	claims := jwt.MapClaims{
		"iss": issuerURL, "aud": "headway", "sub": "ann", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
		"scope": "openid headway:admin",
	}
	if change != nil {
		change(claims)
	}
	token := jwt.NewWithClaims(method, claims)
	if kid != "" {
		token.Header["kid"] = kid
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func rs256(t *testing.T, name string) string {
	return issued(t, jwt.SigningMethodRS256, signingKeys()[name], name, nil)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
