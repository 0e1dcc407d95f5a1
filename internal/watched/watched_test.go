package watched_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"headway/internal/proctest"
	"headway/internal/watched"
)

func TestEachKindOfChangeIsNoticed(t *testing.T) {
	folder := t.TempDir()
	first, second := filepath.Join(folder, "a"), filepath.Join(folder, "b")
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		past := time.Now().Add(-time.Hour) // changes within the tick of a clock have the same time
		if err := os.Chtimes(file, past, past); err != nil {
			t.Fatal(err)
		}
	}
	write(first, "text")
	write(second, "text")
	times := 0
	file, err := watched.Open(func() (int, error) { times++; return times, nil }, first, second)
	if err != nil {
		t.Fatal(err)
	}
	get := func() int {
		t.Helper()
		n, err := file.Get()
		if err != nil {
			t.Error(err)
		}
		return n
	}
	for name, change := range map[string]func(){
		"size":    func() { write(second, "longer text") },
		"rename":  func() { write(folder+"/new", "longer text"); _ = os.Rename(folder+"/new", second) },
		"time":    func() { _ = os.Chtimes(second, time.Now(), time.Now()) },
		"removal": func() { _ = os.Remove(second) },
	} {
		write(first, "text")
		write(second, "text")
		seen := get()
		if get() != seen {
			t.Errorf("before a change (%s), the files are read again", name)
		}
		change()
		if get() == seen {
			t.Errorf("a change is not noticed: %s", name)
		}
	}
}

func TestContentStaysUntilFilesCanBeUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (string, error) {
		text, err := os.ReadFile(path)
		if err == nil && len(text) == 0 {
			err = errors.New("the file is empty")
		}
		return string(text), err
	}
	if _, err := watched.Open(read, path); err == nil {
		t.Fatal("a missing file can be opened")
	}
	write("old")
	file, err := watched.Open(read, path)
	if err != nil {
		t.Fatal(err)
	}
	log := &proctest.Log{}
	file.Log(slog.New(slog.NewTextHandler(log, nil)), "words", func(s string) []any { return []any{"text", s} })
	get := func(want, wantErr string) {
		t.Helper()
		for range 3 {
			got, err := file.Get()
			if got != want || fmt.Sprint(err) != wantErr {
				t.Errorf("got %q, %v, want %q, %s", got, err, want, wantErr)
			}
		}
	}
	get("old", "<nil>")
	write("")
	get("old", "the file is empty")
	write("new text")
	get("new text", "<nil>")
	write("")
	get("new text", "the file is empty")
	if got := strings.Count(log.String(), "can't use the new words, continuing with the old"); got != 2 {
		t.Errorf("two failures are logged %d times:\n%s", got, log)
	}
	if got := strings.Count(log.String(), `reloaded the words" files=`); got != 1 {
		t.Errorf("one change is logged %d times:\n%s", got, log)
	}
}
