package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"headway/internal/auth"
)

func TestTokenOfTheIssuerIsVerified(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signingKeys()
	synctest.Test(t, func(t *testing.T) {
		f := &issuerFake{keys: []jose.JSONWebKey{published("old"), {Key: ec.Public(), KeyID: "ec", Algorithm: "ES256"}}}
		issuer := startIssuer(t, f, nil)
		for name, token := range map[string]string{"RS256": rs256(t, "old"), "ES256": issued(t, jwt.SigningMethodES256, ec, "ec", nil)} {
			id, err := issuer.Verify(t.Context(), token)
			if err != nil || id.Subject != "ann" || !id.Has(auth.ScopeAdmin) || !id.Has("openid") || !id.ExpiresAt.Equal(time.Now().Add(time.Hour)) {
				t.Errorf("%s: %+v, %v", name, id, err)
			}
		}
		if err := issuer.Ready(); err != nil {
			t.Error(err)
		}
	})
}

func TestForgedIssuerTokensAreRefused(t *testing.T) {
	keys := signingKeys()
	synctest.Test(t, func(t *testing.T) {
		publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(keys["old"].Public()))})
		short, err := rsa.GenerateKey(rand.Reader, 1024)
		if err != nil {
			t.Fatal(err)
		}
		f := &issuerFake{keys: []jose.JSONWebKey{
			published("old"),
			{Key: []byte("a shared secret that was published by mistake"), KeyID: "oct", Algorithm: "HS256"},
			{Key: short.Public(), KeyID: "short"},
			{Key: keys["old"].Public(), KeyID: "any"}, // a key without an algorithm
			{Key: keys["new"].Public(), KeyID: "encryption", Use: "enc"},
		}}
		issuer := startIssuer(t, f, nil)
		claims := func(change func(jwt.MapClaims)) string {
			return issued(t, jwt.SigningMethodRS256, keys["old"], "old", change)
		}
		in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
		crit := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"iss": issuerURL, "aud": "headway", "sub": "ann", "exp": in(time.Hour)})
		crit.Header["kid"], crit.Header["crit"] = "old", []string{"x"}
		for name, test := range map[string]struct {
			token string
			want  error
		}{
			"no token":                           {"", auth.ErrMissing},
			"no JWT":                             {"a.b.c", auth.ErrInvalid},
			"another key under a known name":     {issued(t, jwt.SigningMethodRS256, keys["foreign"], "old", nil), auth.ErrInvalid},
			"no signature":                       {issued(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "old", nil), auth.ErrInvalid},
			"the public key as a shared secret":  {issued(t, jwt.SigningMethodHS256, publicPEM, "old", nil), auth.ErrInvalid},
			"a published shared secret":          {issued(t, jwt.SigningMethodHS256, []byte("a shared secret that was published by mistake"), "oct", nil), auth.ErrInvalid},
			"an algorithm that is not pinned":    {issued(t, jwt.SigningMethodRS512, keys["old"], "any", nil), auth.ErrInvalid},
			"a padding that is not pinned":       {issued(t, jwt.SigningMethodPS256, keys["old"], "any", nil), auth.ErrInvalid},
			"an algorithm that is not the key's": {issued(t, jwt.SigningMethodES256, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), "old", nil), auth.ErrInvalid},
			"a short key":                        {issued(t, jwt.SigningMethodRS256, short, "short", nil), auth.ErrInvalid},
			"a key for encryption":               {issued(t, jwt.SigningMethodRS256, keys["new"], "encryption", nil), auth.ErrInvalid},
			"an extension to be understood":      {must(crit.SignedString(keys["old"])), auth.ErrInvalid},
			"another issuer":                     {claims(func(c jwt.MapClaims) { c["iss"] = "https://evil.example" }), auth.ErrInvalid},
			"no issuer":                          {claims(func(c jwt.MapClaims) { delete(c, "iss") }), auth.ErrInvalid},
			"another audience":                   {claims(func(c jwt.MapClaims) { c["aud"] = []string{"else"} }), auth.ErrInvalid},
			"no audience":                        {claims(func(c jwt.MapClaims) { delete(c, "aud") }), auth.ErrInvalid},
			"no end":                             {claims(func(c jwt.MapClaims) { delete(c, "exp") }), auth.ErrInvalid},
			"no subject":                         {claims(func(c jwt.MapClaims) { delete(c, "sub") }), auth.ErrInvalid},
			"an empty subject":                   {claims(func(c jwt.MapClaims) { c["sub"] = "" }), auth.ErrInvalid},
			"ended":                              {claims(func(c jwt.MapClaims) { c["exp"] = in(-time.Minute) }), auth.ErrExpired},
			"not yet":                            {claims(func(c jwt.MapClaims) { c["nbf"] = in(time.Minute) }), auth.ErrInvalid},
			"from the future":                    {claims(func(c jwt.MapClaims) { c["iat"] = in(time.Minute) }), auth.ErrInvalid},
		} {
			if id, err := issuer.Verify(t.Context(), test.token); !errors.Is(err, test.want) {
				t.Errorf("%s: %+v, %v, want %v", name, id, err, test.want)
			}
		}
	})
}

