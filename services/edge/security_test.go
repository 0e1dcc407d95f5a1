package edge_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"headway/internal/auth"
	"headway/services/edge"
)

// unknownExpectation stands for a request that expects something that no server knows.
const unknownExpectation = "expectation"

func TestMissingBodyDoesNotBlockAConnection(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.StallTimeout, c.HeaderTimeout = 300*time.Millisecond, 5*time.Second })
	b.jobs.put("j1", "media", "ann", nil)
	var wg sync.WaitGroup
	for _, request := range []string{"POST /api/v1/imports", "POST /api/v1/uploads", "PATCH /api/v1/uploads/x", "POST /api/v1/jobs", "POST /api/v1/session", "POST /nowhere", "GET /", unknownExpectation} {
		for name, token := range map[string]string{"with a token": b.token("ann"), "without one": "nonsense"} {
			wg.Go(func() {
				conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				request, expect := strings.TrimPrefix(request, unknownExpectation), ""
				if request == "" { // net/http refuses it before any handler
					request, expect = "POST /api/v1/jobs", "Expect: something\r\n"
				}
				fmt.Fprintf(conn, "%s HTTP/1.1\r\n"+expect+"Host: localhost\r\nAuthorization: Bearer %s\r\nTus-Resumable: 1.0.0\r\nContent-Type: application/octet-stream\r\nContent-Length: 100000\r\n\r\nPK", request, token)
				_ = conn.SetReadDeadline(time.Now().Add(waitLimit)) // a TCP connection can
				// The server disconnects. A timeout would be an error.
				if answer, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 ") {
					t.Errorf("%s %s: %v %q", request, name, err, answer)
				}
			})
		}
	}
	wg.Wait()
}

func TestSlowUploadIsNotCut(t *testing.T) {
	b := setupTus(t, func(c *edge.Config) { c.StallTimeout, c.HeaderTimeout = time.Second, time.Second })
	const pieces = 15
	body := func() io.Reader {
		r, w := io.Pipe()
		go func() {
			for range pieces { // longer in total than any timeout
				time.Sleep(100 * time.Millisecond)
				_, _ = w.Write([]byte("PK"))
			}
			w.Close()
		}()
		return r
	}
	if resp := b.upload(body(), "application/octet-stream", ""); resp.StatusCode != http.StatusAccepted {
		t.Errorf("directly: %s", resp.Status)
	}
	path := b.begin(2 * pieces)
	if resp := b.append(path, 0, body()); resp.StatusCode != http.StatusNoContent {
		t.Errorf("resumable: %s", resp.Status)
	}
}

func TestSlowImporterIsNotAStalledSender(t *testing.T) {
	b := setup(t, func(c *edge.Config) { c.StallTimeout = 300 * time.Millisecond })
	hold := make(chan struct{})
	b.importer.hold = hold
	timer := time.AfterFunc(time.Second, func() { close(hold) })
	defer timer.Stop()
	if resp := b.upload(strings.NewReader("PK345"), xlsxType, ""); resp.StatusCode != http.StatusAccepted {
		t.Error(resp.Status)
	}
}

// expiring is a verifier whose tokens expire as soon as their first request has been accepted, except those of services.
type expiring struct {
	auth.Verifier
	used sync.Map
}

// Verify implements auth.Verifier.
func (v *expiring) Verify(ctx context.Context, token string) (auth.Identity, error) {
	id, err := v.Verifier.Verify(ctx, token)
	if err != nil || id.Has(auth.ScopeService) {
		return id, err
	}
	if _, again := v.used.LoadOrStore(token, true); again {
		return auth.Identity{}, auth.ErrExpired
	}
	id.ExpiresAt = time.Now()
	return id, err
}

func TestAcceptedUploadOutlivesItsToken(t *testing.T) {
	b := setupTus(t, func(c *edge.Config) { c.Verifier = &expiring{Verifier: c.Verifier} })
	path := b.begin(4)
	for _, test := range []struct {
		method, path string
		status       int
		headers      []string
	}{
		{http.MethodPost, "/api/v1/imports", http.StatusAccepted, []string{"Content-Type", xlsxType}},
		{http.MethodPatch, path, http.StatusNoContent, []string{"Content-Type", "application/offset+octet-stream", "Upload-Offset", "0"}},
	} {
		headers := append(slices.Clip(test.headers), "Authorization", "Bearer "+b.token("ann"))
		if resp := b.tus(test.method, test.path, strings.NewReader("PK34"), headers...); resp.StatusCode != test.status {
			t.Errorf("%s %s: %s", test.method, test.path, resp.Status)
		}
		b.refused(b.tus(test.method, test.path, strings.NewReader("PK34"), headers...), http.StatusUnauthorized, "TOKEN_EXPIRED")
	}
}

// TestAcceptedDownloadOutlivesItsToken: the services get many calls for the parts of one download.
func TestAcceptedDownloadOutlivesItsToken(t *testing.T) {
	b := setup(t, nil)
	for _, up := range []*upstream{b.jobsUp, b.importerUp} {
		up.stop()
		up.verifier = &expiring{Verifier: b.key}
		up.start()
	}
	b.jobs.put("j1", "story", "ann", nil)
	output := bytes.Repeat([]byte("0123456789abcde\n"), 20_000)
	b.jobs.write("j1", output)
	eventually(t, "the edge is ready", func() bool { return b.do(http.MethodGet, "/readyz", nil).StatusCode == http.StatusOK })
	for path, want := range map[string][]byte{"/api/v1/jobs/j1/output": output, "/api/v1/imports/i1/issues.csv": issuesFile} {
		resp := b.do(http.MethodGet, path, nil)
		if got, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK || !bytes.Equal(got, want) {
			t.Errorf("%s: %s, %d of %d bytes, %v", path, resp.Status, len(got), len(want), err)
		}
	}
}

