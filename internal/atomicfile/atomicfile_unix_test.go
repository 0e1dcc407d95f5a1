//go:build unix

package atomicfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"headway/internal/atomicfile"
)

// TestWriteKeepsPipesAndLinks writes to a named pipe and to a symbolic link. A rename would replace them, and so would it /dev/null.
func TestWriteKeepsPipesAndLinks(t *testing.T) {
	folder := t.TempDir()
	pipe, link, file := filepath.Join(folder, "pipe"), filepath.Join(folder, "link"), filepath.Join(folder, "file")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan string, 1)
	go func() {
		b, err := os.ReadFile(pipe)
		read <- fmt.Sprint(string(b), err)
	}()
	if err := atomicfile.Write(pipe, 0o600, text("through it")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
		t.Fatalf("the pipe is now %v, %v", info, err)
	}
	if got := <-read; got != "through it<nil>" {
		t.Errorf("the reader of the pipe got %q", got)
	}
	for _, content := range []string{"first", "second"} { // the file of a link can be new
		if err := errors.Join(os.RemoveAll(link), os.Symlink("file", link), atomicfile.Write(link, 0o600, text(content))); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != content {
			t.Errorf("the file of the link has %q, %v, want %q", got, err, content)
		}
		if target, err := os.Readlink(link); err != nil || target != "file" {
			t.Errorf("the link leads to %q, %v", target, err)
		}
	}
}
