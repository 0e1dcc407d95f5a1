package headway_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"headway/clients/go"
)

func TestTokenFileIsReadAgainWhenItChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write := func(text string, at time.Time) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	creds := headway.TokenFile(path, false)
	sent := func() string {
		t.Helper()
		meta, err := creds.GetRequestMetadata(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return meta["authorization"]
	}
	if _, err := creds.GetRequestMetadata(t.Context()); err == nil {
		t.Error("a missing file gives a token")
	}
	write("first\n", time.Unix(1000, 0))
	if got := sent(); got != "Bearer first" {
		t.Errorf("got %q", got)
	}
	write("second\n", time.Unix(2000, 0))
	if got := sent(); got != "Bearer second" {
		t.Errorf("after the file has changed, got %q", got)
	}
}
