package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

func TestProxySendsUserToUpstream(t *testing.T) {
	gone := make(chan struct{})
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "data: %s %s %q %q\n\n", r.Header.Get("X-Headway-User"), r.URL.RequestURI(), r.Header.Get("Authorization"), r.Header.Get("X-Headway-Rights"))
		_ = http.NewResponseController(w).Flush() // the test's own server can
		<-r.Context().Done()
		close(gone)
	}))
	defer upstream.Close()
	t.Setenv("PROCESSOR_SERVICE_URL", upstream.URL)
	file := filepath.Join(t.TempDir(), "gateway.yaml")
	writeFile(t, file, `
- path: "/api/v1/process/stream"
  method: "GET"
  proxy_upstream: "$PROCESSOR_SERVICE_URL"
  auth_required: true
  timeout: 300s
  description: "Streams the progress"
`)
	s := start(t, "--routes", file)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.edge+"/api/v1/process/stream?a=1&token="+s.token("ann"), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Headway-Rights", "forged")
	r.Header.Set("X-Headway-User", "forged")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(answer.Body).ReadString('\n')
	if err != nil || line != "data: ann /api/v1/process/stream?a=1 \"\" \"\"\n" {
		t.Errorf("the upstream got %s %v", line, err)
	}
	answer.Body.Close()
	<-gone
	if code := s.curl("-o", os.DevNull, "-w", "%{http_code}", "http://"+s.edge+"/api/v1/process/stream"); code != "401" {
		t.Errorf("without a token, the status is %s", code)
	}
}

// TestProxySignsTheCallersName checks the token that an upstream receives. No client can send such a token or a plain name
// itself, in any spelling of the headers.
func TestProxySignsTheCallersName(t *testing.T) {
	seen := make(chan http.Header, 1)
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		header := r.Header.Clone()
		for name, values := range r.Trailer {
			header["Trailer:"+name] = values
		}
		seen <- header
	}))
	defer upstream.Close()
	secret := strings.Repeat("a secret of the upstream", 2)
	t.Setenv("PROCESSOR_SERVICE_URL", upstream.URL)
	t.Setenv("PROCESSOR_SECRET", secret)
	file := filepath.Join(t.TempDir(), "gateway.yaml")
	writeFile(t, file, `
- {path: /signed, method: POST, proxy_upstream: $PROCESSOR_SERVICE_URL, identity_secret: $PROCESSOR_SECRET}
- {path: /open, method: POST, proxy_upstream: $PROCESSOR_SERVICE_URL, auth_required: false}
`)
	s := start(t, "--routes", file)
	for _, path := range []string{"/signed", "/open"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.edge+path, io.MultiReader(strings.NewReader("body")))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+s.token("ann"))
		for _, name := range []string{"X-Headway-User", "X-Headway-Identity", "x-headway-rights", "X_Headway_User", "x-Headway_identity"} {
			r.Header[name] = []string{"forged"}
		}
		r.Header.Set("Connection", "X-Headway-User, X-Headway-Identity")
		r.Trailer = http.Header{"X-Headway-User": {"forged"}, "X-Harmless": {"kept"}}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		header := <-seen
		for name, values := range header {
			if strings.Contains(fmt.Sprint(values), "forged") {
				t.Errorf("%s: the upstream got %s: %s", path, name, values)
			}
		}
		if path == "/open" {
			if header.Get("X-Headway-User") != "" || header.Get("X-Headway-Identity") != "" {
				t.Errorf("without a check of the caller, the upstream got %v", header)
			}
			continue
		}
		claims := jwt.RegisteredClaims{}
		_, err = jwt.ParseWithClaims(header.Get("X-Headway-Identity"), &claims, func(*jwt.Token) (any, error) { return []byte(secret), nil },
			jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer("headway"), jwt.WithAudience(upstream.URL), jwt.WithExpirationRequired())
		if err != nil || claims.Subject != "ann" || header.Get("X-Headway-User") != "ann" {
			t.Errorf("the token is of %q (%v), and the plain name is %q", claims.Subject, err, header.Get("X-Headway-User"))
		}
	}
}
