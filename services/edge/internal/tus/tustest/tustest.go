// Package tustest has the tests that every tus.Store must pass.
package tustest

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"headway/services/edge/internal/tus"
)

// Open opens the store in a directory, as a process does when it starts. If the directory is opened again after the
// previous store is no longer used, the new store has the same uploads. If limits.IdleAfter is 0, it is an hour.
type Open func(t *testing.T, dir string, limits tus.Limits) tus.Store

// Run runs all tests. Each one uses its own directories.
func Run(t *testing.T, open Open) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Open){
		"AppendsInOrderAndReadsBack":       appendsInOrder,
		"KeepsBytesOfFailedReader":         keepsBytesOfFailedReader,
		"StopsAtLength":                    stopsAtLength,
		"HidesUploadsOfOtherUsers":         hidesUploads,
		"AsksHolderToYield":                asksHolderToYield,
		"WaitingForLockEndsWithContext":    waitingEndsWithContext,
		"RemembersResponse":                remembersResponse,
		"RemovedUploadIsNotFound":          removedIsNotFound,
		"ContinuesAfterRestart":            continuesAfterRestart,
		"LimitsUnfinishedUploads":          limitsUnfinished,
		"RemovalDuringWaitMeansNotFound":   removalDuringWait,
		"DecidedUploadsLeaveRoomForOthers": decidedLeaveRoom,
		"CompleteUploadsAreNotUnfinished":  completeIsNotUnfinished,
		"IdleUploadsMakeRoom":              idleMakesRoom,
		"LengthCanComeLater":               lengthCanComeLater,
		"JoinsParts":                       joinsParts,
		"RefusesToJoin":                    refusesToJoin,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

func create(t *testing.T, s tus.Store, length int64) tus.Info {
	t.Helper()
	info, err := s.Create(t.Context(), "ann", tus.Draft{Length: length, Metadata: "filename YS54bHN4"})
	if err != nil {
		t.Fatalf("create an upload of %d bytes: %v", length, err)
	}
	return info
}

func lock(t *testing.T, s tus.Store, id string) tus.Upload {
	t.Helper()
	u, err := s.Lock(t.Context(), "ann", id, nil)
	if err != nil {
		t.Fatalf("lock upload %s: %v", id, err)
	}
	return u
}

func appendText(t *testing.T, s tus.Store, id string, offset int64, text string) {
	t.Helper()
	u := lock(t, s, id)
	defer u.Unlock()
	if err := u.Append(offset, strings.NewReader(text)); err != nil {
		t.Fatalf("append %q at %d: %v", text, offset, err)
	}
}

func read(t *testing.T, s tus.Store, id string) string {
	t.Helper()
	u := lock(t, s, id)
	defer u.Unlock()
	r, err := u.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func find(t *testing.T, s tus.Store, id string) tus.Info {
	t.Helper()
	info, err := s.Find("ann", id)
	if err != nil {
		t.Fatalf("find upload %s: %v", id, err)
	}
	return info
}

func appendsInOrder(t *testing.T, open Open) {
	s := open(t, t.TempDir(), tus.Limits{})
	info := create(t, s, 6)
	if len(info.ID) != 26 || info.Offset != 0 || info.Length != 6 || info.Metadata != "filename YS54bHN4" || !info.Expires.After(time.Now()) {
		t.Errorf("created: %+v", info)
	}
	appendText(t, s, info.ID, 0, "abc")
	if got := find(t, s, info.ID); got.Offset != 3 || got.Complete() {
		t.Errorf("after 3 bytes: %+v", got)
	}
	u := lock(t, s, info.ID)
	for _, offset := range []int64{0, 2, 4} {
		if err := u.Append(offset, strings.NewReader("x")); !errors.Is(err, tus.ErrOffset) {
			t.Errorf("append at %d: %v, want ErrOffset", offset, err)
		}
	}
	u.Unlock()
	appendText(t, s, info.ID, 3, "def")
	if got := find(t, s, info.ID); !got.Complete() {
		t.Errorf("after 6 bytes: %+v", got)
	}
	if got := read(t, s, info.ID); got != "abcdef" {
		t.Errorf("read %q", got)
	}
}

func keepsBytesOfFailedReader(t *testing.T, open Open) {
	s := open(t, t.TempDir(), tus.Limits{})
	id := create(t, s, 6).ID
	u := lock(t, s, id)
	broken := errors.New("broken")
	err := u.Append(0, io.MultiReader(strings.NewReader("abcd"), iotest.ErrReader(broken)))
	u.Unlock()
	if err != broken { //nolint:errorlint // the contract is the error itself
		t.Errorf("got %v, want the reader's error unwrapped", err)
	}
	appendText(t, s, id, 4, "ef")
	if got := read(t, s, id); got != "abcdef" {
		t.Errorf("read %q", got)
	}
}

func stopsAtLength(t *testing.T, open Open) {
	s := open(t, t.TempDir(), tus.Limits{})
	id := create(t, s, 3).ID
	appendText(t, s, id, 0, "abcdef")
	if got := read(t, s, id); got != "abc" {
		t.Errorf("read %q", got)
	}
}

func hidesUploads(t *testing.T, open Open) {
	s := open(t, t.TempDir(), tus.Limits{})
	id := create(t, s, 3).ID
	for owner, id := range map[string]string{"bob": id, "ann": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "": id} {
		if _, err := s.Find(owner, id); !errors.Is(err, tus.ErrNotFound) {
			t.Errorf("find as %q: %v", owner, err)
		}
		if _, err := s.Lock(t.Context(), owner, id, nil); !errors.Is(err, tus.ErrNotFound) {
			t.Errorf("lock as %q: %v", owner, err)
		}
	}
	if _, err := s.Find("ann", "../"+id); !errors.Is(err, tus.ErrNotFound) {
		t.Errorf("find by a path: %v", err)
	}
}

func asksHolderToYield(t *testing.T, open Open) {
	s := open(t, t.TempDir(), tus.Limits{})
	id := create(t, s, 3).ID
	asked := make(chan struct{}, 2)
	first, err := s.Lock(t.Context(), "ann", id, func() { asked <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	if got := find(t, s, id); got.ID != id {
		t.Errorf("a locked upload cannot be found: %+v", got)
	}
	go func() {
		<-asked
		first.Unlock()
	}()
	lock(t, s, id).Unlock()
}

func waitingEndsWithContext(t *testing.T, open Open) {
	s := open(t, t.TempDir(), tus.Limits{})
	id := create(t, s, 3).ID
	u := lock(t, s, id)
	defer u.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Lock(ctx, "ann", id, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func remembersResponse(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir, tus.Limits{})
	id := create(t, s, 3).ID
	appendText(t, s, id, 0, "abc")
	u := lock(t, s, id)
	if err := u.Decide([]byte(`{"importId":"imp-1"}`)); err != nil {
		t.Fatal(err)
	}
	u.Unlock()
	for _, s := range []tus.Store{s, open(t, dir, tus.Limits{})} {
		got := find(t, s, id)
		if string(got.Response) != `{"importId":"imp-1"}` || !got.Complete() || !got.Expires.Before(time.Now().Add(2*time.Hour)) {
			t.Errorf("got %+v", got)
		}
	}
}

func removedIsNotFound(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir, tus.Limits{})
	id := create(t, s, 3).ID
	u := lock(t, s, id)
	if err := u.Remove(); err != nil {
		t.Fatal(err)
	}
	u.Unlock()
	for _, s := range []tus.Store{s, open(t, dir, tus.Limits{})} {
		if _, err := s.Find("ann", id); !errors.Is(err, tus.ErrNotFound) {
			t.Errorf("find: %v", err)
		}
	}
}

func removalDuringWait(t *testing.T, open Open) {
	s := open(t, t.TempDir(), tus.Limits{})
	id := create(t, s, 3).ID
	asked := make(chan struct{}, 2)
	first, err := s.Lock(t.Context(), "ann", id, func() { asked <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	removed := make(chan error, 1)
	go func() {
		<-asked
		removed <- first.Remove()
		first.Unlock()
	}()
	if _, err := s.Lock(t.Context(), "ann", id, nil); !errors.Is(err, tus.ErrNotFound) {
		t.Errorf("lock: %v, want ErrNotFound", err)
	}
	if err := <-removed; err != nil {
		t.Error(err)
	}
}

func continuesAfterRestart(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir, tus.Limits{})
	id := create(t, s, 6).ID
	appendText(t, s, id, 0, "abc")
	s = open(t, dir, tus.Limits{})
	if got := find(t, s, id); got.Offset != 3 || got.Length != 6 || got.Metadata != "filename YS54bHN4" {
		t.Errorf("after a restart: %+v", got)
	}
	appendText(t, s, id, 3, "def")
	if got := read(t, s, id); got != "abcdef" {
		t.Errorf("read %q", got)
	}
}

func limitsUnfinished(t *testing.T, open Open) {
	for name, test := range map[string]struct {
		limits tus.Limits
		owner  string
		want   error
	}{
		"number of a user":       {tus.Limits{PerUser: 1}, "ann", tus.ErrTooMany},
		"bytes of a user":        {tus.Limits{BytesPerUser: 10}, "ann", tus.ErrTooMany},
		"bytes of all":           {tus.Limits{Bytes: 10}, "bob", tus.ErrFull},
		"number of another user": {tus.Limits{PerUser: 1}, "bob", nil},
		"bytes of another user":  {tus.Limits{BytesPerUser: 10}, "bob", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), test.limits)
			create(t, s, 6)
			if _, err := s.Create(t.Context(), test.owner, tus.Draft{Length: 6}); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func decidedLeaveRoom(t *testing.T, open Open) {
	s := open(t, t.TempDir(), tus.Limits{PerUser: 1, BytesPerUser: 6, Bytes: 6})
	id := create(t, s, 6).ID
	appendText(t, s, id, 0, "abcdef")
	u := lock(t, s, id)
	if err := u.Decide([]byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	u.Unlock()
	create(t, s, 6)
}

func completeIsNotUnfinished(t *testing.T, open Open) {
	s := open(t, t.TempDir(), tus.Limits{PerUser: 1})
	for range 3 {
		appendText(t, s, create(t, s, 3).ID, 0, "abc")
	}
}

func idleMakesRoom(t *testing.T, open Open) {
	s := open(t, t.TempDir(), tus.Limits{PerUser: 2, IdleAfter: time.Nanosecond})
	oldest, busy := create(t, s, 3).ID, create(t, s, 3).ID
	appendText(t, s, oldest, 0, "a")
	u := lock(t, s, busy)
	defer u.Unlock()
	create(t, s, 3)
	if _, err := s.Find("ann", oldest); !errors.Is(err, tus.ErrNotFound) {
		t.Errorf("the idle upload: %v", err)
	}
	find(t, s, busy)
}

func lengthCanComeLater(t *testing.T, open Open) {
	dir := t.TempDir()
	s := open(t, dir, tus.Limits{})
	id := create(t, s, tus.Deferred).ID
	appendText(t, s, id, 0, "abc")
	if got := find(t, s, id); got.Length != tus.Deferred || got.Offset != 3 || got.Complete() {
		t.Errorf("without a length: %+v", got)
	}
	s = open(t, dir, tus.Limits{})
	u := lock(t, s, id)
	if err := u.SetLength(5); err != nil {
		t.Fatal(err)
	}
	u.Unlock()
	s = open(t, dir, tus.Limits{})
	appendText(t, s, id, 3, "defg")
	if got := read(t, s, id); got != "abcde" {
		t.Errorf("read %q", got)
	}
}
