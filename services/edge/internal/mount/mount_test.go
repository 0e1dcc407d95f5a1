package mount_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"headway/services/edge/internal/mount"
)

// ask returns how a mount answers a request: the prefix and path that its handler sees, or the status.
func ask(m *mount.Mount, target, peer, forwarded string) string {
	handler := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s|%s|%s", mount.Base(r.Context()), r.URL.EscapedPath(), r.URL.RawQuery)
	}), func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadRequest) })
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.RemoteAddr = peer
	if forwarded != "" {
		r.Header.Set("X-Forwarded-Prefix", forwarded)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	text, _ := io.ReadAll(w.Result().Body)
	if w.Code != http.StatusOK {
		return fmt.Sprint(w.Code, " ", w.Header().Get("Location"))
	}
	return string(text)
}

func TestPrefixIsCutOffAndKnown(t *testing.T) {
	const proxy, other = "10.1.2.3:5555", "192.0.2.7:5555"
	proxies, err := mount.ParseProxies([]string{"10.0.0.0/8", "::1"})
	if err != nil {
		t.Fatal(err)
	}
	root, below := &mount.Mount{Proxies: proxies}, &mount.Mount{Base: "/headway", Proxies: proxies}
	for name, test := range map[string]struct {
		mount                         *mount.Mount
		target, peer, forwarded, want string
	}{
		"at the root":              {root, "/api/v1/jobs?a=b", other, "", "|/api/v1/jobs|a=b"},
		"kept by the proxy":        {below, "/headway/api/v1/jobs", other, "", "/headway|/api/v1/jobs|"},
		"cut off by the proxy":     {below, "/api/v1/jobs", other, "", "/headway|/api/v1/jobs|"},
		"encoded":                  {below, "/headway/api/v1/jobs/a%2Fb", other, "", "/headway|/api/v1/jobs/a%2Fb|"},
		"without its slash":        {below, "/headway?a=b", other, "", "308 /headway/?a=b"},
		"a path that begins so":    {below, "/headwaytwo", other, "", "/headway|/headwaytwo|"},
		"of a trusted proxy":       {root, "/api/v1/jobs", proxy, "/tools/headway/", "/tools/headway|/api/v1/jobs|"},
		"of a proxy by IPv6":       {root, "/api/v1/jobs", "[::1]:80", "/x", "/x|/api/v1/jobs|"},
		"of a mapped address":      {root, "/", "[::ffff:10.9.9.9]:80", "/x", "/x|/|"},
		"of another peer":          {root, "/api/v1/jobs", other, "/evil", "|/api/v1/jobs|"},
		"of a proxy, both":         {below, "/api/v1/jobs", proxy, "/other", "/other|/api/v1/jobs|"},
		"of a proxy: a host":       {root, "/", proxy, "//evil.example", "400 "},
		"of a proxy: dots":         {root, "/", proxy, "/a/../b", "400 "},
		"of a proxy: a script":     {root, "/", proxy, `/"><script>`, "400 "},
		"of a proxy: a line break": {root, "/", proxy, "/a%0d%0aX: y", "400 "},
		"of a proxy: root":         {below, "/x", proxy, "/", "|/x|"},
		"no redirect to a host":    {below, "/headway", other, "", "308 /headway/"},
	} {
		if got := ask(test.mount, test.target, test.peer, test.forwarded); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestWrongMountSettingsAreRefused(t *testing.T) {
	for _, text := range []string{"headway", "//x", "/a b", "/a?b", "/..", "https://example.com/x", "/ä"} {
		if base, err := mount.ParseBase(text); err == nil {
			t.Errorf("%q is taken as %q", text, base)
		}
	}
	for _, text := range []string{"", "example.com", "10.0.0.0/99", "10.0.0.1:80"} {
		if _, err := mount.ParseProxies([]string{text}); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