func TestClockSkewIsBounded(t *testing.T) {
	keys := signingKeys()
	synctest.Test(t, func(t *testing.T) {
		issuer := startIssuer(t, &issuerFake{keys: []jose.JSONWebKey{published("old")}}, func(c *auth.IssuerConfig) { c.ClockSkew = 30 * time.Second })
		for offset, want := range map[time.Duration]error{-29 * time.Second: nil, -31 * time.Second: auth.ErrExpired} {
			token := issued(t, jwt.SigningMethodRS256, keys["old"], "old", func(c jwt.MapClaims) { c["exp"] = time.Now().Add(offset).Unix() })
			if _, err := issuer.Verify(t.Context(), token); !errors.Is(err, want) {
				t.Errorf("ended %v ago: %v, want %v", -offset, err, want)
			}
		}
		for offset, ok := range map[time.Duration]bool{29 * time.Second: true, 31 * time.Second: false} {
			token := issued(t, jwt.SigningMethodRS256, keys["old"], "old", func(c jwt.MapClaims) { c["nbf"] = time.Now().Add(offset).Unix() })
			if _, err := issuer.Verify(t.Context(), token); (err == nil) != ok {
				t.Errorf("begins in %v: %v", offset, err)
			}
		}
	})
}

func TestRotatedKeysAreFetchedOnce(t *testing.T) {
	signingKeys()
	synctest.Test(t, func(t *testing.T) {
		f := &issuerFake{keys: []jose.JSONWebKey{published("old")}}
		issuer := startIssuer(t, f, nil)
		if _, err := issuer.Verify(t.Context(), rs256(t, "old")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		f.set(func() { f.keys = []jose.JSONWebKey{published("new")} })
		var wg sync.WaitGroup
		for range 20 { // all at the same time, with one fetch for all
			wg.Go(func() {
				if _, err := issuer.Verify(t.Context(), rs256(t, "new")); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := f.asked(); got != 2 {
			t.Errorf("the issuer was asked %d times, want 2", got)
		}
		if _, err := issuer.Verify(t.Context(), rs256(t, "old")); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("the withdrawn key: %v", err)
		}
	})
}

func TestWithdrawnKeyIsForgotten(t *testing.T) {
	signingKeys()
	synctest.Test(t, func(t *testing.T) {
		f := &issuerFake{keys: []jose.JSONWebKey{published("old"), published("new")}}
		issuer := startIssuer(t, f, nil)
		f.set(func() { f.keys = f.keys[1:] })
		time.Sleep(11 * time.Minute)
		if _, err := issuer.Verify(t.Context(), rs256(t, "old")); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("got %v", err)
		}
	})
}

func TestUnknownKeyIDsDoNotFloodIssuer(t *testing.T) {
	keys := signingKeys()
	synctest.Test(t, func(t *testing.T) {
		f := &issuerFake{keys: []jose.JSONWebKey{published("old")}}
		issuer := startIssuer(t, f, nil)
		begin := time.Now()
		for i := range 600 {
			token := issued(t, jwt.SigningMethodRS256, keys["foreign"], fmt.Sprintf("made-up-%d", i), nil)
			if _, err := issuer.Verify(t.Context(), token); !errors.Is(err, auth.ErrInvalid) {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if got, most := f.asked(), 1+int(time.Since(begin)/(10*time.Second)); got > most {
			t.Errorf("the issuer was asked %d times in %v, want at most %d", got, time.Since(begin), most)
		}
	})
}

func TestIssuerThatIsDownAtStartIsRetried(t *testing.T) {
	signingKeys()
	synctest.Test(t, func(t *testing.T) {
		f := &issuerFake{keys: []jose.JSONWebKey{published("old")}, down: true}
		issuer := startIssuer(t, f, nil)
		if _, err := issuer.Verify(t.Context(), rs256(t, "old")); !errors.Is(err, auth.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
		if err := issuer.Ready(); !errors.Is(err, auth.ErrUnavailable) || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("readiness does not tell why: %v", err)
		}
		time.Sleep(5 * time.Minute)
		f.set(func() { f.down = false })
		time.Sleep(31 * time.Second)
		if err := issuer.Ready(); err != nil {
			t.Error(err)
		}
		if _, err := issuer.Verify(t.Context(), rs256(t, "old")); err != nil {
			t.Error(err)
		}
		if lines := strings.Count(f.log.String(), "can't fetch the token issuer's keys"); lines != 1 {
			t.Errorf("%d lines in the log about the same: %s", lines, f.log.String())
		}
	})
}

func TestKnownKeysWorkWhileIssuerIsDown(t *testing.T) {
	signingKeys()
	synctest.Test(t, func(t *testing.T) {
		f := &issuerFake{keys: []jose.JSONWebKey{published("old")}}
		issuer := startIssuer(t, f, nil)
		f.set(func() { f.down = true })
		time.Sleep(24 * time.Hour)
		if _, err := issuer.Verify(t.Context(), rs256(t, "old")); err != nil {
			t.Error(err)
		}
		if err := issuer.Ready(); err != nil {
			t.Error(err)
		}
		if _, err := issuer.Verify(t.Context(), rs256(t, "new")); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("a key that cannot be fetched: %v", err)
		}
	})
}

func TestScopesComeFromConfiguredClaim(t *testing.T) {
	keys := signingKeys()
	synctest.Test(t, func(t *testing.T) {
		admin := []any{"users", auth.ScopeAdmin, 7}
		for claim, claims := range map[string]jwt.MapClaims{
			"scope":                       {"scope": "users " + auth.ScopeAdmin},
			"roles":                       {"roles": admin, "scope": "openid"},
			"realm_access.roles":          {"realm_access": map[string]any{"roles": admin}},
			"https://headway.example/may": {"https://headway.example/may": admin},
		} {
			issuer := startIssuer(t, &issuerFake{keys: []jose.JSONWebKey{published("old")}}, func(c *auth.IssuerConfig) { c.ScopeClaim = claim })
			token := issued(t, jwt.SigningMethodRS256, keys["old"], "old", func(c jwt.MapClaims) { delete(c, "scope"); maps.Copy(c, claims) })
			id, err := issuer.Verify(t.Context(), token)
			if err != nil || !id.Has(auth.ScopeAdmin) || len(id.Scopes) != 2 {
				t.Errorf("%s: %+v, %v", claim, id, err)
			}
			token = issued(t, jwt.SigningMethodRS256, keys["old"], "old", func(c jwt.MapClaims) { delete(c, "scope"); c["else"] = auth.ScopeAdmin })
			if id, err = issuer.Verify(t.Context(), token); err != nil || len(id.Scopes) != 0 {
				t.Errorf("%s, from another claim: %+v, %v", claim, id, err)
			}
		}
	})
}

func TestServiceScopeNeedsMapping(t *testing.T) {
	keys := signingKeys()
	synctest.Test(t, func(t *testing.T) {
		for mapped, want := range map[string]bool{"": false, "headway-service": true} {
			issuer := startIssuer(t, &issuerFake{keys: []jose.JSONWebKey{published("old")}}, func(c *auth.IssuerConfig) { c.ServiceScope = mapped })
			for _, scope := range []string{auth.ScopeService, "headway-service"} {
				token := issued(t, jwt.SigningMethodRS256, keys["old"], "old", func(c jwt.MapClaims) { c["scope"] = scope })
				id, err := issuer.Verify(t.Context(), token)
				if err != nil || id.Has(auth.ScopeService) != (want && scope == mapped) {
					t.Errorf("%q mapped, %q in the token: %+v, %v", mapped, scope, id, err)
				}
			}
		}
		issuer := startIssuer(t, &issuerFake{keys: []jose.JSONWebKey{published("old")}}, nil)
		token := issued(t, jwt.SigningMethodRS256, keys["old"], "old", func(c jwt.MapClaims) { c["headway_schemas"], c["headway_kinds"] = []any{}, "crawl media" })
		if id, err := issuer.Verify(t.Context(), token); err != nil || id.MayImport("workforce") || !id.MayRun("media") || id.MayRun("story") {
			t.Errorf("%+v, %v", id, err)
		}
	})
}

func TestTokenWithoutKeyIDNeedsSingleKey(t *testing.T) {
	keys := signingKeys()
	synctest.Test(t, func(t *testing.T) {
		f := &issuerFake{keys: []jose.JSONWebKey{published("old")}}
		issuer := startIssuer(t, f, nil)
		token := issued(t, jwt.SigningMethodRS256, keys["old"], "", nil)
		if _, err := issuer.Verify(t.Context(), token); err != nil {
			t.Error(err)
		}
		f.set(func() { f.keys = append(f.keys, published("new")) })
		time.Sleep(11 * time.Minute)
		if _, err := issuer.Verify(t.Context(), token); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("of two keys: %v", err)
		}
	})
}

func TestIssuerWithOtherNameIsRefused(t *testing.T) {
	signingKeys()
	synctest.Test(t, func(t *testing.T) {
		issuer := startIssuer(t, &issuerFake{url: "https://evil.example", keys: []jose.JSONWebKey{published("old")}}, nil)
		if err := issuer.Ready(); err == nil || !strings.Contains(err.Error(), "https://evil.example") {
			t.Errorf("got %v", err)
		}
	})
}

func TestWrongIssuerSettingsAreRefused(t *testing.T) {
	for name, cfg := range map[string]auth.IssuerConfig{
		"no URL":            {},
		"a plain address":   {URL: "http://login.example.com"},
		"a symmetric alg":   {URL: issuerURL, Algorithms: []string{"HS256"}},
		"no algorithm":      {URL: issuerURL, Algorithms: []string{"none"}},
		"a skew of an hour": {URL: issuerURL, ClockSkew: time.Hour},
	} {
		if _, err := auth.NewIssuer(cfg); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := auth.NewIssuer(auth.IssuerConfig{URL: "http://127.0.0.1:8081/realm"}); err != nil {
		t.Errorf("an issuer on this machine: %v", err)
	}
}

func TestTokensAreVerifiedByTheirOwnKeyOnly(t *testing.T) {
	keys := signingKeys()
	synctest.Test(t, func(t *testing.T) {
		issuer := startIssuer(t, &issuerFake{keys: []jose.JSONWebKey{published("old")}}, nil)
		key := newKey(t, secret)
		either := &auth.EitherVerifier{Key: key, Issuer: issuer}
		own, err := key.Sign(auth.Identity{Subject: "edge"}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		for token, want := range map[string]string{own: "edge", rs256(t, "old"): "ann"} {
			if id, err := either.Verify(t.Context(), token); err != nil || id.Subject != want {
				t.Errorf("%+v, %v, want %s", id, err, want)
			}
		}
		pemOf := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(keys["old"].Public()))})
		for name, token := range map[string]string{
			"none":               issued(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, "old", nil),
			"HS by a public key": issued(t, jwt.SigningMethodHS256, pemOf, "old", nil),
			"HS512 by the key":   issued(t, jwt.SigningMethodHS512, []byte(secret), "", nil),
			"RS by another key":  issued(t, jwt.SigningMethodRS256, keys["foreign"], "old", nil),
			"nonsense":           "nonsense",
		} {
			if id, err := either.Verify(t.Context(), token); !errors.Is(err, auth.ErrInvalid) {
				t.Errorf("%s: %+v, %v", name, id, err)
			}
		}
		if _, err := either.Verify(t.Context(), ""); !errors.Is(err, auth.ErrMissing) {
			t.Errorf("no token: %v", err)
		}
	})
}
