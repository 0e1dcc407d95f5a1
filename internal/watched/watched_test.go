package watched_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

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
	look := func() watched.Versions { return watched.Look(first, second) }
	seen := look()
	if !seen.Equal(look()) {
		t.Error("missing files have changed")
	}
	for name, change := range map[string]func(){
		"size":    func() { write(second, "longer text") },
		"rename":  func() { write(folder+"/new", "longer text"); _ = os.Rename(folder+"/new", second) },
		"time":    func() { _ = os.Chtimes(second, time.Now(), time.Now()) },
		"removal": func() { _ = os.Remove(second) },
	} {
		write(first, "text")
		write(second, "text")
		seen := look()
		if !seen.Equal(look()) {
			t.Errorf("before a change (%s), they have changed", name)
		}
		change()
		if seen.Equal(look()) {
			t.Errorf("a change is not noticed: %s", name)
		}
	}
}
