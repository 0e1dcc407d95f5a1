package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestTwoHeadwaysOnOneHostKeepTheirSessions: curl keeps cookies as a browser does, for all ports of a host.
func TestTwoHeadwaysOnOneHostKeepTheirSessions(t *testing.T) {
	one, two := start(t), start(t)
	jar := filepath.Join(t.TempDir(), "cookies")
	session := func(s *server, args ...string) string {
		return s.curl(append(args, "-b", jar, "-c", jar, "-H", "Origin: http://"+s.edge, "http://"+s.edge+"/api/v1/session")...)
	}
	signIn := func(s *server) {
		t.Helper()
		_, secret, _ := strings.Cut(strings.TrimSpace(s.headway("open", "--url", "http://"+s.edge)), "#sign-in=")
		if answer := session(s, "-X", "POST", "-H", "Content-Type: application/json", "--data", `{"secret":"`+secret+`"}`); !strings.Contains(answer, `"user"`) {
			t.Fatal(answer)
		}
	}
	signedIn := func(s *server, want bool) {
		t.Helper()
		if answer := session(s); strings.Contains(answer, `"user"`) != want {
			t.Errorf("signed in: want %v, got %s", want, answer)
		}
	}
	signIn(one)
	signIn(two)
	signedIn(one, true)
	signedIn(two, true)
	session(one, "-X", "DELETE")
	signedIn(one, false)
	signedIn(two, true)
	signIn(one)
	signedIn(one, true)
	signedIn(two, true)
	one.kill()
	one.run() // with the same data directory, so with the same key
	signedIn(one, true)
}
