package downloads

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, folder string) *Store {
	t.Helper()
	s, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func text(f *File) string {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, f.Size()))
	return string(b) + errorText(err)
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return " " + err.Error()
}

func TestFileIsMadeOnceAndKept(t *testing.T) {
	folder := t.TempDir() + "/downloads"
	synctest.Test(t, func(t *testing.T) {
		s := open(t, folder)
		made := 0
		get := func(key string) *File {
			t.Helper()
			f, err := s.Get(t.Context(), key, func(_ context.Context, w io.Writer) error {
				made++
				_, err := io.WriteString(w, "file "+key)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		first, second := get("a"), get("a")
		other := get("b")
		if made != 2 || text(first) != "file a" || text(second) != "file a" || text(other) != "file b" || first.ETag() != second.ETag() || first.ETag() == other.ETag() {
			t.Errorf("made %d: %q %q %q", made, text(first), text(second), text(other))
		}
		first.Close()
		first.Close()
		other.Close()
		time.Sleep(keepFor + time.Second)
		s.mu.Lock()
		s.evict(time.Now())
		kept := len(s.files)
		s.mu.Unlock()
		if kept != 1 || text(second) != "file a" {
			t.Errorf("%d files are kept, and the open one is %q", kept, text(second))
		}
		etag := second.ETag()
		second.Close()
		time.Sleep(keepFor + time.Second)
		s.mu.Lock()
		s.evict(time.Now())
		s.mu.Unlock()
		again := get("a")
		if made != 3 || again.ETag() != etag {
			t.Errorf("made %d, and the same content has the tags %s and %s", made, etag, again.ETag())
		}
		again.Close()
	})
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}

func TestWorkEndsWhenNoCallerWaits(t *testing.T) {
	folder := t.TempDir() + "/downloads"
	synctest.Test(t, func(t *testing.T) {
		s := open(t, folder)
		var began, ended atomic.Int32
		slow := func(ctx context.Context, _ io.Writer) error {
			began.Add(1)
			<-ctx.Done()
			ended.Add(1)
			return context.Cause(ctx)
		}
		wait := func() (leave func(), left chan error) {
			ctx, cancel := context.WithCancel(t.Context())
			left = make(chan error, 1)
			go func() {
				_, err := s.Get(ctx, "a", slow)
				left <- err
			}()
			synctest.Wait()
			return cancel, left
		}
		leave, first := wait()
		leaveToo, second := wait()
		leave()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		synctest.Wait()
		if began.Load() != 1 || ended.Load() != 0 {
			t.Errorf("one caller still waits: %d began, %d ended", began.Load(), ended.Load())
		}
		leaveToo()
		<-second
		synctest.Wait()
		if ended.Load() != 1 {
			t.Error("the work continues for no caller")
		}
		f, err := s.Get(t.Context(), "a", func(_ context.Context, w io.Writer) error {
			_, err := io.WriteString(w, "done")
			return err
		})
		if err != nil || text(f) != "done" {
			t.Fatalf("the next caller: %v", err)
		}
		f.Close()
	})
}

func TestFailedWriteIsNotStored(t *testing.T) {
	s := open(t, t.TempDir()+"/downloads")
	refused := errors.New("refused")
	if _, err := s.Get(t.Context(), "a", func(context.Context, io.Writer) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	f, err := s.Get(t.Context(), "a", func(_ context.Context, w io.Writer) error {
		_, err := io.Copy(w, strings.NewReader(strings.Repeat("x", 100_000)))
		return err
	})
	if err != nil || f.Size() != 100_000 {
		t.Fatalf("the next call: %v", err)
	}
	f.Close()
	if s.bytes != 100_000 {
		t.Errorf("%d bytes are counted", s.bytes)
	}
}
