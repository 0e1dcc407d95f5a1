package auth_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"headway/internal/atomicfile"
	"headway/internal/auth"
	"headway/internal/proctest"
)

// writeKeyFile replaces a key file.
func writeKeyFile(t *testing.T, path string, secrets ...string) {
	t.Helper()
	fill := func(w io.Writer) error { _, err := io.WriteString(w, strings.Join(secrets, "\n")); return err }
	if err := atomicfile.Write(path, 0o600, fill); err != nil {
		t.Fatal(err)
	}
}

func sign(t *testing.T, key *auth.Key) string {
	t.Helper()
	token, err := key.Sign(auth.Identity{Subject: "ann"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestKeyFileIsReadAgainAfterChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, fresh := strings.Repeat("o", 32), strings.Repeat("f", 32)
		path := filepath.Join(t.TempDir(), "key")
		writeKeyFile(t, path, old)
		key, err := auth.LoadKey(path)
		if err != nil {
			t.Fatal(err)
		}
		log := &proctest.Log{}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go key.Watch(ctx, slog.New(slog.NewTextHandler(log, nil)))
		sealer, err := key.Sealer("session")
		if err != nil {
			t.Fatal(err)
		}
		credentials := key.ServiceCredentials("edge")
		sent := func() string {
			t.Helper()
			metadata, err := credentials.GetRequestMetadata(ctx)
			if err != nil {
				t.Fatal(err)
			}
			token, _ := auth.BearerToken(metadata["authorization"]) // one header
			return token
		}
		change := func(secrets ...string) {
			t.Helper()
			writeKeyFile(t, path, secrets...)
			time.Sleep(2 * time.Second)
		}
		verify := func(key *auth.Key, token string, want error) {
			t.Helper()
			if _, err := key.Verify(ctx, token); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		oldKey, freshKey := newKey(t, old), newKey(t, fresh)
		byOld, byFresh, sealedByOld := sign(t, oldKey), sign(t, freshKey), sealer.Seal([]byte("text"))
		verify(key, byOld, nil)
		verify(oldKey, sent(), nil)

		change(old, fresh)
		verify(key, byFresh, nil)
		verify(oldKey, sign(t, key), nil)

		change(fresh, old)
		verify(key, byOld, nil)
		verify(freshKey, sign(t, key), nil)
		verify(freshKey, sent(), nil)
		if _, ok := sealer.Open(sealedByOld); !ok {
			t.Error("a text that was sealed before the change can't be opened")
		}
		sealedByFresh := sealer.Seal([]byte("text"))

		change(fresh)
		verify(key, byOld, auth.ErrInvalid) // although it was verified before
		if _, ok := sealer.Open(sealedByOld); ok {
			t.Error("a text that was sealed with the removed secret is opened")
		}
		if _, ok := sealer.Open(sealedByFresh); !ok {
			t.Error("a text that was sealed with the new secret can't be opened")
		}

		before := log.String()
		change("short")
		time.Sleep(time.Minute)
		verify(key, byFresh, nil)
		if n := strings.Count(log.String()[len(before):], "can't use the new key file"); n != 1 {
			t.Errorf("a broken file is logged %d times, want once:\n%s", n, log)
		}
		change(old)
		verify(key, byOld, nil)
	})
}

func TestKeyFileBecomesUsableByItsPermissions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "key")
		writeKeyFile(t, path, secret)
		key, err := auth.LoadKey(path)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go key.Watch(ctx, slog.New(slog.DiscardHandler))
		fresh := strings.Repeat("f", 32)
		writeKeyFile(t, path, fresh)
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		token := sign(t, newKey(t, fresh))
		if _, err := key.Verify(ctx, token); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("a file that every user can read is used: %v", err)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if _, err := key.Verify(ctx, token); err != nil {
			t.Error(err)
		}
	})
}

// TestTokenOfNewKeyIsAcceptedImmediately checks that a service that has not looked at its key file yet accepts a token of another
// service that has.
func TestTokenOfNewKeyIsAcceptedImmediately(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	writeKeyFile(t, path, secret)
	key, err := auth.LoadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	fresh := strings.Repeat("f", 32)
	writeKeyFile(t, path, fresh, secret)
	if _, err := key.Verify(t.Context(), sign(t, newKey(t, fresh))); err != nil {
		t.Error(err)
	}
}
