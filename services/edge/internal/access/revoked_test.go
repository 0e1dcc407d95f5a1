package access

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func openRevoked(t *testing.T, folder string) *Revoked {
	t.Helper()
	r, err := OpenRevoked(folder, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRenewedSessionEndsAfterItsOverlap(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := openRevoked(t, folder)
		var ended []string
		r.OnEnd(func(session string) { ended = append(ended, session) })
		session, now := strings.Repeat("a", 2*sessionBytes), time.Now()
		if err := r.Add(session, now.Add(time.Minute), now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if r.Has(session) || len(ended) > 0 {
			t.Error("it ended too early")
		}
		time.Sleep(time.Minute)
		r.tell(time.Now())
		r.tell(time.Now())
		if !r.Has(session) || len(ended) != 1 || !openRevoked(t, folder).Has(session) {
			t.Errorf("after the overlap: %v, told of %v", r.Has(session), ended)
		}
		r.forget(now.Add(time.Hour + clockLeeway))
		if !r.Has(session) {
			t.Error("it was forgotten while its token might be valid")
		}
		r.forget(now.Add(time.Hour + clockLeeway + time.Second))
		if files, err := os.ReadDir(folder); r.Has(session) || err != nil || len(files) != 0 {
			t.Errorf("it is not forgotten: %v, %v", files, err)
		}
	})
}

func TestDamagedRevocationHidesNoOther(t *testing.T) {
	folder := t.TempDir()
	r, other := openRevoked(t, folder), openRevoked(t, folder)
	if err := os.WriteFile(filepath.Join(folder, strings.Repeat("0", 2*sessionBytes)), []byte("?"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "notes.txt"), []byte("?"), 0o600); err != nil {
		t.Fatal(err)
	}
	session := strings.Repeat("f", 2*sessionBytes)
	if err := other.Add(session, time.Now(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := r.look(); err == nil || !strings.Contains(err.Error(), "invalid text") || !r.Has(session) {
		t.Errorf("look: %v; the session is revoked: %v", err, r.Has(session))
	}
	if _, err := OpenRevoked(folder, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("an edge starts although it does not know all revoked sessions")
	}
}
