package sqlitedirect_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestLibcVersionMatchesSQLite compares the version of modernc.org/libc with the one that modernc.org/sqlite requires. This
// package calls both directly, and SQLite is translated for exactly that version.
func TestLibcVersionMatchesSQLite(t *testing.T) {
	list := func(format, module string) string {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", format, module).CombinedOutput()
		if err != nil {
			t.Fatalf("go list: %v\n%s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	requirements, err := os.ReadFile(list("{{.GoMod}}", "modernc.org/sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`modernc\.org/libc (v\S+)`).FindSubmatch(requirements)
	if want == nil {
		t.Fatal("modernc.org/sqlite no longer requires modernc.org/libc")
	}
	if got := list("{{.Version}}", "modernc.org/libc"); got != string(want[1]) {
		t.Errorf("go.mod has modernc.org/libc %s, and modernc.org/sqlite requires %s: change both together", got, want[1])
	}
}
