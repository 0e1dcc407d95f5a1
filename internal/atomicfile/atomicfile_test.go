package atomicfile_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"headway/internal/atomicfile"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWriteReplacesTheWholeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, want := range []string{"first, and longer", "second"} {
		if err := atomicfile.Write(path, 0o640, text(want)); err != nil {
			t.Fatal(err)
		}
		if got := content(t, path); got != want {
			t.Errorf("the file holds %q, want %q", got, want)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o640 {
		t.Errorf("permissions are %o", info.Mode().Perm())
	}
}

func TestFailedWriteKeepsTheOldFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "f")
	if err := atomicfile.Write(path, 0o600, text("old")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the source broke")
	err := atomicfile.Write(path, 0o600, func(w io.Writer) error { _, _ = io.WriteString(w, "half"); return broken })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if got := content(t, path); got != "old" {
		t.Errorf("the file holds %q", got)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}

func TestCreateHasOneWinner(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	var won atomic.Int32
	var winner atomic.Value
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			mine := fmt.Sprint("writer ", i)
			switch err := atomicfile.Create(path, 0o600, text(mine)); {
			case err == nil:
				won.Add(1)
				winner.Store(mine)
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d writers created the file", won.Load())
	}
	if got := content(t, path); got != winner.Load() {
		t.Errorf("the file holds %q, but %q created it", got, winner.Load())
	}
}