func TestEveryResponseHasSecurityHeaders(t *testing.T) {
	certFile, keyFile, pool := certificate(t, t.TempDir())
	b := setup(t, func(c *edge.Config) {
		c.Page = fstest.MapFS{"index.html": {Data: []byte("<!doctype html>")}, "assets/a.js": {Data: []byte("1")}}
		c.TLSCertFile, c.TLSKeyFile = certFile, keyFile
	})
	b.url = strings.Replace(b.url, "http:", "https:", 1)
	b.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
	b.jobs.put("j1", "media", "ann", nil)
	for _, path := range []string{
		"/", "/assets/a.js", "/imports/i1", "/docs", "/docs/style.css", "/openapi.json", "/healthz", "/nowhere", "/api/nowhere",
		"/api/v1/jobs", "/api/v1/jobs/unknown", "/api/v1/session", "/api/v1/sse/jobs/media/j1", "/api/v1/schemas/workforce/sample.xlsx?rows=1",
	} {
		h := b.do(http.MethodGet, path, nil).Header
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
			t.Errorf("%s: policy %q", path, csp)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Resource-Policy": "same-origin", "Strict-Transport-Security": "max-age=31536000",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
}

func TestSecureCookieIsNeverSentUnencrypted(t *testing.T) {
	certFile, keyFile, pool := certificate(t, t.TempDir())
	b := setup(t, func(c *edge.Config) { c.TLSCertFile, c.TLSKeyFile = certFile, keyFile })
	b.url = strings.Replace(b.url, "http:", "https:", 1)
	b.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
	cookies := b.do(http.MethodPost, "/api/v1/session", nil).Cookies()
	if len(cookies) != 1 || !strings.HasPrefix(cookies[0].Name, "__Host-headway_session_") || !cookies[0].Secure || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode {
		t.Fatalf("cookies %v", cookies)
	}
	// An attacker could have sent an unencrypted page, even under this server's name.
	cookie := cookies[0].Name + "=" + cookies[0].Value
	b.refused(b.do(http.MethodDelete, "/api/v1/session", nil, "Authorization", "", "Cookie", cookie, "Origin", strings.Replace(b.url, "https:", "http:", 1)),
		http.StatusForbidden, "ORIGIN_REFUSED")
}

func TestCookieIsSecureIfProxyTerminatesTLS(t *testing.T) {
	b := setup(t, nil)
	for proto, want := range map[string]bool{"https": true, "http": false, "": false} {
		cookies := b.do(http.MethodPost, "/api/v1/session", nil, "X-Forwarded-Proto", proto).Cookies()
		if len(cookies) != 1 || cookies[0].Secure != want || strings.HasPrefix(cookies[0].Name, "__Host-") != want {
			t.Errorf("X-Forwarded-Proto %q: %v", proto, cookies)
		}
	}
}

// TestUnencryptedPageBehindProxyIsCrossOrigin: an attacker could have sent an unencrypted page, even under the name of the site. Not
// every browser keeps SameSite cookies from it.
func TestUnencryptedPageBehindProxyIsCrossOrigin(t *testing.T) {
	b := setup(t, nil)
	signed := b.do(http.MethodPost, "/api/v1/session", nil, "X-Forwarded-Proto", "https").Cookies()[0]
	ofProxy := []string{"Authorization", "", "Cookie", signed.Name + "=" + signed.Value, "X-Forwarded-Proto", "https", "Host", "localhost"}
	for _, request := range []string{"POST /api/v1/sse/tickets", "DELETE /api/v1/session"} {
		method, path, _ := strings.Cut(request, " ")
		b.refused(b.do(method, path, nil, append(ofProxy, "Origin", "http://localhost")...), http.StatusForbidden, "ORIGIN_REFUSED")
		if resp := b.do(method, path, nil, append(ofProxy, "Origin", "https://localhost")...); resp.StatusCode >= http.StatusBadRequest {
			t.Errorf("%s from an encrypted page: %s", request, resp.Status)
		}
	}
}

// TestAmbiguousLengthsEndTheConnection sends requests whose end proxies see at different places (request smuggling, RFC
// 9112 §11.2). What follows them is never answered as a separate request.
func TestAmbiguousLengthsEndTheConnection(t *testing.T) {
	b := setup(t, nil)
	const smuggled = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for name, headers := range map[string]string{
		"both lengths":                     "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
		"both, the other order":            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
		"two lengths":                      "Content-Length: 5\r\nContent-Length: 6\r\n",
		"a list of lengths":                "Content-Length: 5, 6\r\n",
		"a signed length":                  "Content-Length: +5\r\n",
		"a hexadecimal length":             "Content-Length: 0x5\r\n",
		"an unknown encoding":              "Transfer-Encoding: xchunked\r\n",
		"two encodings":                    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
		"a space in the name":              "Transfer-Encoding : chunked\r\n",
		"HTTP/1.0, which has no encodings": "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		version, _, _ := strings.Cut(name, ",")
		if !strings.HasPrefix(version, "HTTP/") {
			version = "HTTP/1.1"
		}
		fmt.Fprintf(conn, "POST /api/v1/session %s\r\nHost: localhost\r\nContent-Type: application/json\r\n%s\r\n0\r\n\r\n%s", version, headers, smuggled)
		_ = conn.SetReadDeadline(time.Now().Add(waitLimit)) // a TCP connection can
		answer, err := io.ReadAll(conn)
		if err != nil || strings.Count(string(answer), "HTTP/1.") != 1 {
			t.Errorf("%s: the connection ends with %v after %q", name, err, answer)
		}
		conn.Close()
	}
}
