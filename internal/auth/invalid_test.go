package auth_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"headway/internal/auth"
)

// signed returns a token of the shared key whose claims a test has changed.
func signed(t *testing.T, method jwt.SigningMethod, key any, change func(jwt.MapClaims)) string {
	t.Helper()
	claims := jwt.MapClaims{"sub": "ann", "aud": "headway", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix()}
	if change != nil {
		change(claims)
	}
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// critical returns a token with an extension that must be understood.
func critical(t *testing.T) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "ann", "aud": "headway", "exp": time.Now().Add(time.Hour).Unix()})
	token.Header["crit"] = []string{"b64"}
	text, err := token.SignedString([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// problem returns the problem that an error reports about a token.
func problem(err error) string {
	var wrong *auth.InvalidError
	if !errors.As(err, &wrong) || !errors.Is(err, auth.ErrInvalid) {
		return "none"
	}
	return wrong.Problem
}

func TestRefusedTokenNamesProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newKey(t, secret)
		in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
		hs := jwt.SigningMethodHS256
		for name, test := range map[string]struct{ token, want string }{
			"text":             {"hello", "It is not a signed JWT"},
			"another key":      {signed(t, hs, []byte(strings.Repeat("x", 32)), nil), "Its signature is wrong"},
			"an algorithm":     {signed(t, jwt.SigningMethodHS512, []byte(secret), nil), "It is signed with HS512. This server accepts HS256"},
			"no signature":     {signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil), "It is signed with none."},
			"an audience":      {signed(t, hs, []byte(secret), func(c jwt.MapClaims) { c["aud"] = "else" }), `Its aud is "else". It must contain "headway"`},
			"some audiences":   {signed(t, hs, []byte(secret), func(c jwt.MapClaims) { c["aud"] = []string{"a", "b"} }), `Its aud is ["a" "b"].`},
			"no audience":      {signed(t, hs, []byte(secret), func(c jwt.MapClaims) { delete(c, "aud") }), "Its aud is missing."},
			"no end":           {signed(t, hs, []byte(secret), func(c jwt.MapClaims) { delete(c, "exp") }), "It has no exp."},
			"an end as text":   {signed(t, hs, []byte(secret), func(c jwt.MapClaims) { c["exp"] = "soon" }), "One of its claims has the wrong type"},
			"from the future":  {signed(t, hs, []byte(secret), func(c jwt.MapClaims) { c["iat"] = in(2 * time.Minute) }), "Its iat is 2m0s ahead of this server's clock, which allows 30s"},
			"not yet":          {signed(t, hs, []byte(secret), func(c jwt.MapClaims) { c["nbf"] = in(2 * time.Minute) }), "Its nbf is 2m0s ahead"},
			"no subject":       {signed(t, hs, []byte(secret), func(c jwt.MapClaims) { delete(c, "sub") }), "Its sub must be the name of a user"},
			"a number, aud":    {signed(t, hs, []byte(secret), func(c jwt.MapClaims) { c["aud"] = 5 }), `Its aud is "5". It must contain "headway"`},
			"an empty aud":     {signed(t, hs, []byte(secret), func(c jwt.MapClaims) { c["aud"] = []string{} }), "Its aud is []."},
			"a long subject":   {signed(t, hs, []byte(secret), func(c jwt.MapClaims) { c["sub"] = strings.Repeat("x", 256) }), "Its sub must be the name of a user"},
			"lines in subject": {signed(t, hs, []byte(secret), func(c jwt.MapClaims) { c["sub"] = "ann\nbob" }), "Its sub must be the name of a user"},
			"an extension":     {critical(t), "Its header has crit"},
			"not UTF-8":        {signed(t, hs, []byte(secret), func(c jwt.MapClaims) { c["sub"] = "ann\xff" }), "Its sub must be the name of a user"},
			"a far begin":      {signed(t, hs, []byte(secret), func(c jwt.MapClaims) { c["nbf"] = 1e300 }), "Its nbf is not a time: 1e+300 seconds"},
			"a far issue":      {signed(t, hs, []byte(secret), func(c jwt.MapClaims) { c["iat"] = 1e19 }), "Its iat is not a time: 1e+19 seconds"},
			"a blank subject":  {signed(t, hs, []byte(secret), func(c jwt.MapClaims) { c["sub"] = " " }), "Its sub must be the name of a user"},
			"subject of parts": {signed(t, hs, []byte(secret), func(c jwt.MapClaims) { c["sub"] = 1.5 }), "Its sub must be the name of a user"},
			"a long audience":  {signed(t, hs, []byte(secret), func(c jwt.MapClaims) { c["aud"] = strings.Repeat("x", 5000) }), `Its aud is "xxx`},
		} {
			_, err := key.Verify(t.Context(), test.token)
			if got := problem(err); !strings.HasPrefix(got, test.want) || len(got) > 300 {
				t.Errorf("%s: %q (%v), want %q", name, got, err, test.want)
			}
		}
	})
}

