package auth_test

import (
	"strings"
	"testing"

	"headway/internal/auth"
)

func TestSealedTextOpensWithItsKeyOnly(t *testing.T) {
	sealer := func(purpose string, secrets ...string) *auth.Sealer {
		t.Helper()
		bytes := make([][]byte, len(secrets))
		for i, secret := range secrets {
			bytes[i] = []byte(strings.Repeat(secret, 32))
		}
		key, err := auth.NewKey(bytes...)
		if err != nil {
			t.Fatal(err)
		}
		s, err := key.Sealer(purpose)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	random, err := auth.RandomSealer()
	if err != nil {
		t.Fatal(err)
	}
	text := sealer("session", "a").Seal([]byte("the token"))
	if strings.Contains(text, "token") || text == sealer("session", "a").Seal([]byte("the token")) {
		t.Errorf("sealed: %s", text)
	}
	for name, s := range map[string]*auth.Sealer{"the same key": sealer("session", "a"), "an earlier key": sealer("session", "b", "a")} {
		if plain, ok := s.Open(text); !ok || string(plain) != "the token" {
			t.Errorf("%s: %q, %v", name, plain, ok)
		}
	}
	for name, s := range map[string]*auth.Sealer{"another purpose": sealer("link", "a"), "another key": sealer("session", "b"), "random": random} {
		if plain, ok := s.Open(text); ok {
			t.Errorf("%s: opened: %q", name, plain)
		}
	}
	own := sealer("session", "a")
	for i := range len(text) {
		for _, changed := range []string{text[:i], text[:i] + "_" + text[i+1:], text[:i] + "A" + text[i+1:], text[:i] + "\n" + text[i:]} {
			if changed == text {
				continue
			}
			if _, ok := own.Open(changed); ok {
				t.Fatalf("a changed text opens: %q", changed)
			}
		}
	}
}
