package access

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	errorsv1 "headway/gen/go/headway/errors/v1"
	"headway/internal/auth"
	"headway/internal/blobs"
	"headway/internal/rpcerr"
)

func openRevoked(t *testing.T, folder string) *Revoked {
	t.Helper()
	bucket, err := blobs.Open(t.Context(), blobs.FolderURL(folder))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bucket.Close() })
	r, err := OpenRevoked(bucket, slog.New(slog.DiscardHandler))
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
		if err := r.Add(t.Context(), session, now.Add(time.Minute), now.Add(time.Hour)); err != nil {
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
		r.forget(t.Context(), now.Add(time.Hour+clockLeeway))
		if !r.Has(session) {
			t.Error("it was forgotten while its token might be valid")
		}
		r.forget(t.Context(), now.Add(time.Hour+clockLeeway+time.Second))
		if files, err := os.ReadDir(filepath.Join(folder, "revoked")); r.Has(session) || err != nil || len(files) != 0 {
			t.Errorf("it is not forgotten: %v, %v", files, err)
		}
	})
}

func TestDamagedRevocationHidesNoOther(t *testing.T) {
	folder := t.TempDir()
	r, other := openRevoked(t, folder), openRevoked(t, folder)
	if err := os.MkdirAll(filepath.Join(folder, "revoked"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "revoked", strings.Repeat("0", 2*sessionBytes)), []byte("?"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "revoked", "notes.txt"), []byte("?"), 0o600); err != nil {
		t.Fatal(err)
	}
	session := strings.Repeat("f", 2*sessionBytes)
	if err := other.Add(t.Context(), session, time.Now(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := r.look(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "invalid text") || !r.Has(session) {
		t.Errorf("look: %v; the session is revoked: %v", err, r.Has(session))
	}
	if _, err := OpenRevoked(r.bucket, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("an edge starts although it does not know all revoked sessions")
	}
}

// TestSessionsOfEarlierMinutesAreFound: an edge with a wrong clock, or one that could not reach the bucket for a while, misses those.
func TestSessionsOfEarlierMinutesAreFound(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		first, second := openRevoked(t, folder), openRevoked(t, folder)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); second.Run(ctx) }()
		defer func() { cancel(); <-done }()
		now, late := strings.Repeat("a", 2*sessionBytes), strings.Repeat("b", 2*sessionBytes)
		if err := first.Add(t.Context(), now, time.Now(), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * lookInterval)
		if !second.Has(now) {
			t.Error("a session of this minute is not found within two seconds")
		}
		text := fmt.Appendf(nil, "%d %d", time.Now().UnixMilli(), time.Now().Add(time.Hour).UnixMilli())
		for i, key := range []string{minuteKey(time.Now().Add(-time.Hour)) + late, strings.Repeat("c", 2*sessionBytes)} { // the last is of an earlier version
			if err := first.bucket.Create(t.Context(), revokedPrefix+key, text); err != nil {
				t.Fatal(i, err)
			}
		}
		time.Sleep(fullLook + 2*lookInterval)
		if !second.Has(late) || !second.Has(strings.Repeat("c", 2*sessionBytes)) {
			t.Error("a session of an earlier minute is not found")
		}
	})
}

func TestTicketsOfSharedBucketWorkOnce(t *testing.T) {
	key, err := auth.NewKey(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := key.Sealer("ticket")
	if err != nil {
		t.Fatal(err)
	}
	bucket, err := blobs.Open(t.Context(), blobs.FolderURL(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	synctest.Test(t, func(t *testing.T) {
		one, other := newTickets(sealer, bucket), newTickets(sealer, bucket)
		caller := Caller{Token: "a.b.c", Session: strings.Repeat("5a", sessionBytes)}
		for _, edges := range [][]*tickets{{one, one}, {one, other}, {other, one}} {
			text, _ := one.issue(caller)
			if session, token, err := edges[0].redeem(t.Context(), text); err != nil || session != caller.Session || token != caller.Token {
				t.Errorf("the first time: %q %q %v", session, token, err)
			}
			if _, _, err := edges[1].redeem(t.Context(), text); rpcerr.Reason(err) != errorsv1.ErrorReason_ERROR_REASON_TICKET_INVALID {
				t.Errorf("the second time: %v", err)
			}
		}
		late, _ := one.issue(Caller{Token: "a.b.c"})
		used, _ := one.issue(Caller{Token: "a.b.c"})
		if session, _, err := other.redeem(t.Context(), used); err != nil || session != "" {
			t.Errorf("without a session: %q, %v", session, err)
		}
		time.Sleep(ticketTTL + time.Second)
		if _, _, err := other.redeem(t.Context(), late); err == nil {
			t.Error("an expired ticket is valid")
		}
		count := func() (n int) {
			if err := bucket.ListPrefix(t.Context(), ticketsPrefix, func(blobs.Blob) error { n++; return nil }); err != nil {
				t.Fatal(err)
			}
			return n
		}
		other.forget(t.Context(), time.Now().Add(-ticketTTL-2*ticketSkew))
		if n := count(); n != 4 {
			t.Errorf("%d of 4 used tickets are remembered", n)
		}
		time.Sleep(10 * time.Minute)
		other.forget(t.Context(), time.Now().Add(-ticketTTL-2*ticketSkew))
		if n := count(); n != 0 {
			t.Errorf("%d used tickets are remembered", n)
		}
	})
}

func TestTicketsEndWithTheirProcess(t *testing.T) {
	sealer, err := auth.RandomSealer()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		before := newTickets(sealer, nil)
		text, _ := before.issue(Caller{Token: "a.b.c"})
		time.Sleep(time.Second)
		if _, _, err := newTickets(sealer, nil).redeem(t.Context(), text); err == nil {
			t.Error("a ticket could be used again after a restart")
		}
		if _, _, err := before.redeem(t.Context(), text); err != nil {
			t.Error(err)
		}
		if _, _, err := before.redeem(t.Context(), text); err == nil {
			t.Error("a ticket works twice")
		}
		late, _ := before.issue(Caller{Token: "a.b.c"})
		time.Sleep(ticketTTL + time.Second)
		if _, _, err := before.redeem(t.Context(), late); err == nil {
			t.Error("an expired ticket is valid")
		}
		if before.forget(t.Context(), time.Now()); len(before.used) > 0 {
			t.Errorf("%d tickets are remembered", len(before.used))
		}
	})
}
