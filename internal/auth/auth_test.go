package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"headway/internal/auth"
)

const secret = "0123456789abcdef0123456789abcdef"

func newKey(t *testing.T, secret string) *auth.Key {
	t.Helper()
	key, err := auth.NewKey([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestSignedTokenIsVerified(t *testing.T) {
	key := newKey(t, secret)
	token, err := key.Sign(auth.Identity{Subject: "ann", Scopes: []string{auth.ScopeAdmin, auth.ScopeWorker}}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	id, err := key.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if id.Subject != "ann" || !id.Has(auth.ScopeWorker) || id.Has(auth.ScopeService) || !id.SeesAll() {
		t.Errorf("got %+v", id)
	}
	if left := time.Until(id.ExpiresAt); left <= 59*time.Minute || left > time.Hour {
		t.Errorf("the token lasts %v", left)
	}
}

func TestUserSeesOnlyOwnResources(t *testing.T) {
	ann := auth.Identity{Subject: "ann"}
	if !ann.MaySee("ann") || ann.MaySee("bob") {
		t.Error("a plain user must see exactly what is theirs")
	}
	if admin := (auth.Identity{Subject: "eve", Scopes: []string{auth.ScopeAdmin}}); !admin.MaySee("bob") {
		t.Error("an admin must see everyone's")
	}
	if worker := (auth.Identity{Subject: "w", Scopes: []string{auth.ScopeWorker}}); worker.MaySee("bob") {
		t.Error("a worker's scope must not open users' things")
	}
}

func TestVerifyRefuses(t *testing.T) {
	key := newKey(t, secret)
	sign := func(method jwt.SigningMethod, signingKey any, claims jwt.MapClaims) string {
		t.Helper()
		token, err := jwt.NewWithClaims(method, claims).SignedString(signingKey)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	soon := time.Now().Add(time.Hour).Unix()
	good := jwt.MapClaims{"sub": "ann", "aud": "headway", "exp": soon}
	parts := strings.Split(sign(jwt.SigningMethodHS256, []byte(secret), good), ".")
	forged := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"bob","aud":"headway","exp":9999999999}`))
	for name, c := range map[string]struct {
		token string
		want  error
	}{
		"no token":             {"", auth.ErrMissing},
		"no JWT":               {"hello", auth.ErrInvalid},
		"another key":          {sign(jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), good), auth.ErrInvalid},
		"another algorithm":    {sign(jwt.SigningMethodHS512, []byte(secret), good), auth.ErrInvalid},
		"no signature":         {sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, good), auth.ErrInvalid},
		"changed claims":       {parts[0] + "." + forged + "." + parts[2], auth.ErrInvalid},
		"another audience":     {sign(jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sub": "ann", "aud": "else", "exp": soon}), auth.ErrInvalid},
		"no audience":          {sign(jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sub": "ann", "exp": soon}), auth.ErrInvalid},
		"no end":               {sign(jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sub": "ann", "aud": "headway"}), auth.ErrInvalid},
		"no subject":           {sign(jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"aud": "headway", "exp": soon}), auth.ErrInvalid},
		"an hour past its end": {sign(jwt.SigningMethodHS256, []byte(secret), jwt.MapClaims{"sub": "ann", "aud": "headway", "exp": time.Now().Add(-time.Hour).Unix()}), auth.ErrExpired},
	} {
		if id, err := key.Verify(t.Context(), c.token); !errors.Is(err, c.want) {
			t.Errorf("%s: got %+v, %v, want %v", name, id, err, c.want)
		}
	}
}

func TestTokensLimitKindsAndSchemas(t *testing.T) {
	key := newKey(t, secret)
	for name, test := range map[string]struct {
		id               auth.Identity
		crawl, workforce bool
	}{
		"no limit":      {auth.Identity{}, true, true},
		"named":         {auth.Identity{Kinds: []string{"crawl"}, Schemas: []string{"workforce"}}, true, true},
		"others":        {auth.Identity{Kinds: []string{"media"}, Schemas: []string{"fleet"}}, false, false},
		"none":          {auth.Identity{Kinds: []string{}, Schemas: []string{}}, false, false},
		"any":           {auth.Identity{Kinds: []string{"*"}, Schemas: []string{"*"}}, true, true},
		"one by itself": {auth.Identity{Schemas: []string{"fleet"}}, true, false},
		"a service":     {auth.Identity{Scopes: []string{auth.ScopeService}, Kinds: []string{}, Schemas: []string{}}, true, true},
	} {
		test.id.Subject = "ann"
		token, err := key.Sign(test.id, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		id, err := key.Verify(t.Context(), token)
		if err != nil || id.MayRun("crawl") != test.crawl || id.MayImport("workforce") != test.workforce {
			t.Errorf("%s: %+v, %v", name, id, err)
		}
	}
}

func TestKeysRotate(t *testing.T) {
	sign := func(key *auth.Key) string {
		t.Helper()
		token, err := key.Sign(auth.Identity{Subject: "ann"}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	old, fresh := strings.Repeat("o", 32), strings.Repeat("f", 32)
	both, err := auth.ParseKey(fresh + "\n\n " + old + "\r\n")
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{"old": sign(newKey(t, old)), "new": sign(newKey(t, fresh))} {
		if _, err := both.Verify(t.Context(), token); err != nil {
			t.Errorf("a token of the %s key: %v", name, err)
		}
	}
	if _, err := newKey(t, fresh).Verify(t.Context(), sign(both)); err != nil {
		t.Errorf("the first key does not sign: %v", err)
	}
	if _, err := both.Verify(t.Context(), sign(newKey(t, secret))); !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("a token of a third key: %v", err)
	}
	for _, text := range []string{"", "\n", old + "\nshort"} {
		if _, err := auth.ParseKey(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

// TestCachedTokenStillExpires checks that a token that has just been accepted is refused as soon as its lifetime, and
// the allowed clock skew, have passed.
func TestCachedTokenStillExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newKey(t, secret)
		token, err := key.Sign(auth.Identity{Subject: "ann"}, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := key.Verify(t.Context(), token); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute + auth.DefaultClockSkew + time.Second)
		if _, err := key.Verify(t.Context(), token); !errors.Is(err, auth.ErrExpired) {
			t.Errorf("got %v", err)
		}
	})
}

func TestShortKeyIsRefused(t *testing.T) {
	if _, err := auth.NewKey([]byte("secret")); err == nil || !strings.Contains(err.Error(), "32") {
		t.Errorf("got %v", err)
	}
}

func TestKeyFileIsCreatedOnceForAllProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "signing.key")
	tokens := make([]string, 8)
	var wg sync.WaitGroup
	for i := range tokens {
		wg.Go(func() {
			key, err := auth.LoadOrCreateKey(path)
			if err != nil {
				t.Error(err)
				return
			}
			tokens[i], _ = key.Sign(auth.Identity{Subject: "ann"}, time.Hour)
		})
	}
	wg.Wait()
	// A service that is configured with the file has the same key.
	for _, load := range []func(string) (*auth.Key, error){auth.LoadOrCreateKey, auth.LoadKey} {
		key, err := load(path)
		if err != nil {
			t.Fatal(err)
		}
		for i, token := range tokens {
			if _, err := key.Verify(context.Background(), token); err != nil {
				t.Errorf("process %d had another key: %v", i, err)
			}
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode is %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".key-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestServiceCredentialsKeepAFreshToken(t *testing.T) {
	key := newKey(t, secret)
	md, err := key.ServiceCredentials("edge", auth.ScopeService).GetRequestMetadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id, err := key.Verify(t.Context(), strings.TrimPrefix(md["authorization"], "Bearer "))
	if err != nil || id.Subject != "edge" || !id.Has(auth.ScopeService) {
		t.Errorf("got %+v, %v", id, err)
	}
}