func TestRefusedIssuerTokenNamesProblem(t *testing.T) {
	signingKeys()
	synctest.Test(t, func(t *testing.T) {
		keys := signingKeys()
		issuer := startIssuer(t, &issuerFake{keys: []jose.JSONWebKey{published("old")}}, nil)
		for name, test := range map[string]struct{ token, want string }{
			"an unknown key": {issued(t, jwt.SigningMethodRS256, keys["new"], "new", nil), `The issuer publishes 0 keys for RS256 with the kid "new", but must publish one`},
			"another issuer": {issued(t, jwt.SigningMethodRS256, keys["old"], "old", func(c jwt.MapClaims) { c["iss"] = "https://evil.example" }), `Its iss is "https://evil.example". It must be`},
			"no issuer":      {issued(t, jwt.SigningMethodRS256, keys["old"], "old", func(c jwt.MapClaims) { delete(c, "iss") }), "Its iss is missing."},
		} {
			_, err := issuer.Verify(t.Context(), test.token)
			if got := problem(err); !strings.HasPrefix(got, test.want) {
				t.Errorf("%s: %q (%v), want %q", name, got, err, test.want)
			}
		}
	})
}

// TestUnusualTokensAreAccepted has tokens like those of other libraries.
func TestUnusualTokensAreAccepted(t *testing.T) {
	key := newKey(t, secret)
	for name, change := range map[string]func(jwt.MapClaims){
		"scopes as a list":     func(c jwt.MapClaims) { c["scope"] = []string{auth.ScopeAdmin, auth.ScopeRead} },
		"a clock 8 s ahead":    func(c jwt.MapClaims) { c["iat"] = time.Now().Add(8 * time.Second).Unix() },
		"a clock 8 s behind":   func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-8 * time.Second).Unix() },
		"parts of seconds":     func(c jwt.MapClaims) { c["exp"] = float64(time.Now().Add(time.Hour).UnixMilli()) / 1000 },
		"an end far away":      func(c jwt.MapClaims) { c["exp"] = int64(1) << 50 },
		"a list of audiences":  func(c jwt.MapClaims) { c["aud"] = []string{"else", "headway"} },
		"kinds as text":        func(c jwt.MapClaims) { c["headway_kinds"] = "crawl media" },
		"other claims":         func(c jwt.MapClaims) { c["https://example.com/x"] = map[string]any{"a": 1} },
		"a user with a number": func(c jwt.MapClaims) { c["sub"] = 9007199254740993 },
	} {
		id, err := key.Verify(t.Context(), signed(t, jwt.SigningMethodHS256, []byte(secret), change))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := map[bool]string{true: "9007199254740993", false: "ann"}[name == "a user with a number"]; id.Subject != want {
			t.Errorf("%s: the user is %q", name, id.Subject)
		}
		if name == "scopes as a list" && !slices.Equal(id.Scopes, []string{auth.ScopeAdmin, auth.ScopeRead}) {
			t.Errorf("%s: %q", name, id.Scopes)
		}
		if _, err := id.ExpiresAt.MarshalJSON(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClockSkewOfKeyIsBounded(t *testing.T) {
	key := newKey(t, secret)
	token := signed(t, jwt.SigningMethodHS256, []byte(secret), func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-8 * time.Second).Unix() })
	if err := key.Trust(time.Second, auth.AllRights()); err != nil {
		t.Fatal(err)
	}
	if _, err := key.Verify(t.Context(), token); !errors.Is(err, auth.ErrExpired) {
		t.Errorf("with a skew of 1 s: %v", err)
	}
	for _, skew := range []time.Duration{-1, time.Hour} {
		if err := key.Trust(skew, auth.AllRights()); err == nil {
			t.Errorf("a skew of %v is taken", skew)
		}
	}
}

// TestRightsAreDefaultsUnlessNamed checks that a claim of a token replaces the server's default, and that an empty
// claim allows nothing.
func TestRightsAreDefaultsUnlessNamed(t *testing.T) {
	key := newKey(t, secret)
	if err := key.Trust(0, auth.Rights{Scopes: []string{auth.ScopeRead}, Kinds: []string{"crawl"}}); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		id                      auth.Identity
		read, run, file         bool
		crawl, media, workforce bool
	}{
		"nothing":          {auth.Identity{}, true, false, false, true, false, false},
		"importing":        {auth.Identity{Scopes: []string{auth.ScopeImport}, Schemas: []string{"workforce"}}, false, false, true, true, false, true},
		"all":              {auth.Identity{Scopes: auth.AllRights().Scopes, Kinds: []string{"*"}, Schemas: []string{"*"}}, true, true, true, true, true, true},
		"no kind":          {auth.Identity{Kinds: []string{}}, true, false, false, false, false, false},
		"an administrator": {auth.Identity{Scopes: []string{auth.ScopeAdmin}}, true, true, false, true, false, false},
		"a worker":         {auth.Identity{Scopes: []string{auth.ScopeWorker}, Kinds: []string{"media"}}, true, false, false, false, true, false},
		"a service":        {auth.Identity{Scopes: []string{auth.ScopeService}}, true, true, true, true, true, true},
	} {
		test.id.Subject = "ann"
		token, err := key.Sign(test.id, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		id, err := key.Verify(t.Context(), token)
		if err != nil || id.May(auth.ScopeRead) != test.read || id.May(auth.ScopeRun) != test.run || id.May(auth.ScopeImport) != test.file ||
			id.MayRun("crawl") != test.crawl || id.MayRun("media") != test.media || id.MayImport("workforce") != test.workforce {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
	}
}
